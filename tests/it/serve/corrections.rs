//! Corrections by several people: nobody's work is replaced unseen, and one can be withdrawn.

use std::fs;

use segspec::volume::{read_label_map, write_label_map};
use serde_json::{Value, json};

use super::flows::{run, trained};
use super::{Reply, Server, settings};
use crate::lab::{Lab, json as json_of, prediction};

const VERSION: &str = "\"0123456789abcdef\"";

/// The prediction of a case with a block of spleen at a place.
pub fn drawn(lab: &Lab, case: &str, at: usize) -> Vec<u8> {
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
    // The answer was lost, and the page asks again.
    let again = ask("PUT", &[("If-None-Match", "*")], first);
    assert!(again.status == 200 && quoted(&again.json()) == one, "{}", again.text());
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

/// The header that lists one new structure.
fn new(name: &str, value: u16) -> String {
    format!("%5B%7B%22name%22:%22{name}%22,%22value%22:{value},%22color%22:%22%23009e73%22%7D%5D")
}

/// Labels with a block of a value in place of the prediction's spleen.
fn with_new(lab: &Lab, case: &str, value: u16) -> Vec<u8> {
    let own = prediction(&lab.run_folder("tiny")).join(format!("{case}.nii.gz"));
    let mut labels = read_label_map(&own).unwrap();
    labels.voxels.slice_mut(ndarray::s![1..3, 2..5, 2..6]).fill(value);
    write_label_map(&lab.path("drawn.nii.gz"), &labels).unwrap();
    fs::read(lab.path("drawn.nii.gz")).unwrap()
}

#[test]
fn new_structures_of_a_replaced_correction_bind_nobody() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let put = |case: &str, name: &str, body: &[u8]| {
        let header = new(name, 7);
        let headers = [("segspec-base", "prediction"), ("segspec-structures", header.as_str())];
        server.ask("PUT", &format!("/api/runs/{id}/cases/{case}/correction"), &headers, body)
    };
    let body = with_new(&lab, &cases[0], 7);
    assert_eq!(put(&cases[0], "tumour", &body).status, 200);
    // In another case, the value still means a tumour.
    let other = with_new(&lab, &cases[1], 7);
    let refused = put(&cases[1], "cyst", &other);
    assert!(refused.status == 409 && refused.text().contains("which is tumour"), "{}", refused.text());
    assert_eq!(refused.json()["clash"], true, "the page can mend that");
    let replaced = put(&cases[0], "cyst", &body);
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    assert_eq!(replaced.json()["structures"], json!([{ "name": "cyst", "value": 7, "color": "#009e73" }]));
    // Who goes on with it need not name it again.
    let headers = [("segspec-base", "prediction")];
    let url = format!("/api/runs/{id}/cases/{}/correction", cases[0]);
    let again = server.ask("PUT", &url, &headers, &body);
    assert_eq!(again.json()["structures"][0]["name"], "cyst", "{}", again.text());
}

#[test]
#[cfg(unix)]
fn a_link_in_place_of_the_corrections_or_among_them_is_refused() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let body = drawn(&lab, &cases[0], 3);
    let url = format!("/api/runs/{id}/cases/{}", cases[0]);
    let put = || server.ask("PUT", &format!("{url}/correction"), &[("segspec-base", "prediction")], &body);
    let folder = lab.run_folder("tiny").join("corrections");
    let outside = lab.path("outside");
    fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, &folder).unwrap();
    let refused = put();
    assert!(refused.status >= 400 && refused.text().contains("is a link"), "{}", refused.text());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing is written there");
    fs::remove_file(&folder).unwrap();
    assert_eq!(put().status, 200);
    fs::write(lab.path("secret.raw"), "TOP SECRET").unwrap();
    std::os::unix::fs::symlink(lab.path("secret.raw"), folder.join("data.raw")).unwrap();
    for reply in
        [put(), server.get(&format!("{url}/correction")), server.get(&format!("{url}/files/nrrd?of=correction"))]
    {
        assert!(reply.status >= 400 && !reply.text().contains("SECRET"), "{}", reply.text());
    }
    // Image and prediction are shown nevertheless.
    let known = server.json(&url);
    assert!(known["correction"].is_null() && !known["prediction"].is_null(), "{known}");
    let problem = known["corrections-problem"].as_str().unwrap();
    assert!(
        problem.contains("data.raw is a link") && !problem.contains(lab.path("runs").to_str().unwrap()),
        "{problem}"
    );
}

/// A run whose record was cut, on a full disk by an older version.
#[test]
fn a_damaged_record_keeps_nobody_from_looking() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let url = format!("/api/runs/{id}/cases/{}", cases[0]);
    let folder = lab.run_folder("tiny").join("corrections");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("corrections.json"), "{\"format\": 1, \"corr").unwrap();
    let known = server.json(&url);
    let problem = known["corrections-problem"].as_str().unwrap();
    assert!(problem.contains("damaged") && problem.contains("restore it from a copy, or remove it"), "{problem}");
    assert_eq!(server.get(known["prediction"]["url"].as_str().unwrap()).status, 200);
    let saved =
        server.ask("PUT", &format!("{url}/correction"), &[("segspec-base", "prediction")], &drawn(&lab, &cases[0], 3));
    assert_eq!(saved.status, 500, "{}", saved.text());
}

/// Two experiments with one training: a page that is open at the first one's address goes on.
#[test]
fn addresses_of_runs_stay_when_another_experiment_has_the_same_run() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let text = fs::read_to_string(lab.path("experiments/tiny.toml")).unwrap();
    lab.write("experiments/another.toml", &text);
    lab.run("another", &[]);
    let all = || {
        let known = server.json("/api/runs");
        let of = |name: &str| {
            let experiments = known["experiments"].as_array().unwrap();
            let found = experiments.iter().find(|it| it["name"] == name)?;
            Some(found["runs"][0]["id"].as_str().unwrap().to_owned())
        };
        of("another").map(|other| [of("tiny").unwrap(), other])
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let ids = loop {
        match all() {
            Some(ids) => break ids,
            None => assert!(std::time::Instant::now() < until),
        }
    };
    assert_eq!(ids, [id.clone(), format!("another.{id}")]);
    let put = |id: &str, body: &[u8]| {
        let url = format!("/api/runs/{id}/cases/{}/correction", cases[0]);
        server.ask("PUT", &url, &[("segspec-base", "prediction")], body).status
    };
    assert_eq!(put(&id, &drawn(&lab, &cases[0], 3)), 200);
    assert!(lab.run_folder("tiny").join("corrections/corrections.json").is_file());
    assert!(!lab.run_folder("another").join("corrections/corrections.json").exists());
    // Every run can be named with its experiment, and the training alone means the first.
    for name in [format!("tiny.{id}"), ids[1].clone(), id.split('.').next().unwrap().to_owned()] {
        assert_eq!(server.get(&format!("/api/runs/{name}")).status, 200, "{name}");
    }
}

#[test]
fn results_with_corrections_do_not_make_room_for_others() {
    let lab = trained();
    let mut few = settings(&lab);
    few.limits.jobs = 1;
    let server = Server::start(few);
    let (id, cases) = run(&server);
    let wanted = json!({ "run": id, "path": format!("set/imagesTr/{}.nii.gz", cases[0]) }).to_string();
    let job = || {
        let job = server.ask("POST", "/api/jobs", &[], wanted.as_bytes()).json();
        let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
        server.wait(&path, |job| job["state"] == "done");
        path
    };
    let (corrected, other) = (job(), job());
    let body = fs::read(prediction(&lab.run_folder("tiny")).join(format!("{}.nii.gz", cases[0]))).unwrap();
    let saved = server.ask("PUT", &format!("{corrected}/correction"), &[("segspec-base", "prediction")], &body);
    assert_eq!(saved.status, 200, "{}", saved.text());
    // Eight are kept.
    for _ in 0..8 {
        job();
    }
    assert_eq!((server.get(&corrected).status, server.get(&other).status), (200, 404));
    assert_eq!(server.get(&format!("{corrected}/correction")).status, 200);
}

/// A training may be predicted with several settings; the corrections of its cases are the same for all of them.
#[test]
fn labels_are_compared_with_the_prediction_that_they_were_drawn_upon() {
    let lab = trained();
    let case = &run(&Server::of(&lab)).1[0];
    let body = drawn(&lab, case, 3);
    lab.run("tiny", &["--set", "predict.overlap=0.25"]);
    let server = Server::of(&lab);
    let all = server.json("/api/runs");
    let runs = all["experiments"][0]["runs"].as_array().unwrap();
    let urls: Vec<String> =
        runs.iter().map(|run| format!("/api/runs/{}/cases/{case}", run["id"].as_str().unwrap())).collect();
    let ids: Vec<String> =
        urls.iter().map(|url| server.json(url)["prediction"]["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    let put = |url: &str, prediction: &str| {
        let headers = [("segspec-base", "prediction"), ("segspec-prediction", prediction)];
        server.ask("PUT", &format!("{url}/correction"), &headers, &body)
    };
    for (url, id) in [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(url, id)| (&urls[url], &ids[id])) {
        let saved = put(url, id);
        assert_eq!(saved.json()["prediction"], *id, "{}", saved.text());
        let record = json_of(&lab.run_folder("tiny").join("corrections/corrections.json"));
        let file = lab.run_folder("tiny").join(format!("predictions/{id}/{case}.nii.gz"));
        let hash = blake3::hash(&fs::read(file).unwrap()).to_hex().to_string();
        assert_eq!(record["corrections"][case]["base-hash"], *hash);
        let known = server.json(url)["correction"]["prediction"].clone();
        assert_eq!(known, **id, "who goes on with it knows its base");
    }
    for gone in ["0123456789", "../x", "."] {
        let refused = put(&urls[0], gone);
        assert!(refused.status == 400 && refused.text().contains("is gone"), "{}", refused.text());
    }
}

/// Labels that began with the reference hold structures that the run does not segment.
#[test]
fn corrected_reference_labels_can_be_saved_in_every_format() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let url = format!("/api/runs/{id}/cases/{}", cases[0]);
    let known = server.json(&url);
    let taken = known["taken-names"].as_array().unwrap();
    assert!(taken.contains(&json!("spine")), "{taken:?}");
    let body = server.get(known["reference"]["url"].as_str().unwrap()).body;
    let saved = server.ask("PUT", &format!("{url}/correction"), &[("segspec-base", "reference")], &body);
    assert_eq!(saved.status, 200, "{}", saved.text());
    for download in server.json(&url)["correction"]["downloads"].as_array().unwrap() {
        let reply = server.get(download["url"].as_str().unwrap());
        assert_eq!(reply.status, 200, "{download}: {}", reply.text());
        if download["format"] == "seg.nrrd" {
            let found = segspec::volume::read_segments(&reply.save(&lab, "got.seg.nrrd")).unwrap();
            let names: Vec<&str> = found.segments.iter().map(|segment| segment.name.as_str()).collect();
            assert!(names.contains(&"liver") && names.contains(&"spine"), "{names:?}");
        }
    }
}
