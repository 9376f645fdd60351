//! The one integration test binary.

mod architectures;
mod bad_data;
mod cascades;
mod commands;
mod convert;
mod convert_all;
mod data;
mod dicom;
mod evaluate;
mod field_grids;
mod gpu;
mod ids;
mod lab;
mod layouts;
mod outcomes;
mod phantom_layouts;
mod pipeline;
mod precision;
mod preprocess;
mod resume;
mod shared_files;
mod sides;
mod specs;
mod sweep;
mod tidy;
mod training;
