//! Clients that are slow, many, or gone.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::{Reply, Server, form, settings};
use crate::lab::Lab;

#[test]
fn two_hundred_idle_connections_keep_nobody_out() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let idle: Vec<_> = (0..200).map(|_| server.connect()).collect();
    assert!(server.is_alive());
    // Also where each has begun to speak.
    let begun: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = server.connect();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost:");
            stream
        })
        .collect();
    let asked = Instant::now();
    assert!(server.is_alive() && asked.elapsed() < Duration::from_secs(10));
    drop((idle, begun));
}

#[test]
fn slow_requests_end() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let (host, token) = (server.address, &server.token);
    let head = format!("Host: {host}\r\nAuthorization: Bearer {token}\r\n");
    let unfinished = [
        "GET /api/about HTTP/1.1\r\n".to_owned(),
        format!("GET /api/about HTTP/1.1\r\n{head}"),
        format!("POST /api/jobs HTTP/1.1\r\n{head}Content-Length: 100\r\n\r\n{{"),
        format!(
            "POST /api/uploads HTTP/1.1\r\n{head}Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: 1000\r\n\r\n--xyz\r\n"
        ),
        format!(
            "POST /api/uploads HTTP/1.1\r\n{head}Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: 1000\r\n\r\n\
             --xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.nii\"\r\n\r\nbegun"
        ),
    ];
    for text in unfinished {
        let begun = Instant::now();
        let mut stream = server.connect();
        stream.write_all(text.as_bytes()).unwrap();
        let reply = Reply::read(&mut stream);
        assert!([0, 408].contains(&reply.status), "{text}: {}", reply.text());
        assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
    }
    assert!(server.is_alive());
}

#[test]
fn headers_that_come_one_by_one_end_too() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let mut stream = server.connect();
    stream.write_all(b"GET /api/about HTTP/1.1\r\n").unwrap();
    let begun = Instant::now();
    // Each byte comes in time, the request does not.
    while begun.elapsed() < Duration::from_secs(15) && stream.write_all(b"X: y\r\n").is_ok() {
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(begun.elapsed() < Duration::from_secs(15) && server.is_alive());
}

#[test]
fn who_takes_no_bytes_is_given_up() {
    let lab = Lab::new();
    let mut settings = settings(&lab);
    settings.limits.connections = 2;
    // More than the buffers of a connection hold.
    let folder = lab.path("data");
    let geometry = segspec::volume::Geometry::axis_aligned([64, 512, 512], [1.0; 3]);
    let noise = |(_, z, y, x): (usize, usize, usize, usize)| ((z * 7919 + y * 104_729 + x * 1_299_709) % 30_011) as f32;
    let voxels = ndarray::Array4::from_shape_fn((1, 64, 512, 512), noise);
    segspec::volume::write_volume(&folder.join("large.nii.gz"), &segspec::volume::Volume { voxels, geometry }).unwrap();
    let server = Server::start(settings);
    let (host, token) = (server.address, &server.token);
    let text = format!(
        "GET /api/files/voxels?path=large.nii.gz HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let deaf: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(text.as_bytes()).unwrap();
            // The answer begins, and is not read on.
            let mut first = [0; 16];
            stream.read_exact(&mut first).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20)
        && server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 0
    {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(server.is_alive());
    drop(deaf);
}

#[test]
fn long_headers_are_refused() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let (host, token) = (server.address, &server.token);
    let head =
        format!("GET /api/about HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n");
    let long = format!("{head}X: {}\r\n\r\n", "y".repeat(200_000));
    let many = format!("{head}{}\r\n", "X: y\r\n".repeat(500));
    let path = format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "a".repeat(100_000));
    for text in [long, many, path] {
        let reply = server.raw(text.as_bytes());
        assert!([0, 400, 414, 431].contains(&reply.status), "{}", reply.text());
    }
    assert!(server.is_alive());
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let lab = Lab::new();
    let server = Server::of(&lab);
    let (host, token) = (server.address, &server.token);
    let body = form(&[("a.nii", &[7; 100_000])]);
    let head = format!(
        "POST /api/uploads HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..10 {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body[..50_000]).unwrap();
        drop(stream);
    }
    let uploads = || {
        let servers = crate::lab::sorted(&lab.path("runs/.cache/serve"));
        servers.iter().flat_map(|server| crate::lab::sorted(&server.join("uploads"))).count()
    };
    assert!(crate::lab::wait_for(|| uploads() == 0), "{}", uploads());
    assert!(server.is_alive());
    drop(server);
    assert!(crate::lab::sorted(&lab.path("runs/.cache/serve")).is_empty());
}
