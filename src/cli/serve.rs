//! `segspec serve`.

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Failure};
use crate::backend::DeviceName;

/// Show runs and images in a browser, segment images there, and correct labels
///
/// Prints a link that holds a secret token: whoever has it may use the server. By default only this machine can reach it; for other
/// machines and for headsets, name a --host and use HTTPS. Images sent by the browser are removed when they have not been used for a while,
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
    /// Folder that contains the run folders
    #[arg(long, default_value = "runs", value_name = "DIR")]
    runs: PathBuf,
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
    /// Device of segmentations: auto, cpu, cuda:N or vulkan [default: SEGSPEC_DEVICE, else auto]
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
        eprintln!("press Ctrl-C to stop");
        let _ = super::exit::flush();
        if open && let Err(error) = open_in_browser(&address.link) {
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
    let roots = match args.root.is_empty() {
        // Without any data there is nothing to show.
        true => Some(session::data_root()).filter(|root| root.is_dir()).into_iter().collect(),
        false => args.root,
    };
    let certificate = match (args.cert, args.key) {
        (Some(chain), Some(key)) => Some(crate::serve::Certificate::Files { chain, key }),
        _ if args.tls => Some(crate::serve::Certificate::Made(certified(&args.host))),
        _ => None,
    };
    let name = ["SEGSPEC_USER", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let limits = crate::serve::Limits { upload: args.upload_limit.saturating_mul(1_000_000), ..Default::default() };
    Ok(crate::serve::Settings {
        runs: args.runs,
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
        device: session::device(args.device)?.device,
        limits,
    })
}

/// Names for a certificate: those by which the server answers.
#[cfg(feature = "serve")]
fn certified(host: &str) -> Vec<String> {
    let name = crate::store::manifest::host().to_ascii_lowercase();
    let mut names = vec![format!("{name}.local"), name, "localhost".into(), "127.0.0.1".into()];
    let own = host.trim_matches(['[', ']']);
    if !names.iter().any(|name| name == own) && !matches!(own, "0.0.0.0" | "::") {
        names.push(own.to_owned());
    }
    names
}

/// Starts the system's browser.
#[cfg(feature = "serve")]
fn open_in_browser(link: &str) -> std::io::Result<()> {
    use std::process::{Command, Stdio};
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    Command::new(program).arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}
