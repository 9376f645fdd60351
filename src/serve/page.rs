//! The page: files embedded in the program by `build.rs`.

use axum::extract::State;
use axum::response::Response;
use hyper::Uri;
use hyper::header::{CACHE_CONTROL, HeaderValue};

use super::answer;
use super::error::{Answer, Refusal};
use super::state::Shared;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/page.rs"));
}

use embedded::{FILES, MISSING};

/// File of the page itself.
const INDEX: &str = "index.html";

/// Why the program was built without the page.
pub fn missing() -> Option<&'static str> {
    MISSING
}

/// `GET /` and the files that the page names, by their exact names.
pub async fn page(State(_): State<Shared>, uri: Uri) -> Answer<Response> {
    let wanted = uri.path().strip_prefix('/').filter(|path| !path.is_empty()).unwrap_or(INDEX);
    if wanted == INDEX
        && let Some(reason) = MISSING
    {
        return Ok(answer::typed("text/html; charset=utf-8", placeholder(reason).into_bytes()));
    }
    let (_, kind, content) = FILES.iter().find(|(name, ..)| *name == wanted).ok_or_else(|| Refusal::missing("page"))?;
    let mut response = answer::typed(kind, content.to_vec());
    // Names of assets hold a hash of their content.
    if wanted.starts_with("assets/") {
        let value = HeaderValue::from_static("private, max-age=31536000, immutable");
        response.headers_mut().insert(CACHE_CONTROL, value);
    }
    Ok(response)
}

fn placeholder(reason: &str) -> String {
    let reason = reason.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>segspec</title><h1>segspec was built without its page</h1><p>{reason}</p>\
         <p>The interface below <a href=\"/api/about\">/api</a> works (docs/serve.md).</p>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_or_the_reason_why_not() {
        assert!(MISSING.is_some() || FILES.iter().any(|(name, ..)| *name == INDEX));
        assert!(placeholder("a < b").contains("a &lt; b"));
    }
}
