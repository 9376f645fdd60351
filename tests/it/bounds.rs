//! What the machine refuses: too little memory, no room behind stdout, closed pipes. Errors with the remedy, never an abort.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::lab::{Ended, Lab, end};

/// The program with a limit of its address space, in kB.
fn limited(lab: &Lab, kilobytes: u64, arguments: &[&str]) -> Ended {
    let plain = lab.command(arguments);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\""));
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(lab.path("")).env("SEGSPEC_DEVICE", "cpu");
    end(&mut command)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip").arg("-1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&bytes));
    let packed = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    packed
}

/// A NIfTI-1 header of an image of bytes.
fn nifti(shape: [u16; 3]) -> Vec<u8> {
    let mut header = vec![0; 352];
    header[..4].copy_from_slice(&348_i32.to_le_bytes());
    let dim = [3, shape[0], shape[1], shape[2], 1, 1, 1, 1];
    for (place, count) in dim.into_iter().enumerate() {
        header[40 + 2 * place..42 + 2 * place].copy_from_slice(&count.to_le_bytes());
    }
    header[70..72].copy_from_slice(&2_u16.to_le_bytes());
    header[72..74].copy_from_slice(&8_u16.to_le_bytes());
    for place in 0..4 {
        header[76 + 4 * place..80 + 4 * place].copy_from_slice(&1_f32.to_le_bytes());
    }
    header[108..112].copy_from_slice(&352_f32.to_le_bytes());
    header[344..348].copy_from_slice(b"n+1\0");
    header
}

/// A picture of 32000 × 32000 black pixels of one bit.
fn large_png() -> Vec<u8> {
    let rows = vec![0_u8; 32_000 * (1 + 4_000)];
    // Deflated data between the header and the checksum of gzip, in the frame of zlib. The Adler checksum of zeros counts them.
    let packed = gzip(&rows);
    let adler = ((rows.len() as u32 % 65_521) << 16) | 1;
    let data = [&[0x78, 0x01], &packed[10..packed.len() - 8], &adler.to_be_bytes()[..]].concat();
    let size = 32_000_u32.to_be_bytes();
    let header = [&size[..], &size, &[1, 0, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", &header), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        let chunk = [&name[..], content].concat();
        let bit = |crc: u32| (0..8).fold(crc, |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
        let crc = !chunk.iter().fold(!0_u32, |crc, byte| bit(crc ^ u32::from(*byte)));
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(chunk);
        file.extend(crc.to_be_bytes());
    }
    file
}

#[test]
#[cfg(target_os = "linux")]
fn images_larger_than_the_memory_are_refused_with_the_remedy() {
    let lab = Lab::new();
    // 3 GB of zeros, in 48 members of one gzip file.
    let zeros = gzip(&vec![0; 64 << 20]);
    fs::write(lab.path("large.nii.gz"), [gzip(&nifti([1536, 1024, 2048])), zeros.repeat(48)].concat()).unwrap();
    // The same as a file with holes.
    let plain = fs::File::create(lab.path("large.nii")).unwrap();
    (&plain).write_all(&nifti([1536, 1024, 2048])).unwrap();
    plain.set_len(352 + (3 << 30)).unwrap();
    let raw = fs::File::create(lab.path("large.nrrd")).unwrap();
    let header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 1536 1024 2048\nencoding: raw\n\n";
    (&raw).write_all(header.as_bytes()).unwrap();
    raw.set_len(header.len() as u64 + (3 << 30)).unwrap();
    fs::write(lab.path("large.png"), large_png()).unwrap();
    for name in ["large.nii.gz", "large.nii", "large.nrrd", "large.png"] {
        let ended = limited(&lab, 4_000_000, &["convert", name, "copy.nii.gz"]);
        assert!(
            ended.err.contains("of memory, ") && ended.err.contains("are free; crop or resample it"),
            "{name}: {}",
            ended.err
        );
        assert!([4, 7].contains(&ended.code), "{name}: {} {}", ended.code, ended.err);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_training_larger_than_the_memory_is_refused_by_run_and_told_by_check() {
    let lab = Lab::new();
    let large = ["--set", "train.patch-size=[128,128,128]", "--set", "model.unet.features=[256,512]"];
    let checked = limited(&lab, 8_000_000, &[&["check", "experiments/tiny.toml"], &large[..]].concat());
    assert_eq!(checked.code, 0, "{}", checked.err);
    assert!(checked.err.contains("warning: ") && checked.err.contains("lower `train.patch-size`"), "{}", checked.err);
    let ended = limited(&lab, 8_000_000, &[&["run", "experiments/tiny.toml"], &large[..]].concat());
    assert_eq!(ended.code, 7, "{}", ended.err);
    assert!(ended.err.contains("lower `train.batch-size`, `train.patch-size`"), "{}", ended.err);
    for (key, value, lower) in [
        ("train.patch-size", "[4096,4096,4096]", "train.patch-size"),
        ("model.unet.features", "[4096,4096]", "train.patch-size"),
        ("preprocess.shape", "[4096,4096,4096]", "preprocess.shape"),
        ("train.batch-size", "4096", "train.batch-size"),
    ] {
        let set = format!("{key}={value}");
        let keep = if key == "preprocess.shape" { "preprocess.spacing-mm=\"auto\"" } else { "seed=1" };
        let more = match key {
            "model.unet.features" => "train.patch-size=[512,512,512]",
            "train.batch-size" => "train.patch-size=[32,32,32]",
            _ => "seed=1",
        };
        let sets = ["check", "experiments/tiny.toml", "--set", more, "--set", keep, "--set", &set];
        let checked = limited(&lab, 8_000_000, &sets);
        assert!(checked.err.contains(&format!("lower `{lower}`")), "{set}: {} {}", checked.code, checked.err);
    }
}

#[test]
#[cfg(unix)]
fn closed_pipes_are_quiet_and_full_disks_are_told() {
    let lab = Lab::new();
    for arguments in [&["schema"][..], &["ls", "--json"], &["completions", "bash"], &["--help"]] {
        let mut child = lab.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
        assert!(!String::from_utf8_lossy(&ended.stderr).contains("panicked"), "{arguments:?}");
    }
    if cfg!(target_os = "linux") {
        for arguments in [&["schema"][..], &["ls", "--json"]] {
            let full = fs::File::options().write(true).open("/dev/full").unwrap();
            let ended = end(lab.command(arguments).stdout(full).stderr(Stdio::piped()));
            assert_eq!(ended.code, 7, "{arguments:?}: {}", ended.err);
            assert!(ended.err.contains("cannot write to stdout") && !ended.err.contains("panicked"), "{}", ended.err);
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_not_utf_8_end_in_an_error_or_a_run() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let lab = Lab::new();
    let name = OsStr::from_bytes(b"experiments/na\xefve.toml");
    fs::copy(lab.path("experiments/tiny.toml"), lab.path("").join(name)).unwrap();
    for command in ["check", "run"] {
        let ended = end(lab.command(&[command]).arg(name).args(if command == "run" { &["--smoke"][..] } else { &[] }));
        assert!(
            [0, 3].contains(&ended.code) && !ended.err.contains("panicked"),
            "{command}: {} {}",
            ended.code,
            ended.err
        );
    }
}

#[test]
#[cfg(unix)]
fn weights_must_be_a_file_that_is_there() {
    let lab = Lab::new();
    for (file, reason) in
        [("nowhere.safetensors", "is not there"), ("/dev/zero", "is not a file"), ("datasets", "is not a file")]
    {
        let set = ["--set".to_owned(), format!("pretrained.file={file:?}")];
        let set = [set[0].as_str(), set[1].as_str()];
        let checked = lab.end(&[&["check", "experiments/tiny.toml"], &set[..]].concat());
        assert!(checked.code == 0 && checked.err.contains(reason), "{file}: {} {}", checked.code, checked.err);
        let ended = lab.end(&[&["run", "experiments/tiny.toml", "--smoke"], &set[..]].concat());
        assert!(ended.code == 4 && ended.err.contains(file), "{file}: {} {}", ended.code, ended.err);
    }
}
