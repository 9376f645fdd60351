//! The one integration test binary.

mod data;
mod evaluate;
mod specs;
mod tidy;
