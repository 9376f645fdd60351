//! What people take away: corrected labels, probability maps, reports.

use std::fs;

use segspec::volume::{read_label_map, read_volume, write_label_map};
use serde_json::{Value, json};

use super::Server;
use super::flows::{run, trained};
use crate::lab::prediction;

#[test]
fn corrected_labels_of_a_job_hold_new_structures_in_every_format() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let job = done(&server, &json!({ "run": id, "path": format!("set/imagesTr/{}.nii.gz", cases[0]) }));
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(
        (&job["correction"], server.get(&format!("{path}/files/nrrd?of=correction")).status),
        (&Value::Null, 404)
    );
    assert_eq!(job["result"]["taken-values"], json!([0, 1, 2, 3, 4, 5, 6]));
    let own = server.get(job["result"]["prediction"]["url"].as_str().unwrap()).save(&lab, "own.nii.gz");
    let mut labels = read_label_map(&own).unwrap();
    labels.voxels.slice_mut(ndarray::s![1..3, 2..5, 2..6]).fill(300);
    write_label_map(&lab.path("drawn.nii.gz"), &labels).unwrap();
    let drawn = fs::read(lab.path("drawn.nii.gz")).unwrap();
    let put = |structures: &str| {
        let headers = [("segspec-base", "prediction"), ("segspec-structures", structures)];
        server.ask("PUT", &format!("{path}/correction"), &headers, &drawn)
    };
    for (structures, part) in [
        ("", "lists new structures as"),
        ("%5B", "lists new structures as"),
        ("%zz", "lists new structures as"),
        ("[{\"name\":\"x\",\"value\":300}]", "lists new structures as"),
        ("[]", "without a meaning: 300"),
        ("[{\"name\":\"x\",\"value\":5,\"color\":\"%23000000\"}]", "which is spine of the dataset"),
        ("[{\"name\":\"liver\",\"value\":300,\"color\":\"%23000000\"}]", "the name of another one"),
        ("[{\"name\":\"x\",\"value\":300,\"color\":\"%3Cscript%3E\"}]", "has the colour"),
        ("[{\"name\":\"x\",\"value\":70000,\"color\":\"%23000000\"}]", "lists new structures as"),
    ] {
        let reply = put(structures);
        assert!(reply.status == 400 && reply.text().contains(part), "{structures}: {}", reply.text());
    }
    let cyst = "%5B%7B%22name%22%3A%22Zyste%20%C3%A4%22%2C%22value%22%3A300%2C%22color%22%3A%22%23009e73%22%7D%5D";
    let saved = put(cyst);
    assert_eq!(saved.status, 200, "{}", saved.text());
    assert_eq!(saved.json()["changed"]["Zyste ä"], 24);
    let again = put("[]");
    assert_eq!(again.json()["structures"][0]["name"], "Zyste ä", "what was added stays known: {}", again.text());
    let known = server.json(&path);
    assert_eq!(known["result"]["structures"][2]["value"], 300);
    for download in known["correction"]["downloads"].as_array().unwrap() {
        let reply = server.get(download["url"].as_str().unwrap());
        assert_eq!(reply.status, 200, "{download}: {}", reply.text());
        let format = download["format"].as_str().unwrap();
        let file = reply.save(&lab, &format!("got/corrected.{format}"));
        match format {
            "nii.gz" | "nrrd" => assert_eq!(read_label_map(&file).unwrap().voxels, labels.voxels, "{format}"),
            "seg.nrrd" => {
                let found = segspec::volume::read_segments(&file).unwrap();
                let names: Vec<&str> = found.segments.iter().map(|segment| segment.name.as_str()).collect();
                assert_eq!(names, ["liver", "spleen", "Zyste ä"]);
            }
            "glb" => assert!(String::from_utf8_lossy(&reply.body).contains("Zyste"), "{format}"),
            _ => {}
        }
    }
    let plain = server.get(&format!("{path}/files/nrrd")).save(&lab, "got/plain.nrrd");
    assert_eq!(read_label_map(&plain).unwrap(), read_label_map(&own).unwrap(), "the result stays as it was");
    assert_eq!(server.get(&format!("{path}/files/nrrd?of=everything")).status, 400);
}

/// Starts a job and waits for its end.
fn done(server: &Server, wanted: &Value) -> Value {
    let reply = server.ask("POST", "/api/jobs", &[], wanted.to_string().as_bytes());
    assert_eq!(reply.status, 202, "{}", reply.text());
    let path = format!("/api/jobs/{}", reply.json()["id"].as_str().unwrap());
    let job = server.wait(&path, |job| job["state"] != "queued" && job["state"] != "running");
    assert_eq!(job["state"], "done", "{job}");
    job
}

#[test]
fn probability_maps_of_a_case_are_made_on_demand() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let url = format!("/api/runs/{id}/cases/{}", cases[0]);
    let known = server.json(&url);
    assert_eq!((&known["probabilities"], &known["can-segment"]), (&json!([]), &json!(true)));
    let plain = done(&server, &json!({ "run": id, "case": cases[0] }));
    assert_eq!(plain["result"]["probabilities"], json!([]));
    assert_eq!(server.get(&format!("/api/jobs/{}/probabilities/0", plain["id"].as_str().unwrap())).status, 404);
    let job = done(&server, &json!({ "run": id, "case": cases[0], "probabilities": true }));
    let known = server.json(&url);
    assert_eq!(known["probabilities"], job["result"]["probabilities"]);
    let labels = prediction(&lab.run_folder("tiny")).join(format!("{}.nii.gz", cases[0]));
    let labels = read_label_map(&labels).unwrap();
    let mut maps = Vec::new();
    for (place, name) in ["liver", "spleen"].into_iter().enumerate() {
        let about = &known["probabilities"][place];
        assert_eq!((about["structure"].as_str(), &about["shape"]), (Some(name), &json!(labels.geometry.shape)));
        let reply = server.get(about["url"].as_str().unwrap());
        let map = read_volume(&reply.save(&lab, &format!("map{place}.nii.gz"))).unwrap();
        assert!(map.geometry.same_grid(&labels.geometry, 1e-4).is_ok());
        assert!(map.voxels.iter().all(|value| (0.0..=1.0).contains(value)));
        maps.push(map.voxels);
    }
    // The network chose what is likelier than the rest.
    for (at, &value) in labels.voxels.indexed_iter() {
        let [liver, spleen] = [0, 1].map(|place: usize| maps[place][[0, at.0, at.1, at.2]]);
        match value {
            1 => assert!(liver >= spleen && liver > 0.33 - 0.01, "{liver} {spleen}"),
            4 => assert!(spleen >= liver && spleen > 0.33 - 0.01, "{liver} {spleen}"),
            _ => {}
        }
    }
    let path = format!("/api/jobs/{}", job["id"].as_str().unwrap());
    for wrong in ["2", "-1", "x", "..%2f0"] {
        assert_eq!(server.get(&format!("{path}/probabilities/{wrong}")).status, 404, "{wrong}");
    }
    assert_eq!(server.ask("DELETE", &path, &[], b"").status, 204);
    assert_eq!(server.json(&url)["probabilities"], json!([]));
    for (wanted, status) in [
        (json!({ "run": id, "case": "nobody", "probabilities": true }), 404),
        (json!({ "run": id, "case": "../../secret" }), 404),
        (json!({ "run": id, "case": cases[0], "path": "x" }), 400),
    ] {
        assert_eq!(server.ask("POST", "/api/jobs", &[], wanted.to_string().as_bytes()).status, status, "{wanted}");
    }
}

#[test]
fn a_report_opens_by_its_own_path_without_the_cookie() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, _) = run(&server);
    let url = server.json(&format!("/api/runs/{id}"))["report"].as_str().unwrap().to_owned();
    assert_eq!(server.json(&format!("/api/runs/{id}"))["report"], url, "one path for one report");
    let host = server.address;
    let anyone = |line: &str, more: &str| {
        let text = format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\nContent-Length: 0\r\n\r\n");
        server.raw(text.as_bytes())
    };
    let page = anyone(&format!("GET {url}"), "Sec-Fetch-Site: cross-site\r\n");
    assert!(
        page.status == 200 && page.header("content-security-policy").unwrap().starts_with("sandbox"),
        "{}",
        page.head
    );
    assert!(page.header("set-cookie").is_none() && !page.text().contains(&server.token));
    // The files that it links to.
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let links: Vec<&str> = text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let files: Vec<&&str> = links.iter().filter(|link| !link.starts_with('#') && !link.contains(':')).collect();
    let folder = url.rsplit_once('/').unwrap().0;
    assert!(!files.is_empty(), "{links:?}");
    for file in files {
        assert_eq!(anyone(&format!("GET {folder}/{file}"), "").status, 200, "{file}");
    }
    let key = url.split('/').nth(2).unwrap();
    for (line, more, statuses) in [
        (format!("GET /report/{key}x/report.html"), "", &[401][..]),
        (format!("GET /report/{}/report.html", &key[..20]), "", &[401]),
        (format!("GET /report/{key}"), "", &[401]),
        (format!("GET /report//report.html?{key}"), "", &[401]),
        (format!("GET /api/runs?/report/{key}/report.html"), "", &[401]),
        (format!("GET /report/{key}/../../api/runs"), "", &[401, 404]),
        (format!("GET /report/{key}/..%2f..%2f..%2fplan.toml"), "", &[404]),
        (format!("GET /report/{key}/%2e%2e/%2e%2e/manifest.json"), "", &[404]),
        (format!("GET /report/{key}//etc/passwd"), "", &[404]),
        (format!("POST {url}"), "", &[401]),
        (format!("DELETE {url}"), "Sec-Fetch-Site: same-origin\r\n", &[401]),
        (format!("GET {url}"), "Origin: null\r\n", &[403]),
        (format!("GET {url}"), "Origin: http://evil.example\r\n", &[403]),
    ] {
        let reply = anyone(&line, more);
        assert!(statuses.contains(&reply.status), "{line} {more}: {}", reply.text());
    }
    let other = format!("GET {url} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(server.raw(other.as_bytes()).status, 403);
}

#[test]
fn reports_on_experiments_are_shown_as_those_of_runs_are() {
    let lab = trained();
    let page = |name: &str| lab.write(&format!("reports/{name}"), "<!doctype html><script>1</script>");
    page("tiny/report.html");
    page("tiny/ranking.html");
    page("networks/report.html");
    lab.write("secret.html", "secret");
    let server = Server::of(&lab);
    let all = server.json("/api/runs");
    let pages = &all["experiments"][0]["reports"];
    let kinds: Vec<&str> = pages.as_array().unwrap().iter().map(|it| it["page"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["report", "ranking"]);
    assert_eq!((all["reports"][0]["name"].as_str(), all["reports"].as_array().unwrap().len()), (Some("networks"), 1));
    let (id, _) = run(&server);
    let known = server.json(&format!("/api/runs/{id}"));
    assert_eq!(&known["experiment-reports"], pages, "one path for one report");
    let url = pages[1]["url"].as_str().unwrap();
    assert_ne!(url.split('/').nth(2), known["report"].as_str().unwrap().split('/').nth(2), "a key opens one report");
    let host = server.address;
    let anyone =
        |path: &str| server.raw(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes());
    let reply = anyone(url);
    assert!(
        reply.status == 200 && reply.header("content-security-policy").unwrap().starts_with("sandbox"),
        "{}",
        reply.head
    );
    let key = url.split('/').nth(2).unwrap();
    for wrong in [
        "..%2f..%2fsecret.html",
        "../secret.html",
        "%2e%2e/%2e%2e/secret.html",
        "..%2fnetworks%2freport.html",
        "/etc/passwd",
        "",
        ".",
        "gone.html",
    ] {
        let reply = anyone(&format!("/report/{key}/{wrong}"));
        assert!([401, 404].contains(&reply.status), "{wrong}: {}", reply.text());
    }
    #[cfg(unix)]
    {
        fs::remove_dir_all(lab.path("reports/tiny")).unwrap();
        fs::create_dir(lab.path("elsewhere")).unwrap();
        lab.write("elsewhere/ranking.html", "secret");
        std::os::unix::fs::symlink(lab.path("elsewhere"), lab.path("reports/tiny")).unwrap();
        assert_eq!(anyone(url).status, 404, "a folder that became a link to elsewhere");
    }
}

#[test]
fn the_labels_of_a_case_of_a_run_are_saved_in_every_format() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let url = format!("/api/runs/{id}/cases/{}", cases[0]);
    let known = server.json(&url);
    let own = prediction(&lab.run_folder("tiny")).join(format!("{}.nii.gz", cases[0]));
    let own = read_label_map(&own).unwrap();
    let formats: Vec<&str> =
        known["downloads"].as_array().unwrap().iter().map(|it| it["format"].as_str().unwrap()).collect();
    assert_eq!(formats, ["nii.gz", "nrrd", "seg.nrrd", "stl", "glb"]);
    for download in known["downloads"].as_array().unwrap().iter().take(3) {
        let reply = server.get(download["url"].as_str().unwrap());
        assert_eq!(reply.status, 200, "{download}: {}", reply.text());
        let format = download["format"].as_str().unwrap();
        let name = format!("attachment; filename=\"{}-prediction.{format}\"", cases[0]);
        assert_eq!(reply.header("content-disposition"), Some(name.as_str()));
        let file = reply.save(&lab, &format!("got/prediction.{format}"));
        if format != "seg.nrrd" {
            assert_eq!(read_label_map(&file).unwrap().voxels, own.voxels, "{format}");
        }
    }
    assert_eq!(server.get(&format!("{url}/files/nrrd?of=correction")).status, 404);
    let mut drawn = own.clone();
    drawn.voxels.fill(1);
    write_label_map(&lab.path("drawn.nii.gz"), &drawn).unwrap();
    let body = fs::read(lab.path("drawn.nii.gz")).unwrap();
    let saved = server.ask("PUT", &format!("{url}/correction"), &[("segspec-base", "prediction")], &body);
    assert_eq!(saved.status, 200, "{}", saved.text());
    assert!(saved.json()["downloads"].to_string().contains("of=correction"), "{}", saved.text());
    let reply = server.get(&format!("{url}/files/nrrd?of=correction"));
    assert_eq!(read_label_map(&reply.save(&lab, "got/corrected.nrrd")).unwrap().voxels, drawn.voxels);
    for (wrong, status) in [("dcm", 409), ("exe", 404), ("..%2fnrrd", 404), ("nrrd?of=reference", 400)] {
        assert_eq!(server.get(&format!("{url}/files/{wrong}")).status, status, "{wrong}");
    }
}

#[test]
fn images_of_an_upload_are_told_apart_and_from_labels() {
    let lab = trained();
    let server = Server::of(&lab);
    let (_, cases) = run(&server);
    let read = |folder: &str| fs::read(lab.path(&format!("data/set/{folder}/{}.nii.gz", cases[0]))).unwrap();
    let (image, labels) = (read("imagesTr"), read("labelsTr"));
    let (_, known) = server.uploaded(&[("a/p2.nii.gz", &image), ("b/p2.nii.gz", &image), ("c/p2.nii.gz", &labels)]);
    let told: Vec<Value> = known["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| json!([series["name"], series["file"], series["looks-like-labels"]]))
        .collect();
    let expected = [("a", false), ("b", false), ("c", true)];
    assert_eq!(told, expected.map(|(folder, is)| json!(["p2", format!("{folder}/p2.nii.gz"), is])));
}
