//! A written series and segmentation object, as pydicom, SimpleITK, highdicom and dcmqi read them.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use ndarray::Array4;
use segspec::volume::dicom::{
    Choice, Modality, SegmentationHeader, Series, SeriesHeader, write_segments, write_series,
};
use segspec::volume::{Geometry, Segment, Segmentation, Segments, Volume};
use serde_json::json;

/// What the checking script ends with where its modules are missing.
const MODULES_MISSING: i32 = 77;

/// CRC-32 (IEEE 802.3), as the checking script computes it.
fn crc(bytes: impl Iterator<Item = u8>) -> u32 {
    let step = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)));
    !bytes.fold(!0, step)
}

/// An axial image whose axes are those of DICOM, and frames that are not aligned to bytes.
fn image() -> Volume {
    let affine = [[-0.7, 0.0, 0.0, 30.5], [0.0, -0.8, 0.0, 20.25], [0.0, 0.0, 2.5, -100.0]];
    let geometry = Geometry { shape: [5, 7, 9], affine, has_spacing: true };
    let voxels = Array4::from_shape_fn([1, 5, 7, 9], |(_, z, y, x)| (z * 100 + y * 10 + x) as f32 - 1024.0);
    Volume { voxels, geometry }
}

/// Two segments that overlap; one slice holds none.
fn segments(geometry: &Geometry) -> Segments {
    let masks = Array4::from_shape_fn([2, 5, 7, 9], |(s, z, y, x)| {
        u8::from(z != 2 && (x + y * (s + 1)) % 4 == 0 || s == 1 && z == 4)
    });
    let names = [("liver, right lobe", [221, 130, 101]), ("Leber (Läsion)", [12, 200, 255])];
    let segments = names.iter().zip(1..);
    let segments =
        segments.map(|((name, color), value)| Segment { name: (*name).into(), value, color: Some(*color) }).collect();
    Segments { segments, content: Segmentation::Masks { masks, geometry: geometry.clone() } }
}

fn write(folder: &Path) {
    let image = image();
    let header = SeriesHeader {
        modality: Modality::Ct,
        description: "written by a test".into(),
        patient: "Käse 7".into(),
        series_number: 2,
        created: SystemTime::now(),
    };
    write_series(&folder.join("series"), &image, &header).unwrap();
    let series = Series::open(&folder.join("series"), &Choice::default()).unwrap();
    let segments = segments(&image.geometry);
    write_segments(&folder.join("segments.dcm"), &segments, &series, &SegmentationHeader::default()).unwrap();
    let Segmentation::Masks { masks, .. } = &segments.content else { unreachable!() };
    let described = segments.segments.iter().zip(masks.outer_iter()).map(|(segment, mask)| {
        json!({
            "name": segment.name, "color": segment.color, "crc": crc(mask.iter().copied()),
            "voxels": mask.iter().filter(|&&inside| inside == 1).count(),
        })
    });
    let expected = json!({
        "shape": image.geometry.shape,
        "affine": image.geometry.affine,
        "voxels": crc(image.voxels.iter().flat_map(|value| value.to_le_bytes())),
        "segments": described.collect::<Vec<_>>(),
    });
    std::fs::write(folder.join("expected.json"), expected.to_string()).unwrap();
}

#[test]
fn other_programs_read_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let python = std::env::var("SEGSPEC_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/dicom_check.py");
    let Ok(output) = Command::new(&python).arg(script).arg(folder.path()).output() else {
        println!("skipped: no {python} (set SEGSPEC_PYTHON)");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(MODULES_MISSING) {
        println!("skipped: {python} (SEGSPEC_PYTHON) lacks a module: {text}");
        return;
    }
    assert!(output.status.success(), "{text}");
    println!("{text}");
}
