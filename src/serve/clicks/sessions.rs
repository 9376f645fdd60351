//! The images that are being clicked at. Each takes the memory of an image and a network, so there are few, and they end early.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::access::Token;
use super::super::error::{Answer, Refusal};
use super::super::jobs::Job;
use super::super::state::locked;
use crate::infer::Trained;
use crate::preprocess::Prepared;

/// Sessions that are kept.
const MOST: usize = 2;
/// A session ends when it was not used for so long, even where uploads are kept longer.
const IDLE: Duration = Duration::from_secs(600);

/// The sessions, least recently used first.
#[derive(Default)]
pub struct Clicks {
    open: Mutex<VecDeque<Arc<Session>>>,
}

/// An image that is being clicked at. It holds nothing that a person did: clicks and labels come with every request.
pub struct Session {
    pub id: String,
    pub trained: Trained,
    pub prepared: Prepared,
    /// Held while a click is followed: two at a time would only wait for each other's network.
    pub turn: Arc<tokio::sync::Mutex<()>>,
    /// The job whose image it is; none for a case of a run.
    job: Option<Arc<Job>>,
    used: Mutex<Instant>,
}

impl Session {
    /// # Errors
    /// The system gives no random number for its name.
    pub fn new(trained: Trained, prepared: Prepared, job: Option<Arc<Job>>) -> Answer<Self> {
        let id = Token::name().map_err(Refusal::failed)?;
        Ok(Self { id, trained, prepared, turn: Arc::default(), job, used: Mutex::new(Instant::now()) })
    }

    /// Notes that it is in use, and with it the job and the upload whose image it has.
    pub fn touch(&self) {
        *locked(&self.used) = Instant::now();
        self.job.iter().for_each(|job| job.touch());
    }

    /// Whether somebody removed its image.
    fn is_orphan(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.is_removed())
    }
}

impl Clicks {
    /// Ends the sessions that have been unused longest, until there is room for one more.
    pub fn make_room(&self) {
        let mut open = locked(&self.open);
        while open.len() >= MOST {
            open.pop_front();
        }
    }

    /// Keeps a session.
    pub fn add(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        let mut open = locked(&self.open);
        open.push_back(session.clone());
        // Others may have been opened since room was made.
        while open.len() > MOST {
            open.pop_front();
        }
        session
    }

    /// The session of an id.
    ///
    /// # Errors
    /// There is none (any more).
    pub fn find(&self, id: &str) -> Answer<Arc<Session>> {
        let mut open = locked(&self.open);
        open.retain(|session| !session.is_orphan());
        let place = open.iter().position(|session| session.id == id);
        let session = place.and_then(|place| open.remove(place)).ok_or_else(|| {
            Refusal::missing("session of clicks")
                .help("open it anew: it ends when it is not used, or when others are opened")
        })?;
        session.touch();
        open.push_back(session.clone());
        Ok(session)
    }

    /// Ends a session; whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        let mut open = locked(&self.open);
        let count = open.len();
        open.retain(|session| session.id != id);
        open.len() < count
    }

    /// Ends sessions whose job or upload was removed.
    pub fn tidy(&self) {
        locked(&self.open).retain(|session| !session.is_orphan());
    }

    /// Ends, besides, sessions that nobody has used in a while.
    pub fn expire(&self, keep: Duration) {
        let keep = keep.min(IDLE);
        locked(&self.open).retain(|session| !session.is_orphan() && locked(&session.used).elapsed() <= keep);
    }
}
