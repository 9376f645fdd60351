//! `segspec schema`.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::{Exit, Failure};
use crate::export::metadata::Metadata;
use crate::files;
use crate::spec::schema;

/// Print the JSON Schema of spec files, or of the metadata of exported networks, for completion and validation in editors
///
/// Editors that use Taplo apply it to specs that begin with `#:schema schema.json`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec schema
  segspec schema dataset
  segspec schema --write")]
pub struct Schema {
    /// Kind of file
    #[arg(value_enum, default_value = "experiment")]
    kind: Kind,
    /// Write experiments/schema.json and datasets/schema.json below the current directory
    #[arg(long, conflicts_with = "kind")]
    write: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Experiment,
    Dataset,
    /// metadata.json of `segspec export`
    Export,
}

pub fn execute(args: Schema) -> Result<Exit, Failure> {
    let schema = match args.kind {
        _ if args.write => return write(),
        Kind::Experiment => schema::experiment(),
        Kind::Dataset => schema::dataset(),
        Kind::Export => schema::draft07::<Metadata>(),
    };
    print!("{}", schema::text(&schema));
    Ok(Exit::Ok)
}

fn write() -> Result<Exit, Failure> {
    let schemas = [("experiments/schema.json", schema::experiment()), ("datasets/schema.json", schema::dataset())];
    for (path, schema) in schemas {
        files::write_atomic(Path::new(path), schema::text(&schema).as_bytes()).map_err(|error| {
            Failure::message(Exit::Environment, format!("cannot write {path}: {}", files::reason(&error)))
        })?;
        println!("{path}");
    }
    Ok(Exit::Ok)
}
