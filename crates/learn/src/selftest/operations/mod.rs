//! The operations of our networks, losses and optimisers, one list for each kind.

pub mod convolutions;
pub mod elementwise;
pub mod losses;
pub mod norms;
pub mod optimisers;
pub mod products;
pub mod reductions;
