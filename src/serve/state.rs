//! What all requests share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::Settings;
use super::access::{Names, Token};
use super::archive::Archive;
use super::clicks::Clicks;
use super::error::{Answer, Refusal};
use super::files::Roots;
use super::image::Voxels;
use super::jobs::Jobs;
use super::runs::{Catalog, Processes, Queues, Reports};
use super::scratch::Scratch;
use super::uploads::Uploads;
use super::volumes::Volumes;
use crate::Cancel;
use crate::store::cache;

/// Requests that read or convert images at a time: each may take the memory of several images.
const AT_A_TIME: usize = 2;

/// Shared by all requests.
pub type Shared = Arc<Inner>;

pub struct Inner {
    pub settings: Settings,
    pub token: Token,
    pub names: Names,
    /// How voxels of images are sent.
    pub voxels: Voxels,
    /// Set when the server stops.
    pub cancel: Cancel,
    pub scratch: Scratch,
    pub roots: Roots,
    pub catalog: Catalog,
    pub queues: Queues,
    pub processes: Processes,
    pub reports: Reports,
    pub volumes: Arc<Volumes>,
    pub uploads: Uploads,
    pub jobs: Jobs,
    pub archive: Archive,
    pub clicks: Clicks,
    heavy: Arc<Semaphore>,
}

impl Inner {
    /// The state of a new server.
    ///
    /// # Errors
    /// A root is no folder, or no temporary folder can be made.
    pub fn new(
        settings: Settings,
        (token, names): (Token, Names),
        voxels: Voxels,
        cancel: Cancel,
    ) -> Result<Shared, String> {
        let roots = Roots::new(&settings.roots)?;
        let scratch = Scratch::new(&cache(&settings.runs))?;
        let volumes = Arc::new(Volumes::new(scratch.folder("volumes")?, settings.limits.volumes));
        let catalog = Catalog::new(&settings.runs, &roots);
        let jobs = Jobs::new(scratch.folder("jobs")?, settings.limits.jobs, volumes.clone());
        let uploads = Uploads::new(scratch.folder("uploads")?, volumes.clone());
        let (processes, queues, heavy) = (Processes::default(), Queues::default(), Arc::new(Semaphore::new(AT_A_TIME)));
        let archive = Archive::new(settings.pacs.clone());
        let state = Self {
            settings,
            token,
            names,
            voxels,
            cancel,
            scratch,
            roots,
            catalog,
            queues,
            processes,
            reports: Reports::default(),
            volumes,
            uploads,
            jobs,
            archive,
            clicks: Clicks::default(),
            heavy,
        };
        Ok(Arc::new(state))
    }
}

/// Does something that may take long or wait for the disk, apart from the threads that serve connections; few at a time.
///
/// # Errors
/// Those of `work`; a fault in it is told as such.
pub async fn working<T: Send + 'static>(
    state: &Shared,
    work: impl FnOnce(&Shared) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let permit = state.heavy.clone().acquire_owned().await.map_err(Refusal::failed)?;
    // Held by the work, which goes on where its client has gone.
    let work = move |state: &Shared| {
        let _permit = permit;
        work(state)
    };
    quick(state, work).await
}

/// As [`working`], for what takes little memory.
///
/// # Errors
/// As [`working`].
pub async fn quick<T: Send + 'static>(
    state: &Shared,
    work: impl FnOnce(&Shared) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let state = state.clone();
    let done = tokio::task::spawn_blocking(move || work(&state)).await;
    done.unwrap_or_else(|_| Err(Refusal::failed("a fault in segspec; the server goes on")))
}

/// Locks what is whole whatever its last user did.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
