//! What people do with the server.

use std::fs;

use segspec::volume::{Geometry, LabelMap, read_label_map, read_volume, write_label_map};
use serde_json::{Value, json};

use super::Server;
use crate::lab::{Lab, prediction, sorted};

pub fn trained() -> Lab {
    let lab = Lab::new();
    lab.run("tiny", &[]);
    lab
}

/// The id of the lab's one run, and its predicted cases.
pub fn run(server: &Server) -> (String, Vec<String>) {
    let all = server.json("/api/runs");
    let run = &all["experiments"][0]["runs"][0];
    let id = run["id"].as_str().unwrap().to_owned();
    let known = server.json(&format!("/api/runs/{id}"));
    let cases = known["cases"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap().to_owned());
    let cases = cases.collect();
    (id, cases)
}

#[test]
fn runs_cases_and_logs_are_shown() {
    let lab = trained();
    let server = Server::of(&lab);
    let about = server.json("/api/about");
    assert_eq!((about["allow-run"].as_bool(), about["who"].as_str()), (Some(false), Some("tester")));
    assert!(about["research"].as_str().unwrap().starts_with("Research use only"));
    let all = server.json("/api/runs");
    let listed = &all["experiments"][0]["runs"][0];
    assert_eq!((all["experiments"][0]["name"].as_str(), listed["state"].as_str()), (Some("tiny"), Some("finished")));
    assert_eq!((listed["kind"].as_str(), listed["task"].as_str()), (Some("training"), Some("segment")));
    assert_eq!(listed["structure-names"], json!(["liver", "spleen"]));
    assert_eq!((&listed["epochs"], listed["can-segment"].as_bool()), (&json!({ "done": 3, "of": 3 }), Some(true)));
    let (id, cases) = run(&server);
    let known = server.json(&format!("/api/runs/{id}"));
    let names: Vec<&str> =
        known["structures"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!((names, cases.len()), (vec!["liver", "spleen"], 2));
    assert_eq!(known["history"]["epoch"].as_array().unwrap().len(), 3);
    assert_eq!(known["can-stop"], false);
    assert!(known["history"]["loss"].as_array().unwrap().iter().all(Value::is_number), "{known}");
    assert!(known["cases"][0]["scores"]["liver"]["dice"].is_number(), "{known}");
    let report = server.get(known["report"].as_str().unwrap());
    assert!(report.status == 200 && report.text().contains("<!"), "{}", report.head);
    let plan = server.get(&format!("/api/runs/{id}/plan"));
    assert!(plan.text().contains("[target]") || plan.text().contains("format = "), "{}", plan.text());
    // The log of a run that is over ends, and begins after the line that the page knows.
    let log = String::from_utf8(server.get(&format!("/api/runs/{id}/events")).body).unwrap();
    let lines = fs::read_to_string(lab.run_folder("tiny").join("events.jsonl")).unwrap().lines().count();
    assert_eq!(log.matches("id: ").count(), lines, "{log}");
    let rest = String::from_utf8(server.get(&format!("/api/runs/{id}/events?after={}", lines - 1)).body).unwrap();
    assert_eq!((rest.matches("id: ").count(), rest.contains(&format!("id: {lines}\n"))), (1, true), "{rest}");
    assert_eq!(server.get(&format!("/api/runs/{id}/queue")).status, 409);
}

#[test]
fn volumes_of_a_case_lie_on_one_grid_and_are_those_of_the_files() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let case = &cases[0];
    let url = format!("/api/runs/{id}/cases/{case}");
    let known = server.json(&url);
    let load = |value: &Value, name: &str| {
        let reply = server.get(value["url"].as_str().unwrap());
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.save(&lab, name)
    };
    let image = read_volume(&load(&known["images"][0], "got/image.nii.gz")).unwrap();
    let reference = read_label_map(&load(&known["reference"], "got/reference.nii.gz")).unwrap();
    let predicted = read_label_map(&load(&known["prediction"], "got/prediction.nii.gz")).unwrap();
    let original = read_volume(&lab.path(&format!("data/set/imagesTr/{case}.nii.gz"))).unwrap();
    assert_eq!((&image.voxels, &image.geometry), (&original.voxels, &original.geometry));
    assert_eq!(json!(image.geometry.shape), known["images"][0]["shape"]);
    for (labels, path) in [
        (&reference, lab.path(&format!("data/set/labelsTr/{case}.nii.gz"))),
        (&predicted, prediction(&lab.run_folder("tiny")).join(format!("{case}.nii.gz"))),
    ] {
        assert_eq!(labels, &read_label_map(&path).unwrap(), "{}", path.display());
        assert!(image.geometry.same_grid(&labels.geometry, 1e-6).is_ok());
    }
    let mask = load(&json!({ "url": format!("{url}/reference?mask=0") }), "got/mask.nii.gz");
    assert_eq!(read_label_map(&mask).unwrap().voxels, reference.voxels.mapv(|value| u16::from(value == 1)));
    assert_eq!(server.get(&format!("{url}/reference?mask=9")).status, 400);
    assert_eq!(server.get(&format!("{url}/image?channel=1")).status, 400);
    // Errors of the worst slice are counted as they are seen.
    if let Some(slice) = known["worst"]["slice"].as_u64() {
        let axis = ["z", "y", "x"].iter().position(|axis| known["worst"]["axis"] == *axis).unwrap();
        let is = |value: u16| if [1, 4].contains(&value) { value } else { 0 };
        let both = reference.voxels.index_axis(ndarray::Axis(axis), slice as usize);
        let other = predicted.voxels.index_axis(ndarray::Axis(axis), slice as usize);
        let errors = both.iter().zip(other.iter()).filter(|(a, b)| is(**a) != **b).count();
        assert_eq!(known["worst"]["errors"], errors);
    }
    assert_eq!((&known["next"], &known["previous"]), (&json!(cases[1]), &Value::Null));
    let mesh = server.get(&format!("{url}/meshes?of=reference"));
    assert!(mesh.status == 200 && mesh.body.starts_with(b"glTF"), "{}", mesh.head);
    let text = String::from_utf8_lossy(&mesh.body).into_owned();
    assert!(text.contains("\"name\":\"liver\"") && text.contains("\"name\":\"spleen\""));
    assert_eq!(server.json(&format!("{url}/meshes/about"))["to-world-mm"].as_array().unwrap().len(), 16);
    assert_eq!(server.get(&format!("{url}/meshes?of=everything")).status, 400);
}

#[test]
fn an_upload_is_segmented_as_predict_does_and_comes_in_every_format() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let name = format!("{}.nii.gz", cases[0]);
    let image = fs::read(lab.path(&format!("data/set/imagesTr/{name}"))).unwrap();
    let (upload, known) = server.uploaded(&[(&name, &image)]);
    assert_eq!(known["state"], "ready", "{known}");
    let wanted = json!({ "run": id, "upload": upload, "series": known["series"][0]["id"] });
    let reply = server.ask("POST", "/api/jobs", &[], wanted.to_string().as_bytes());
    assert_eq!(reply.status, 202, "{}", reply.text());
    let job = reply.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/jobs/{job}");
    let events = String::from_utf8(server.get(&format!("{path}/events")).body).unwrap();
    assert!(events.contains("\"state\":\"done\"") || events.contains("\"state\": \"done\""), "{events}");
    let done = server.wait(&path, |job| job["state"] != "queued" && job["state"] != "running");
    assert_eq!((done["state"].as_str(), done["progress"].as_f64()), (Some("done"), Some(1.0)), "{done}");
    assert_eq!((&done["run"], &done["network"]["experiment"]), (&json!(id), &json!("tiny")));
    let image = json!({ "from": "upload", "name": cases[0], "file": name, "patient": null, "upload": upload });
    assert_eq!(done["image"], image);
    assert!(done["created"].as_str().unwrap().starts_with("20") && done["probabilities"] == false, "{done}");
    let result = &done["result"];
    let got = server.get(result["prediction"]["url"].as_str().unwrap()).save(&lab, "got.nii.gz");
    let own = read_label_map(&prediction(&lab.run_folder("tiny")).join(&name)).unwrap();
    assert_eq!(read_label_map(&got).unwrap(), own, "the job gives what the run predicted");
    for download in result["downloads"].as_array().unwrap() {
        let reply = server.get(download["url"].as_str().unwrap());
        assert!(reply.status == 200 && !reply.body.is_empty(), "{download}: {}", reply.text());
        let saved_as = format!("attachment; filename=\"{}-segmentation.", cases[0]);
        assert!(reply.header("content-disposition").unwrap().starts_with(&saved_as), "{}", reply.head);
        if download["format"] == "seg.nrrd" {
            let found = segspec::volume::read_segments(&reply.save(&lab, "got.seg.nrrd")).unwrap();
            let names: Vec<&str> = found.segments.iter().map(|segment| segment.name.as_str()).collect();
            assert_eq!(names, ["liver", "spleen"]);
        }
    }
    assert!(!result["downloads"].to_string().contains("\"dcm\""), "no series, no DICOM SEG");
    assert_eq!(server.get(&format!("{path}/files/dcm")).status, 409);
    let image = server.get(result["images"][0]["url"].as_str().unwrap()).save(&lab, "image.nii.gz");
    assert_eq!(read_volume(&image).unwrap().geometry.shape, own.geometry.shape);
    assert_eq!(server.ask("DELETE", &path, &[], b"").status, 204);
    assert_eq!(server.get(&path).status, 404);
}

#[test]
fn files_below_the_roots_are_listed_and_segmented() {
    let lab = trained();
    let server = Server::of(&lab);
    let top = server.json("/api/files?path=");
    assert_eq!(top["folders"], json!(["set"]), "{top}");
    let images = server.json("/api/files?path=set/imagesTr");
    let first = images["files"][0]["name"].as_str().unwrap();
    assert_eq!(images["files"][0]["kind"], "image");
    let labels = server.json("/api/files?path=set");
    assert!(labels["folders"].as_array().unwrap().contains(&json!("labelsTr")), "{labels}");
    let labels = server.json("/api/files?path=set/labelsTr");
    assert!(labels["files"].as_array().unwrap().iter().all(|file| file["kind"] == "labels"), "{labels}");
    let about = server.json(&format!("/api/files/image?path=set/imagesTr/{first}"));
    let voxels = server.get(about["url"].as_str().unwrap());
    assert_eq!(voxels.status, 200, "{}", voxels.text());
    let (id, _) = run(&server);
    let wanted = json!({ "run": id, "path": format!("set/imagesTr/{first}") }).to_string();
    let job = server.ask("POST", "/api/jobs", &[], wanted.as_bytes()).json();
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    let done = server.wait(&path, |job| job["state"] == "done" || job["state"] == "failed");
    assert_eq!(done["state"], "done", "{done}");
}

#[test]
fn jobs_wait_are_bounded_and_cancelled() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, _) = run(&server);
    let name = sorted(&lab.path("data/set/imagesTr"))[0].file_name().unwrap().to_string_lossy().into_owned();
    let wanted = json!({ "run": id, "path": format!("set/imagesTr/{name}") }).to_string();
    let statuses: Vec<u16> = (0..12).map(|_| server.ask("POST", "/api/jobs", &[], wanted.as_bytes()).status).collect();
    assert!(statuses.contains(&202) && statuses.iter().all(|status| [202, 429].contains(status)), "{statuses:?}");
    for job in server.json("/api/jobs").as_array().unwrap() {
        let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
        assert_eq!(server.ask("DELETE", &path, &[], b"").status, 204);
    }
    assert_eq!(server.json("/api/jobs"), json!([]));
    assert!(server.is_alive());
}

#[test]
fn a_job_that_fails_says_why_and_the_next_one_runs() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, _) = run(&server);
    // Two channels, for a network that takes one.
    let two = segspec::volume::Volume {
        voxels: ndarray::Array4::zeros((2, 8, 8, 8)),
        geometry: Geometry::axis_aligned([8; 3], [3.0; 3]),
    };
    segspec::volume::write_volume(&lab.path("data/two.nii.gz"), &two).unwrap();
    let ask = |path: &str| {
        let wanted = json!({ "run": id, "path": path }).to_string();
        let job = server.ask("POST", "/api/jobs", &[], wanted.as_bytes()).json();
        let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
        server.wait(&path, |job| job["state"] == "done" || job["state"] == "failed")
    };
    let failed = ask("two.nii.gz");
    assert!(failed["error"].as_str().unwrap().contains("2 channels, the network takes 1"), "{failed}");
    let name = sorted(&lab.path("data/set/imagesTr"))[0].file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(ask(&format!("set/imagesTr/{name}"))["state"], "done");
}

#[test]
fn corrections_are_saved_exactly_and_become_a_dataset() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let case = &cases[0];
    let url = format!("/api/runs/{id}/cases/{case}");
    let own = prediction(&lab.run_folder("tiny")).join(format!("{case}.nii.gz"));
    let old = read_label_map(&own).unwrap();
    let mut new = old.clone();
    new.voxels.slice_mut(ndarray::s![2..5, 3..8, 4..9]).fill(4);
    new.voxels[[0, 0, 0]] = 1;
    write_label_map(&lab.path("drawn.nii.gz"), &new).unwrap();
    let drawn = fs::read(lab.path("drawn.nii.gz")).unwrap();
    let put =
        |body: &[u8], base: &str| server.ask("PUT", &format!("{url}/correction"), &[("segspec-base", base)], body);
    refuses(&lab, &put, &new);
    let saved = put(&drawn, "prediction");
    assert_eq!(saved.status, 200, "{}", saved.text());
    let count = |value: u16| {
        let pairs = old.voxels.iter().zip(new.voxels.iter());
        pairs.filter(|(old, new)| (**old == value) != (**new == value)).count() as u64
    };
    let saved = saved.json();
    for (name, value) in [("liver", 1), ("spleen", 4)] {
        assert_eq!(saved["changed"][name].as_u64().unwrap_or(0), count(value), "{saved}");
    }
    let file = lab.run_folder("tiny").join(format!("corrections/{case}.nrrd"));
    assert_eq!(read_label_map(&file).unwrap().voxels, new.voxels);
    assert!(old.geometry.same_grid(&read_label_map(&file).unwrap().geometry, 1e-4).is_ok());
    assert_eq!(read_label_map(&own).unwrap(), old, "the prediction stays");
    let known = server.json(&url);
    assert_eq!((&known["correction"]["who"], &known["correction"]["base"]), (&json!("tester"), &json!("prediction")));
    let loaded = server.get(known["correction"]["url"].as_str().unwrap()).save(&lab, "loaded.nii.gz");
    assert_eq!(read_label_map(&loaded).unwrap().voxels, new.voxels);
    assert_eq!(server.json(&format!("/api/runs/{id}/corrections")).as_array().unwrap().len(), 1);
    let written = server.ask("POST", &format!("/api/runs/{id}/dataset"), &[], b"{\"name\": \"corrected\"}");
    assert_eq!(written.json()["cases"], json!([case]), "{}", written.text());
    let text = fs::read_to_string(lab.path("datasets/corrected.toml")).unwrap();
    assert!(text.contains("corrections = \"corrections/corrected\""), "{text}");
    assert_eq!(server.ask("POST", &format!("/api/runs/{id}/dataset"), &[], b"{\"name\": \"corrected\"}").status, 400);
}

fn refuses(lab: &Lab, put: &dyn Fn(&[u8], &str) -> super::Reply, good: &LabelMap) {
    let written = |labels: &LabelMap| {
        write_label_map(&lab.path("wrong.nii.gz"), labels).unwrap();
        fs::read(lab.path("wrong.nii.gz")).unwrap()
    };
    let mut unknown = good.clone();
    unknown.voxels[[1, 1, 1]] = 77;
    let shape = good.geometry.shape;
    let moved = LabelMap { geometry: Geometry::axis_aligned(shape, [9.0; 3]), ..good.clone() };
    let smaller =
        LabelMap { voxels: ndarray::Array3::zeros([2; 3]), geometry: Geometry::axis_aligned([2; 3], [1.0; 3]) };
    let bomb = written(&LabelMap {
        voxels: ndarray::Array3::zeros([400; 3]),
        geometry: Geometry::axis_aligned([400; 3], [1.0; 3]),
    });
    let right = written(good);
    for (body, base, part) in [
        (written(&unknown), "prediction", "without a meaning: 77"),
        (written(&moved), "prediction", "not on the grid"),
        (written(&smaller), "prediction", "voxels [z, y, x]"),
        (bomb, "empty", "voxels [z, y, x]"),
        (right[..right.len() / 2].to_vec(), "prediction", "\"error\""),
        (b"no image".to_vec(), "prediction", "no NIfTI file"),
        (right.clone(), "guess", "segspec-base"),
    ] {
        let reply = put(&body, base);
        assert!(reply.status == 400 && reply.text().contains(part), "{part}: {}", reply.text());
    }
    assert!(!lab.run_folder("tiny").join("corrections/corrections.json").exists());
}
