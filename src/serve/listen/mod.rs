//! Listens, serves and stops.

mod connections;
mod patient;
mod reach;
pub mod tls;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::access::{Local, Names, Token};
use super::image::Voxels;
use super::state::{Inner, Shared};
use super::{Certificate, Settings, jobs, routes, uploads};
use crate::Cancel;
use connections::{Connections, Place};
use patient::Patient;

pub use reach::own_address;

/// Bytes of a request's line and headers.
const HEADERS: usize = 32 << 10;
/// Most headers of a request.
const MOST_HEADERS: usize = 64;
/// How often the server looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(50);
/// Threads for work that takes long: reading, converting, packing.
const WORKERS: usize = 16;
/// How long a client whose request was refused may go on sending, and how many bytes.
const LINGER: Duration = Duration::from_secs(2);
const LEFT_OVER: usize = 16 << 20;
/// How long unfinished answers may take at the end.
const GRACE: Duration = Duration::from_millis(500);

/// Where the server is.
#[derive(Clone, Debug)]
pub struct Address {
    /// The address.
    pub socket: SocketAddr,
    /// The link with the token: whoever has it may use the server.
    pub link: String,
    /// The server's temporary folder, which nobody else can read.
    scratch: PathBuf,
}

impl Address {
    /// A page that leads to the link, for a browser: what stands on its command line can be read by everybody on this machine.
    ///
    /// # Errors
    /// The disk is full.
    pub fn page(&self) -> io::Result<PathBuf> {
        let path = std::path::absolute(self.scratch.join("open.html"))?;
        let link = &self.link;
        std::fs::write(
            &path,
            format!(
                "<!doctype html><meta charset=\"utf-8\"><title>segspec</title>\
                 <meta http-equiv=\"refresh\" content=\"0;url={link}\"><p><a href=\"{link}\">segspec</a></p>"
            ),
        )?;
        Ok(path)
    }
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {host} port {port}: {}", crate::files::reason(source))]
    Listen {
        /// As it was named.
        host: String,
        /// The port.
        port: u16,
        /// The reason.
        source: io::Error,
    },
    /// Other machines could read the token on its way.
    #[error(
        "{0} can be reached from other machines, which could read images and the token on their way: add --tls, or --cert FILE --key FILE"
    )]
    Open(String),
    /// The certificate cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// A folder cannot be used.
    #[error("{0}")]
    Folder(String),
    /// The operating system refuses something.
    #[error("{0}")]
    System(String),
}

impl ServeError {
    /// Whether the command line is wrong, rather than the machine.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Folder(_))
    }
}

/// Serves until `cancel` is set: `ready` is called with the address once requests are answered. In the end jobs are cancelled, trainings
/// that the page started are asked to save and stop, and uploads and results are removed.
///
/// # Errors
/// [`ServeError`], before the first request.
pub fn serve(settings: Settings, cancel: &Cancel, ready: impl FnOnce(&Address)) -> Result<(), ServeError> {
    let system = |error: io::Error| ServeError::System(format!("cannot start: {}", crate::files::reason(&error)));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).max_blocking_threads(WORKERS).enable_io().enable_time().build();
    let runtime = runtime.map_err(system)?;
    let listener = runtime.block_on(listen(&settings))?;
    let socket = listener.local_addr().map_err(system)?;
    if !socket.ip().is_loopback() && settings.certificate.is_none() {
        return Err(ServeError::Open(settings.host.clone()));
    }
    let acceptor = settings.certificate.as_ref().map(tls::acceptor).transpose().map_err(ServeError::Certificate)?;
    let token = Token::new().map_err(ServeError::System)?;
    let names = Names::new(&settings.host, socket, acceptor.is_some());
    let link = link(&settings, socket, &token);
    let voxels = Voxels::of(socket.ip().is_loopback());
    let state = Inner::new(settings, (token, names), voxels, cancel.clone()).map_err(ServeError::Folder)?;
    let address = Address { socket, link, scratch: state.scratch.path().to_owned() };
    let worker = jobs::start(&state).map_err(system)?;
    runtime.spawn(uploads::expire(state.clone()));
    ready(&address);
    runtime.block_on(accept(&listener, acceptor.as_ref(), &state));
    state.processes.stop_all();
    state.jobs.close();
    // Removed first: the process must not wait for an answer that takes long.
    state.scratch.remove();
    runtime.shutdown_timeout(GRACE);
    // The thread is at a job whose token is set; it ends with the process if it takes longer.
    let until = std::time::Instant::now() + GRACE;
    while !worker.is_finished() && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    state.scratch.remove();
    Ok(())
}

fn link(settings: &Settings, socket: SocketAddr, token: &Token) -> String {
    let scheme = if settings.certificate.is_some() { "https" } else { "http" };
    // A certificate of one's own is for names.
    let is_made = matches!(settings.certificate, Some(Certificate::Made(_)));
    let host = reach::reached_at(&settings.host, socket, is_made.then(own_address).flatten());
    format!("{scheme}://{host}/?token={}", token.reveal())
}

async fn listen(settings: &Settings) -> Result<TcpListener, ServeError> {
    let Settings { host, port, .. } = settings;
    let failed = |source| ServeError::Listen { host: host.clone(), port: *port, source };
    let addresses: Vec<SocketAddr> =
        (host.trim_matches(['[', ']']), *port).to_socket_addrs().map_err(failed)?.collect();
    TcpListener::bind(addresses.as_slice()).await.map_err(failed)
}

/// Accepts connections until the server shall stop.
async fn accept(listener: &TcpListener, acceptor: Option<&TlsAcceptor>, state: &Shared) {
    let router = routes::routes(state);
    let connections = Arc::new(Connections::new(state.settings.limits.connections));
    while !state.cancel.is_stopped() {
        let Ok(accepted) = tokio::time::timeout(LOOK, listener.accept()).await else { continue };
        let Ok((stream, _)) = accepted else {
            // Too many open files: wait until some are closed.
            tokio::time::sleep(LOOK).await;
            continue;
        };
        let Some(place) = connections.take() else { continue };
        let (router, acceptor, state) = (router.clone(), acceptor.cloned(), state.clone());
        place.clone().run(tokio::spawn(async move {
            let _in_use = place.guard();
            connection(stream, acceptor, router, &state, &place).await;
        }));
    }
    connections.close_all();
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, router: Router, state: &Shared, place: &Place) {
    let patience = state.settings.limits.patience;
    let Ok(local) = stream.local_addr().map(|address| Local(address.ip())) else { return };
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => http(Patient::new(stream, patience), local, router, patience, place).await,
        Some(acceptor) => {
            let shaken = tokio::time::timeout(patience, acceptor.accept(Patient::new(stream, patience))).await;
            if let Ok(Ok(stream)) = shaken {
                http(stream, local, router, patience, place).await;
            }
        }
    }
}

async fn http<S>(stream: S, local: Local, router: Router, patience: Duration, place: &Place)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (place, router) = (place.clone(), TowerToHyperService::new(router));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(local);
        let (answered, busy) = (router.call(request.map(axum::body::Body::new)), place.busy());
        async move {
            let response = answered.await;
            // The connection is in use until the answer has been sent.
            response.map(|response| response.map(|body| axum::body::Body::new(connections::Held::new(body, busy))))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEADERS).max_headers(MOST_HEADERS);
    // What went wrong is the client's affair.
    if let Ok(parts) = builder.serve_connection(TokioIo::new(stream), service).without_shutdown().await {
        linger(parts.io.into_inner()).await;
    }
}

/// Takes what a refused client still sends, for a moment: a connection that is closed before loses the answer on its way.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let taken = async {
        stream.shutdown().await?;
        let (mut piece, mut sum) = (vec![0; HEADERS], 0);
        while sum < LEFT_OVER {
            match stream.read(&mut piece).await? {
                0 => break,
                count => sum += count,
            }
        }
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, taken).await;
}
