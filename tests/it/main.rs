//! The one integration test binary.

mod data;
mod specs;
mod tidy;
