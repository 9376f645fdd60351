//! The connections of the moment. Where there are too many, the one that has been idle longest makes room: clients that connect and
//! say nothing cannot keep others out.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::{AbortHandle, JoinHandle};

/// The connections, oldest first.
pub struct Connections {
    most: usize,
    open: Arc<Mutex<Vec<Place>>>,
}

/// One connection.
#[derive(Clone)]
pub struct Place(Arc<One>);

struct One {
    /// Requests that are being answered.
    requests: AtomicUsize,
    task: Mutex<Option<AbortHandle>>,
    all: Arc<Mutex<Vec<Place>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists and counters are whole whatever their last user did.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), open: Arc::default() }
    }

    /// A place for a new connection; `None` if all are busy.
    pub fn take(&self) -> Option<Place> {
        let mut open = locked(&self.open);
        if open.len() >= self.most {
            let idle = open.iter().position(|place| place.0.requests.load(Ordering::SeqCst) == 0)?;
            open.remove(idle).abort();
        }
        let one = One { requests: AtomicUsize::new(0), task: Mutex::new(None), all: self.open.clone() };
        let place = Place(Arc::new(one));
        open.push(place.clone());
        Some(place)
    }

    /// Ends all connections.
    pub fn close_all(&self) {
        locked(&self.open).drain(..).for_each(|place| place.abort());
    }
}

impl Place {
    /// Notes the task that serves the connection.
    pub fn run(self, task: JoinHandle<()>) {
        *locked(&self.0.task) = Some(task.abort_handle());
    }

    /// Gives up the place when dropped.
    pub fn guard(&self) -> Leaving {
        Leaving(self.clone())
    }

    /// The connection answers a request until this is dropped.
    pub fn busy(&self) -> Busy {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        Busy(self.clone())
    }

    fn abort(&self) {
        if let Some(task) = locked(&self.0.task).as_ref() {
            task.abort();
        }
    }
}

/// See [`Place::guard`].
pub struct Leaving(Place);

impl Drop for Leaving {
    fn drop(&mut self) {
        locked(&self.0.0.all).retain(|place| !Arc::ptr_eq(&place.0, &self.0.0));
    }
}

/// See [`Place::busy`].
pub struct Busy(Place);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A body that keeps its connection busy until it has been sent.
pub struct Held {
    body: axum::body::Body,
    _busy: Busy,
}

impl Held {
    pub fn new(body: axum::body::Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_connections_make_room_and_busy_ones_do_not() {
        let connections = Connections::new(2);
        let (first, second) = (connections.take().unwrap(), connections.take().unwrap());
        let busy = first.busy();
        let third = connections.take().unwrap();
        let is_there = |place: &Place| locked(&connections.open).iter().any(|open| Arc::ptr_eq(&open.0, &place.0));
        assert!(is_there(&first) && !is_there(&second) && is_there(&third));
        let _busy_too = third.busy();
        assert!(connections.take().is_none());
        drop(busy);
        assert!(connections.take().is_some() && !is_there(&first));
        drop(third.guard());
        assert!(!is_there(&third));
    }
}
