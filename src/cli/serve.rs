//! `segspec serve`.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure};
use crate::backend::DeviceName;

/// Folder of all runs, unless another one is named.
#[cfg(feature = "serve")]
const RUNS: &str = "runs";

/// Show runs and images in a browser, segment images there, and correct labels
///
/// Prints a link that holds a secret token: whoever has it may use the server. By default only this machine can reach it; for other
/// machines and for headsets, name a --host and use HTTPS: the link then comes as a QR code, too. Images sent by the browser are removed when they have not been used for a while,
/// and at the end. Research use only.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  segspec serve --open
  segspec serve --root data/liver --root scans --allow-run
  segspec serve --pacs http://127.0.0.1:8042/dicom-web
  segspec serve --host 0.0.0.0 --port 8443 --tls")]
#[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "without the feature, only the help is used"))]
pub struct Serve {
    /// Folder that contains the run folders [default: runs]
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// Folder of images that may be shown and segmented, with all folders in it; can be repeated [default: SEGSPEC_DATA, else data]
    #[arg(long, value_name = "DIR")]
    root: Vec<PathBuf>,
    /// Address or name to listen on; other machines can reach 0.0.0.0, which needs HTTPS
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port; 0 for any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Open the link in a browser
    #[arg(long)]
    open: bool,
    /// Let the page start and stop trainings
    #[arg(long)]
    allow_run: bool,
    /// Minutes after which uploads and results that nobody uses are removed
    #[arg(long, default_value_t = 60, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(1..=10_080))]
    keep_uploads_minutes: u64,
    /// Largest upload in megabytes
    #[arg(long, default_value_t = 4000, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    upload_limit: u64,
    /// The hospital's archive, for the page: address of its DICOMweb service [default: SEGSPEC_PACS]
    ///
    /// The page can then find studies, fetch series and store results there, whenever a person asks for it. SEGSPEC_PACS_USER and
    /// SEGSPEC_PACS_PASSWORD, or SEGSPEC_PACS_TOKEN, open it.
    #[arg(long, value_name = "URL")]
    pacs: Option<String>,
    /// HTTPS with a certificate made on the spot: browsers warn of it once
    #[arg(long, conflicts_with_all = ["cert", "key"])]
    tls: bool,
    /// HTTPS with this certificate (PEM, with its chain)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Device of segmentations: auto, cpu, cuda:N, vulkan or wgpu [default: SEGSPEC_DEVICE, else auto]
    #[arg(long)]
    device: Option<DeviceName>,
}

/// Says how to get the server.
#[cfg(not(feature = "serve"))]
pub fn execute(_: Serve) -> Result<Exit, Failure> {
    let text = "this binary was built without the server: `cargo install --path . --features serve` (docs/serve.md)";
    Err(Failure::message(Exit::Usage, text))
}

/// Serves until Ctrl-C.
#[cfg(feature = "serve")]
pub fn execute(args: Serve) -> Result<Exit, Failure> {
    let cancel = super::session::cancellation();
    let open = args.open;
    let settings = settings(args)?;
    let archive = settings.pacs.as_ref().map(|pacs| pacs.url().to_owned());
    let is_made = matches!(settings.certificate, Some(crate::serve::Certificate::Made(_)));
    let served = crate::serve::serve(settings, &cancel, |address| {
        println!("{}", address.link);
        eprintln!("{}", crate::serve::RESEARCH);
        if let Some(archive) = archive {
            eprintln!("archive: {archive}; it is asked only when the page says so");
        }
        if is_made {
            eprintln!("the certificate was made for this session: the browser warns of it once");
        }
        if let Some(picture) = picture(address) {
            eprint!("{picture}");
        }
        eprintln!("press Ctrl-C to stop");
        let _ = super::exit::flush();
        // By a file: other people can read the command lines of a machine.
        if open && let Err(error) = address.page().and_then(super::browser::open) {
            eprintln!("warning: no browser could be started ({error}): open the link yourself");
        }
    });
    let served = served.map_err(|error| {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Environment };
        Failure::new(exit, error)
    });
    served.map(|()| Exit::Ok)
}

#[cfg(feature = "serve")]
fn settings(args: Serve) -> Result<crate::serve::Settings, Failure> {
    use super::session;
    let (runs, roots) = (run_folder(args.runs)?, roots(args.root));
    let certificate = match (args.cert, args.key) {
        (Some(chain), Some(key)) => Some(crate::serve::Certificate::Files { chain, key }),
        _ if args.tls => Some(crate::serve::Certificate::Made(certified(&args.host))),
        _ => None,
    };
    let name = ["SEGSPEC_USER", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let limits = crate::serve::Limits { upload: args.upload_limit.saturating_mul(1_000_000), ..Default::default() };
    Ok(crate::serve::Settings {
        reports: runs.with_file_name(session::REPORTS),
        runs,
        roots,
        data_root: session::data_root(),
        explicit_data_root: session::explicit_data_root(),
        datasets: PathBuf::from("datasets"),
        host: args.host,
        port: args.port,
        certificate,
        allow_run: args.allow_run,
        keep_uploads: std::time::Duration::from_secs(args.keep_uploads_minutes * 60),
        pacs: super::pacs::archive(args.pacs)?,
        who: name.unwrap_or_else(|| "unknown".into()),
        device: session::device(args.device)?,
        limits,
    })
}

/// The folder of all runs. One that was named must be there: a page without runs would hide a wrong name.
#[cfg(feature = "serve")]
fn run_folder(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let Some(folder) = named else {
        let folder = PathBuf::from(RUNS);
        if !folder.is_dir() {
            eprintln!(
                "warning: there is no folder `{RUNS}` here, so the page has no runs: `segspec run` makes it, or name another one with --runs DIR"
            );
        }
        return Ok(folder);
    };
    if folder.is_dir() {
        return Ok(folder);
    }
    let text = format!(
        "--runs {}: no such folder; name the one that `segspec run` writes to, or leave --runs out for `{RUNS}`",
        folder.display()
    );
    Err(Failure::message(Exit::Usage, text))
}

/// The folders of images: those that were named, else the data folder.
#[cfg(feature = "serve")]
fn roots(named: Vec<PathBuf>) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named;
    }
    let folder = super::session::data_root();
    if folder.is_dir() {
        return vec![folder];
    }
    let shown = folder.display();
    eprintln!(
        "warning: there is no data folder `{shown}`, so the page shows no files: set SEGSPEC_DATA, or name folders with --root DIR"
    );
    Vec::new()
}

/// The link as a QR code, for other machines' cameras; none where nobody looks, or only this machine can use it.
#[cfg(feature = "serve")]
fn picture(address: &crate::serve::Address) -> Option<String> {
    use std::io::IsTerminal;
    let is_useful = !address.socket.ip().is_loopback() && std::io::stderr().is_terminal();
    is_useful.then(|| code(&address.link)).flatten()
}

/// A QR code for a terminal, black on white whatever its colours are: cameras want it so.
#[cfg(feature = "serve")]
fn code(link: &str) -> Option<String> {
    use qrcode::render::unicode::Dense1x2;
    let code = qrcode::QrCode::with_error_correction_level(link, qrcode::EcLevel::L).ok()?;
    let drawn = code.render::<Dense1x2>().quiet_zone(true).build();
    Some(drawn.lines().map(|line| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m\n")).collect())
}

/// Names for a certificate: those by which the server answers.
#[cfg(feature = "serve")]
fn certified(host: &str) -> Vec<String> {
    let name = crate::store::manifest::host().to_ascii_lowercase();
    let mut names = vec![format!("{name}.local"), name, "localhost".into(), "127.0.0.1".into()];
    let own = match host.trim_matches(['[', ']']) {
        "0.0.0.0" | "::" => crate::serve::own_address().map(|address| address.to_string()),
        own => Some(own.to_owned()),
    };
    names.extend(own.filter(|own| !names.contains(own)));
    names
}

#[cfg(all(test, feature = "serve"))]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_drawn_with_a_quiet_border() {
        let link = format!("https://workstation.local:8443/?token={}", "a".repeat(43));
        let drawn = code(&link).unwrap();
        let lines: Vec<String> =
            drawn.lines().map(|line| line.replace("\x1b[38;5;16;48;5;231m", "").replace("\x1b[0m", "")).collect();
        let widths: std::collections::BTreeSet<usize> = lines.iter().map(|line| line.chars().count()).collect();
        assert_eq!(widths.len(), 1, "{widths:?}");
        // 80 columns are what a terminal has; two rows of modules make one line.
        let width = *widths.first().unwrap();
        assert!(width < 80 && lines.len() == width.div_ceil(2), "{width} × {}", lines.len());
        assert!(lines[0].trim().is_empty() && lines.iter().all(|line| line.starts_with("    ")), "{drawn}");
        assert_ne!(code("https://workstation.local:8443/?token=b"), Some(drawn));
        assert_eq!(code(&"x".repeat(9000)), None);
    }

    #[test]
    fn a_run_folder_that_is_named_must_be_there() {
        let place = tempfile::tempdir().unwrap();
        assert!(run_folder(Some(place.path().to_path_buf())).is_ok());
        assert!(run_folder(Some(place.path().join("gone"))).is_err());
        assert!(run_folder(None).is_ok());
    }
}
