//! The readers under test, their seeds, and mutations of them.

pub mod dress;
pub mod frames;
pub mod mutate;
mod readers;
pub mod seeds;

use std::path::{Path, PathBuf};

pub use readers::{READERS, Reader, reader};

/// A file of its own for this process, in memory where the system has a folder for that.
pub fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let ending = if name == "spec" { ".toml" } else { "" };
    folder.join(format!("segspec-fuzz-{}-{name}{ending}", std::process::id()))
}

/// One input of libFuzzer.
pub fn read_once(name: &str, bytes: &[u8]) {
    let Some(reader) = reader(name) else { return };
    let path = scratch(name);
    let bytes = if name == "frames" { frames::wrapped_any(bytes) } else { bytes.to_vec() };
    if std::fs::write(&path, bytes).is_ok() {
        (reader.read)(&path);
    }
}

/// Before libFuzzer's first input: only panics that nothing catches end the process. Those of foreign decoders are caught by the reader of
/// DICOM frames, and libFuzzer's own hook would end the process before.
pub fn prepare() {
    std::panic::set_hook(Box::new(|_| {}));
}
