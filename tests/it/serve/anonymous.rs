//! Uploads from which names are to be removed: no message shows one, and of what cannot be used nothing stays on the disk.

use ndarray::Array4;
use segspec::volume::{Geometry, Volume, write_volume};
use serde_json::{Value, json};

use super::bad_archives::left;
use super::flows::{run, trained};
use super::hostile::series;
use super::uploads::{image, zipped};
use super::{Reply, Server, form};
use crate::lab::Lab;

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

fn send(server: &Server, files: &[(String, Vec<u8>)], anonymous: bool) -> Reply {
    let parts: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let headers = [("Content-Type", "multipart/form-data; boundary=xyz")];
    server.ask("POST", &format!("/api/uploads?anonymous={anonymous}"), &headers, &form(&parts))
}

/// Sends files and waits until they were looked at.
fn sent(server: &Server, files: &[(String, Vec<u8>)], anonymous: bool) -> (String, Value) {
    let reply = send(server, files, anonymous);
    assert_eq!(reply.status, 202, "{}", reply.text());
    let path = format!("/api/uploads/{}", reply.json()["upload"].as_str().unwrap());
    let known = server.wait(&path, |known| known["state"] != "reading");
    (path, known)
}

/// A slice that declares text in its pixels.
fn with_text(slice: &[u8]) -> Vec<u8> {
    let pixels = slice.windows(4).position(|window| window == [0xe0, 0x7f, 0x10, 0]).unwrap();
    [&slice[..pixels], b"\x28\0\x01\x03CS\x04\0YES ", &slice[pixels..]].concat()
}

fn one(name: &str, content: &[u8]) -> Files {
    vec![(name.into(), content.into())]
}

#[test]
fn refused_uploads_show_no_names_and_leave_nothing() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let nifti = image(&lab, "ct.nii.gz", [4, 5, 6]);
    let slices: Files =
        series(&lab).into_iter().map(|(name, content)| (format!("Mueller_1/Mueller_{name}"), content)).collect();
    let declared = slices.iter().map(|(name, content)| (name.clone(), with_text(content))).collect();
    let cases: [(Files, &str); 5] = [
        (declared, "declares text burned into its pixels"),
        ([&slices[..1], &slices[2..]].concat(), "missing"),
        (one("all.zip", &zipped(&[("../Mueller.nii.gz", &nifti)])), "leads out of its folder"),
        (one("Mueller.exe", b"MZ"), "is in no format that holds images"),
        (one("Mueller_cut.nii.gz", &nifti[..nifti.len() / 2]), "damaged"),
    ];
    for (files, part) in cases {
        let (path, known) = sent(&server, &files, true);
        let error = known["error"].as_str().unwrap_or_default();
        assert!(known["state"] == "refused" && error.contains(part), "{part}: {known}");
        assert!(!known.to_string().contains("Mueller") && !error.contains(".cache"), "{part}: {known}");
        assert_eq!((left(&lab), &known["bytes"]), (0, &json!(0)), "{part}: the originals name the patient");
        // A person reads why for as long as the upload would have been kept.
        assert_eq!(server.json(&path)["error"], known["error"]);
        assert_eq!(server.ask("DELETE", &path, &[], b"").status, 204);
    }
    for (files, part) in [
        (one("../Mueller.nii.gz", &nifti), "leads out of its folder"),
        ([one("Mueller.nii.gz", &nifti), one("Mueller.nii.gz", &nifti)].concat(), "have the same name"),
    ] {
        let reply = send(&server, &files, true);
        assert!(reply.status == 400 && reply.text().contains(part), "{}", reply.text());
        assert!(!reply.text().contains("Mueller"), "{}", reply.text());
        assert!(send(&server, &files, false).text().contains("Mueller"), "others see which file it is");
    }
}

#[test]
fn jobs_that_fail_name_files_from_the_upload_on_or_not_at_all() {
    let lab = trained();
    let server = Server::of(&lab);
    let geometry = Geometry::axis_aligned([4, 5, 6], [3.0, 1.5, 1.0]);
    let voxels = Array4::from_elem((1, 4, 5, 6), 0.5);
    write_volume(&lab.path("half.nii"), &Volume { voxels, geometry }).unwrap();
    let mut content = std::fs::read(lab.path("half.nii")).unwrap();
    let last = content.len() - 4;
    content[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    for anonymous in [true, false] {
        let (path, known) = sent(&server, &one("p/Mueller_Joerg_1950.nii", &content), anonymous);
        assert_eq!(known["state"], "ready", "{known}");
        let upload = path.rsplit('/').next().unwrap();
        let order = json!({ "run": run(&server).0, "upload": upload, "series": "1" });
        let reply = server.ask("POST", "/api/jobs", &[], order.to_string().as_bytes());
        assert_eq!(reply.status, 202, "{}", reply.text());
        let job = format!("/api/jobs/{}", reply.json()["id"].as_str().unwrap());
        let job = server.wait(&job, |job| job["state"] == "failed" || job["state"] == "done");
        let voxels = server.get(known["series"][0]["image"]["url"].as_str().unwrap());
        assert_eq!(voxels.status, 400, "{}", voxels.text());
        for error in [&job["error"], &voxels.json()["error"]] {
            let error = error.as_str().unwrap_or_default();
            let begin = if anonymous { "a file: " } else { "p/Mueller_Joerg_1950.nii: " };
            assert!(error.starts_with(begin) && error.contains("voxel [3, 4, 5] is NaN"), "{error}");
        }
        assert_eq!(job.to_string().contains("Mueller") || voxels.text().contains("Mueller"), !anonymous, "{job}");
    }
}
