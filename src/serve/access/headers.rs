//! Headers of every answer.

use axum::response::Response;
use hyper::header::{HeaderName, HeaderValue};

/// What the page may load and do.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; \
                      script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";

/// What a run's report may do: it is a page of its own with scripts inside, and may come from someone else. In a sandbox it has no
/// origin, so it cannot ask the server for anything.
pub const REPORT_POLICY: &str = "sandbox allow-scripts; default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; \
                                 script-src 'unsafe-inline'; font-src data:; frame-ancestors 'self'";

const HEADERS: [(&str, &str); 7] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // With `no-referrer`, browsers send some of the page's own requests without their origin.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), xr-spatial-tracking=(self)"),
];

/// Adds the headers.
pub fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    let policy = HeaderName::from_static("content-security-policy");
    let is_report = headers.contains_key(&policy);
    if !is_report {
        headers.insert(policy, HeaderValue::from_static(POLICY));
    }
    for (name, value) in HEADERS {
        // A report is shown in a frame of the page.
        if !(is_report && name == "x-frame-options") {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }
}
