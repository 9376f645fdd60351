//! The hospital's archive behind the page: a real one (Orthanc), and requests that must not reach it.

use segspec::pacs::Pacs;
use serde_json::{Value, json};

use super::bad_archives::{Fake, silent};
use super::flows::{run, trained};
use super::{Reply, Server, settings};
use crate::lab::{Lab, sorted};
use crate::pacs::{Archive, phantom, text};

/// A server that knows an archive.
pub fn server(lab: &Lab, pacs: Pacs) -> Server {
    let mut settings = settings(lab);
    settings.pacs = Some(pacs);
    Server::start(settings)
}

pub fn post(server: &Server, path: &str, body: &Value) -> Reply {
    server.ask("POST", path, &[], body.to_string().as_bytes())
}

/// What is known of an upload once it has been fetched and read, or was refused.
pub fn settled(server: &Server, reply: &Reply) -> (String, Value) {
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["upload"].as_str().unwrap().to_owned();
    let known =
        server.wait(&format!("/api/uploads/{id}"), |known| known["state"] != "fetching" && known["state"] != "reading");
    (id, known)
}

/// Fetches a series and segments it.
fn segmented(server: &Server, wanted: &Value) -> Value {
    let (upload, known) = settled(server, &post(server, "/api/pacs/uploads", wanted));
    assert_eq!(known["state"], "ready", "{known}");
    let order = json!({ "run": run(server).0, "upload": upload, "series": known["series"][0]["id"] });
    let reply = post(server, "/api/jobs", &order);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let job = format!("/api/jobs/{}", reply.json()["id"].as_str().unwrap());
    let done = server.wait(&job, |job| job["state"] != "queued" && job["state"] != "running");
    assert_eq!(done["state"], "done", "{done}");
    done
}

#[test]
fn a_series_is_fetched_and_segmented_and_its_segmentations_are_stored() {
    let lab = trained();
    let (slices, _) = phantom(&lab);
    let Some(archive) = Archive::start() else { return };
    let files: Vec<&str> = slices.iter().map(|file| text(file)).collect();
    archive.json(&lab, &[&["store"], files.as_slice()].concat());
    let server = server(&lab, Pacs::new(&archive.url).unwrap().with_password("user", "pass"));
    assert_eq!(server.json("/api/about")["pacs"], true);

    let found = post(&server, "/api/pacs/studies", &json!({ "modality": "ct" })).json();
    assert_eq!((found["studies"].as_array().unwrap().len(), &found["more"]), (1, &json!(false)), "{found}");
    let study = found["studies"][0]["uid"].as_str().unwrap();
    assert!(post(&server, "/api/pacs/studies", &json!({ "patient-name": "Nobody*" })).json()["studies"] == json!([]));
    let place = format!("/api/pacs/studies/{study}/series");
    let series = server.json(&place)["series"][0].clone();
    assert_eq!(series["instances"].as_u64(), Some(slices.len() as u64), "{series}");

    let job = segmented(&server, &json!({ "study": study, "series": series["uid"] }));
    assert_eq!(job["result"]["images"][0]["shape"][0], slices.len(), "{job}");
    let send = job["result"]["send"].as_str().unwrap();
    let told = server.ask("POST", send, &[], b"");
    assert_eq!((told.status, told.json()["refused"].clone()), (200, json!([])), "{}", told.text());
    // What the archive has is what the page offers for download, in the study of the images.
    let modalities = || {
        server.json(&place)["series"].as_array().unwrap().iter().map(|it| it["modality"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(modalities().iter().filter(|it| *it == "SEG").count(), 1, "{:?}", modalities());
    archive.json(&lab, &["get", study, "--output", "back", "--modality", "SEG"]);
    let back = std::fs::read(&sorted(&sorted(&lab.path("back"))[0])[0]).unwrap();
    let id = job["id"].as_str().unwrap();
    assert_eq!(back, server.get(&format!("/api/jobs/{id}/files/dcm")).body);
    assert_eq!(archive.statistics()["CountInstances"].as_u64(), Some(slices.len() as u64 + 1));

    // Corrected labels are another object of the same study.
    let labels = server.get(job["result"]["prediction"]["url"].as_str().unwrap()).body;
    let saved = server.ask("PUT", &format!("/api/jobs/{id}/correction"), &[("segspec-base", "prediction")], &labels);
    assert_eq!(saved.status, 200, "{}", saved.text());
    let send = saved.json()["send"].as_str().unwrap().to_owned();
    assert!(send.ends_with("of=correction"), "{send}");
    assert_eq!(server.ask("POST", &send, &[], b"").status, 200);
    assert_eq!((archive.statistics()["CountStudies"].as_u64(), modalities().len()), (Some(1), 3));

    // Of an anonymous copy, nothing goes back: the archive does not know its study.
    let job = segmented(&server, &json!({ "study": study, "series": series["uid"], "anonymous": true }));
    assert_eq!(job["result"]["send"], Value::Null);
    let refused = server.ask("POST", &format!("/api/jobs/{}/pacs", job["id"].as_str().unwrap()), &[], b"");
    assert!(refused.status == 409 && refused.text().contains("anonymous"), "{}", refused.text());
    // A volume that is no series cannot go there, either.
    let case = sorted(&lab.path("data/set/imagesTr")).remove(0);
    let order = json!({ "run": run(&server).0, "path": format!("set/imagesTr/{}", case.file_name().unwrap().to_str().unwrap()) });
    let job = format!("/api/jobs/{}", post(&server, "/api/jobs", &order).json()["id"].as_str().unwrap());
    server.wait(&job, |job| job["state"] == "done");
    assert_eq!(server.ask("POST", &format!("{job}/pacs"), &[], b"").status, 409);
    assert_eq!(archive.statistics()["CountInstances"].as_u64(), Some(slices.len() as u64 + 2));
}

#[test]
fn an_archive_that_asks_for_a_password_says_so() {
    let lab = Lab::new();
    let Some(archive) = Archive::start() else { return };
    let server = server(&lab, Pacs::new(&archive.url).unwrap().with_password("user", "wrong"));
    let refused = post(&server, "/api/pacs/studies", &json!({}));
    let said = refused.text();
    assert!(refused.status == 502 && said.contains("status 401") && said.contains("SEGSPEC_PACS_USER"), "{said}");
    assert!(!said.contains("wrong"), "{said}");
}

#[test]
fn without_an_archive_requests_for_one_conflict() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    assert_eq!(server.json("/api/about")["pacs"], false);
    for (method, path) in [
        ("POST", "/api/pacs/studies"),
        ("GET", "/api/pacs/studies/1.2/series"),
        ("POST", "/api/pacs/uploads"),
        ("POST", "/api/jobs/1/pacs"),
    ] {
        let reply = server.ask(method, path, &[], b"{}");
        assert!(reply.status == 409 && reply.text().contains("--pacs"), "{path}: {}", reply.text());
    }
}

#[test]
fn what_must_not_reach_the_archive_does_not() {
    let lab = Lab::new();
    let fake = Fake::start(silent);
    let server = server(&lab, fake.pacs());
    let long = json!({ "patient-id": "x".repeat(300) }).to_string();
    let large = json!({ "patient-id": "x".repeat(100_000) }).to_string();
    let attacks: &[(&str, &str, &str, &[u16])] = &[
        ("GET", "/api/pacs/studies/1.2%2F..%2F3/series", "", &[400]),
        ("GET", "/api/pacs/studies/..%2F..%2Finstances/series", "", &[400]),
        ("GET", "/api/pacs/studies/1.2%3Fx=1/series", "", &[400]),
        ("GET", "/api/pacs/studies/1.2%0d%0aX:%20y/series", "", &[400]),
        ("GET", "/api/pacs/studies/../series", "", &[400, 404, 405]),
        ("GET", "/api/pacs/studies/http:%2F%2F127.0.0.1/series", "", &[400]),
        ("POST", "/api/pacs/uploads", r#"{"study": "1.2/../3", "series": "1.3"}"#, &[400]),
        ("POST", "/api/pacs/uploads", r#"{"study": "1.2", "series": "../../instances"}"#, &[400]),
        ("POST", "/api/pacs/uploads", r#"{"study": "1.2", "series": ""}"#, &[400]),
        ("POST", "/api/pacs/uploads", r#"{"study": "1.2", "series": "1.3", "url": "http://169.254.169.254/"}"#, &[400]),
        ("POST", "/api/pacs/uploads", r#"{"study": ["1.2"], "series": "1.3"}"#, &[400]),
        ("POST", "/api/pacs/uploads", "{", &[400]),
        ("POST", "/api/pacs/studies", r#"{"server": "http://127.0.0.1:22"}"#, &[400]),
        ("POST", "/api/pacs/studies", r#"{"date": "20240101&limit=1000000"}"#, &[400]),
        ("POST", "/api/pacs/studies", r#"{"patient-id": "a\\b"}"#, &[400]),
        ("POST", "/api/pacs/studies", "{\"patient-id\": \"a\\u0000\"}", &[400]),
        ("POST", "/api/pacs/studies", &long, &[400]),
        ("POST", "/api/pacs/studies", &large, &[413]),
        ("GET", "/api/pacs/studies", "", &[405]),
        ("POST", "/api/jobs/nobody/pacs", "", &[404]),
        ("POST", "/api/jobs/..%2F..%2Fx/pacs", "", &[404]),
    ];
    for (method, path, body, statuses) in attacks {
        let reply = server.ask(method, path, &[], body.as_bytes());
        assert!(statuses.contains(&reply.status), "{method} {path} {body}: {}", reply.text());
    }
    // Without the token, and from another page.
    let (host, port, token) = (server.address, server.address.port(), &server.token);
    for head in [
        format!("Host: {host}\r\n"),
        format!("Host: {host}\r\nCookie: segspec-token-{port}={token}\r\n"),
        format!("Host: {host}\r\nCookie: segspec-token-{port}={token}\r\nOrigin: http://evil.example\r\n"),
    ] {
        let request =
            format!("POST /api/pacs/studies HTTP/1.1\r\n{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}");
        assert!([401, 403].contains(&server.raw(request.as_bytes()).status), "{head}");
    }
    assert_eq!(fake.requests(), 0);
    assert!(server.is_alive());
}
