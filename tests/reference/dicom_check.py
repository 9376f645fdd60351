"""Reads with other programs what `segspec` wrote. Called by tests/it/dicom.rs: python dicom_check.py FOLDER

FOLDER holds series/ (CT), segments.dcm and expected.json. Needs pydicom, highdicom, SimpleITK and numpy; dcmqi and pynrrd are
used where they are installed. Ends with 77 where something is missing, with 1 and a message where something differs.
"""
import json, shutil, subprocess, sys, zlib
from pathlib import Path

try:
    import highdicom as hd
    import numpy as np
    import pydicom
    import SimpleITK as sitk
except ImportError as missing:
    print(missing)
    sys.exit(77)


def crc(array, kind):
    return zlib.crc32(np.ascontiguousarray(array).astype("<" + kind).tobytes())


def check(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"{what}: segspec wrote {theirs}, read {ours}")


def series(folder, expected):
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    check("files of the series", len(files), expected["shape"][0])
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(files)
    image = reader.Execute()
    check("voxels of the series", crc(sitk.GetArrayFromImage(image), "f4"), expected["voxels"])
    matrix = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    ours = np.diag([-1, -1, 1]) @ np.column_stack([matrix, image.GetOrigin()])
    if not np.allclose(ours, expected["affine"], atol=1e-5):
        sys.exit(f"grid of the series: {ours.tolist()}")


def segments(folder, expected):
    files = [pydicom.dcmread(path) for path in (folder / "series").iterdir()]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    read = hd.seg.segread(folder / "segments.dcm")
    check("segments", read.number_of_segments, len(expected["segments"]))
    masks = read.get_pixels_by_source_instance(
        [file.SOPInstanceUID for file in files], ignore_spatial_locations=False, assert_missing_frames_are_empty=True)
    for number, segment in enumerate(expected["segments"], 1):
        described = read.get_segment_description(number)
        check("segment label", described.segment_label, segment["name"])
        color = [int(part) for part in hd.color.CIELabColor.from_dicom_value(
            [int(v) for v in described.RecommendedDisplayCIELabValue]).to_rgb()]
        check("segment colour", color, segment["color"])
        check(f"mask of {segment['name']}", crc(masks[..., number - 1], "u1"), segment["crc"])
        check("category", described.segmented_property_category.meaning, "Tissue")
        check("property", described.segmented_property_type.meaning, "Organ")
    check("referenced series", str(read.ReferencedSeriesSequence[0].SeriesInstanceUID), str(files[0].SeriesInstanceUID))
    check("patient", read.PatientID, files[0].PatientID)
    volume = read.get_volume(combine_segments=False)
    check("volume", volume.spatial_shape, tuple(masks.shape[:3]))


def dcmqi(folder, expected):
    program = shutil.which("segimage2itkimage", path=str(Path(sys.executable).parent)) or shutil.which("segimage2itkimage")
    if program is None:
        return "without dcmqi"
    import nrrd
    out = folder / "nrrd"
    out.mkdir()
    command = [program, "--inputDICOM", str(folder / "segments.dcm"), "--outputDirectory", str(out), "--outputType", "nrrd"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"dcmqi: {result.stdout}{result.stderr}")
    found = [nrrd.read(str(path))[0].transpose(2, 1, 0) for path in sorted(out.glob("*.nrrd"))]
    for number, segment in enumerate(expected["segments"], 1):
        mask = np.any([array == number for array in found], axis=0)
        check(f"mask of {segment['name']} in dcmqi", int(mask.sum()), segment["voxels"])
    return "with dcmqi"


def main():
    folder = Path(sys.argv[1])
    expected = json.loads((folder / "expected.json").read_text())
    series(folder / "series", expected)
    segments(folder, expected)
    print("read by pydicom, SimpleITK and highdicom", dcmqi(folder, expected))


main()
