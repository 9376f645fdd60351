//! Damaged and hostile images, and people who take away what others are using: the server lives, and says why it refuses.

use segspec::volume::dicom;
use serde_json::{Value, json};

use super::flows::{run, trained};
use super::uploads::image;
use super::{Server, settings};
use crate::lab::{Lab, sorted};

/// Names and contents.
type Files = Vec<(String, Vec<u8>)>;

/// A DICOM series as names and contents.
pub fn series(lab: &Lab) -> Files {
    image(lab, "source.nii.gz", [4, 8, 8]);
    let ended = lab.end(&["convert", "source.nii.gz", "series"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let named = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
    };
    sorted(&lab.path("series")).into_iter().map(named).collect()
}

fn sent(server: &Server, files: &[(String, Vec<u8>)], anonymous: bool) -> Value {
    let parts: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let headers = [("Content-Type", "multipart/form-data; boundary=xyz")];
    let path = if anonymous { "/api/uploads?anonymous=true" } else { "/api/uploads" };
    let reply = server.ask("POST", path, &headers, &super::form(&parts));
    assert_eq!(reply.status, 202, "{}", reply.text());
    let id = reply.json()["upload"].as_str().unwrap().to_owned();
    let known = server.wait(&format!("/api/uploads/{id}"), |known| known["state"] != "reading");
    for one in known["series"].as_array().unwrap() {
        // Voxels may be refused, too, in words.
        let voxels = server.get(one["image"]["url"].as_str().unwrap());
        assert!([200, 400, 409, 413].contains(&voxels.status), "{}", voxels.text());
    }
    assert_eq!(server.ask("DELETE", &format!("/api/uploads/{id}"), &[], b"").status, 204);
    known
}

fn assert_in_words(what: &str, known: &Value) {
    let text = known.to_string();
    assert!(!text.contains("fault in segspec") && !text.contains("panicked"), "{what}: {text}");
    assert!(["ready", "refused"].iter().any(|state| known["state"] == *state), "{what}: {text}");
}

#[test]
fn damaged_dicom_is_refused_in_words() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let good = series(&lab);
    assert_eq!(sent(&server, &good, false)["state"], "ready");
    let length = good[0].1.len();
    // Cut off anywhere.
    for part in 1..12 {
        let mut files = good.clone();
        files[1].1.truncate(length * part / 12);
        assert_in_words(&format!("cut at {part}/12"), &sent(&server, &files, false));
    }
    // Any byte of the header another one; with and without removing names.
    let mut random = 1_u32;
    for attempt in 0..40 {
        let mut files = good.clone();
        for _ in 0..=attempt % 4 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = 132 + (random >> 8) as usize % (length - 132);
            let slice = (random >> 3) as usize % files.len();
            files[slice].1[at] = (random >> 24) as u8;
        }
        assert_in_words(&format!("attempt {attempt}"), &sent(&server, &files, attempt % 2 == 1));
    }
    assert!(server.is_alive());
}

#[test]
fn dicom_that_claims_too_much_is_refused() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let good = series(&lab);
    let patched = |tag: [u8; 4], value: &[u8]| -> Vec<(String, Vec<u8>)> {
        let mut files = good.clone();
        for (_, content) in &mut files {
            let at = content.windows(4).position(|window| window == tag).unwrap() + 8;
            content[at..at + value.len()].copy_from_slice(value);
        }
        files
    };
    let [rows, columns, bits] = [[0x28, 0, 0x10, 0], [0x28, 0, 0x11, 0], [0x28, 0, 0, 1]];
    let frames: Vec<(&str, Files)> = vec![
        ("65535 rows", patched(rows, &[0xff, 0xff])),
        ("no rows", patched(rows, &[0, 0])),
        ("65535 columns", patched(columns, &[0xff, 0xff])),
        ("64 bits", patched(bits, &[64, 0])),
        ("no bits", patched(bits, &[0, 0])),
    ];
    for (what, files) in frames {
        let known = sent(&server, &files, false);
        assert_in_words(what, &known);
        assert_eq!(known["state"], "refused", "{what}: {known}");
    }
    // All slices in one place, and one slice twice.
    let mut twice = good.clone();
    twice.push(("again.dcm".into(), good[0].1.clone()));
    assert_in_words("a slice twice", &sent(&server, &twice, false));
    assert!(dicom::scan(&lab.path("series")).unwrap().series.len() == 1 && server.is_alive());
}

#[test]
fn what_is_removed_while_it_is_used_ends_in_words() {
    let lab = trained();
    let mut settings = settings(&lab);
    (settings.limits.kept, settings.limits.jobs) = (1000, 1000);
    let server = Server::start(settings);
    let (id, cases) = run(&server);
    let file = format!("{}.nii.gz", cases[0]);
    let image = std::fs::read(lab.path(&format!("data/set/imagesTr/{file}"))).unwrap();
    std::thread::scope(|scope| {
        for delay in 0..8_u64 {
            let (server, image, file, id) = (&server, &image, &file, &id);
            scope.spawn(move || {
                let (upload, known) = server.uploaded(&[(file, image)]);
                let wanted = json!({ "run": id, "upload": upload, "series": "1", "probabilities": delay % 2 == 0 });
                let job = server.ask("POST", "/api/jobs", &[], wanted.to_string().as_bytes());
                assert_eq!(job.status, 202, "{}", job.text());
                let path = format!("/api/jobs/{}", job.json()["id"].as_str().unwrap());
                std::thread::scope(|readers| {
                    let url = known["series"][0]["image"]["url"].as_str().unwrap();
                    let read = |path: String| {
                        move || {
                            let reply = server.get(&path);
                            assert!([0, 200, 400, 404, 409].contains(&reply.status), "{path}: {}", reply.text());
                        }
                    };
                    readers.spawn(read(url.to_owned()));
                    readers.spawn(read(format!("{path}/events")));
                    readers.spawn(read(format!("{path}/image")));
                    std::thread::sleep(std::time::Duration::from_millis(delay * 60));
                    let gone = server.ask("DELETE", &format!("/api/uploads/{upload}"), &[], b"").status;
                    let ended = server.ask("DELETE", &path, &[], b"").status;
                    assert_eq!((gone, ended), (204, 204));
                });
            });
        }
    });
    let left = || {
        let servers = sorted(&lab.path("runs/.cache/serve"));
        let folders = servers.iter().flat_map(|server| ["uploads", "jobs", "volumes"].map(|name| server.join(name)));
        folders.flat_map(|folder| sorted(&folder)).collect::<Vec<_>>()
    };
    assert!(crate::lab::wait_for(|| left().is_empty()) && server.is_alive(), "{:?}", left());
}
