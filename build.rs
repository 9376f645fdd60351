//! Embeds the page of `segspec serve` (feature `serve`): builds it in `web/` with npm where that is there, and writes the list of its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What decides whether the page must be built again.
const SOURCES: [&str; 8] = [
    "web/src",
    "web/public",
    "web/index.html",
    "web/package.json",
    "web/package-lock.json",
    "web/vite.config.ts",
    "web/tsconfig.json",
    "build.rs",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_SERVE").is_none() {
        return;
    }
    for source in SOURCES.iter().filter(|source| Path::new(source).exists()) {
        println!("cargo::rerun-if-changed={source}");
    }
    let web = Path::new("web");
    // Looked for again: it may be added later.
    if !web.exists() {
        println!("cargo::rerun-if-changed=web");
    }
    println!("cargo::rerun-if-env-changed=SEGSPEC_WEB");
    let dist = std::env::var_os("SEGSPEC_WEB").map(PathBuf::from);
    let missing = match &dist {
        Some(_) => None,
        None => build(web).err(),
    };
    let dist = dist.unwrap_or_else(|| web.join("dist"));
    let missing = match (dist.join("index.html").is_file(), missing) {
        (true, None) => None,
        (true, Some(reason)) => {
            println!("cargo::warning=the page of `segspec serve` is the one in {} as it is: {reason}", dist.display());
            None
        }
        (false, reason) => Some(reason.unwrap_or_else(|| format!("{} holds no index.html", dist.display()))),
    };
    if let Some(reason) = &missing {
        println!("cargo::warning=`segspec serve` will have no page, only its interface: {reason}");
    }
    let files = if missing.is_none() { files(&dist) } else { Vec::new() };
    write(&dist, &files, missing.as_deref());
}

/// Builds the page.
fn build(web: &Path) -> Result<(), String> {
    if !web.join("package.json").is_file() {
        return Err("this copy of the sources has no folder `web`".into());
    }
    for arguments in [&["ci", "--no-audit", "--no-fund"][..], &["run", "build"]] {
        let shown = format!("`npm {}` in `web`", arguments.join(" "));
        let done =
            Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" }).args(arguments).current_dir(web).output();
        let done = done.map_err(|error| {
            format!("npm is needed to build it and cannot be started ({error}): install Node.js, or build it elsewhere and copy web/dist")
        })?;
        if !done.status.success() {
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
            return Err(format!("{shown} failed: {last}"));
        }
    }
    Ok(())
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Writes the list: name, kind and content of each file.
fn write(dist: &Path, files: &[PathBuf], missing: Option<&str>) {
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    let pages = out.join("page");
    // Files of an earlier build have other names; that there are none is no error.
    let _ = fs::remove_dir_all(&pages);
    let mut text = String::from(
        "/// Name, kind and content of each file of the page.\npub static FILES: &[(&str, &str, &[u8])] = &[\n",
    );
    for path in files {
        // What this script built itself is newer than the script's start: cargo would take it for a change each time.
        if std::env::var_os("SEGSPEC_WEB").is_some() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let name = path.strip_prefix(dist).unwrap_or(path).to_string_lossy().replace('\\', "/");
        // A copy, so that a page that is built anew or deleted is no matter for a build of the sources that goes on.
        let copy = pages.join(&name);
        if let Err(error) = fs::create_dir_all(copy.parent().unwrap_or(&pages)).and_then(|()| fs::copy(path, &copy)) {
            println!("cargo::error={}: {error}", copy.display());
        }
        text += &format!("    ({name:?}, {:?}, include_bytes!({:?})),\n", kind(&name), copy.to_string_lossy());
    }
    text += &format!("];\n/// Why there is no page.\npub static MISSING: Option<&str> = {missing:?};\n");
    if let Err(error) = fs::write(out.join("page.rs"), text) {
        println!("cargo::error={}: {error}", out.join("page.rs").display());
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
