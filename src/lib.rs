//! segspec: declarative experiments for medical image segmentation.
//!
//! A researcher commits one TOML file per experiment. [`run`] turns it into trained weights, per-case scores, tables and charts, and the
//! same file gives the same numbers again.
//!
//! # The way of the data
//!
//! ```text
//! experiments/x.toml ──spec::load──> Loaded: experiment, dataset, trials
//!                                       │
//!        images ──dataset::Inputs──> cases, named by their content, checked once
//!                                       │
//!                       run::plan ──> Plan × (trials × folds), each with an id per stage      (plan::resolve, plan::id)
//!                                       │   written to runs/<experiment>/<training id>/plan.toml; from here on nothing else is needed
//!            run::experiment::run_all ──> one outcome per run                                 (run::one, also `segspec run-plan FOLDER`)
//!                                       │   several runs: in worker processes (sweep::pool), chosen while others run (sweep::controller),
//!                                       │   or handed to a scheduler (launch)
//!                                       │
//!                   run::cases ──> the plan's cases, found and proven        preprocess ──> Prepared
//!                    train::fit ──> checkpoints                              infer::validate chooses the best
//!                    run::task ──> predictions, then scores                  infer::Trained, evaluate
//!                                       │
//!                  run::report ──> tables, charts, one page                  report
//! ```
//!
//! [`reproduce`] computes a recorded run again from its plan and compares every number; it also explains in what two runs differ, and packs
//! a run for others. [`import`] makes runs of networks that other programs trained. [`track`] tells other programs of runs while they go
//! on; [`export`] writes trained networks for them. [`pacs`] finds, fetches and stores DICOM objects in a hospital's archive; [`corrections`] keeps labels that people corrected, and
//! makes datasets with them; the module `serve` (feature `serve`) shows runs
//! and segments images in a browser.
//!
//! A plan is everything that a run needs: its task ([`model::Task`]), where its network comes from ([`plan::Work`]), the cases with their
//! files and contents ([`plan::Data`]). [`plan::RunIds`] names training, prediction and evaluation by what decides their numbers; what is in
//! a folder of that name is not computed again. Whoever watches hears of [`observe::Event`]s.
//!
//! # Where things are
//!
//! The modules below stand in the order of that way, first to last; a module imports only what stands before it. What rarely changes
//! lives in crates of its own, so that a change in a report or a command compiles in seconds:
//!
//! - `crates/base`: files, memory, random numbers;
//! - `crates/volume`: images, label maps and their file formats;
//! - `crates/backend`: devices and kernels;
//! - `crates/data`: [`dataset`], [`preprocess`], [`augment`];
//! - `crates/learn`: [`graph`] (networks for other programs), [`model`], [`loss`], [`interact`] (clicks), [`predict`], [`train`],
//!   [`selftest`] (does a device compute what the CPU computes);
//! - `crates/search`: [`search`], hyperparameter search as pure functions of what is known.
//!
//! docs/extending.md says where a new architecture, loss, metric, format or subcommand goes.
//!
//! # Invariants (checked by `tests/it/tidy.rs`)
//!
//! - A module imports only what stands before it.
//! - [`evaluate`] never sees a tensor; [`report`] reads only tables and saved images; [`model`] and [`loss`] do no I/O;
//!   [`volume`] knows no dataset; only [`backend`] names a Burn backend; only [`store`] names the files of a run folder.
//! - Nothing is random without a seed from the plan ([`random`]).
//! - Nothing but [`cli`] and `observe::terminal` writes to the terminal.
//!
//! # Conventions
//!
//! - Every triple and every per-axis list is `[depth, height, width]` = `[z, y, x]` of the canonical RAS orientation.
//! - Every image tensor is `[batch, channel, depth, height, width]`; a 2D network has depth 1. Rank is data, not a type.
//! - Voxel → world is an affine in RAS+ millimetres that always travels with the voxels.

pub use segspec_backend as backend;
pub use segspec_base::{Cancel, counted, files, memory, random, unfinished, words};
pub use segspec_data::{augment, auto, dataset, preprocess};
pub use segspec_learn::{graph, interact, loss, model, predict, selftest, train};
pub use segspec_search as search;
pub use segspec_volume as volume;
pub mod evaluate;
pub mod report;
pub mod spec;
pub mod plan;
pub mod observe;
pub mod store;
pub mod infer;
pub mod run;
pub mod import;
pub mod track;
pub mod export;
pub mod reproduce;
pub mod launch;
pub mod sweep;
pub mod pacs;
pub mod corrections;
#[cfg(feature = "serve")]
pub mod serve;
pub mod cli;
