//! Failed answers of the interface, whoever gives them: JSON with one sentence, in which the server's folders do not appear.

use std::path::{Path, PathBuf};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::Settings;
use super::state::Shared;

/// Most bytes of a failed answer.
const LARGEST: usize = 1 << 20;

/// Passes an answer on. Of one that failed, the body becomes what docs/serve-api.md says.
pub async fn told(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, LARGEST).await.unwrap_or_default();
    let mut failure = match serde_json::from_slice(&text) {
        Ok(Value::Object(failure)) => failure,
        // A library's, such as that of a query that it cannot read.
        _ if status == StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = parts.headers.get(ALLOW).and_then(|value| value.to_str().ok()).unwrap_or("another");
            object(&format!("this address does not take {method}, but {allowed}"))
        }
        _ if text.is_empty() => object(status.canonical_reason().unwrap_or("the request failed")),
        _ => object(&String::from_utf8_lossy(&text)),
    };
    for key in ["error", "help"] {
        if let Some(Value::String(text)) = failure.get_mut(key) {
            *text = without_folders(&state.settings, text);
        }
    }
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(Value::Object(failure).to_string()))
}

fn object(error: &str) -> serde_json::Map<String, Value> {
    let all = json!({ "error": error, "help": null });
    all.as_object().cloned().unwrap_or_default()
}

/// A message in which files are named from the server's folders on: where these lie is nobody's business.
pub fn without_folders(settings: &Settings, text: &str) -> String {
    let named = [&settings.runs, &settings.data_root, &settings.reports, &settings.datasets];
    let named = named.into_iter().chain(&settings.roots).chain(&settings.explicit_data_root);
    let resolved = |path: &PathBuf| [std::path::absolute(path).ok(), path.canonicalize().ok()];
    let mut folders: Vec<PathBuf> = named.flat_map(resolved).flatten().collect();
    folders.extend(std::env::current_dir().ok().map(|folder| folder.join("x")));
    shortened(text, &mut folders)
}

/// Takes away what lies before the names of folders, the deepest first.
fn shortened(text: &str, folders: &mut [PathBuf]) -> String {
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.as_os_str().len()));
    let before = folders.iter().filter_map(|folder| folder.parent()).filter(|before| *before != Path::new("/"));
    before.fold(text.to_owned(), |text, before| text.replace(&format!("{}/", before.display()), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_folders_on() {
        let mut folders = ["/home/anna/p/runs", "/home/anna/data", "/data"].map(PathBuf::from);
        let mut told = |text: &str| shortened(text, &mut folders);
        assert_eq!(told("/home/anna/p/runs/liver/x.json: damaged"), "runs/liver/x.json: damaged");
        assert_eq!(told("a (/home/anna/data/ct.nii)"), "a (data/ct.nii)");
        assert_eq!(told("/data/ct.nii: is gone"), "/data/ct.nii: is gone");
        assert_eq!(told("nothing"), "nothing");
    }
}
