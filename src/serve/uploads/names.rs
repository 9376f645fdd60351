//! Paths made of names that others chose.

use std::path::PathBuf;

/// Bytes of one part of a path.
const LONGEST: usize = 200;
/// Folder that macOS puts into archives.
const LITTER: &str = "__MACOSX";

/// A name of any kind as messages show it: on one line, and not too long.
pub fn shown(name: &str) -> String {
    name.chars().take(60).flat_map(char::escape_default).collect()
}

/// The path below an upload's folder for the name of a file in a form or an archive; `None` for hidden files, which are left out.
///
/// # Errors
/// A name that leads elsewhere, is too long or too deep, or that no file system takes.
pub fn safe(name: &str, depth: usize) -> Result<Option<PathBuf>, String> {
    let refuse = |why: &str| Err(format!("the file name \"{}\" {why}", shown(name)));
    if name.starts_with(['/', '\\']) || name.contains(':') {
        return refuse("is not relative");
    }
    if name.contains(char::is_control) {
        return refuse("holds control characters");
    }
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return refuse("leads out of its folder");
    }
    if parts.is_empty() {
        return refuse("is empty");
    }
    if parts.len() > depth {
        return refuse("is in too many folders");
    }
    if parts.iter().any(|part| part.len() > LONGEST || part.ends_with([' ', '.'])) {
        return refuse("cannot be that of a file");
    }
    if parts.iter().any(|part| part.starts_with('.') || *part == LITTER) {
        return Ok(None);
    }
    Ok(Some(parts.iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder_or_are_refused() {
        let path = |name: &str| safe(name, 4).map(|path| path.map(|path| path.to_string_lossy().into_owned()));
        assert_eq!(path("a/b/IM 1.dcm"), Ok(Some("a/b/IM 1.dcm".into())));
        assert_eq!(path("a\\b"), Ok(Some("a/b".into())));
        assert_eq!(path("./a//b"), Ok(Some("a/b".into())));
        for hidden in [".DS_Store", "a/.git/config", "__MACOSX/a", "..."] {
            assert!(matches!(path(hidden), Ok(None) | Err(_)), "{hidden}");
        }
        let long = "x".repeat(201);
        for name in [
            "",
            "/",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "..\\a",
            "/etc/passwd",
            "\\\\host\\share",
            "C:\\a",
            "c:a",
            "a\0b",
            "a\nb",
            "a/b/c/d/e",
            "a/b. ",
            "a.",
            &long,
        ] {
            assert!(path(name).is_err(), "{name:?}");
        }
    }
}
