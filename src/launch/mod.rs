//! Runs that a scheduler executes: `segspec run --launcher`.
//!
//! [`slurm`] writes plans and readable batch scripts ([`script`]), submits them and leaves; [`status`] asks the scheduler later. The files of
//! the runs say what is done, whatever the scheduler says. Another scheduler is one more file beside `slurm`.

pub mod script;
pub mod slurm;
pub mod status;
pub mod submission;

pub use submission::Submission;

/// Why runs cannot be handed over.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A program of the scheduler is missing, or refused.
    #[error("{program}: {reason}")]
    Program {
        /// The program.
        program: String,
        /// What it said.
        reason: String,
    },
    /// A file cannot be written or read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// There is nothing to do.
    #[error("{0}")]
    Nothing(String),
}
