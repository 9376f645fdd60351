//! The one integration test binary.

mod preprocess;
mod tidy;
