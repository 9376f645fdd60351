"""Reference values for DICOM, from pydicom, SimpleITK, pynrrd and CharLS / OpenJPEG / libjpeg encoders.

Run: pip install pydicom SimpleITK pynrrd nibabel numpy imagecodecs pyjpegls highdicom; python dicom.py DATA
Writes dicom.json: facts about the shared test data (checksums: CRC-32 of little endian values in [z, y, x] order), frames
compressed here, and small files made here (gzip, base64) whose expected voxels follow from the arrays they were made of.
"""
import json, sys, zlib
from pathlib import Path

import imagecodecs
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import SimpleITK as sitk
from highdicom.color import CIELabColor
from jpeg_ls import encode_pixel_data
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import RLELossless

from dicom_made import LPS, crc, facts, made_segments, made_series, packed
from dicom_quirks import quirks

HERE = Path(__file__).parent


# ---- the shared data, as SimpleITK reads it


def height(path):
    header = pydicom.dcmread(path, stop_before_pixels=True)
    orientation = np.array(header.ImageOrientationPatient, float)
    return np.cross(orientation[:3], orientation[3:]) @ np.array(header.ImagePositionPatient, float)


def itk_facts(files):
    if len(files) == 1:
        image = sitk.ReadImage(str(files[0]))
    else:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(path) for path in sorted(files, key=height)])
        image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return facts(sitk.GetArrayFromImage(image), LPS @ affine)


def gap_facts(files):
    """The series with the missing slice, interpolated here from pydicom's pixels."""
    files = sorted(files, key=height)
    slices = [pydicom.dcmread(path) for path in files]
    places = np.array([np.array(s.ImagePositionPatient, float) for s in slices])
    heights = np.array([height(path) for path in files])
    step = np.median(np.diff(heights))
    index = np.rint((heights - heights[0]) / step).astype(int)
    voxels = np.zeros((index[-1] + 1,) + slices[0].pixel_array.shape, np.float32)
    for k, s in zip(index, slices):
        voxels[k] = s.pixel_array
    missing = sorted(set(range(index[-1] + 1)) - set(index))
    for k in missing:
        voxels[k] = voxels[k - 1] + (voxels[k + 1] - voxels[k - 1]) * np.float32(0.5)
    affine = np.eye(4)
    row, column = np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3)
    dy, dx = map(float, slices[0].PixelSpacing)
    affine[:3, 0], affine[:3, 1] = row * dx, column * dy
    affine[:3, 2] = (places[-1] - places[0]) / index[-1]
    affine[:3, 3] = places[0]
    position = places[missing[0] - 1] + step * np.cross(row, column)
    return {**facts(voxels, LPS @ affine), "missing": missing, "position": position.tolist()}


def shared(root):
    sets = {
        "totalsegmentator/example_ct_dicom": "", "dicomseg_dcmqi/ct-3slice": "", "dicomseg_dcmqi/23x38x3/image": "",
        "dicomseg_dcmqi/24x38x3/image": "", "dicomseg_dcmqi/23x38x3/multiframe": "", "dicomseg_dcmqi/24x38x3/multiframe": "",
    }
    series = [{"name": name, **itk_facts(sorted((root / name).iterdir()))} for name in sets]
    gap = gap_facts(sorted((root / "dicom_quirks/mr_missing_slice").iterdir()))
    liver = nib.load(root / "totalsegmentator/example_seg_dicom.nii.gz")
    files = sorted((root / "totalsegmentator/example_ct_dicom").iterdir(), key=height)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in files])
    hu = sitk.GetArrayFromImage(reader.Execute())
    inside = np.asarray(liver.dataobj).transpose(2, 1, 0)[:, ::-1] == 5
    return {"series": series, "gap": gap, "liver_hu": float(hu[inside].mean()), "liver_voxels": int(inside.sum())}


# ---- segmentation objects beside their NRRD twins


def segments(root):
    base = root / "dicomseg_dcmqi"
    objects = [
        ("liver.dcm", "ct-3slice", ["liver_seg.nrrd"], 0),
        ("partial_overlaps.dcm", "ct-3slice", [f"partial_overlaps-{k}.nrrd" for k in (1, 2, 3)], 0),
        ("23x38x3/seg/label.seg", "23x38x3/image", ["23x38x3/nrrd/label.nrrd"], 0),
        ("24x38x3/seg/label.seg", "24x38x3/image", ["24x38x3/nrrd/label.nrrd"], 0),
        ("sparse-labelmap-noppv.dcm", "24x38x3/image", ["sparse_labelmap_noppv_seg.nrrd"], 0),
        # dcmqi fills the missing frame with the padding value 5, which stands for no content.
        ("sparse-labelmap-ppv5.dcm", "24x38x3/image", ["sparse_labelmap_ppv5_seg.nrrd"], 5),
    ]
    found = []
    for name, source, twins, padding in objects:
        header = pydicom.dcmread(base / name)
        arrays, affine = [], np.eye(4)
        for twin in twins:
            array, meta = nrrd.read(str(base / twin))
            arrays.append(array.transpose(2, 1, 0))
            affine[:3, :3], affine[:3, 3] = np.array(meta["space directions"], float).T, meta["space origin"]
        described = []
        for item in header.SegmentSequence:
            if item.SegmentNumber == 0:
                continue
            mask = np.zeros(arrays[0].shape, np.uint8)
            for array in arrays:
                mask |= (array == item.SegmentNumber) & (array != padding)
            color = CIELabColor.from_dicom_value([int(v) for v in item.RecommendedDisplayCIELabValue]).to_rgb()
            described.append({
                "name": str(item.SegmentLabel), "value": int(item.SegmentNumber), "color": [int(c) for c in color],
                "voxels": int(mask.sum()), "per_slice": mask.sum(axis=(1, 2)).tolist(), "crc": crc(mask, "u1"),
            })
        found.append({
            "name": f"dicomseg_dcmqi/{name}", "source": f"dicomseg_dcmqi/{source}", "shape": list(arrays[0].shape),
            "affine": (LPS @ affine)[:3].tolist(), "overlap": len(twins) > 1, "segments": described,
            "series": [str(item.SeriesInstanceUID) for item in header.ReferencedSeriesSequence],
        })
    return found


# ---- compressed frames


def refused(rng):
    """What is legal and not read."""
    twelve = picture(rng, (21, 27), 12)
    colour = np.stack([picture(rng, (21, 27), 8)] * 3, axis=-1)
    cases = [
        ("JPEG extended, 12 bits", "jpeg", imagecodecs.jpeg8_encode(twelve, level=90, bitspersample=12), 16),
        ("JPEG in colour", "jpeg", imagecodecs.jpeg8_encode(colour, level=90), 8),
        ("JPEG 2000 in colour", "jpeg-2000", imagecodecs.jpeg2k_encode(colour, reversible=True, codecformat="j2k"), 8),
        ("JPEG-LS in colour", "jpeg-ls", imagecodecs.jpegls_encode(colour), 8),
    ]
    return [coded(name, codec, data, twelve, bits) for name, codec, data, bits in cases]


def picture(rng, size, bits, signed=False):
    """Flat parts, ramps and noise: every branch of a decoder."""
    y, x = np.mgrid[: size[0], : size[1]]
    top = 2 ** bits - 1
    image = (np.sin(x / 3.1) * np.cos(y / 4.7) + 1) / 2 * top
    image[: size[0] // 3] = top // 5
    image[-4:] = rng.integers(0, top + 1, (4, size[1]))
    image = np.clip(np.rint(image), 0, top).astype(np.int64)
    image[0, 0], image[0, 1] = 0, top
    return (image - 2 ** (bits - 1)).astype(np.int16) if signed else image.astype(np.uint8 if bits <= 8 else np.uint16)


def coded(name, codec, data, expected, allocated, tolerance=0):
    stored = expected.astype(np.int64) & (2 ** allocated - 1)
    return {
        "name": name, "codec": codec, "size": list(expected.shape), "bits_allocated": allocated, "tolerance": tolerance,
        "data": packed(data), "samples": packed(stored.astype("<u2").tobytes()),
    }


def rle(image):
    return RLELosslessEncoder.encode(
        np.ascontiguousarray(image), rows=image.shape[0], columns=image.shape[1], samples_per_pixel=1, number_of_frames=1,
        bits_allocated=image.dtype.itemsize * 8, bits_stored=image.dtype.itemsize * 8, pixel_representation=0,
        photometric_interpretation="MONOCHROME2", transfer_syntax_uid=RLELossless, encoding_plugin="pydicom")


def jpeg_ls(image, bits, near=0):
    """With the stated precision where CharLS's wrapper manages: its buffer is too small for tiny pictures."""
    if image.size < 100:
        return imagecodecs.jpegls_encode(image, level=near)
    return bytes(encode_pixel_data(
        image.tobytes(), rows=image.shape[0], columns=image.shape[1], samples_per_pixel=1, bits_stored=bits,
        bits_allocated=image.dtype.itemsize * 8, photometric_interpretation="MONOCHROME2", lossy_error=near))


def frames(rng):
    found = []
    for size in ((21, 27), (8, 5)):
        for bits in (8, 12, 16):
            image = picture(rng, size, bits)
            allocated = 8 if bits == 8 else 16
            label = f"{bits} bits, {size[0]} x {size[1]}"
            found.append(coded(f"RLE {label}", "rle", rle(image), image, allocated))
            found.append(coded(f"JPEG-LS {label}", "jpeg-ls", jpeg_ls(image, bits), image, allocated))
            for near in (1, 3):
                data = jpeg_ls(image, bits, near)
                decoded = imagecodecs.jpegls_decode(data)
                assert abs(decoded.astype(int) - image.astype(int)).max() <= near
                found.append(coded(f"JPEG-LS near {near}, {label}", "jpeg-ls", data, decoded, allocated))
            for levels in (0, 3):
                data = imagecodecs.jpeg2k_encode(image, reversible=True, codecformat="j2k", bitspersample=bits, resolutions=levels + 1)
                found.append(coded(f"JPEG 2000 {levels} levels, {label}", "jpeg-2000", data, image, allocated))
            lossy = imagecodecs.jpeg2k_encode(image, level=60, codecformat="j2k", bitspersample=bits)
            decoded = imagecodecs.jpeg2k_decode(lossy)
            found.append(coded(f"JPEG 2000 lossy, {label}", "jpeg-2000", lossy, decoded, allocated, tolerance=4 if bits == 16 else 1))
            data = imagecodecs.ljpeg_encode(image, bitspersample=bits)
            found.append(coded(f"JPEG lossless {label}", "jpeg", data, image, allocated))
        signed = picture(rng, size, 16, signed=True)
        data = imagecodecs.jpeg2k_encode(signed, reversible=True, codecformat="j2k")
        found.append(coded(f"JPEG 2000 signed, {size[0]} x {size[1]}", "jpeg-2000", data, signed, 16))
        byte = picture(rng, size, 8)
        data = imagecodecs.jpeg8_encode(byte, level=90)
        found.append(coded(f"JPEG baseline {size[0]} x {size[1]}", "jpeg", data, imagecodecs.jpeg8_decode(data), 8, tolerance=2))
        raw = zlib.compressobj(9, zlib.DEFLATED, -15)
        data = raw.compress(byte.tobytes()) + raw.flush()
        found.append(coded(f"deflated {size[0]} x {size[1]}", "deflated", data, byte, 8))
    flat = np.full((64, 64), 300, np.uint16)
    found.append(coded("JPEG-LS flat", "jpeg-ls", jpeg_ls(flat, 16), flat, 16))
    return found


def main():
    rng = np.random.default_rng(20)
    result = {
        "versions": {"pydicom": pydicom.__version__, "SimpleITK": sitk.Version().VersionString(), "nrrd": nrrd.__version__},
        "frames": frames(rng), "refused": refused(rng), "series": made_series(rng) + quirks(rng), "segments": made_segments(rng),
    }
    if len(sys.argv) > 1:
        result["shared"] = shared(Path(sys.argv[1]))
        result["shared_segments"] = segments(Path(sys.argv[1]))
    text = json.dumps(result)
    (HERE / "dicom.json").write_text(text.replace('}, {"name"', '},\n{"name"') + "\n")


main()
