//! The one integration test binary.

mod bad_data;
mod commands;
mod data;
mod evaluate;
mod lab;
mod pipeline;
mod preprocess;
mod resume;
mod specs;
mod sweep;
mod tidy;
