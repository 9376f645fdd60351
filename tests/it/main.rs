//! The one integration test binary.

mod data;
mod evaluate;
mod preprocess;
mod specs;
mod tidy;
