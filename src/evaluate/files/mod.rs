//! Label files compared with label files, without an experiment: what `segspec evaluate` does.
//!
//! ```text
//! path ──tree──> files ──side──> readings: which files make up which case ──pair──> pairs of one case
//!      image ──images──┐                                                              │
//! names ───────────────┴──────────────────────────────read──> Labelled ──compare──> scores
//!                                                     canvas, labelled      named
//! ```
//!
//! A new form of input (another way to lay out the labels of a case) is a [`Source`] with one function in [`side`] that finds it and one
//! in [`read`] that reads it; pairing and scoring do not know it.

pub mod called;
pub mod canvas;
pub mod compare;
pub mod images;
pub mod labelled;
pub mod named;
pub mod pair;
pub mod read;
pub mod side;
pub mod slices;
pub mod tree;

pub use compare::{Comparer, Comparison, Scored, Wanted};
pub use images::Images;
pub use labelled::Labelled;
pub use pair::{Missing, Pair, PairError, Pairs, Request, pair};
pub use read::Reader;
pub use side::{Layout, Reading, Side, Source};
pub use tree::Tree;
