//! segspec: declarative experiments for medical image segmentation.
//!
//! A researcher commits one TOML file per experiment. [`run`] turns it into trained weights, per-case scores,
//! tables and charts, and the same file gives the same numbers again.
//!
//! # The way of the data
//!
//! ```text
//! experiments/x.toml ─ Spec ─> Plan ─> Dataset ─> Prepared ─> Network ─> Checkpoint ─> Predictions ─> Scores ─> Report
//! ```
//!
//! Each arrow is a module below, in this order, and a free function that takes its own slice of the plan and the artifact
//! to its left. Only [`run`] knows the order, as straight-line code.
//!
//! # Invariants (checked by `tests/it/tidy.rs`)
//!
//! - A stage imports only what stands to its left in the list of modules below. Leaf spec types live in the stage that
//!   uses them and are composed by [`spec`].
//! - [`evaluate`] never sees a tensor; [`report`] reads only tables and saved images; [`model`] and [`loss`] do no I/O;
//!   [`volume`] knows no dataset; only [`backend`] names a Burn backend; only `run::store` builds paths under a run folder.
//! - Nothing is random without a seed from the plan ([`random`]).
//! - Nothing but `cli` and `run::terminal` writes to the terminal.
//!
//! # Conventions
//!
//! - Every triple and every per-axis list is `[depth, height, width]` = `[z, y, x]` of the canonical RAS orientation.
//! - Every image tensor is `[batch, channel, depth, height, width]`; a 2D network has depth 1. Rank is data, not a type.
//! - Voxel → world is an affine in RAS+ millimetres that always travels with the voxels.

pub use segspec_base::{Cancel, files, memory, random};
pub use segspec_volume as volume;
pub use segspec_backend as backend;
pub mod auto;
pub mod spec;
pub mod dataset;
pub mod preprocess;
pub mod augment;
pub mod model;
pub mod loss;
pub mod plan;
pub mod train;
pub mod predict;
pub mod evaluate;
pub mod report;
pub mod run;
pub mod cli;
