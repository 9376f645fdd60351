//! What every part of segspec stands on: whole files, memory for large arrays, random numbers that depend on nothing but
//! their key.

pub mod cancel;
pub mod files;
pub mod memory;
pub mod random;
pub mod unfinished;
pub mod words;

pub use cancel::Cancel;
pub use words::counted;
