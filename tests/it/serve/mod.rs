//! `segspec serve`, over raw TCP as an attacker or a browser speaks to it.

mod anonymous;
mod archive;
mod attacks;
mod bad_archives;
mod clicks;
mod clients;
mod command;
mod corrections;
mod corrections_meanwhile;
mod flows;
mod hostile;
mod results;
mod series;
mod uploads;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use segspec::Cancel;
use segspec::backend::{DeviceName, select};
use segspec::serve::{Limits, Settings, serve};
use serde_json::Value;

use crate::lab::Lab;

/// A server in this process.
pub struct Server {
    pub address: SocketAddr,
    pub token: String,
    cancel: Cancel,
    thread: Option<JoinHandle<()>>,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

/// Settings of a server for the runs of a lab, with small bounds so that tests reach them.
pub fn settings(lab: &Lab) -> Settings {
    let data = lab.path("data");
    std::fs::create_dir_all(&data).unwrap();
    Settings {
        runs: lab.path("runs"),
        roots: vec![data.clone()],
        data_root: data.clone(),
        explicit_data_root: Some(data),
        reports: lab.path("reports"),
        datasets: lab.path("datasets"),
        host: "127.0.0.1".into(),
        port: 0,
        certificate: None,
        allow_run: false,
        keep_uploads: Duration::from_secs(600),
        pacs: None,
        who: "tester".into(),
        device: select(DeviceName::Cpu).unwrap(),
        limits: Limits {
            upload: 8 << 20,
            files: 50,
            always: 1 << 20,
            kept: 4,
            patience: Duration::from_secs(2),
            ..Limits::default()
        },
    }
}

impl Server {
    pub fn start(settings: Settings) -> Self {
        let (cancel, (told, ready)) = (Cancel::new(), channel());
        let of_thread = cancel.clone();
        let thread = std::thread::spawn(move || {
            serve(settings, &of_thread, |address| told.send(address.clone()).unwrap()).unwrap();
        });
        let address = ready.recv_timeout(Duration::from_secs(20)).unwrap();
        let token = address.link.split("token=").nth(1).unwrap().to_owned();
        Self { address: address.socket, token, cancel, thread: Some(thread) }
    }

    pub fn of(lab: &Lab) -> Self {
        Self::start(settings(lab))
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes as they are and reads what comes until the server closes. The server may close before it has read everything.
    pub fn raw(&self, request: &[u8]) -> Reply {
        let mut stream = self.connect();
        let _ = stream.write_all(request);
        Reply::read(&mut stream)
    }

    /// A request of someone who has the token.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let (host, token) = (self.address, &self.token);
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        self.raw(&[head.as_bytes(), b"\r\n", body].concat())
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], b"")
    }

    pub fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// Sends files in a form.
    pub fn upload(&self, files: &[(&str, &[u8])]) -> Reply {
        let body = form(files);
        self.ask("POST", "/api/uploads", &[("Content-Type", "multipart/form-data; boundary=xyz")], &body)
    }

    /// Sends files, waits until they were looked at, and returns the upload's id and what is known of it.
    pub fn uploaded(&self, files: &[(&str, &[u8])]) -> (String, Value) {
        let reply = self.upload(files);
        assert_eq!(reply.status, 202, "{}", reply.text());
        let id = reply.json()["upload"].as_str().unwrap().to_owned();
        let known = self.wait(&format!("/api/uploads/{id}"), |known| known["state"] != "reading");
        (id, known)
    }

    /// Asks until an answer is as wanted.
    pub fn wait(&self, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.json(path);
            if is_wanted(&value) {
                return value;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "{value}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether the server answers as it should.
    pub fn is_alive(&self) -> bool {
        self.get("/api/about").status == 200
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.cancel.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

impl Reply {
    pub fn read(stream: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        // A connection that was reset has nothing more to say.
        let _ = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
        let body =
            if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
        Self { status, head, body }
    }

    pub fn text(&self) -> String {
        format!("{}\n{}", self.head, String::from_utf8_lossy(&self.body[..self.body.len().min(2000)]))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Writes the body to a file of a folder, so that it is read as any image.
    pub fn save(&self, lab: &Lab, name: &str) -> PathBuf {
        let path = lab.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &self.body).unwrap();
        path
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap_or("0").trim(), 16).unwrap_or(0);
        let Some(piece) = body.get(end + 2..end + 2 + size).filter(|_| size > 0) else { break };
        whole.extend_from_slice(piece);
        body = body.get(end + 4 + size..).unwrap_or_default();
    }
    whole
}

/// A form of files with the boundary `xyz`.
pub fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in files {
        body.extend_from_slice(
            format!("--xyz\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xyz--\r\n");
    body
}
