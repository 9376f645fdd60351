//! augment::patch
