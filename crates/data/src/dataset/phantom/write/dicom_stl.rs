//! A DICOM series and one surface per bone, as exported for surgical planning: `patient01/dicom/0001.dcm`, `patient01/spine.stl`.
//! A bone that is absent from a case has no file.

use std::path::Path;

use super::{Structure, dicom, value_of};
use crate::dataset::DataError;
use crate::dataset::phantom::part::Part;
use crate::dataset::phantom::render::Scan;
use crate::volume::WriteError;
use crate::volume::surface::{CoordinateSystem, Extraction, extract, write_stl};

const STRUCTURES: [Structure; 2] = [("spine", 1, Part::Spine), ("ribs", 2, Part::Ribs)];

pub(super) fn write(folder: &Path, number: usize, scan: &Scan) -> Result<(), DataError> {
    let patient = format!("patient{:02}", number + 1);
    let folder = folder.join(&patient);
    let (image, labels) = dicom::axial(scan, |part| value_of(&STRUCTURES, part));
    dicom::write(&folder.join("dicom"), &patient, &image)?;
    // No smoothing, so that voxelising the surface restores the labels exactly.
    let plain = Extraction { smoothing: None, decimation: None };
    for (name, value, _) in STRUCTURES {
        let mask = labels.voxels.mapv(|label| u8::from(label == value));
        if mask.iter().all(|&inside| inside == 0) {
            continue;
        }
        let path = folder.join(format!("{name}.stl"));
        let failed = |reason: String| WriteError { path: path.clone(), reason, environment: false };
        let surface = extract(mask.view(), &labels.geometry, &plain).map_err(|error| failed(error.to_string()))?;
        write_stl(&path, &surface, CoordinateSystem::Lps)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::phantom::PhantomSize;
    use crate::dataset::phantom::render::ct;

    #[test]
    fn a_bone_that_is_not_there_has_no_file() {
        let mut scan = ct(1, 0, PhantomSize::Tiny);
        scan.parts.mapv_inplace(|part| if part == Part::Ribs { Part::Muscle } else { part });
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 0, &scan).unwrap();
        assert!(folder.path().join("patient01/spine.stl").is_file());
        assert!(!folder.path().join("patient01/ribs.stl").exists());
    }
}
