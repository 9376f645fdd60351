//! `segspec tag` and `segspec note`.

use std::path::PathBuf;

use clap::Args;

use super::names::run_folder;
use super::{Exit, Failure};
use crate::store::{Marks, RunFolder, Stored};

/// Tag runs, to find them again: `segspec ls --tag paper`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec tag 0123 paper
  segspec tag runs/phantom/0123456789ab --remove paper")]
pub struct Tag {
    /// Run folder or the beginning of its id
    run: PathBuf,
    /// Tags to add
    #[arg(required_unless_present = "remove", value_parser = one_word)]
    tags: Vec<String>,
    /// Tag to take away; can be repeated
    #[arg(long, value_name = "TAG")]
    remove: Vec<String>,
}

/// Write a note on a run, which `segspec ls` shows
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec note 0123 \"spleen of case 7 is cut off\"
  segspec note 0123 \"\"")]
pub struct Note {
    /// Run folder or the beginning of its id
    run: PathBuf,
    /// The note; empty removes it. Without it, the note is printed
    text: Option<String>,
}

fn one_word(tag: &str) -> Result<String, String> {
    let is_word = !tag.is_empty() && !tag.contains(|letter: char| letter.is_whitespace() || letter == ',');
    if is_word { Ok(tag.to_owned()) } else { Err("a tag is one word, without commas".into()) }
}

/// Adds and removes tags.
pub fn tag(args: Tag) -> Result<Exit, Failure> {
    let folder = folder(&args.run)?;
    let mut marks = Marks::read(&folder)?;
    if let Some(tag) = args.remove.iter().find(|tag| !marks.tags.contains(tag)) {
        let text = format!("{}: it has no tag `{tag}`", folder.path().display());
        return Err(Failure::message(Exit::Usage, text));
    }
    marks.tags.retain(|tag| !args.remove.contains(tag));
    for tag in args.tags {
        if !marks.tags.contains(&tag) {
            marks.tags.push(tag);
        }
    }
    marks.write(&folder)?;
    println!(
        "{}: {}",
        folder.path().display(),
        if marks.tags.is_empty() { "no tags".into() } else { marks.tags.join(" ") }
    );
    Ok(Exit::Ok)
}

/// Writes or prints a note.
pub fn note(args: Note) -> Result<Exit, Failure> {
    let folder = folder(&args.run)?;
    let mut marks = Marks::read(&folder)?;
    if let Some(text) = args.text {
        marks.note = text.trim().to_owned();
        marks.write(&folder)?;
    }
    println!("{}: {}", folder.path().display(), if marks.note.is_empty() { "no note" } else { &marks.note });
    Ok(Exit::Ok)
}

fn folder(run: &std::path::Path) -> Result<RunFolder, Failure> {
    Ok(Stored::open(&run_folder(run)?)?.folder)
}
