//! Archives that do harm: what they answer is made by the test.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use segspec::pacs::Pacs;
use serde_json::json;

use super::archive::{post, server, settled};
use super::{Reply, Server};
use crate::lab::{Lab, sorted, wait_for};

/// An archive whose answer a function writes, once the head of the request was read.
pub struct Fake {
    address: std::net::SocketAddr,
    requests: Arc<AtomicUsize>,
    /// Connections that the client has closed.
    closed: Arc<AtomicUsize>,
}

impl Fake {
    pub fn start(answer: impl Fn(&mut TcpStream) + Copy + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, ended) = (requests.clone(), closed.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, counted, ended) = (stream.unwrap(), counted.clone(), ended.clone());
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                        head.push(byte[0]);
                    }
                    if !head.is_empty() {
                        counted.fetch_add(1, Ordering::SeqCst);
                        answer(&mut stream);
                    }
                    // Until the client goes.
                    while matches!(stream.read(&mut byte), Ok(1)) {}
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, requests, closed }
    }

    /// The archive, given up after a second without a byte.
    pub fn pacs(&self) -> Pacs {
        let url = format!("http://{}/dicom-web", self.address);
        Pacs::new(&url).unwrap().with_patience(Duration::from_secs(1))
    }

    fn patient(&self) -> Pacs {
        self.pacs().with_patience(Duration::from_secs(60))
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

pub fn silent(_: &mut TcpStream) {}

fn say(stream: &mut TcpStream, text: &[u8]) {
    let _ = stream.write_all(text);
}

/// The beginning of a series: the head of the answer and of its first object.
const SERIES: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; type=\"application/dicom\"; boundary=xyz\r\n\r\n--xyz\r\n\r\n";

fn fetched(server: &Server) -> Reply {
    post(server, "/api/pacs/uploads", &json!({ "study": "1.2", "series": "1.3" }))
}

/// A DICOM object of a study and a series, without an image.
fn object([study, series]: [&str; 2]) -> Vec<u8> {
    let element = |tag: [u8; 4], value: &str| {
        let mut value = value.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        [&tag[..], b"UI", &(value.len() as u16).to_le_bytes(), value.as_slice()].concat()
    };
    let elements = [
        element([2, 0, 0x10, 0], "1.2.840.10008.1.2.1"),
        element([0x20, 0, 0x0d, 0], study),
        element([0x20, 0, 0x0e, 0], series),
    ];
    [vec![0; 128], b"DICM".to_vec(), elements.concat()].concat()
}

/// One object and nothing more, which is no image.
fn hollow(stream: &mut TcpStream) {
    say(stream, &[SERIES, object(["1.2", "1.3"]).as_slice(), b"\r\n--xyz--\r\n"].concat());
}

/// Files of uploads on the disk.
pub fn left(lab: &Lab) -> usize {
    let servers = sorted(&lab.path("runs/.cache/serve"));
    let uploads = servers.iter().flat_map(|server| sorted(&server.join("uploads")));
    uploads.map(|upload| sorted(&upload).len()).sum()
}

#[test]
fn lists_of_bad_archives_are_refused() {
    let endless = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\n\r\n[");
        while stream.write_all(&[b' '; 1 << 16]).is_ok() {}
    };
    let redirecting = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:9/latest/meta-data\r\nContent-Length: 0\r\n\r\n");
    };
    let failing = |stream: &mut TcpStream| {
        let page = "<script>alert(1)</script>";
        say(stream, format!("HTTP/1.1 500 X\r\nContent-Length: {}\r\n\r\n{page}", page.len()).as_bytes());
    };
    let talking = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let heads = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&b"X: y\r\n".repeat(1000)).is_ok() {}
    };
    let fakes: [(Fake, &str); 6] = [
        (Fake::start(endless), "the answer is larger than"),
        (Fake::start(redirecting), "status 307"),
        (Fake::start(failing), "status 500"),
        (Fake::start(talking), "no JSON"),
        (Fake::start(heads), "http://127.0.0.1"),
        (Fake::start(silent), "the archive is silent"),
    ];
    let lab = Lab::new();
    for (fake, part) in fakes {
        let server = server(&lab, fake.pacs());
        let begun = Instant::now();
        let reply = post(&server, "/api/pacs/studies", &json!({}));
        assert!(reply.status == 502 && reply.text().contains(part), "{part}: {}", reply.text());
        assert!(!reply.text().contains("<script>") && begun.elapsed() < Duration::from_secs(30), "{part}");
        assert!(server.is_alive());
    }
    // Nobody listens.
    let server = server(&lab, Pacs::new("http://127.0.0.1:9/dicom-web").unwrap());
    assert_eq!(post(&server, "/api/pacs/studies", &json!({})).status, 502);
}

#[test]
fn series_of_bad_archives_are_refused_and_leave_nothing() {
    let endless = |stream: &mut TcpStream| {
        say(stream, SERIES);
        while stream.write_all(&[7; 1 << 16]).is_ok() {}
    };
    let many = |stream: &mut TcpStream| {
        say(stream, SERIES);
        let object = [object(["1.2", "1.3"]).as_slice(), b"\r\n--xyz\r\n\r\n"].concat();
        while stream.write_all(&object).is_ok() {}
    };
    let headers = |stream: &mut TcpStream| {
        say(stream, &SERIES[..SERIES.len() - 2]);
        while stream.write_all(&[b'x'; 1 << 10]).is_ok() {}
    };
    let silenced = |stream: &mut TcpStream| say(stream, &[SERIES, &[0; 1000]].concat());
    let broken = |stream: &mut TcpStream| {
        say(stream, &[SERIES, &[0; 1000]].concat());
        let _ = stream.shutdown(std::net::Shutdown::Both);
    };
    let text = |stream: &mut TcpStream| say(stream, &[SERIES, b"text\r\n--xyz--\r\n"].concat());
    let page = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi")
    };
    let gone = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n");
    let part = |stream: &mut TcpStream| {
        let objects = [&SERIES[b"HTTP/1.1 200 OK\r\n".len()..], object(["1.2", "1.3"]).as_slice()].concat();
        say(stream, &[b"HTTP/1.1 206 Partial Content\r\n".as_slice(), objects.as_slice(), b"\r\n--xyz--\r\n"].concat());
    };
    let other = |stream: &mut TcpStream| {
        say(stream, &[SERIES, object(["1.2", "9.9"]).as_slice(), b"\r\n--xyz--\r\n"].concat());
    };
    // DICOM by its mark alone.
    let nameless = |stream: &mut TcpStream| say(stream, &[SERIES, &[0; 128], b"DICM\r\n--xyz--\r\n"].concat());
    let fakes: [(Fake, &str); 12] = [
        (Fake::start(endless), "more than 50 objects or 8"),
        (Fake::start(many), "more than 50 objects or 8"),
        (Fake::start(headers), "too long headers"),
        (Fake::start(silenced), "the archive is silent"),
        (Fake::start(broken), "ended before the series was complete"),
        (Fake::start(text), "is no DICOM file"),
        (Fake::start(page), "in place of DICOM objects"),
        (Fake::start(gone), "status 404"),
        (Fake::start(part), "a part of the series only (status 206)"),
        (Fake::start(other), "is of series 9.9 of study 1.2"),
        (Fake::start(nameless), "does not state its study and series"),
        (Fake::start(hollow), "no image that can be read"),
    ];
    for (fake, part) in fakes {
        let lab = Lab::new();
        let server = server(&lab, fake.pacs());
        let (id, known) = settled(&server, &fetched(&server));
        let error = known["error"].as_str().unwrap_or_default();
        assert!(known["state"] == "refused" && error.contains(part), "{part}: {known}");
        assert!(!error.contains(&*lab.path("runs").to_string_lossy()), "{error}");
        if part != "no image that can be read" {
            assert_eq!(left(&lab), 0, "{part}");
        }
        assert_eq!(server.ask("DELETE", &format!("/api/uploads/{id}"), &[], b"").status, 204);
        assert!(wait_for(|| left(&lab) == 0) && server.is_alive());
    }
}

#[test]
fn an_anonymous_series_that_cannot_be_used_leaves_nothing() {
    let lab = Lab::new();
    let fake = Fake::start(hollow);
    let server = server(&lab, fake.pacs());
    let wanted = json!({ "study": "1.2", "series": "1.3", "anonymous": true });
    let (_, known) = settled(&server, &post(&server, "/api/pacs/uploads", &wanted));
    let error = known["error"].as_str().unwrap_or_default();
    assert!(known["state"] == "refused" && error.contains("no image that can be read"), "{known}");
    assert_eq!((left(&lab), &known["bytes"]), (0, &json!(0)), "the originals name the patient");
}

#[test]
fn what_goes_on_can_be_stopped_while_the_archive_is_silent() {
    let lab = Lab::new();
    let fake = Fake::start(|stream| say(stream, &[SERIES, &[0; 1000]].concat()));
    let server = server(&lab, fake.patient());
    let reply = fetched(&server);
    let path = format!("/api/uploads/{}", reply.json()["upload"].as_str().unwrap());
    let known = server.wait(&path, |known| known["fetched"]["objects"] == 1);
    assert_eq!((&known["state"], &known["error"]), (&json!("fetching"), &json!(null)), "{known}");
    assert_eq!(server.get(&format!("{path}/series/1/voxels")).status, 409);
    let begun = Instant::now();
    assert_eq!(server.ask("DELETE", &path, &[], b"").status, 204);
    let closed = || fake.closed.load(Ordering::SeqCst);
    assert!(wait_for(|| closed() == 1) && begun.elapsed() < Duration::from_secs(10));
    assert_eq!((left(&lab), server.get(&path).status), (0, 404));

    // Also by the end of the server.
    assert_eq!(fetched(&server).status, 202);
    assert!(wait_for(|| fake.requests() == 2));
    let begun = Instant::now();
    drop(server);
    assert!(wait_for(|| closed() == 2) && begun.elapsed() < Duration::from_secs(10));
    assert!(sorted(&lab.path("runs/.cache/serve")).is_empty());
}

#[test]
fn a_silent_archive_keeps_nobody_else_waiting() {
    let lab = Lab::new();
    let fake = Fake::start(silent);
    let server = server(&lab, fake.patient());
    let (host, token) = (server.address, &server.token);
    let text =
        format!("GET /api/pacs/studies/1.2/series HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert!(wait_for(|| fake.requests() == 4));
    let one_more = server.get("/api/pacs/studies/1.2/series");
    assert!(one_more.status == 429 && one_more.text().contains("go on already"), "{}", one_more.text());
    assert_eq!(fetched(&server).status, 429);
    assert!(server.is_alive() && server.upload(&[("a.nii", b"x")]).status == 202);
    // Who goes makes room.
    drop(waiting);
    assert!(wait_for(|| fake.closed.load(Ordering::SeqCst) == 4));
    assert_eq!(fetched(&server).status, 202);
}
