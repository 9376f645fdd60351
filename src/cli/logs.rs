//! `segspec logs`.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::names::run_folder;
use super::{Exit, Failure};
use crate::observe::terminal::Terminal;
use crate::observe::{Event, Kind};
use crate::store::remedy::is_of_import;
use crate::store::{RunFolder, StoreError};

/// Print the log of a run
///
/// One line per event: epochs with loss and validation scores, warnings, stages, ends. `--json` prints the recorded events, one JSON object
/// per line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec logs 0123
  segspec logs runs/liver/0123456789ab --follow
  segspec logs 0123 --json | jq 'select(.event == \"epoch\") | .loss'")]
pub struct Logs {
    /// Run folder or the beginning of its id
    run: PathBuf,
    /// Wait for further events until the run ends or Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Print the events as JSON lines
    #[arg(long)]
    json: bool,
}

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Prints the log.
pub fn execute(args: Logs) -> Result<Exit, Failure> {
    let folder = RunFolder::at(&run_folder(&args.run)?);
    let path = folder.events();
    let mut reader = match File::open(&path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_of_import(folder.path()) => {
            let text = "there is no log: the run was imported, and has not been scored by `segspec run-plan`";
            return Err(Failure::message(Exit::BadData, format!("{}: {text}", folder.path().display())));
        }
        Err(error) => return Err(StoreError::at(&path)(error).into()),
    };
    let (mut at, mut terminal) = (0, Terminal::of_a_log());
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).map_err(StoreError::at(&path))?;
        if line.ends_with('\n') {
            at += read as u64;
            if !print(&line, &mut terminal, args.json) && args.follow {
                return Ok(Exit::Ok);
            }
            continue;
        }
        if !args.follow {
            return Ok(Exit::Ok);
        }
        // The last line is still being written.
        reader.seek(SeekFrom::Start(at)).map_err(StoreError::at(&path))?;
        std::thread::sleep(LOOK);
    }
}

/// Prints an event; false if it ended the run.
fn print(line: &str, terminal: &mut Terminal, json: bool) -> bool {
    let event = serde_json::from_str::<Event>(line);
    match (&event, json) {
        (_, true) => print!("{line}"),
        (Ok(event), false) => {
            terminal.lines_of(event).iter().for_each(|text| println!("{}  {}", event.time, text.trim_start()));
        }
        // Of another version, or torn by a power cut.
        (Err(_), false) => println!("{}", line.trim_end()),
    }
    !matches!(event, Ok(Event { kind: Kind::Ended { .. }, .. }))
}
