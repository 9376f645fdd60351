//! `cargo bench --bench files`: reading and resampling images, compared with SimpleITK, nibabel and SciPy in the same run.
//!
//! `SEGSPEC_BENCH_PYTHON` names a Python with `SimpleITK nibabel scipy`; without it, only our own figures are printed.
//! `SEGSPEC_TEST_DATA` names the folder with real images; without it, only generated ones are read. Arguments select by name:
//! `cargo bench --bench files -- nifti`.

#[path = "../common/mod.rs"]
mod common;
mod made;
mod work;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use common::{in_new_process, median, peer};
use serde::{Deserialize, Serialize};

use work::Work;

/// Something to read or resample, and the peers that can do it.
struct Task {
    name: &'static str,
    title: &'static str,
    work: Work,
    /// Path in the folder of the generated images, or of the real ones.
    path: &'static str,
    real: bool,
    peers: &'static [&'static str],
}

const READERS: &[&str] = &["SimpleITK", "nibabel"];

const TASKS: [Task; 10] = [
    Task {
        name: "nifti-ct",
        title: ".nii.gz, CT, 120×512×512, int16",
        work: Work::Nifti,
        path: "ct.nii.gz",
        real: false,
        peers: READERS,
    },
    Task {
        name: "nifti-stored",
        title: "the same, the peers keep int16",
        work: Work::Stored,
        path: "ct.nii.gz",
        real: false,
        peers: READERS,
    },
    Task {
        name: "nifti-pelvis",
        title: ".nii.gz, pelvic CT, 123×97×181, int16",
        work: Work::Nifti,
        path: "pelvis/images/pelvis_001.nii.gz",
        real: true,
        peers: READERS,
    },
    Task {
        name: "nifti-pet",
        title: ".nii.gz, PET, float32",
        work: Work::Nifti,
        path: "sts/STS_001/PET_image.nii.gz",
        real: true,
        peers: READERS,
    },
    Task {
        name: "nifti-labels",
        title: ".nii.gz, labels, 30×101×122, uint8",
        work: Work::Labels,
        path: "totalsegmentator/example_seg.nii.gz",
        real: true,
        peers: READERS,
    },
    Task {
        name: "dicom-plain",
        title: "DICOM series, 120 × 512×512, uncompressed",
        work: Work::Dicom,
        path: "series",
        real: false,
        peers: &["SimpleITK"],
    },
    Task {
        name: "dicom-jpeg2000",
        title: "DICOM series, 20 × 512×512, JPEG 2000",
        work: Work::Dicom,
        path: "totalsegmentator/example_ct_dicom",
        real: true,
        peers: &["SimpleITK"],
    },
    Task {
        name: "linear",
        title: "linear, 120×512×512 to 180×400×400",
        work: Work::Linear,
        path: "ct.nii",
        real: false,
        peers: &["SimpleITK"],
    },
    Task {
        name: "cubic",
        title: "cubic, 120×512×512 to 180×400×400",
        work: Work::Cubic,
        path: "ct.nii",
        real: false,
        peers: &["SciPy"],
    },
    Task {
        name: "masks",
        title: "117 masks to one label map",
        work: Work::Masks,
        path: "totalsegmentator",
        real: true,
        peers: &["nibabel"],
    },
];

/// What one process measured.
#[derive(Serialize, Deserialize)]
struct Measured {
    /// Median seconds.
    seconds: f64,
    /// Peak increase of resident memory, in bytes.
    peak: f64,
    /// Bytes of the result.
    decoded: f64,
}

/// Rounds, with one process per side each; medians are compared.
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [flag, name, path] = arguments.as_slice()
        && flag == "--measure"
        && let Some(task) = TASKS.iter().find(|task| task.name == name)
    {
        println!("{}", serde_json::to_string(&work::measure(task.work, Path::new(path))).expect("plain numbers"));
        return;
    }
    let python = std::env::var_os("SEGSPEC_BENCH_PYTHON");
    let data = std::env::var_os("SEGSPEC_TEST_DATA").map(PathBuf::from);
    let folder = tempfile::tempdir().expect("a folder for generated images");
    made::write(folder.path());
    println!("| work | ours | peer | ratio | peak memory over result |\n|---|---|---|---|---|");
    for task in &TASKS {
        let wanted = arguments.is_empty() || arguments.iter().any(|argument| task.name.contains(argument.as_str()));
        let root = if task.real { data.as_deref() } else { Some(folder.path()) };
        match root.filter(|_| wanted) {
            Some(root) => compare(task, &root.join(task.path), python.as_deref()),
            None if wanted => println!("| {} | SEGSPEC_TEST_DATA is not set | | | |", task.title),
            None => {}
        }
    }
}

fn compare(task: &Task, path: &Path, python: Option<&OsStr>) {
    let peers = if python.is_some() { task.peers } else { &[] };
    let mut ours: Vec<Measured> = Vec::new();
    let mut theirs: Vec<Vec<f64>> = vec![Vec::new(); peers.len()];
    for _ in 0..ROUNDS {
        ours.push(in_new_process(&["--measure".as_ref(), task.name.as_ref(), path.as_ref()]));
        for (name, seconds) in peers.iter().zip(&mut theirs) {
            let work = OsString::from(format!("{:?}", task.work).to_lowercase());
            let arguments = [work.as_os_str(), name.as_ref(), path.as_ref()];
            seconds.extend(python.map(|python| peer::<f64>(python, "files.py", &arguments)));
        }
    }
    let own = median(ours.iter().map(|measured| measured.seconds).collect());
    let theirs = theirs.into_iter().map(median);
    let best = peers.iter().zip(theirs).min_by(|(_, a), (_, b)| a.total_cmp(b));
    let (peer, ratio) = match best {
        Some((name, seconds)) => (format!("{:.2} ms ({name})", seconds * 1e3), format!("{:.2}", own / seconds)),
        None => ("–".into(), "–".into()),
    };
    let memory = median(ours.iter().map(|measured| measured.peak / measured.decoded).collect());
    println!("| {} | {:.2} ms | {peer} | {ratio} | {memory:.2} |", task.title, own * 1e3);
}
