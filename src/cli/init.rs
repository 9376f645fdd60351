//! `segspec init`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Failure};
use crate::files;
use crate::words::shell_path;

/// The example and what belongs to it, from the repository's own files: path below the folder, text.
const EXAMPLE: [(&str, &str); 4] = [
    ("experiments/phantom.toml", include_str!("../../experiments/phantom.toml")),
    ("experiments/schema.json", include_str!("../../experiments/schema.json")),
    ("datasets/phantom.toml", include_str!("../../datasets/phantom.toml")),
    ("datasets/schema.json", include_str!("../../datasets/schema.json")),
];

/// Written only where there is none: an existing one is the user's.
const IGNORED: (&str, &str) =
    (".gitignore", "# Made by segspec: runs are computed again, images are no text.\n/runs\n/data\n");

/// Start a folder for experiments with an example that generates its own images
///
/// Writes experiments/phantom.toml, its dataset datasets/phantom.toml, the JSON Schemas by which editors complete both, and a .gitignore if
/// there is none. Files that are already there with the same text are left alone; if one has another text, nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec init                           # here
  segspec init study                     # in a new folder
  segspec new --from /archive/liver-ct   # then, for images of your own")]
pub struct Init {
    /// Folder to write to; made if it is missing
    #[arg(default_value = ".")]
    folder: PathBuf,
}

pub fn execute(args: Init) -> Result<Exit, Failure> {
    // `experiments/phantom.toml` rather than `./experiments/phantom.toml`.
    let is_here = args.folder == Path::new(".");
    let folder = if is_here { Path::new("") } else { &args.folder };
    let missing = missing(folder)?;
    for (path, text) in &missing {
        files::write_atomic(path, text.as_bytes()).map_err(|error| Failure::reading(path, &error))?;
        println!("wrote {}", path.display());
    }
    if missing.is_empty() {
        println!("nothing to write: every file is already there");
    }
    if is_here {
        println!("next: segspec run {}", EXAMPLE[0].0);
    } else {
        println!("next: cd {}", shell_path(folder));
        println!("      segspec run {}", EXAMPLE[0].0);
    }
    Ok(Exit::Ok)
}

/// The files that are not there yet, with their text.
///
/// # Errors
/// Files that are there with another text, all of them named; what cannot be read.
fn missing(folder: &Path) -> Result<Vec<(PathBuf, &'static str)>, Failure> {
    let (mut missing, mut others) = (Vec::new(), Vec::new());
    for (name, text) in EXAMPLE {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(present) if present == text.as_bytes() => {}
            Ok(_) => others.push(path),
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push((path, text)),
            Err(error) => return Err(Failure::reading(&path, &error)),
        }
    }
    if !others.is_empty() {
        return Err(refused(&others));
    }
    let ignored = folder.join(IGNORED.0);
    // A link to nowhere is there, too.
    if ignored.symlink_metadata().is_err() {
        missing.push((ignored, IGNORED.1));
    }
    Ok(missing)
}

fn refused(others: &[PathBuf]) -> Failure {
    let are_schemas = others.iter().all(|path| path.extension().is_some_and(|ending| ending == "json"));
    let remedy = match are_schemas {
        true => "`segspec schema --write`, called in that folder, replaces schemas of another version",
        false => "rename or delete them, or give another folder: segspec init FOLDER",
    };
    let listed: String = others.iter().map(|path| format!("  {}\n", path.display())).collect();
    Failure::message(
        Exit::Usage,
        format!("nothing is written: there are already files with another content\n{listed}{remedy}"),
    )
}
