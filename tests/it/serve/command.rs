//! The command itself: its link, its end, trainings, HTTPS, memory.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{CertificateParams, KeyPair};
use segspec::Cancel;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Reply, Server};
use crate::lab::{Lab, TINY, sorted, wait_for};

/// A server in a process of its own.
struct Process {
    child: Child,
    link: String,
}

impl Process {
    fn start(lab: &Lab, further: &[&str]) -> Self {
        let arguments = [&["serve"], further].concat();
        let mut command = lab.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut link = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut link).unwrap();
        Self { child, link: link.trim().to_owned() }
    }

    /// As a server of this process, for its requests.
    fn client(&self) -> Server {
        let (address, token) = self.link.split_once("/?token=").unwrap();
        let address = address.split("//").nth(1).unwrap().parse().unwrap();
        Server { address, token: token.to_owned(), cancel: Cancel::new(), thread: None }
    }

    /// Ctrl-C; the exit code, and how long it took.
    #[cfg(unix)]
    fn stop(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let id = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, begun.elapsed())
    }

    /// Most memory that it has had, in bytes.
    #[cfg(target_os = "linux")]
    fn peak(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[cfg(unix)]
fn the_server_prints_its_link_and_leaves_nothing_behind() {
    let lab = Lab::new();
    fs::create_dir(lab.path("data")).unwrap();
    let process = Process::start(&lab, &[]);
    assert!(process.link.starts_with("http://127.0.0.1:") && process.link.len() > 60, "{}", process.link);
    let client = process.client();
    let image = super::uploads::image(&lab, "ct.nii", [4, 5, 6]);
    let (_, known) = client.uploaded(&[("a.nii", &image)]);
    assert_eq!(known["state"], "ready");
    let place = lab.path("runs/.cache/serve");
    assert_eq!(sorted(&place).len(), 1);
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&sorted(&place)[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads uploads");
    }
    let (code, took) = process.stop();
    assert!(code == Some(0) && took < Duration::from_secs(10), "{code:?} {took:?}");
    assert!(sorted(&place).is_empty());
    // What a killed server left is removed by the next one.
    let killed = Process::start(&lab, &[]);
    killed.client().uploaded(&[("a.nii", &image)]);
    drop(killed);
    assert_eq!(sorted(&place).len(), 1);
    let next = Process::start(&lab, &[]);
    assert_eq!(sorted(&place).len(), 1);
    drop(next);
}

#[test]
fn what_would_be_open_to_others_is_refused() {
    let lab = Lab::new();
    let open = lab.end(&["serve", "--host", "0.0.0.0"]);
    assert!(open.code == 2 && open.err.contains("add --tls"), "{}", open.err);
    let gone = lab.end(&["serve", "--root", "nowhere"]);
    assert!(gone.code == 2 && gone.err.contains("--root nowhere: no such folder"), "{}", gone.err);
    let runs = lab.end(&["serve", "--runs", "nothere"]);
    assert!(runs.code == 2 && runs.err.contains("--runs nothere: no such folder; name"), "{}", runs.err);
    let half = lab.end(&["serve", "--cert", "a.pem"]);
    assert!(half.code == 2 && half.err.contains("--key"), "{}", half.err);
    let missing = lab.end(&["serve", "--cert", "a.pem", "--key", "b.pem"]);
    assert!(missing.code == 7 && missing.err.contains("a.pem"), "{}", missing.err);
}

/// Without a word, an empty page would look like lost runs.
#[test]
fn a_missing_folder_of_runs_is_told_at_the_start() {
    let lab = Lab::new();
    fs::create_dir(lab.path("data")).unwrap();
    let first_line = || {
        let mut child = lab.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line
    };
    let told = first_line();
    assert!(told.starts_with("warning: there is no folder `runs` here"), "{told}");
    fs::create_dir_all(lab.path("runs")).unwrap();
    assert!(!first_line().contains("there is no folder"));
}

#[test]
fn https_works_with_a_certificate_of_files() {
    let lab = Lab::new();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    lab.write("cert.pem", &certificate.pem());
    lab.write("key.pem", &key.serialize_pem());
    let process = Process::start(&lab, &["--cert", "cert.pem", "--key", "key.pem"]);
    assert!(process.link.starts_with("https://"), "{}", process.link);
    let client = process.client();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(client.address).unwrap());
    let (port, token) = (client.address.port(), &client.token);
    let text = format!("GET /?token={token} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let reply = Reply::read(&mut stream);
    assert!(reply.status == 303 && reply.header("set-cookie").unwrap().contains("Secure"), "{}", reply.text());
    // Without TLS there is no answer.
    assert_eq!(client.get("/api/about").status, 0);
}

#[test]
#[cfg(unix)]
fn trainings_start_and_stop_and_can_go_on() {
    let lab = Lab::new();
    // Hours, if nobody stopped it.
    lab.write("experiments/long.toml", &TINY.replace("epochs = 3", "epochs = 100000"));
    let begun = lab.kill_at(
        &["run", "experiments/long.toml"],
        |lab| sorted(&lab.path("runs/long")).iter().any(|run| run.join("history.parquet").exists()),
        Duration::ZERO,
    );
    assert!(begun);
    let process = Process::start(&lab, &["--allow-run"]);
    let client = process.client();
    let state = || client.json("/api/runs")["experiments"][0]["runs"][0].clone();
    let id = state()["id"].as_str().unwrap().to_owned();
    let ask = |what: &str| client.ask("POST", &format!("/api/runs/{id}/{what}"), &[], b"");
    assert_eq!((state()["state"].as_str(), ask("stop").status), (Some("resumable"), 409));
    let started = ask("start");
    assert_eq!(started.status, 200, "{}", started.text());
    assert!(wait_for(|| state()["state"] == "running"), "{}", state());
    assert!([409, 429].contains(&ask("start").status));
    assert_eq!(ask("stop").status, 200);
    assert!(wait_for(|| state()["state"] == "resumable"), "{}", state());
    // The end of the server is the end of its trainings.
    // The process may take a moment to be gone.
    assert!(wait_for(|| ask("start").status == 200));
    assert!(wait_for(|| state()["state"] == "running"));
    let lock = lab.run_folder("long").join("lock");
    assert_eq!(process.stop().0, Some(0));
    assert!(wait_for(|| segspec::store::Lock::holder(&lock).is_none()));
}

/// As after `segspec run`: the report tells of all runs, with the experiment's notes.
#[test]
#[cfg(unix)]
fn a_training_that_ends_writes_the_report_of_its_experiment() {
    let lab = Lab::new();
    let seeds = |seeds: &str| format!("notes = [\"Two seeds.\"]\n{TINY}\n[sweep]\nseeds = {seeds}\n");
    lab.write("experiments/two.toml", &seeds("[0]"));
    lab.run("two", &[]);
    lab.write("experiments/two.toml", &seeds("[0, 1]"));
    lab.run("two", &["--stop-after", "1"]);
    let report = lab.path("reports/two/report.html");
    let of = || fs::read_to_string(&report).unwrap_or_default();
    fs::remove_file(&report).unwrap_or_default();
    let process = Process::start(&lab, &["--allow-run"]);
    let client = process.client();
    let runs = || client.json("/api/runs")["experiments"][0]["runs"].as_array().unwrap().clone();
    let paused = runs().into_iter().find(|run| run["state"] == "resumable").unwrap();
    let id = paused["id"].as_str().unwrap();
    assert_eq!(client.ask("POST", &format!("/api/runs/{id}/start"), &[], b"").status, 200);
    assert!(wait_for(|| runs().iter().all(|run| run["state"] == "finished")), "{:?}", runs());
    assert!(wait_for(|| of().contains("Two seeds.")), "no report of the experiment");
    let mut runs = lab.run_folders("two");
    runs.retain(|run| !of().contains(run.file_name().unwrap().to_str().unwrap()));
    assert!(runs.is_empty(), "the report does not tell of {runs:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn bombs_take_no_memory() {
    let lab = Lab::new();
    let process = Process::start(&lab, &[]);
    let client = process.client();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&zeros).unwrap());
    let bomb = encoder.finish().unwrap();
    let before = process.peak();
    // The parts of a form are told apart piece by piece, however long they are.
    let endless = [b"--xyz\r\nX: ".to_vec(), vec![b'x'; 64 << 20]].concat();
    let headers = [("Content-Type", "multipart/form-data; boundary=xyz")];
    let reply = client.ask("POST", "/api/uploads", &headers, &endless);
    assert!([0, 413].contains(&reply.status), "{}", reply.text());
    for name in ["a.nii.gz", "b.nrrd", "c.zip"] {
        let (_, known) = client.uploaded(&[(name, &bomb)]);
        assert_eq!(known["state"], "refused", "{known}");
    }
    let grown = process.peak().saturating_sub(before);
    assert!(grown < 200 << 20, "{} MB more than before", grown >> 20);
}
