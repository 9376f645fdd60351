//! libFuzzer's target of the reader `names`.

#![no_main]

libfuzzer_sys::fuzz_target!(init: segspec_fuzz::prepare(), |bytes: &[u8]| segspec_fuzz::read_once("names", bytes));
