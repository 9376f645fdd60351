//! Release archives have the name and the content that cargo-binstall looks for.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use flate2::read::GzDecoder;

#[test]
fn the_archive_is_what_binstall_expects() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(repository.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&text).unwrap();
    let stated = &manifest["package"]["metadata"]["binstall"];
    let target = "x86_64-unknown-linux-gnu";
    let filled = |key: &str| {
        let pairs = [
            ("{ repo }", "REPOSITORY"),
            ("{ version }", env!("CARGO_PKG_VERSION")),
            ("{ target }", target),
            ("{ bin }", "segspec"),
            ("{ binary-ext }", ""),
        ];
        pairs.iter().fold(stated[key].as_str().unwrap().to_owned(), |text, (name, value)| text.replace(name, value))
    };
    let place = tempfile::tempdir().unwrap();
    let mut script = Command::new("sh");
    script.arg(repository.join("packaging/archive.sh")).args([target]).arg(place.path());
    let packed = script.arg(env!("CARGO_BIN_EXE_segspec")).output().unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let entries: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [archive] = entries.as_slice() else { panic!("{entries:?}") };
    let url = filled("pkg-url");
    let name = archive.file_name().unwrap().to_string_lossy();
    assert!(url.starts_with("REPOSITORY/") && url.ends_with(&format!("/{name}")), "{url} does not end in {name}");
    assert_eq!(stated["pkg-fmt"].as_str(), Some("tgz"));
    let mut content = tar::Archive::new(GzDecoder::new(File::open(archive).unwrap()));
    let paths: Vec<String> =
        content.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned()).collect();
    let folder = format!("segspec-{}-{target}", env!("CARGO_PKG_VERSION"));
    let further = ["LICENSE-MIT", "man/segspec.1", "completions/segspec.bash"].map(|file| format!("{folder}/{file}"));
    for path in further.iter().chain([&filled("bin-dir")]) {
        assert!(paths.contains(path), "no {path} in {paths:?}");
    }
}
