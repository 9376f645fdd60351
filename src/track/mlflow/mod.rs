//! MLflow: runs on a tracking server, over its REST interface. [`mirror`] makes the server know what is in a run folder, while the run
//! goes on as well as later, and sends nothing twice.

pub mod client;
pub mod mirror;
mod wanted;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::client::Client;
use self::mirror::{Mirror, Sent};
use super::TrackError;
use crate::observe::{Event, Events, Kind, Listener};
use crate::spec::tracking::Mlflow;
use crate::store::Stored;
use crate::train;

/// The variable that MLflow's own client reads.
const ADDRESS: &str = "MLFLOW_TRACKING_URI";

/// The tracking server of a run.
///
/// # Errors
/// [`TrackError::Nowhere`]: neither the settings nor the environment name one, or they name none with an address.
pub fn server(settings: &Mlflow) -> Result<Client, TrackError> {
    let url = settings.url.clone().or_else(|| std::env::var(ADDRESS).ok()).unwrap_or_default();
    match url.starts_with("http://") || url.starts_with("https://") {
        true => Ok(Client::new(&url)),
        false => Err(TrackError::Nowhere(url)),
    }
}

/// Sends everything about a run that the server does not know.
///
/// # Errors
/// The server is away or refuses, or a file of the run is damaged.
pub fn sync(run: &Stored, settings: &Mlflow) -> Result<Sent, TrackError> {
    let (mut mirror, mut sent) = Mirror::open(run, settings, server(settings)?)?;
    sent += mirror.send_metrics()?;
    mirror.send_status()?;
    sent += mirror.send_files()?;
    Ok(sent)
}

/// How long the end of a run waits for the server.
const LONGEST: Duration = Duration::from_secs(10);

/// Follows a run: its curves are sent after each epoch, by a thread of its own, so that training never waits for the server.
pub struct Follower {
    /// Tells the thread that there is news; taken away at the end of the run.
    news: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    /// Begins to follow. Where the server is away, `events` hear it once.
    pub fn start(run: &Stored, settings: &Mlflow, events: Events) -> Self {
        let (news, heard) = channel();
        let (run, settings) = (run.clone(), settings.clone());
        let thread = std::thread::spawn(move || {
            if let Err(error) = follow(&run, &settings, &heard) {
                events.warn(format!("{error}; `segspec track sync {}` sends it later", run.id()));
            }
        });
        Self { news: Some(news), thread: Some(thread) }
    }

    /// Waits until everything is sent, but not for a server that hangs.
    fn end(&mut self) {
        drop(self.news.take());
        let Some(thread) = self.thread.take() else { return };
        let start = Instant::now();
        while !thread.is_finished() && start.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(20));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

/// Sends what there is at each piece of news, until there will be no more.
fn follow(run: &Stored, settings: &Mlflow, news: &Receiver<()>) -> Result<(), TrackError> {
    let (mut mirror, _) = Mirror::open(run, settings, server(settings)?)?;
    mirror.send_status()?;
    while news.recv().is_ok() {
        // What came meanwhile is sent together.
        while news.try_recv().is_ok() {}
        mirror.send_metrics()?;
    }
    mirror.send_metrics()?;
    mirror.send_status()
}

impl Listener for Follower {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            // The thread ends where the server is away.
            Kind::Training(train::Event::Epoch(_)) => drop(self.news.as_ref().map(|news| news.send(()))),
            Kind::Ended { .. } => self.end(),
            _ => {}
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.end();
    }
}
