//! Requests that must be refused. `{host}`, `{token}` and `{run}` are filled in; the server lives on after each of them.

use std::fs;

use super::{Reply, Server};
use crate::lab::Lab;

/// What is tried, the request, and the statuses that refuse it.
type Attack = (&'static str, &'static str, &'static [u16]);

const AUTHORISED: &str = "Host: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n";

/// Without the token, or with something like it.
const TOKENS: &[Attack] = &[
    ("no token", "GET /api/about HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("no token for the page", "GET / HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("no token for an asset", "GET /assets/index.js HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    (
        "another token",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        &[401],
    ),
    ("an empty token", "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer \r\n", &[401]),
    ("a token and more", "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}x\r\n", &[401]),
    ("another scheme", "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {token}\r\n", &[401]),
    ("no token for a report", "GET /report/guess/report.html HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("no token behind a report's path", "GET /report/../api/about HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("the token in the address", "GET /api/about?token={token} HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("a wrong link", "GET /?token=guess HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("an empty link", "GET /?token= HTTP/1.1\r\nHost: {host}\r\n", &[401]),
    ("a wrong cookie", "GET /api/about HTTP/1.1\r\nHost: {host}\r\nCookie: segspec-token-{port}=guess\r\n", &[401]),
    ("a cookie of another name", "GET /api/about HTTP/1.1\r\nHost: {host}\r\nCookie: token={token}\r\n", &[401]),
    (
        "a wrong token beside the cookie",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\nCookie: segspec-token-{port}={token}\r\n",
        &[401],
    ),
    ("a change without token", "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n", &[401]),
    ("a change by link", "POST /?token={token} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n", &[401]),
];

/// From elsewhere: DNS rebinding, cross-site requests.
const ELSEWHERE: &[Attack] = &[
    ("another host", "GET /api/about HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {token}\r\n", &[403]),
    ("another host for the link", "GET /?token={token} HTTP/1.1\r\nHost: evil.example\r\n", &[403]),
    (
        "an own name with a suffix",
        "GET /api/about HTTP/1.1\r\nHost: localhost.evil.example\r\nAuthorization: Bearer {token}\r\n",
        &[403],
    ),
    ("another port", "GET /api/about HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer {token}\r\n", &[403]),
    ("no host", "GET /api/about HTTP/1.1\r\nAuthorization: Bearer {token}\r\n", &[400, 403]),
    (
        "two hosts",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nAuthorization: Bearer {token}\r\n",
        &[400, 403],
    ),
    (
        "an address with another host",
        "GET http://evil.example/api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n",
        &[403],
    ),
    (
        "another origin",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nOrigin: http://evil.example\r\n",
        &[403],
    ),
    (
        "no origin",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nOrigin: null\r\n",
        &[403],
    ),
    (
        "another scheme",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nOrigin: https://{host}\r\n",
        &[403],
    ),
    (
        "two origins",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nOrigin: http://{host}\r\nOrigin: http://evil.example\r\n",
        &[403],
    ),
    (
        "a change by cookie alone",
        "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nCookie: segspec-token-{port}={token}\r\nContent-Length: 2\r\n\r\n{}",
        &[403],
    ),
    (
        "a change by cookie from elsewhere",
        "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nCookie: segspec-token-{port}={token}\r\nOrigin: http://evil.example\r\nContent-Length: 2\r\n\r\n{}",
        &[403],
    ),
    (
        "a change by cookie from another port",
        "DELETE /api/jobs/x HTTP/1.1\r\nHost: {host}\r\nCookie: segspec-token-{port}={token}\r\nSec-Fetch-Site: same-site\r\n",
        &[403],
    ),
    (
        "a picture in another page",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nCookie: segspec-token-{port}={token}\r\nSec-Fetch-Site: cross-site\r\n",
        &[403],
    ),
    (
        "a picture in a page of another port",
        "GET /api/about HTTP/1.1\r\nHost: {host}\r\nCookie: segspec-token-{port}={token}\r\nSec-Fetch-Site: same-site\r\n",
        &[403],
    ),
];

/// What nobody may ask, or nobody can understand.
const MALFORMED: &[Attack] = &[
    ("noise", "\u{1}\u{2}\u{3}\r\n", &[0, 400]),
    ("TLS to a server without", "\u{16}\u{3}\u{1}\u{2}\r\n", &[0, 400]),
    ("another protocol", "GET / FTP/1.0\r\nHost: {host}\r\n", &[0, 400]),
    (
        "a length that is none",
        "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Length: -1\r\n",
        &[0, 400],
    ),
    (
        "two lengths",
        "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        &[0, 400],
    ),
    (
        "a huge chunk",
        "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        &[0, 400],
    ),
    (
        "another coding",
        "POST /api/jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: gzip\r\n",
        &[0, 400, 501],
    ),
    ("a broken name", "GET /api/about HTTP/1.1\r\nHost: {host}\r\nA b: c\r\n", &[0, 400]),
];

/// Paths asked for with the token, and nothing there.
const PATHS: &[&str] = &[
    "/etc/passwd",
    "//etc/passwd",
    "/../secret.nii",
    "/..%2fsecret.nii",
    "/%2e%2e/%2e%2e/secret.nii",
    "/assets/../../secret.nii",
    "/assets/..%2f..%2fsecret.nii",
    "/assets/%2e%2e%5c%2e%2e%5csecret.nii",
    "/assets/..\\..\\secret.nii",
    "/assets/%00",
    "/index.html%00.js",
    "/.git/config",
    "/api/nothing",
    "/api/files?path=..",
    "/api/files?path=../",
    "/api/files?path=%2e%2e",
    "/api/files?path=..%2f..%2fetc",
    "/api/files?path=..%252f..%252fetc",
    "/api/files?path=set%2f..%2f..",
    "/api/files?path=/etc",
    "/api/files?path=..%5c..",
    "/api/files?path=link",
    "/api/files?path=.hidden",
    "/api/files/image?path=../secret.nii",
    "/api/files/image?path=link/secret.nii",
    "/api/files/image?path=linked.nii",
    "/api/files/image?path=%2fetc%2fpasswd",
    "/api/files/image?path=set%00/../../secret.nii",
    "/api/files/image?path=....//secret.nii",
    "/api/files/image?path=file:///etc/passwd",
    "/api/files/voxels?path=..%2fsecret.nii",
    "/api/files/voxels?path=%c0%ae%c0%ae/secret.nii",
    "/api/files/voxels?path=",
    "/api/runs/..",
    "/api/runs/..%2f..%2fsecret",
    "/api/runs/%00",
    "/api/runs/tiny",
    "/api/runs/{run}/report/../plan.toml",
    "/api/runs/{run}/report/..%2f..%2fplan.toml",
    "/api/runs/{run}/report/%2e%2e/%2e%2e/%2e%2e/plan.toml",
    "/api/runs/{run}/report//etc/passwd",
    "/api/runs/{run}/report/link.html",
    "/api/runs/{run}/report/folder/secret.nii",
    "/api/runs/{run}/cases/..%2f..%2fsecret/prediction",
    "/api/runs/{run}/cases/%2fetc%2fpasswd/image",
    "/api/runs/{run}/cases/nobody",
    "/api/uploads/..",
    "/api/uploads/..%2f..%2fruns",
    "/api/uploads/nobody/series/1/voxels",
    "/report/guess/report.html",
    "/report/%2e%2e/api/runs",
    "/report/{run}/report.html",
    "/report//etc/passwd",
    "/api/jobs/nobody/probabilities/0",
    "/api/jobs/nobody/files/nrrd?of=correction",
    "/api/runs/{run}/cases/..%2f../correction",
    "/api/jobs/..%2fuploads",
    "/api/jobs/nobody/files/nii.gz",
    "/api/jobs/nobody/events",
];

/// A workspace with a planned run that has a report, with secrets beside and behind links.
fn workspace() -> (Lab, String) {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    fs::write(lab.path("secret.nii"), "a secret").unwrap();
    fs::create_dir(lab.path("outside")).unwrap();
    fs::write(lab.path("outside/secret.nii"), "a secret").unwrap();
    fs::write(lab.path("data/.hidden"), "a secret").unwrap();
    let run = lab.run_folder("tiny");
    let report = crate::lab::evaluation(&run).join("report");
    #[cfg(unix)]
    for (target, link) in [
        (lab.path("outside"), lab.path("data/link")),
        (lab.path("secret.nii"), lab.path("data/linked.nii")),
        (lab.path("secret.nii"), report.join("link.html")),
        (lab.path("outside"), report.join("folder")),
    ] {
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    let id = run.file_name().unwrap().to_string_lossy().into_owned();
    (lab, id)
}

fn filled(text: &str, server: &Server, run: &str) -> String {
    let text = text.replace("{host}", &server.address.to_string());
    let port = server.address.port().to_string();
    text.replace("{port}", &port).replace("{token}", &server.token).replace("{run}", run)
}

/// Nothing of a secret, a stack or the token is in an answer, and every answer is protected.
fn assert_harmless(what: &str, reply: &Reply, server: &Server) {
    let body = String::from_utf8_lossy(&reply.body);
    assert!(!body.contains("a secret") && !body.contains("root:") && !body.contains("panicked"), "{what}: {body}");
    assert!(!reply.text().contains(&server.token), "{what}: {}", reply.text());
    // What hyper itself refuses never reached the guard.
    if ![0, 400, 431].contains(&reply.status) {
        for name in
            ["content-security-policy", "x-content-type-options", "referrer-policy", "cross-origin-resource-policy"]
        {
            assert!(reply.header(name).is_some(), "{what}: no {name} in {}", reply.head);
        }
    }
}

#[test]
fn attacks_are_refused_and_the_server_lives() {
    let (lab, run) = workspace();
    let server = Server::of(&lab);
    let mut tried = 0;
    for (what, request, statuses) in TOKENS.iter().chain(ELSEWHERE).chain(MALFORMED) {
        let mut text = filled(request, &server, &run);
        if !text.contains("\r\n\r\n") {
            text += "Connection: close\r\n\r\n";
        }
        let reply = server.raw(text.as_bytes());
        assert!(statuses.contains(&reply.status), "{what}: {}", reply.text());
        assert_harmless(what, &reply, &server);
        tried += 1;
    }
    for path in PATHS {
        let path = filled(path, &server, &run);
        let reply = server.get(&path);
        assert!([400, 404].contains(&reply.status), "{path}: {}", reply.text());
        assert_harmless(&path, &reply, &server);
        tried += 1;
    }
    assert!(tried >= 40 && server.is_alive(), "{tried}");
}

#[test]
fn requests_without_sense_or_permission_are_refused() {
    let (lab, run) = workspace();
    let server = Server::of(&lab);
    let start = format!("/api/runs/{run}/start");
    let correction = format!("/api/runs/{run}/cases/nobody/correction");
    let dataset = format!("/api/runs/{run}/dataset");
    let (large, deep) = (vec![b' '; 100_000], "[".repeat(60_000));
    let unknown = format!("{{\"run\": \"{run}\", \"shell\": \"rm\"}}");
    let outside = format!("{{\"run\": \"{run}\", \"path\": \"../secret.nii\"}}");
    let absolute = format!("{{\"run\": \"{run}\", \"path\": \"/etc/passwd\"}}");
    let none = format!("{{\"run\": \"{run}\"}}");
    let odd = format!("/api/runs/{run}/cases/nobody/image?channel=x");
    let cases: [(&str, &str, &[u8], &[u16]); 21] = [
        ("GET", &odd, b"", &[400]),
        ("GET", "/api/runs/%FF", b"", &[400, 404]),
        ("POST", &dataset, b"{\"name\": \"a b\"}", &[400]),
        ("POST", &dataset, b"{\"name\": \"-\\u0000\"}", &[400]),
        ("POST", "/api/jobs", b"no JSON", &[400]),
        ("POST", "/api/jobs", b"{\"run\": 3}", &[400]),
        ("POST", "/api/jobs", &large, &[413]),
        ("POST", "/api/jobs", deep.as_bytes(), &[400]),
        ("POST", "/api/jobs", unknown.as_bytes(), &[400]),
        ("POST", "/api/jobs", outside.as_bytes(), &[404]),
        ("POST", "/api/jobs", absolute.as_bytes(), &[404]),
        ("POST", "/api/jobs", none.as_bytes(), &[400]),
        ("POST", "/api/jobs", b"{\"run\": \"nobody\", \"path\": \"x\"}", &[404]),
        ("POST", &start, b"", &[403]),
        ("POST", &dataset, b"{\"name\": \"../evil\"}", &[400]),
        ("POST", &dataset, b"{\"name\": \"x\"}", &[400]),
        ("PUT", &correction, b"x", &[400, 404]),
        ("PUT", "/api/runs", b"", &[405]),
        ("DELETE", "/", b"", &[405]),
        ("TRACE", "/", b"", &[405]),
        ("OPTIONS", "/api/jobs", b"", &[405]),
    ];
    for (method, path, body, statuses) in cases {
        let headers: &[(&str, &str)] = if method == "PUT" { &[("segspec-base", "empty")] } else { &[] };
        let reply = server.ask(method, path, headers, body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert!(statuses.contains(&reply.status), "{method} {path} {shown}: {}", reply.text());
        if path.starts_with("/api") {
            let error = reply.json()["error"].as_str().unwrap().to_owned();
            assert!(!error.is_empty() && !error.contains(&lab.path("").display().to_string()), "{error}");
        }
        assert_harmless(path, &reply, &server);
    }
    assert!(!lab.path("evil.toml").exists() && server.is_alive());
}

#[test]
fn the_link_sets_the_cookie_and_hides_the_token() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let host = server.address;
    let reply = server.raw(
        filled("GET /?token={token} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", &server, "").as_bytes(),
    );
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")));
    let cookie = reply.header("set-cookie").unwrap().to_owned();
    assert!(["HttpOnly", "SameSite=Strict", "Path=/"].iter().all(|part| cookie.contains(part)), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let with = |more: &str, line: &str| {
        let text = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nCookie: a=b; {cookie}\r\n{more}Connection: close\r\nContent-Length: 0\r\n\r\n"
        );
        server.raw(text.as_bytes()).status
    };
    assert_eq!(with("", "GET /api/about"), 200);
    assert_eq!(with("Sec-Fetch-Site: same-origin\r\n", "GET /api/about"), 200);
    assert_eq!(with(&format!("Origin: http://{host}\r\n"), "DELETE /api/jobs/x"), 404);
    assert_eq!(with("Sec-Fetch-Site: same-origin\r\n", "DELETE /api/jobs/x"), 404);
    // A page elsewhere, such as the file that `--open` shows, leads to the link: the answer leads on, and a redirection would come
    // without the cookie.
    for more in [String::new(), format!("Cookie: {cookie}\r\n")] {
        let text =
            "GET /?token={token} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: cross-site\r\nConnection: close\r\n";
        let reply = server.raw(filled(&format!("{text}{more}\r\n"), &server, "").as_bytes());
        assert!(reply.status == 200 && reply.text().contains("content=\"0;url=/\""), "{}", reply.text());
        assert!(reply.header("set-cookie").is_some() && !reply.text().contains("?token"));
    }
    assert_eq!(with("Sec-Fetch-Site: cross-site\r\n", "GET /api/about"), 403);
    // The page itself may be reached by any name of this machine.
    let localhost = filled(AUTHORISED, &server, "").replace("127.0.0.1", "localhost");
    assert_eq!(server.raw(format!("GET /api/about HTTP/1.1\r\n{localhost}\r\n").as_bytes()).status, 200);
}

#[test]
fn a_report_of_someone_else_is_kept_in_a_sandbox() {
    let (lab, run) = workspace();
    let server = Server::of(&lab);
    let reply = server.get(&format!("/api/runs/{run}/report/report.html"));
    let policy = reply.header("content-security-policy").unwrap();
    assert!(reply.status == 200 && policy.starts_with("sandbox allow-scripts;"), "{policy}");
    assert!(!policy.contains("allow-same-origin") && policy.contains("default-src 'none'"), "{policy}");
    let page = server.get("/").header("content-security-policy").unwrap().to_owned();
    assert!(page.contains("frame-ancestors 'none'") && page.contains("script-src 'self' 'wasm-unsafe-eval'"), "{page}");
}
