//! The user's specs: layers, places, messages, schema.
//!
//! A spec is checked in three steps, each of which reports every error that it finds: syntax ([`node`], `read`), form
//! (`conform`: keys, types, ranges, variants, against the schema generated from the Rust types), meaning (`checks`).

pub mod carried;
pub mod cascade;
mod checks;
mod conform;
pub mod diagnostic;
pub mod ensemble;
pub mod experiment;
mod finding;
mod form;
pub mod kind;
pub mod knob;
pub mod launcher;
pub mod layer;
pub mod load;
pub mod lookup;
pub mod machine;
mod mistaken;
pub mod node;
mod ranges;
mod read;
pub mod schema;
pub mod search;
pub mod source;
pub mod space;
pub mod suggest;
mod sweep;
mod text;
pub mod tracking;
pub mod trial;
mod words;

pub use diagnostic::Diagnostics;
pub use experiment::Experiment;
pub use finding::{Findings, KeyPath};
pub use kind::Kind;
pub use load::{Loaded, LoadedDataset, Sought, load, load_dataset};
pub use text::{inline, to_toml};
pub use trial::Trial;

/// Whether the checks of meaning find nothing wrong with an experiment that was not read from a file.
pub fn is_sound(experiment: &Experiment, dataset: &crate::dataset::Dataset) -> bool {
    let tree = node::Node::empty_table(source::Place::start_of(0));
    let mut findings = Findings::new(&tree, 0);
    checks::experiment(experiment, dataset, &mut findings);
    findings.into_problems().is_empty()
}

/// Whether a name consists of letters, digits, `-` and `_`: it can be that of a file on every system, and stands in TOML as it is.
pub fn is_plain_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    !name.is_empty() && name.chars().all(plain)
}
