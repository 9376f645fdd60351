//! The one integration test binary.

mod specs;
mod tidy;
