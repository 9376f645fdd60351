//! Corrected labels that are read while others are saved.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use segspec::corrections::{CorrectionError, labels_of, list};
use segspec::store::Stored;
use segspec::volume::read_label_map;

use super::Server;
use super::corrections::drawn;
use super::flows::{run, trained};

/// File and record of a correction are not written at once, and what is made for the page is kept by the record's hash.
#[test]
fn labels_that_are_read_while_others_are_saved_are_those_of_one_save() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let bodies: Vec<Vec<u8>> = [3, 4, 5, 6].map(|at| drawn(&lab, &cases[0], at)).into();
    let url = format!("/api/runs/{id}/cases/{}/correction", cases[0]);
    let save = |body: &[u8]| {
        let saved = server.ask("PUT", &url, &[("segspec-base", "prediction")], body);
        assert_eq!(saved.status, 200, "{}", saved.text());
    };
    save(&bodies[0]);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..80 {
                let reply = server.get(&url);
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
        });
        (0..40).for_each(|turn| save(&bodies[turn % 4]));
        reading.join().unwrap();
    });
    for (turn, body) in bodies.iter().enumerate() {
        save(body);
        fs::write(lab.path("expected.nii.gz"), body).unwrap();
        let got = server.get(&url).save(&lab, "got.nii.gz");
        let [got, expected] = [&got, &lab.path("expected.nii.gz")].map(|path| read_label_map(path).unwrap());
        assert!(got.voxels == expected.voxels, "save {turn} comes back as another one");
    }
}

/// The last step of a save moves the labels to their place, perhaps while they are read.
#[test]
fn labels_that_are_moved_to_their_place_while_they_are_read_are_read() {
    let lab = trained();
    let server = Server::of(&lab);
    let (id, cases) = run(&server);
    let url = format!("/api/runs/{id}/cases/{}/correction", cases[0]);
    let saved = server.ask("PUT", &url, &[("segspec-base", "prediction")], &drawn(&lab, &cases[0], 3));
    assert_eq!(saved.status, 200, "{}", saved.text());
    let run = Stored::open(&lab.run_folder("tiny")).unwrap();
    let known = list(&run).unwrap().remove(0);
    let folder = lab.run_folder("tiny").join("corrections");
    let [place, staged] =
        [format!("{}.nrrd", cases[0]), format!(".{}.saving.nrrd", cases[0])].map(|it| folder.join(it));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::rename(&place, &staged).unwrap();
                std::thread::sleep(Duration::from_micros(50));
                fs::rename(&staged, &place).unwrap();
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        let read = (0..500).filter(|_| match labels_of(&run, &known) {
            Ok(_) => true,
            // Between the two looks it was in neither place: the server asks again.
            Err(CorrectionError::Changed(_)) => false,
            Err(error) => {
                done.store(true, Ordering::Relaxed);
                panic!("{error}")
            }
        });
        let read = read.count();
        done.store(true, Ordering::Relaxed);
        assert!(read > 0);
    });
}
