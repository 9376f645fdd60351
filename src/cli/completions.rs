//! `segspec completions`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, Failure};
use crate::run::RunError;

/// Print a completion script for a shell, or write the manual pages
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec completions bash > ~/.local/share/bash-completion/completions/segspec
  segspec completions zsh > ~/.zfunc/_segspec
  segspec completions --man ~/.local/share/man/man1")]
pub struct Completions {
    /// Shell to complete for
    #[arg(required_unless_present = "man")]
    shell: Option<Shell>,
    /// Write a manual page for each command into this folder
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
}

/// Prints the script, writes the pages.
pub fn execute(args: Completions) -> Result<Exit, Failure> {
    if let Some(folder) = &args.man {
        let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
        written.map_err(RunError::file(folder.clone()))?;
    }
    if let Some(shell) = args.shell {
        // Not to the output itself, whose end would be a panic there.
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "segspec", &mut script);
        print!("{}", String::from_utf8_lossy(&script));
    }
    Ok(Exit::Ok)
}
