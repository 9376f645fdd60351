//! nifti
use super::*;
pub fn read_volume(_p: &Path) -> Result<Volume, ReadError> {
    unimplemented!()
}
pub fn read_label_map(_p: &Path) -> Result<LabelMap, ReadError> {
    unimplemented!()
}
