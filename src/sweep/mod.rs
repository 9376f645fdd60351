//! The runs of an experiment in worker processes: several at a time, started again after a crash, never twice.
//!
//! [`pool::run_all`] starts `segspec run-plan FOLDER` for each run that is due ([`queue`]) and reads its events ([`worker`]). What is done
//! and what is not is only ever read from the run folders, so the controlling process may be killed and started again, and several
//! controllers may work on one experiment: a run belongs to whoever holds its lock.
//!
//! In a search, trials are chosen while others run: the [`controller`] writes what it learns ([`objective`]) and decides into a
//! [`journal`], and every decision is a function of the journal's lines ([`state`]). [`search`] opens both;
//! [`outlook`] tells what is left to do.

pub mod controller;
pub mod journal;
pub mod objective;
pub mod outlook;
pub mod pool;
pub mod queue;
pub mod repeats;
pub mod search;
pub mod slots;
pub mod state;
pub mod told;
pub mod worker;

pub use controller::Controller;
pub use outlook::Outlook;
pub use pool::{run_all, work_through};
pub use queue::Queue;
pub use slots::{Jobs, Slots};
