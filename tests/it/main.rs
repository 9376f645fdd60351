//! The one integration test binary.

mod evaluate;
mod tidy;
