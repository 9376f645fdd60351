//! The reader against SimpleITK and pynrrd (`tests/reference/nrrd_files.py`), the writer against the reader, and damage.

mod damage;
mod reference;
mod round_trip;
mod segments;
