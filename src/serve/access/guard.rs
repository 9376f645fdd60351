//! Token, `Host` and `Origin` of every request.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE};
use hyper::{Method, StatusCode};

use super::super::answer;
use super::super::error::Refusal;
use super::super::state::Shared;
use super::headers::protect;

/// Name of the cookie.
const COOKIE_NAME: &str = "segspec-token-";

/// Header in which browsers say whose page leads to a request.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// A page that leads on to the server's own.
const ONWARDS: &str = "<!doctype html><meta charset=\"utf-8\"><title>segspec</title>\
    <meta http-equiv=\"refresh\" content=\"0;url=/\"><p><a href=\"/\">segspec</a></p>";

/// The address of this machine at which a connection arrived.
#[derive(Clone, Copy, Debug)]
pub struct Local(pub IpAddr);

/// Lets a request through, or refuses it, and adds the headers of every answer.
pub async fn guard(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match check(&state, &request) {
        Ok(()) => match entering(&state, &request) {
            Some(response) => response,
            None => next.run(request).await,
        },
        Err(refusal) => *refusal,
    };
    protect(&mut response);
    response
}

/// How a request shows the token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Bearer,
    Cookie,
    Link,
}

fn check(state: &Shared, request: &Request) -> Result<(), Box<Response>> {
    let refuse = |text: &str| Err(Box::new(Refusal::forbidden(text).into_response()));
    let headers = request.headers();
    let local = request.extensions().get::<Local>().map_or(IpAddr::from([0; 4]), |local| local.0);
    match only(headers, HOST) {
        Some(host) if state.names.is_own(host, local) => {}
        _ => return refuse("the request names another host than this server"),
    }
    // An absolute target could name another one.
    if request.uri().authority().is_some_and(|authority| !state.names.is_own(authority.as_str(), local)) {
        return refuse("the request names another host than this server");
    }
    let has_own_origin = match headers.get_all(ORIGIN).iter().count() {
        0 => false,
        _ => match only(headers, ORIGIN) {
            Some(origin) if state.names.is_own_origin(origin, local) => true,
            _ => return refuse("the request comes from another page"),
        },
    };
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    // The path is a secret of its own, and opens one report.
    if only_reads && state.reports.opens(request.uri().path()) {
        return Ok(());
    }
    let Some(shown) = shown(state, request) else {
        return Err(Box::new(match request.uri().path().starts_with("/api") {
            true => Refusal::new(StatusCode::UNAUTHORIZED, "the request shows no token, or an old one").into_response(),
            false => closed(),
        }));
    };
    // Cookies go along with requests of pages of the same host on other ports, too.
    let site = only(headers, SITE);
    if shown == Shown::Cookie && matches!(site, Some("cross-site" | "same-site")) {
        return refuse("the request comes from another page");
    }
    if only_reads
        || shown == Shown::Bearer
        || (shown == Shown::Cookie && (has_own_origin || site == Some("same-origin")))
    {
        return Ok(());
    }
    refuse("a request that changes something must come from this server's page")
}

/// The one value of a header; `None` where there is none, or several.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn shown(state: &Shared, request: &Request) -> Option<Shown> {
    if let Some(value) = request.headers().get(AUTHORIZATION) {
        let token = value.to_str().ok()?.strip_prefix("Bearer ")?;
        return state.token.is(token).then_some(Shown::Bearer);
    }
    // Before the cookie, which may be there from the last time.
    if request.uri().path() == "/" && request.method() == Method::GET && in_query(state, request) {
        return Some(Shown::Link);
    }
    let cookies = request.headers().get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut own = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let cookie = cookie(state);
    own.any(|(name, value)| name == cookie && state.token.is(value)).then_some(Shown::Cookie)
}

/// Name of the cookie: browsers keep one jar for all ports of a host, where another server may listen.
fn cookie(state: &Shared) -> String {
    format!("{COOKIE_NAME}{}", state.names.port())
}

fn in_query(state: &Shared, request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').filter_map(|pair| pair.strip_prefix("token=")).any(|token| state.token.is(token))
}

/// The link with the token sets the cookie and leads to the page without it, so that it stays in no history and no log.
fn entering(state: &Shared, request: &Request) -> Option<Response> {
    if request.uri().path() != "/" || !in_query(state, request) {
        return None;
    }
    let secure = if state.settings.certificate.is_some() { "; Secure" } else { "" };
    let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/{secure}", cookie(state), state.token.reveal());
    let mut response = match only(request.headers(), SITE) {
        // Browsers keep the cookie from all that a page elsewhere leads to, a redirection as well: the next page asks for itself.
        Some("cross-site" | "same-site") => answer::typed("text/html; charset=utf-8", ONWARDS.as_bytes().to_vec()),
        _ => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
            response
        }
    };
    response.headers_mut().insert(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    Some(response)
}

/// What people see who come without the token.
fn closed() -> Response {
    const PAGE: &str = "<!doctype html><meta charset=\"utf-8\"><title>segspec</title><h1>This page needs its link</h1>\
        <p>Open the link that <code>segspec serve</code> printed in the terminal: it holds the token. After a restart of the server \
        there is a new one.</p>";
    let mut response = answer::typed("text/html; charset=utf-8", PAGE.as_bytes().to_vec());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}
