//! `segspec pacs`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::session::{cancellation, counted};
use super::{Exit, Failure};
use crate::files;
use crate::pacs::{Fetched, Limits, Pacs, PacsError, Query, Series, Study};
use crate::words::bytes;

/// Find, fetch and store DICOM objects in a hospital's archive over DICOMweb
///
/// The address is that of the archive's DICOMweb service; SEGSPEC_PACS is its default. SEGSPEC_PACS_USER and SEGSPEC_PACS_PASSWORD, or
/// SEGSPEC_PACS_TOKEN, open it. Nothing is sent or fetched without one of these commands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec pacs find --server http://pacs:8042/dicom-web --patient-id P17
  segspec pacs get 1.2.840.113619.2 --modality CT --output study
  segspec predict liver --input study/002-CT --output out --format dcm
  segspec pacs store out/002-CT.dcm")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Find(Find),
    Get(Get),
    Store(Store),
}

/// List studies, or the series of a study
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec pacs find --patient-name \"Doe*\" --modality CT
  segspec pacs find --study 1.2.840.113619.2 --json")]
struct Find {
    #[command(flatten)]
    server: Server,
    /// List the series of this study (StudyInstanceUID)
    #[arg(long, value_name = "UID", conflicts_with_all = ["patient_id", "patient_name", "accession", "date", "modality"])]
    study: Option<String>,
    /// PatientID
    #[arg(long, value_name = "ID")]
    patient_id: Option<String>,
    /// PatientName; `*` stands for any letters: "Doe*"
    #[arg(long, value_name = "NAME")]
    patient_name: Option<String>,
    /// AccessionNumber
    #[arg(long, value_name = "NUMBER")]
    accession: Option<String>,
    /// StudyDate: 20240131, or from-to: 20240101-20240131
    #[arg(long)]
    date: Option<String>,
    /// A modality in the study: CT, MR, …
    #[arg(long)]
    modality: Option<String>,
    /// Most studies
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Fetch the series of a study, each into a folder of its own
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec pacs get 1.2.840.113619.2 --modality CT --output study
  segspec pacs get 1.2.840.113619.2 --series 1.2.840.113619.2.1 --output study")]
struct Get {
    /// StudyInstanceUID
    study: String,
    #[command(flatten)]
    server: Server,
    /// Only this series (SeriesInstanceUID); can be repeated
    #[arg(long, value_name = "UID")]
    series: Vec<String>,
    /// Only series of this modality: CT, MR, …
    #[arg(long)]
    modality: Option<String>,
    /// The folder, which must not exist
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Most gigabytes of a series
    #[arg(long, value_name = "GB", default_value_t = 16)]
    limit: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Store DICOM files, such as segmentations that `predict --format dcm` wrote
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec pacs store out/002-CT.dcm
  segspec pacs store out/*.dcm --server http://pacs:8042/dicom-web --json")]
struct Store {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    server: Server,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Server {
    /// Address of DICOMweb [default: SEGSPEC_PACS]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl Server {
    fn open(&self) -> Result<Pacs, Failure> {
        let pacs = archive(self.server.clone())?.ok_or_else(|| {
            Failure::message(
                Exit::Usage,
                "which archive? Give --server, such as http://pacs:8042/dicom-web, or set SEGSPEC_PACS",
            )
        })?;
        Ok(pacs.until(&cancellation()))
    }
}

/// The archive of an address, else that of SEGSPEC_PACS, if there is one.
pub fn archive(url: Option<String>) -> Result<Option<Pacs>, Failure> {
    let url = url.or_else(|| std::env::var("SEGSPEC_PACS").ok()).filter(|url| !url.is_empty());
    let Some(pacs) = url.map(|url| Pacs::new(&url)).transpose()? else { return Ok(None) };
    if pacs.is_readable() {
        eprintln!("warning: {}: what is sent over HTTP, also the password, can be read on its way", pacs.url());
    }
    Ok(Some(pacs))
}

impl From<PacsError> for Failure {
    fn from(error: PacsError) -> Self {
        let exit = match &error {
            PacsError::Request(_) => Exit::Usage,
            PacsError::Away { .. } => Exit::Environment,
            PacsError::Refused { status: 404, .. } | PacsError::Answer { .. } => Exit::BadData,
            PacsError::Refused { .. } => Exit::Environment,
            PacsError::File { source, .. } if files::is_environment(source) => Exit::Environment,
            PacsError::File { .. } => Exit::BadData,
            PacsError::Stopped => Exit::Interrupted,
        };
        Self::new(exit, error)
    }
}

/// Does what was asked.
pub fn execute(args: Arguments) -> Result<Exit, Failure> {
    match args.command {
        Command::Find(args) => find(args),
        Command::Get(args) => get(&args),
        Command::Store(args) => store(&args),
    }
}

fn find(args: Find) -> Result<Exit, Failure> {
    let pacs = args.server.open()?;
    if let Some(study) = &args.study {
        let found = pacs.series(study)?;
        match args.json {
            true => println!("{:#}", json!(found)),
            false => found.iter().for_each(|series| println!("{}", series_line(series))),
        }
        return Ok(Exit::Ok);
    }
    let Find { patient_id, patient_name, accession, date, modality, limit, json, .. } = args;
    let found = pacs.studies(&Query { patient_id, patient_name, accession, date, modality, limit })?;
    match json {
        true => println!("{:#}", json!(found)),
        false => found.iter().for_each(|study| println!("{}", study_line(study))),
    }
    match found.len() {
        0 => eprintln!("no study fits"),
        count if count >= limit => {
            eprintln!("note: {} shown; there may be more: --limit", format_args!("{count} studies"))
        }
        _ => {}
    }
    Ok(Exit::Ok)
}

fn study_line(study: &Study) -> String {
    let series = study.series.map(|count| format!("{count} series")).unwrap_or_default();
    let about =
        [&study.date, &study.patient_id, &study.patient_name, &study.modalities.join(","), &study.description, &series];
    let about: Vec<&str> = about.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    format!("{}  {}", study.uid, about.join("  "))
}

fn series_line(series: &Series) -> String {
    let number = series.number.map_or_else(|| "–".into(), |number| number.to_string());
    let objects = series.instances.map(|count| counted(count as usize, "object")).unwrap_or_default();
    format!("{}  {number}  {}  {}  {objects}", series.uid, series.modality, series.description).trim_end().to_owned()
}

fn get(args: &Get) -> Result<Exit, Failure> {
    let pacs = args.server.open()?;
    if args.output.exists() {
        let text = format!("{} exists already; --output is a new folder", args.output.display());
        return Err(Failure::message(Exit::Usage, text));
    }
    let all = pacs.series(&args.study)?;
    let chosen = chosen(&all, args)?;
    let limits = Limits { bytes: args.limit << 30, objects: 100_000 };
    let failed = |source| PacsError::File { path: args.output.clone(), source };
    let fetched = files::write_folder(&args.output, failed, |folder| -> Result<Vec<(String, Fetched)>, PacsError> {
        let mut taken = BTreeSet::new();
        let one = |series: &&Series| {
            let name = folder_name(series, &mut taken);
            let place = folder.join(&name);
            std::fs::create_dir(&place).map_err(|source| PacsError::File { path: place.clone(), source })?;
            let fetched = pacs.fetch_series([&args.study, &series.uid], &place, limits, &mut |_| {})?;
            eprintln!("{name}: {}, {}", counted(fetched.objects, "object"), bytes(fetched.bytes));
            Ok((name, fetched))
        };
        chosen.iter().map(one).collect()
    })?;
    let rows = || {
        fetched
            .iter()
            .map(|(name, all)| json!({ "folder": args.output.join(name), "objects": all.objects, "bytes": all.bytes }))
    };
    match args.json {
        true => println!("{:#}", rows().collect::<serde_json::Value>()),
        false => println!("{}: {}", args.output.display(), format_args!("{} series", fetched.len())),
    }
    Ok(Exit::Ok)
}

fn chosen<'a>(all: &'a [Series], args: &Get) -> Result<Vec<&'a Series>, Failure> {
    let listed = || all.iter().map(|series| format!("\n  {}", series_line(series))).collect::<String>();
    if let Some(wrong) = args.series.iter().find(|uid| !all.iter().any(|series| series.uid == **uid)) {
        return Err(Failure::message(Exit::Usage, format!("the study has no series {wrong}; it has:{}", listed())));
    }
    let is_chosen = |series: &&Series| {
        (args.series.is_empty() || args.series.contains(&series.uid))
            && args.modality.as_ref().is_none_or(|modality| modality.eq_ignore_ascii_case(&series.modality))
    };
    let chosen: Vec<&Series> = all.iter().filter(is_chosen).collect();
    match chosen.is_empty() {
        true => Err(Failure::message(Exit::Usage, format!("no series of the study fits; it has:{}", listed()))),
        false => Ok(chosen),
    }
}

/// `002-CT`: letters and digits alone, whatever the archive sends.
fn folder_name(series: &Series, taken: &mut BTreeSet<String>) -> String {
    let modality: String = series.modality.chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let name = format!("{:03}-{}", series.number.unwrap_or(0), if modality.is_empty() { "series" } else { &modality });
    let free = (2..).map(|next| format!("{name}-{next}"));
    let name = std::iter::once(name.clone()).chain(free).find(|name| !taken.contains(name)).unwrap_or(name);
    taken.insert(name.clone());
    name
}

fn store(args: &Store) -> Result<Exit, Failure> {
    let pacs = args.server.open()?;
    let told = pacs.store(&args.files)?;
    if args.json {
        println!("{:#}", json!(told));
    } else {
        println!("{}: stored {}", pacs.url(), counted(told.stored.len(), "object"));
    }
    for refusal in &told.refused {
        eprintln!("error: {} was refused: {} (code {})", refusal.uid, refusal.reason, refusal.code);
    }
    Ok(if told.refused.is_empty() { Exit::Ok } else { Exit::BadData })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_numbers_and_modalities() {
        let series = |number, modality: &str| Series {
            uid: "1.2".into(),
            number,
            modality: modality.into(),
            description: "../x".into(),
            instances: None,
        };
        let mut taken = BTreeSet::new();
        let names = [(Some(2), "CT"), (Some(2), "CT"), (None, "../"), (Some(11), "S E/G")]
            .map(|(number, modality)| folder_name(&series(number, modality), &mut taken));
        assert_eq!(names, ["002-CT", "002-CT-2", "000-series", "011-SEG"]);
    }
}
