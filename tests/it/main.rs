//! The one integration test binary.

mod commands;
mod data;
mod evaluate;
mod preprocess;
mod specs;
mod tidy;
