//! Clicks over HTTP: followed as `segspec predict --clicks` follows them, and refused where they make no sense.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use segspec::volume::{Geometry, LabelMap, Volume, read_label_map, write_label_map, write_volume};
use serde_json::{Value, json};

use super::flows::run;
use super::{Reply, Server, settings};
use crate::lab::{Lab, TINY, prediction};

/// A run whose network takes clicks.
fn trained() -> Lab {
    let lab = Lab::new();
    lab.write("experiments/tiny.toml", &format!("{TINY}\n[interact]\nradius-mm = 6.0\nclicks = 4\nrounds = 2\n"));
    lab.run("tiny", &[]);
    lab
}

fn open(server: &Server, wanted: &Value) -> Reply {
    server.ask("POST", "/api/clicks", &[], wanted.to_string().as_bytes())
}

fn session(server: &Server, wanted: &Value) -> String {
    let reply = open(server, wanted);
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["session"].as_str().unwrap().to_owned()
}

/// Every byte but letters and digits as `%XX`.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn click(server: &Server, session: &str, clicks: &str, labels: &[u8]) -> Reply {
    server.ask("POST", &format!("/api/clicks/{session}"), &[("segspec-clicks", &encoded(clicks))], labels)
}

/// The predicted file of a case.
fn file(lab: &Lab, case: &str) -> PathBuf {
    prediction(&lab.run_folder("tiny")).join(format!("{case}.nii.gz"))
}

/// The first place of background away from the border, in world millimetres.
fn background(labels: &LabelMap) -> [f64; 3] {
    let found = labels.voxels.indexed_iter().find(|((z, y, x), label)| **label == 0 && *z > 2 && *y > 2 && *x > 2);
    let (z, y, x) = found.unwrap().0;
    labels.geometry.to_world([z, y, x].map(|index| index as f64))
}

#[test]
fn clicks_on_a_case_and_on_a_job_do_what_the_command_does() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let known = server.json(&format!("/api/runs/{id}/cases/{}", cases[0]));
    assert_eq!(known["takes-clicks"], true, "{known}");
    let file = file(&lab, &cases[0]);
    let (before, bytes) = (read_label_map(&file).unwrap(), fs::read(&file).unwrap());
    let clicks = json!([{ "structure": "spleen", "at-mm": background(&before) }]);

    let image = lab.path(&format!("data/set/imagesTr/{}.nii.gz", cases[0]));
    lab.write("clicks.json", &json!({ "clicks": clicks }).to_string());
    let folder = lab.run_folder("tiny");
    let arguments = ["predict", folder.to_str().unwrap(), "--input", image.to_str().unwrap(), "--output", "out"];
    let ended = lab.end(&[&arguments[..], &["--clicks", "clicks.json"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let expected = read_label_map(&lab.path(&format!("out/{}.nii.gz", cases[0]))).unwrap();
    assert_ne!(expected.voxels, before.voxels);

    let reply = open(&server, &json!({ "run": id, "case": cases[0] }));
    let opened = reply.json();
    assert_eq!((reply.status, opened["structures"][1]["name"].as_str()), (201, Some("spleen")), "{}", reply.text());
    let of_case = opened["session"].as_str().unwrap();
    let answer = click(&server, of_case, &clicks.to_string(), &bytes);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/gzip")), "{}", answer.text());
    assert_eq!(read_label_map(&answer.save(&lab, "case.nii.gz")).unwrap(), expected);

    // The image of a job, with the job's network; what a person added stays.
    let job = done(&server, &json!({ "run": id, "case": cases[0] }), "done");
    assert_eq!(server.json(&format!("/api/jobs/{job}"))["result"]["takes-clicks"], true);
    let of_job = session(&server, &json!({ "job": job }));
    let mut drawn = before.clone();
    drawn.voxels.fill(77);
    write_label_map(&lab.path("drawn.nii.gz"), &drawn).unwrap();
    let answer = click(&server, &of_job, &clicks.to_string(), &fs::read(lab.path("drawn.nii.gz")).unwrap());
    assert_eq!(read_label_map(&answer.save(&lab, "job.nii.gz")).unwrap().voxels, drawn.voxels);
    assert_eq!(server.ask("DELETE", &format!("/api/clicks/{of_job}"), &[], b"").status, 204);
    assert_eq!(click(&server, &of_job, &clicks.to_string(), &bytes).status, 404);
    assert_eq!(click(&server, of_case, &clicks.to_string(), &bytes).status, 200);
}

#[test]
fn clicks_that_make_no_sense_are_refused_and_the_server_lives() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let bytes = fs::read(file(&lab, &cases[0])).unwrap();
    let session = session(&server, &json!({ "run": id, "case": cases[0] }));
    let good = r#"[{"structure":"liver","at-mm":[0,0,0]}]"#;
    let many = format!("[{}]", vec![r#"{"structure":"liver","at-mm":[0,0,0]}"#; 101].join(","));
    for (clicks, words) in [
        ("", "URL-encoded JSON"),
        ("[", "URL-encoded JSON"),
        ("[]", "0 clicks: send 1 to 100"),
        ("{}", "URL-encoded JSON"),
        (r#"[{"structure":"liver","at-mm":[0,0]}]"#, "URL-encoded JSON"),
        (r#"[{"structure":"liver","at-mm":[0,0,NaN]}]"#, "URL-encoded JSON"),
        (r#"[{"structure":"liver","at-mm":[0,0,1e999]}]"#, "URL-encoded JSON"),
        (r#"[{"structure":"liver","at-mm":[0,0,"1"]}]"#, "URL-encoded JSON"),
        (r#"[{"structure":"liver","at-mm":[0,0,0],"path":"/etc"}]"#, "URL-encoded JSON"),
        (r#"[{"structure":"liver","at-mm":[1e308,1e308,1e308]}]"#, "outside"),
        (r#"[{"structure":"liver","at-mm":[-99999,0,0]}]"#, "outside"),
        (r#"[{"structure":"../../liver","at-mm":[0,0,0]}]"#, "unknown structure"),
        (r#"[{"structure":"","at-mm":[0,0,0]}]"#, "unknown structure"),
        (&many, "101 clicks: send 1 to 100"),
    ] {
        let reply = click(&server, &session, clicks, &bytes);
        assert!(reply.status == 400 && reply.text().contains(words), "{clicks}: {}", reply.text());
    }
    let huge = format!(r#"[{{"structure":"{}","at-mm":[0,0,0]}}]"#, "x".repeat(40_000));
    assert!([0, 400, 431].contains(&click(&server, &session, &huge, &bytes).status));
    refused_labels(&lab, &server, (session.as_str(), good), &read_label_map(&file(&lab, &cases[0])).unwrap());
    for unknown in ["n0000000000000000000000", "..", "%2e%2e%2f", "0", &"n".repeat(5000)] {
        let reply = click(&server, unknown, good, &bytes);
        assert!([400, 404, 405, 414, 431].contains(&reply.status), "{unknown}: {}", reply.text());
    }
    let bare = server.ask("POST", &format!("/api/clicks/{session}"), &[], &bytes);
    assert!(bare.status == 400 && bare.text().contains("segspec-clicks"), "{}", bare.text());
    let (host, body) = (server.address, "{}");
    let anyone =
        format!("POST /api/clicks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{body}");
    assert_eq!(server.raw(anyone.as_bytes()).status, 401);
    assert!(server.is_alive());
}

fn refused_labels(lab: &Lab, server: &Server, (session, good): (&str, &str), right: &LabelMap) {
    let other =
        LabelMap { voxels: ndarray::Array3::zeros([3, 4, 5]), geometry: Geometry::axis_aligned([3, 4, 5], [1.0; 3]) };
    write_label_map(&lab.path("other.nii.gz"), &other).unwrap();
    // The same numbers of voxels elsewhere, or turned around.
    let (mut moved, mut turned) = (right.clone(), right.clone());
    moved.geometry.affine[0][3] += 5000.0;
    turned.geometry.affine.iter_mut().for_each(|row| row[1] = -row[1]);
    write_label_map(&lab.path("moved.nii.gz"), &moved).unwrap();
    write_label_map(&lab.path("turned.nii.gz"), &turned).unwrap();
    for (labels, words) in [
        (fs::read(lab.path("moved.nii.gz")).unwrap(), "different grids: origin"),
        (fs::read(lab.path("turned.nii.gz")).unwrap(), "different grids: orientation"),
        (fs::read(lab.path("other.nii.gz")).unwrap(), "[3, 4, 5] voxels"),
        (Vec::new(), "no NIfTI file"),
        (b"not labels".to_vec(), "no NIfTI file"),
        (vec![0x1f, 0x8b, 8, 0], "no NIfTI file"),
    ] {
        let reply = click(server, session, good, &labels);
        assert!(reply.status == 400 && reply.text().contains(words), "{words}: {}", reply.text());
    }
}

#[test]
fn sessions_are_of_cases_and_finished_jobs_of_networks_that_take_clicks() {
    let lab = trained();
    lab.write("experiments/plain.toml", TINY);
    lab.run("plain", &[]);
    let server = Server::of(&lab);
    let (id, plain) = (id_of(&server, "tiny"), id_of(&server, "plain"));
    let case = case_of(&server, &id);
    for (wanted, status) in [
        (json!({ "run": plain, "case": case }), 409),
        (json!({ "run": id, "case": "nobody" }), 404),
        (json!({ "run": "nothing", "case": case }), 404),
        (json!({ "run": id, "case": "../../secret" }), 404),
        (json!({ "run": format!("../{id}"), "case": case }), 404),
        (json!({ "run": id }), 400),
        (json!({ "run": id, "case": case, "job": "x" }), 400),
        (json!({ "job": "x" }), 404),
        (json!({ "job": "x", "path": "/etc/passwd" }), 400),
        (json!([]), 400),
    ] {
        let reply = open(&server, &wanted);
        assert_eq!(reply.status, status, "{wanted}: {}", reply.text());
    }
    assert_eq!(server.json(&format!("/api/runs/{plain}/cases/{case}"))["takes-clicks"], false);
    // A job of another network, and one that failed.
    let of_plain = done(&server, &json!({ "run": plain, "case": case }), "done");
    assert_eq!(server.json(&format!("/api/jobs/{of_plain}"))["result"]["takes-clicks"], false);
    assert_eq!(open(&server, &json!({ "job": of_plain })).status, 409);
    let two =
        Volume { voxels: ndarray::Array4::zeros([2, 8, 8, 8]), geometry: Geometry::axis_aligned([8; 3], [1.0; 3]) };
    write_volume(&lab.path("data/two.nii.gz"), &two).unwrap();
    let failed = done(&server, &json!({ "run": id, "path": "two.nii.gz" }), "failed");
    let reply = open(&server, &json!({ "job": failed }));
    assert!(reply.status == 409 && reply.text().contains("no result"), "{}", reply.text());
}

#[test]
fn sessions_are_few_and_end_with_what_they_are_of() {
    let lab = trained();
    let server = Server::of(&lab);
    let id = id_of(&server, "tiny");
    let case = case_of(&server, &id);
    let wanted = json!({ "run": id, "case": case });
    let (bytes, good) = labels_and_click(&lab, &case);
    let status = |server: &Server, id: &str| click(server, id, &good, &bytes).status;
    let sessions: Vec<String> = (0..3).map(|_| session(&server, &wanted)).collect();
    let statuses: Vec<u16> = sessions.iter().map(|id| status(&server, id)).collect();
    assert_eq!(statuses, [404, 200, 200], "the oldest session makes room");
    // The client goes away: the session goes on for others.
    let head = format!(
        "POST /api/clicks/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\nsegspec-clicks: {}\r\n\r\n",
        sessions[2],
        server.address,
        server.token,
        bytes.len(),
        encoded(&good)
    );
    for sent in [bytes.len(), bytes.len() / 2] {
        let mut stream = server.connect();
        stream.write_all(&[head.as_bytes(), &bytes[..sent]].concat()).unwrap();
        drop(stream);
    }
    assert_eq!(status(&server, &sessions[2]), 200);

    let image = fs::read(lab.path(&format!("data/set/imagesTr/{case}.nii.gz"))).unwrap();
    let (upload, known) = server.uploaded(&[("image.nii.gz", &image)]);
    let order = json!({ "run": id, "upload": upload, "series": known["series"][0]["id"] });
    let job = done(&server, &order, "done");
    let of_job = session(&server, &json!({ "job": job }));
    assert_eq!(status(&server, &of_job), 200);
    assert_eq!(server.ask("DELETE", &format!("/api/uploads/{upload}"), &[], b"").status, 204);
    assert_eq!(status(&server, &of_job), 404, "its image was removed");
    let job = done(&server, &json!({ "run": id, "case": case }), "done");
    let of_job = session(&server, &json!({ "job": job }));
    assert_eq!(server.ask("DELETE", &format!("/api/jobs/{job}"), &[], b"").status, 204);
    assert_eq!(status(&server, &of_job), 404, "its job was removed");
    drop(server);

    let short = Server::start(segspec::serve::Settings { keep_uploads: Duration::from_secs(1), ..settings(&lab) });
    let unused = session(&short, &wanted);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(status(&short, &unused), 404, "unused ones end");
}

/// The id of the one run of an experiment.
fn id_of(server: &Server, experiment: &str) -> String {
    let all = server.json("/api/runs");
    let of = all["experiments"].as_array().unwrap().iter().find(|it| it["name"] == experiment).unwrap();
    of["runs"][0]["id"].as_str().unwrap().to_owned()
}

fn case_of(server: &Server, run: &str) -> String {
    server.json(&format!("/api/runs/{run}"))["cases"][0]["name"].as_str().unwrap().to_owned()
}

/// A case's predicted labels, and a click that can be followed.
fn labels_and_click(lab: &Lab, case: &str) -> (Vec<u8>, String) {
    let at = background(&read_label_map(&file(lab, case)).unwrap());
    (fs::read(file(lab, case)).unwrap(), json!([{ "structure": "liver", "at-mm": at }]).to_string())
}

/// Starts a job and waits for its end.
fn done(server: &Server, order: &Value, state: &str) -> String {
    let reply = server.ask("POST", "/api/jobs", &[], order.to_string().as_bytes());
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let job = server.wait(&format!("/api/jobs/{id}"), |job| job["state"] != "queued" && job["state"] != "running");
    assert_eq!(job["state"], state, "{job}");
    id
}
