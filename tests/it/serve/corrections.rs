//! Corrections by several people: nobody's work is replaced unseen, and one can be withdrawn.

use std::fs;

use segspec::volume::{read_label_map, write_label_map};
use serde_json::{Value, json};

use super::flows::{run, trained};
use super::{Reply, Server};
use crate::lab::{Lab, prediction};

const VERSION: &str = "\"0123456789abcdef\"";

/// The prediction of a case with a block of spleen at a place.
fn drawn(lab: &Lab, case: &str, at: usize) -> Vec<u8> {
    let own = prediction(&lab.run_folder("tiny")).join(format!("{case}.nii.gz"));
    let mut labels = read_label_map(&own).unwrap();
    labels.voxels.slice_mut(ndarray::s![1..3, at..at + 3, 2..6]).fill(4);
    write_label_map(&lab.path("drawn.nii.gz"), &labels).unwrap();
    fs::read(lab.path("drawn.nii.gz")).unwrap()
}

/// Saves, sees conflicts, goes on, and withdraws, at the address of a correction; `known` is what is known of it.
fn check(server: &Server, url: &str, [first, second]: [&[u8]; 2], known: &dyn Fn() -> Value) {
    let ask = |method: &str, seen: &[(&str, &str)], body: &[u8]| -> Reply {
        let headers = [seen, &[("segspec-base", "prediction")]].concat();
        server.ask(method, url, &headers, body)
    };
    let quoted = |saved: &Value| format!("\"{}\"", saved["version"].as_str().unwrap());
    assert_eq!((known(), ask("DELETE", &[], b"").status), (Value::Null, 404));
    assert_eq!(ask("PUT", &[("If-Match", VERSION)], first).status, 412, "there is none to go on with");
    let one = ask("PUT", &[("If-None-Match", "*")], first);
    assert_eq!(one.status, 200, "{}", one.text());
    let one = quoted(&one.json());
    assert_eq!(quoted(&known()), one);
    // A second person who began before the first one saved.
    let refused = ask("PUT", &[("If-None-Match", "*")], second);
    assert!(refused.status == 412 && refused.text().contains("tester saved another correction"), "{}", refused.text());
    assert_eq!(quoted(&known()), one, "the first one's work is there");
    let two = ask("PUT", &[("If-Match", one.as_str())], second);
    assert_eq!(two.status, 200, "{}", two.text());
    let two = quoted(&two.json());
    assert_ne!(one, two);
    for method in ["PUT", "DELETE"] {
        assert_eq!(ask(method, &[("If-Match", one.as_str())], first).status, 412, "{method}");
    }
    for wrong in [("If-Match", "abc"), ("If-Match", "*"), ("If-None-Match", VERSION), ("If-Match", "\"")] {
        assert_eq!(ask("PUT", &[wrong], first).status, 400, "{wrong:?}");
    }
    assert_eq!(quoted(&known()), two);
    assert_eq!(ask("DELETE", &[("If-Match", two.as_str())], b"").status, 204);
    assert_eq!((known(), server.get(url).status), (Value::Null, 404));
    // Scripts that say nothing of versions still save.
    assert_eq!(ask("PUT", &[], first).status, 200);
}

#[test]
fn nobodys_correction_is_replaced_unseen() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let case = &cases[0];
    let (first, second) = (drawn(&lab, case, 3), drawn(&lab, case, 6));
    let url = format!("/api/runs/{id}/cases/{case}");
    check(&server, &format!("{url}/correction"), [&first, &second], &|| server.json(&url)["correction"].clone());
    let surfaces = |of: &str| server.get(&format!("{url}/meshes?of={of}"));
    assert_eq!(surfaces("correction").status, 200);
    assert_eq!(surfaces("everything").status, 400);
    let known = server.json(&url);
    let saved = format!("\"{}\"", known["correction"]["version"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &format!("{url}/correction"), &[("If-Match", saved.as_str())], b"").status, 204);
    assert_eq!(surfaces("correction").status, 404);
    assert!(!lab.run_folder("tiny").join(format!("corrections/{case}.nrrd")).exists());
    // What the run does not segment has its names from the dataset.
    let others = known["other-structures"].as_array().unwrap();
    assert!(others.contains(&json!({ "name": "spine", "value": 5 })), "{others:?}");
    assert!(others.iter().all(|it| it["name"] != "liver" && it["name"] != "spleen"), "{others:?}");
    assert_eq!(known["ignored-value"], Value::Null);
}

#[test]
fn a_correction_of_a_job_is_not_replaced_unseen() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let wanted = json!({ "run": id, "path": format!("set/imagesTr/{}.nii.gz", cases[0]) });
    let job = server.ask("POST", "/api/jobs", &[], wanted.to_string().as_bytes()).json();
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    let job = server.wait(&path, |job| job["state"] != "queued" && job["state"] != "running");
    let own = server.get(job["result"]["prediction"]["url"].as_str().unwrap()).save(&lab, "own.nii.gz");
    let mut labels = read_label_map(&own).unwrap();
    let mut drawn = |at: usize| {
        labels.voxels.slice_mut(ndarray::s![1..3, at..at + 3, 2..6]).fill(4);
        write_label_map(&lab.path("drawn.nii.gz"), &labels).unwrap();
        fs::read(lab.path("drawn.nii.gz")).unwrap()
    };
    let (first, second) = (drawn(3), drawn(6));
    check(&server, &format!("{path}/correction"), [&first, &second], &|| server.json(&path)["correction"].clone());
    assert_eq!(server.get(&format!("{path}/meshes?of=correction")).status, 200);
}
