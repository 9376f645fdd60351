//! The runs of an experiment in worker processes: several at a time, started again after a crash, never twice.
//!
//! [`pool::run_all`] starts `segspec run-plan FOLDER` for each run that is due ([`queue`]) and reads its events ([`worker`]). What is done
//! and what is not is only ever read from the run folders, so the controlling process may be killed and started again, and several
//! controllers may work on one experiment: a run belongs to whoever holds its lock.

pub mod pool;
pub mod queue;
pub mod slots;
pub mod worker;

pub use pool::run_all;
pub use slots::{Jobs, Slots};
