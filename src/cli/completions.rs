//! `segspec completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, Failure};

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec completions bash > ~/.local/share/bash-completion/completions/segspec
  segspec completions zsh > ~/.zfunc/_segspec")]
pub struct Completions {
    /// Shell to complete for
    shell: Shell,
}

/// Prints the script.
pub fn execute(args: Completions) -> Result<Exit, Failure> {
    // Not to the output itself, whose end would be a panic there.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "segspec", &mut script);
    print!("{}", String::from_utf8_lossy(&script));
    Ok(Exit::Ok)
}
