//! What to say where nothing is recognised: the layouts that come nearest, with an example of each.

use super::survey::{Kind, Survey};

/// A layout: the kinds of files that it is made of, and an example.
struct Known {
    kinds: &'static [Kind],
    name: &'static str,
    example: &'static str,
}

const KNOWN: [Known; 9] = [
    Known {
        kinds: &[Kind::Volume],
        name: "images and labels by pattern",
        example: "images/a01.nii.gz with labels/a01.nii.gz, or a01/ct.nii.gz with a01/ct_seg.nii.gz",
    },
    Known {
        kinds: &[Kind::Volume],
        name: "nnU-Net raw",
        example: "imagesTr/a01_0000.nii.gz with labelsTr/a01.nii.gz, and dataset.json",
    },
    Known {
        kinds: &[Kind::Volume],
        name: "a mask per structure",
        example: "a01/ct.nii.gz with a01/segmentations/liver.nii.gz and a01/segmentations/spleen.nii.gz",
    },
    Known {
        kinds: &[Kind::Dicom],
        name: "DICOM series with a segmentation object",
        example: "a01/ct/0001.dcm … with a01/seg.dcm (SEG or RTSTRUCT)",
    },
    Known {
        kinds: &[Kind::Dicom, Kind::Surface],
        name: "DICOM series with a surface per structure",
        example: "a01/dicom/0001.dcm … with a01/femur.stl and a01/tibia.stl",
    },
    Known { kinds: &[Kind::Picture], name: "pictures", example: "images/a01.png with masks/a01.png" },
    Known {
        kinds: &[Kind::Picture],
        name: "pictures with a folder of masks per structure",
        example: "images/a01.png with masks/cell/a01.png and masks/nucleus/a01.png",
    },
    Known { kinds: &[Kind::Segments, Kind::Volume], name: "3D Slicer", example: "a01.nrrd with a01.seg.nrrd" },
    Known {
        kinds: &[],
        name: "a list",
        example: "[layout.list] file = \"cases.csv\" with the columns case,image,label: any folder",
    },
];

/// The three nearest layouts, one a line.
pub(super) fn nearest(survey: &Survey) -> String {
    let count = |kind: &Kind| survey.items.iter().filter(|item| item.kind == *kind).count();
    let mut known: Vec<&Known> = KNOWN.iter().collect();
    let score = |known: &Known| known.kinds.iter().map(count).sum::<usize>();
    known.sort_by_key(|known| std::cmp::Reverse(score(known)));
    let line = |known: &&Known| format!("  {}: {}", known.name, known.example);
    let list = &KNOWN[KNOWN.len() - 1];
    let known = known.into_iter().filter(|known| !known.kinds.is_empty()).take(2).chain([list]);
    known.map(|known| line(&known)).collect::<Vec<_>>().join("\n")
}
