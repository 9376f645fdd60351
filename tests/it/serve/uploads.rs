//! Uploads: what is accepted, and what is made to do harm.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::Array4;
use segspec::volume::{Geometry, Volume, write_volume};
use zip::write::SimpleFileOptions;

use super::{Server, form, settings};
use crate::lab::Lab;

/// Names and contents.
type Files<'a> = Vec<(&'a str, &'a [u8])>;

/// An image as the bytes of a file of this name.
pub fn image(lab: &Lab, name: &str, shape: [usize; 3]) -> Vec<u8> {
    let [z, y, x] = shape;
    let voxels = Array4::from_shape_fn((1, z, y, x), |(_, z, y, x)| (z * 7 + y * 3 + x) as f32 - 500.0);
    let path = lab.path(name);
    write_volume(&path, &Volume { voxels, geometry: Geometry::axis_aligned(shape, [3.0, 1.5, 1.0]) }).unwrap();
    std::fs::read(path).unwrap()
}

pub fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_kind_of_image_is_found_in_files_folders_and_archives() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let files = ["a.nii.gz", "b.nii", "c.nrrd"].map(|name| (name, image(&lab, name, [5, 6, 7])));
    let parts: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    let in_folders: Vec<(&str, &[u8])> =
        vec![("p/one/a.nii.gz", parts[0].1), ("p/two/b.nii", parts[1].1), ("p/.DS_Store", b"x"), ("notes.txt", b"x")];
    let archive = zipped(&in_folders);
    let archive = archive.as_slice();
    for (sent, count) in [
        (parts.clone(), 3),
        (in_folders.clone(), 2),
        (vec![("all.zip", archive)], 2),
        (vec![("unzipped", archive)], 2),
        (vec![("unzipped/all.zip", archive)], 2),
    ] {
        let (id, known) = server.uploaded(&sent);
        let series = known["series"].as_array().unwrap();
        assert_eq!((known["state"].as_str(), series.len()), (Some("ready"), count), "{known}");
        for one in series {
            assert_eq!(one["image"]["shape"], serde_json::json!([5, 6, 7]), "{one}");
            let reply = server.get(one["image"]["url"].as_str().unwrap());
            let image = segspec::volume::read_volume(&reply.save(&lab, "voxels.nii.gz")).unwrap();
            assert_eq!((image.voxels[[0, 1, 2, 3]], image.geometry.spacing_mm()), (-484.0, [3.0, 1.5, 1.0]));
        }
        assert!(known["expires"].as_str().unwrap().ends_with('Z'));
        assert_eq!(server.ask("DELETE", &format!("/api/uploads/{id}"), &[], b"").status, 204);
        assert_eq!(server.get(&format!("/api/uploads/{id}")).status, 404);
    }
}

#[test]
fn a_series_loses_its_patient_on_request() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    // A converted series is named for its source.
    let source = lab.path("Miller_Anna.nii.gz");
    image(&lab, "Miller_Anna.nii.gz", [4, 8, 8]);
    let ended = lab.end(&["convert", source.to_str().unwrap(), "series"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let slices: Vec<(String, Vec<u8>)> = crate::lab::sorted(&lab.path("series"))
        .into_iter()
        .map(|path| (format!("d/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(path).unwrap()))
        .collect();
    let mut parts: Vec<(&str, &[u8])> =
        slices.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    parts.push(("d/Miller_report.pdf", b"%PDF-1.4"));
    let is_named = |content: &[u8]| content.windows(6).any(|window| window == b"Miller");
    assert!(slices.iter().all(|(_, content)| is_named(content)));
    let headers = [("Content-Type", "multipart/form-data; boundary=xyz")];
    let reply = server.ask("POST", "/api/uploads?anonymous=true", &headers, &form(&parts));
    let id = reply.json()["upload"].as_str().unwrap().to_owned();
    let known = server.wait(&format!("/api/uploads/{id}"), |known| known["state"] != "reading");
    assert_eq!(known["series"][0]["name"], "series 1", "{known}");
    assert!(known["problems"][0].as_str().unwrap().starts_with("1 file cannot be used"), "{known}");
    assert!(!known.to_string().contains("Miller"), "{known}");
    let kept = segspec::files::below(&lab.path("runs/.cache/serve")).unwrap();
    let hidden = crate::lab::sorted(&lab.path("runs/.cache/serve"));
    let copies = hidden.iter().flat_map(|it| crate::lab::sorted(&it.join("uploads").join(&id).join(".copies/1")));
    let all: Vec<_> = kept.into_iter().chain(copies).collect();
    let named: Vec<_> = all.iter().filter(|path| is_named(&std::fs::read(path).unwrap_or_default())).collect();
    assert!(all.len() > 4 && named.is_empty(), "files on the server name the patient: {named:?} of {all:?}");
    // The copy is the same image.
    let reply = server.get(known["series"][0]["image"]["url"].as_str().unwrap());
    let copy = segspec::volume::read_volume(&reply.save(&lab, "copy.nii.gz")).unwrap().to_canonical();
    let original = segspec::volume::read_volume(&source).unwrap().to_canonical();
    assert_eq!(copy.voxels, original.voxels);
}

#[test]
fn harmful_uploads_are_refused_and_the_server_lives() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let zeros = vec![0; 64 << 20];
    let nifti = image(&lab, "ct.nii", [4, 5, 6]);
    // A header that claims 32767 voxels along each axis.
    let mut boastful = nifti.clone();
    for place in [42, 44, 46] {
        boastful[place..place + 2].copy_from_slice(&0x7fff_u16.to_le_bytes());
    }
    let nrrd =
        b"NRRD0004\ntype: float\ndimension: 3\nsizes: 60000 60000 60000\nencoding: raw\nendian: little\n\n".to_vec();
    let beside = b"NRRD0004\ntype: float\ndimension: 3\nsizes: 4 4 4\nencoding: raw\nendian: little\ndata file: ../../../../secret\n\n";
    let dicom = [&[0; 128][..], b"DICM", &[0xff; 4000]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\0\0\0\0".to_vec();
    png.extend([0; 100]);
    let many: Vec<(String, Vec<u8>)> = (0..60).map(|index| (format!("{index}.nii"), vec![])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let deep = format!("{}a.nii", "d/".repeat(40));
    let refused: Vec<(&str, Files)> = vec![
        ("a name that leads out", vec![("../evil.nii", &nifti)]),
        ("a name that leads out below", vec![("a/../../evil.nii", &nifti)]),
        ("a name of Windows", vec![("..\\evil.nii", &nifti)]),
        ("an absolute name", vec![("/evil.nii", &nifti)]),
        ("a drive", vec![("C:\\evil.nii", &nifti)]),
        ("a device of Windows", vec![("a:b.nii", &nifti)]),
        ("too deep", vec![(&deep, &nifti)]),
        ("too many", many.clone()),
        ("twice", vec![("a.nii", &nifti), ("a.nii", &nifti)]),
        ("a file as folder", vec![("a", &nifti), ("a/b.nii", &nifti)]),
        ("too large", vec![("a.nii", &zeros[..10 << 20])]),
        ("nothing", vec![]),
    ];
    for (what, files) in refused {
        let reply = server.upload(&files);
        assert!([400, 413].contains(&reply.status), "{what}: {}", reply.text());
    }
    let [bomb, zip_bomb, slip, slip_windows] = [
        gzipped(&zeros),
        zipped(&[("a.nii", &zeros)]),
        zipped(&[("../../../evil.nii", &nifti)]),
        zipped(&[("..\\..\\evil.nii", &nifti)]),
    ];
    let nested = zipped(&[("inner.zip", &zip_bomb)]);
    let many_in_one = zipped(&many);
    let seen: Vec<(&str, &str, &[u8])> = vec![
        ("a gzip bomb", "a.nii.gz", &bomb),
        ("a zip bomb", "a.zip", &zip_bomb),
        ("an archive in an archive", "a.zip", &nested),
        ("zip slip", "a.zip", &slip),
        ("zip slip on Windows", "a.zip", &slip_windows),
        ("many files in an archive", "a.zip", &many_in_one),
        ("no archive", "a.zip", b"PK\x03\x04 nothing"),
        ("a header that claims too much", "a.nii", &boastful),
        ("another one", "a.nrrd", &nrrd),
        ("voxels in another file", "a.nhdr", beside),
        ("a picture that claims too much", "a.png", &png),
        ("broken DICOM", "a.dcm", &dicom),
        ("nothing in it", "a.nii.gz", b""),
        ("no image", "a.exe", b"MZ"),
    ];
    for (what, name, content) in seen {
        let (id, known) = server.uploaded(&[(name, content)]);
        assert_eq!(known["state"], "refused", "{what}: {known}");
        let reason = known["error"].as_str().unwrap();
        assert!(!reason.is_empty() && !reason.contains("uploads/"), "{what}: {reason}");
        assert_eq!(server.ask("DELETE", &format!("/api/uploads/{id}"), &[], b"").status, 204);
    }
    assert!(server.is_alive());
    let all = segspec::files::below(&lab.path(".")).unwrap();
    assert!(!all.iter().any(|path| path.to_string_lossy().contains("evil")), "{all:?}");
}

#[test]
fn the_number_of_uploads_is_bounded() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let nifti = image(&lab, "ct.nii", [2, 2, 2]);
    let ids: Vec<String> = (0..4).map(|_| server.uploaded(&[("a.nii", &nifti)]).0).collect();
    assert_eq!(server.upload(&[("a.nii", &nifti)]).status, 429);
    let known = server.json("/api/uploads");
    let known = known["uploads"].as_array().unwrap();
    let listed: Vec<&str> = known.iter().rev().map(|upload| upload["upload"].as_str().unwrap()).collect();
    assert_eq!(listed, ids, "a person finds them, and can remove one");
    assert!(
        known.iter().all(|upload| upload["bytes"] == nifti.len() && upload["series"][0]["name"] == "a"),
        "{known:?}"
    );
    // Removed at once by several: one of them removes it.
    let path = format!("/api/uploads/{}", ids[0]);
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8).map(|_| scope.spawn(|| server.ask("DELETE", &path, &[], b"").status)).collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404, 404, 404, 404, 404]);
    assert_eq!(server.upload(&[("a.nii", &nifti)]).status, 202);
}

#[test]
fn an_upload_may_be_removed_while_it_is_read() {
    let lab = Lab::new();
    let mut settings = settings(&lab);
    settings.limits.kept = 1000;
    let server = Server::start(settings);
    let nifti = image(&lab, "ct.nii", [20, 64, 64]);
    let names: Vec<String> = (0..20).map(|index| format!("{index}.nii")).collect();
    let archive = zipped(&names.iter().map(|name| (name.as_str(), nifti.as_slice())).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for delay in 0..6 {
            let (server, archive) = (&server, &archive);
            scope.spawn(move || {
                let reply = server.upload(&[("a.zip", archive)]);
                let id = reply.json()["upload"].as_str().unwrap().to_owned();
                std::thread::sleep(std::time::Duration::from_millis(delay * 7));
                assert_eq!(server.ask("DELETE", &format!("/api/uploads/{id}"), &[], b"").status, 204);
            });
        }
    });
    let left = || {
        let servers = crate::lab::sorted(&lab.path("runs/.cache/serve"));
        servers.iter().flat_map(|server| crate::lab::sorted(&server.join("uploads"))).count()
    };
    assert!(crate::lab::wait_for(|| left() == 0) && server.is_alive(), "{}", left());
}
