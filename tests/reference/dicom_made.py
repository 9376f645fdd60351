"""Small DICOM series and segmentation objects, made with pydicom, and what reading them should give. Used by dicom.py."""
import base64, gzip, hashlib, io, zlib

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage, DeflatedExplicitVRLittleEndian, EnhancedMRImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian,
    ImplicitVRLittleEndian, MRImageStorage, PositronEmissionTomographyImageStorage, SegmentationStorage,
)

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
LPS = np.diag([-1.0, -1, 1, 1])


def packed(data):
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def unpacked(text):
    return gzip.decompress(base64.b64decode(text))


def crc(array, kind):
    return zlib.crc32(np.ascontiguousarray(array).astype("<" + kind).tobytes())


def facts(voxels, affine):
    return {
        "shape": list(voxels.shape), "affine": affine[:3].tolist(), "orientation": "".join(nib.aff2axcodes(affine)),
        "sum": float(voxels.astype(np.float64).sum()), "min": float(voxels.min()), "max": float(voxels.max()),
        "crc": crc(voxels, "f4"),
    }


# ---- small series made here


def uid(*parts):
    return "2.25." + str(int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:15], "big"))


def slice_file(name, k, stored, position, orientation=(1, 0, 0, 0, 1, 0), spacing=(0.8, 0.7), sop=CTImageStorage, syntax=ExplicitVRLittleEndian, **values):
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = sop, uid(name, k)
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = uid(name, "study"), uid(name, "series"), uid(name, "frame")
    d.Modality = {CTImageStorage: "CT", MRImageStorage: "MR", PositronEmissionTomographyImageStorage: "PT"}[sop]
    d.SeriesDescription, d.InstanceNumber, d.SliceThickness = name, 100 - (k if isinstance(k, int) else k[-1]), 9
    d.ImagePositionPatient, d.ImageOrientationPatient = [f"{v:.9g}" for v in position], [f"{v:.9g}" for v in orientation]
    d.PixelSpacing = list(spacing)
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns = stored.shape[-2:]
    d.BitsAllocated = stored.dtype.itemsize * 8
    d.BitsStored, d.HighBit = d.BitsAllocated, d.BitsAllocated - 1
    d.PixelRepresentation = int(stored.dtype.kind == "i")
    big = syntax == ExplicitVRBigEndian
    d.PixelData = stored.astype(stored.dtype.newbyteorder(">" if big else "<")).tobytes()
    if len(d.PixelData) % 2:
        d.PixelData += b"\0"
    for key, value in values.items():
        if value is None:
            if key in d:
                delattr(d, key)
        else:
            setattr(d, key, value)
    d["PixelData"].VR = "OW" if d.BitsAllocated == 16 else "OB"
    return saved(d, syntax)


def saved(d, syntax=ExplicitVRLittleEndian, meta=True):
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = syntax
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = d.SOPClassUID, d.SOPInstanceUID
    buffer = io.BytesIO()
    if meta:
        pydicom.dcmwrite(buffer, d, enforce_file_format=True)
    else:
        del d.file_meta
        pydicom.dcmwrite(buffer, d, implicit_vr=True, little_endian=True)
    return packed(buffer.getvalue())


def affine_of(orientation, spacing, step, origin):
    a = np.eye(4)
    a[:3, 0], a[:3, 1] = np.array(orientation[:3]) * spacing[1], np.array(orientation[3:]) * spacing[0]
    a[:3, 2], a[:3, 3] = step, origin
    return LPS @ a


def made_series(rng):
    shape, axial, spacing = (3, 4, 5), (1, 0, 0, 0, 1, 0), (0.8, 0.7)
    volume = rng.integers(-900, 2000, shape).astype(np.int16)
    origin = np.array([-10.5, 20.25, 5.0])
    places = [origin + [0, 0, 2.5 * k] for k in range(3)]
    plain = facts(volume.astype(np.float32), affine_of(axial, spacing, [0, 0, 2.5], origin))
    found = []

    def add(name, files, expected=None, error=None, **more):
        found.append({"name": name, "files": files, "expected": expected, "error": error, **more})

    def slices(name, **values):
        return [slice_file(name, k, volume[k], places[k], **values) for k in range(3)]

    for name, syntax in [("explicit little endian", ExplicitVRLittleEndian), ("implicit little endian", ImplicitVRLittleEndian),
                         ("explicit big endian", ExplicitVRBigEndian), ("deflated", DeflatedExplicitVRLittleEndian)]:
        add(name, slices(name, syntax=syntax), plain)
    add("shuffled files", [slices("shuffled")[k] for k in (2, 0, 1)], plain)
    add("no UIDs", slices("no UIDs", SeriesInstanceUID=None, StudyInstanceUID=None, FrameOfReferenceUID=None), plain)
    rescaled = [slice_file("slopes", k, volume[k], places[k], sop=PositronEmissionTomographyImageStorage,
                           RescaleSlope=str(0.5 + k), RescaleIntercept=str(-k)) for k in range(3)]
    values = np.stack([(volume[k].astype(np.float64) * (0.5 + k) - k) for k in range(3)]).astype(np.float32)
    add("slope and intercept per slice", rescaled, facts(values, affine_of(axial, spacing, [0, 0, 2.5], origin)))
    twelve = rng.integers(-2048, 2048, shape)
    junk = rng.integers(0, 16, shape)
    low = ((twelve & 0xfff) | junk << 12).astype(np.uint16)
    high = ((twelve & 0xfff) << 4 | junk).astype(np.uint16)
    geometry = affine_of(axial, spacing, [0, 0, 2.5], origin)
    for name, stored, bit in (("12 signed bits, low", low, 11), ("12 signed bits, high", high, 15)):
        add(name, [slice_file(name, k, stored[k], places[k], BitsStored=12, HighBit=bit, PixelRepresentation=1) for k in range(3)],
            facts(twelve.astype(np.float32), geometry))
    byte = rng.integers(0, 256, shape).astype(np.uint8)
    add("8 bits", [slice_file("8 bits", k, byte[k], places[k]) for k in range(3)], facts(byte.astype(np.float32), geometry))
    inverted = [slice_file("inverted", k, byte[k], places[k], sop=MRImageStorage, PhotometricInterpretation="MONOCHROME1") for k in range(3)]
    add("MONOCHROME1", inverted, facts((255 - byte).astype(np.float32), geometry))
    # Coronal slices whose normal points to the front; rows to the feet.
    coronal = (1, 0, 0, 0, 0, -1)
    back = [origin + np.array([0, 3.0 * k, 0]) for k in range(3)]
    add("coronal", [slice_file("coronal", k, volume[k], back[k], orientation=coronal) for k in range(3)],
        facts(volume.astype(np.float32), affine_of(coronal, spacing, [0, 3.0, 0], origin)))
    turned = np.array([[0.9, -0.3, 0.1], [0.25, 0.8, 0.4], [0, 0, 1]])
    turned = np.linalg.qr(turned.T)[0].T * np.array([[-1], [-1], [1]])
    normal = np.cross(turned[0], turned[1])
    oblique = tuple(turned[0]) + tuple(turned[1])
    slant = [origin + normal * 4.0 * k for k in range(3)]
    add("oblique", [slice_file("oblique", k, volume[k], slant[k], orientation=oblique) for k in range(3)],
        facts(volume.astype(np.float32), affine_of(oblique, spacing, normal * 4.0, origin)))
    tilt = np.array([0, 2.5 * np.tan(np.radians(12)), 2.5])
    add("gantry tilt", [slice_file("tilt", k, volume[k], origin + tilt * k) for k in range(3)],
        facts(volume.astype(np.float32), affine_of(axial, spacing, tilt, origin)), sheared=True)
    add("without file meta group", [saved(pydicom.dcmread(io.BytesIO(unpacked(f))), meta=False) for f in slices("bare")], plain)
    private = []
    for f in slices("private", syntax=ImplicitVRLittleEndian):
        d = pydicom.dcmread(io.BytesIO(unpacked(f)))
        block = d.private_block(0x0029, "segspec test", create=True)
        item = Dataset()
        item.PatientComments = "inside"
        block.add_new(0x10, "SQ", [item])
        block.add_new(0x11, "UN", b"\1\2\3\4" * 50)
        d[0x00291010].is_undefined_length = True
        private.append(saved(d, ImplicitVRLittleEndian))
    add("private sequences, implicit", private, plain)

    # What is refused, and how it is chosen.
    b = []
    for value in (50, 800):
        for k in range(3):
            stored = volume[k] + np.int16(value)
            b.append(slice_file("diffusion", (value, k), stored, places[k], sop=MRImageStorage, DiffusionBValue=float(value)))
    add("two b-values", b, error=["2 image series or stacks", "b-value 50", "b-value 800"])
    add("one of two b-values", b, facts((volume + 800).astype(np.float32), geometry), stack="b-value 800")
    echoes = [slice_file("echoes", (e, k), volume[k] + np.int16(e), places[k], sop=MRImageStorage, EchoTime=str(e), TemporalPositionIdentifier=t)
              for t in (1, 2) for e in (3, 9) for k in range(3)]
    add("echoes and time points", echoes, error=["echo time 3, time point 1", "echo time 9, time point 2"])
    plain_names = slices("first") + slices("second")
    add("two series", plain_names, error=["2 image series or stacks", "first", "second", uid("first", "series")])
    add("one of two series", plain_names, plain, series="second")
    add("none of two series", plain_names, error=["holds no series that matches the choice"], series="third")
    localizer = slices("mixed") + [slice_file("mixed", 7, volume[0], origin, orientation=coronal)]
    add("two orientations in one series", localizer, error=["[axial]", "[coronal]"])
    add("one of two orientations", localizer, plain, stack="axial")
    copies = slices("copies") + [slices("copies")[1]]
    add("a file twice", copies, error=["at the same position", "copies of one object"])
    moved = [slice_file("irregular", k, volume[k], origin + [0, 0, z]) for k, z in enumerate((0, 2.5, 6.2))]
    add("irregular spacing", moved, error=["irregular spacing", "3.700 mm", "2.500 mm"])
    gap = [slice_file("gap", k, volume[k], origin + [0, 0, z]) for k, z in enumerate((0, 2.5, 7.5))]
    add("a missing slice", gap, error=["1 slice(s) missing", "[-10.5, 20.25, 10] mm (LPS)"])
    filled = np.stack([volume[0], volume[1], (volume[1].astype(np.float32) + volume[2]) / 2, volume[2]])
    add("a missing slice, interpolated", gap, facts(filled.astype(np.float32), affine_of(axial, spacing, [0, 0, 2.5], origin)), gaps=True)
    aside = [slice_file("aside", k, volume[k], places[k] + np.array([0.5 * (k == 1), 0, 0])) for k in range(3)]
    add("a slice beside the others", aside, error=["0.50 mm off the line"])
    nowhere = slices("nowhere", ImagePositionPatient=None)
    add("slices without a position", nowhere, error=["have no position"])
    add("one picture without a position", [slice_file("picture", 0, volume[0], origin, ImagePositionPatient=None, PixelSpacing=None)],
        facts(volume[:1].astype(np.float32), np.diag([-1.0, -1, 9, 1])), spacing=False)
    add("colour", slices("colour", SamplesPerPixel=3, PhotometricInterpretation="RGB"), error=["is a colour image"])
    add("slope 0", slices("zero", RescaleSlope="0", RescaleIntercept="1"), error=["rescale slope of 0"])
    add("position that is no number", slices("words", ImagePositionPatient=None)[:2] + [wrong_position(slice_file("words", 2, volume[2], places[2]))],
        error=["ImagePositionPatient"])
    add("short pixel data", slices("short", PixelData=volume[0].tobytes()[:-10]), error=["its pixel data has 30 bytes"])
    add("unknown transfer syntax", [unknown_syntax(f) for f in slices("video")], error=["transfer syntax 1.2.840.10008.1.2.4.102 is not read"])
    add("enhanced MR", [enhanced(volume, places)], facts(np.stack([volume[k] * 0.5 + k for k in range(3)]).astype(np.float32), geometry))
    add("enhanced MR with two echoes", [enhanced(volume, places, echoes=2)], error=["echo time 5", "echo time 10"])
    return [f for f in found if f]


def wrong_position(text):
    data = unpacked(text)
    at = data.index(b"-10.5\\")
    return packed(data[:at] + b"left " + data[at + 5:])


def unknown_syntax(text):
    d = pydicom.dcmread(io.BytesIO(unpacked(text)))
    d.PixelData = pydicom.encaps.encapsulate([b"video"])
    d["PixelData"].is_undefined_length = True
    d["PixelData"].VR = "OB"
    return saved(d, "1.2.840.10008.1.2.4.102")


def enhanced(volume, places, echoes=1):
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = EnhancedMRImageStorage, uid("enhanced", echoes)
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = uid("enhanced", 1), uid("enhanced", 2), uid("enhanced", 3)
    d.Modality, d.SeriesDescription = "MR", "enhanced"
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns = volume.shape[1:]
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 1
    shared = Dataset()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], 9
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    d.SharedFunctionalGroupsSequence = [shared]
    d.PerFrameFunctionalGroupsSequence, pixels = [], b""
    for echo in range(echoes):
        for k in (1, 2, 0):
            group, position, transform, time = Dataset(), Dataset(), Dataset(), Dataset()
            position.ImagePositionPatient = [float(v) for v in places[k]]
            transform.RescaleSlope, transform.RescaleIntercept, transform.RescaleType = "0.5", str(k), "US"
            time.EffectiveEchoTime = 5.0 * (echo + 1)
            group.PlanePositionSequence, group.PixelValueTransformationSequence = [position], [transform]
            group.MREchoSequence = [time]
            d.PerFrameFunctionalGroupsSequence.append(group)
            pixels += volume[k].tobytes()
    d.NumberOfFrames = 3 * echoes
    d.PixelData = pixels
    d["PixelData"].VR = "OW"
    return saved(d)


# ---- small segmentation objects made here


def made_segments(rng):
    """What the shared data does not hold: fractional objects, 8-bit label maps, shifted positions, undescribed values."""
    shape = (3, 3, 5)
    places = [np.array([-10.5, 20.25, 5.0 + 2.5 * k]) for k in range(3)]
    source = [slice_file("seg source", k, np.zeros(shape[1:], np.int16), places[k]) for k in range(3)]
    found = []

    def add(name, kind, samples, order, expected=None, error=None, shift=0.0, numbers=(1, 2), own=False, **values):
        d = Dataset()
        d.SOPClassUID = LABEL_MAP if kind == "LABELMAP" else SegmentationStorage
        d.SOPInstanceUID, d.StudyInstanceUID, d.SeriesInstanceUID = uid(name, 0), uid(name, 1), uid(name, 2)
        d.FrameOfReferenceUID, d.Modality = uid("seg source", "frame"), "SEG"
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", 0
        d.Rows, d.Columns, d.NumberOfFrames, d.SegmentationType = *shape[1:], len(samples), kind
        bits = 1 if kind == "BINARY" else samples[0].dtype.itemsize * 8
        d.BitsAllocated, d.BitsStored, d.HighBit = bits, bits, bits - 1
        d.SegmentSequence = []
        for number in numbers:
            item = Dataset()
            item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = number, f"part {number}", "MANUAL"
            d.SegmentSequence.append(item)
        shared, measures, orientation = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing, measures.SliceThickness = [0.8, 0.7], 2.5
        orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
        d.SharedFunctionalGroupsSequence, d.PerFrameFunctionalGroupsSequence = [shared], []
        for segment, k in order:
            group, position = Dataset(), Dataset()
            position.ImagePositionPatient = [f"{v:.9g}" for v in places[k] + shift]
            group.PlanePositionSequence = [position]
            if kind != "LABELMAP":
                identification = Dataset()
                identification.ReferencedSegmentNumber = segment
                group.SegmentIdentificationSequence = [identification]
            d.PerFrameFunctionalGroupsSequence.append(group)
        stacked = np.stack(samples)
        content = np.packbits(stacked.ravel() != 0, bitorder="little") if bits == 1 else stacked
        d.PixelData = content.tobytes() + b"\0" * (content.nbytes % 2)
        for key, value in values.items():
            setattr(d, key, value)
        d["PixelData"].VR = "OB" if bits <= 8 else "OW"
        expected = None if expected is None else {"shape": list(expected[0].shape), "crcs": [crc(m, "u1") for m in expected]}
        found.append({"name": name, "file": saved(d), "source": [] if own else source, "expected": expected, "error": error})

    one, two = (rng.integers(0, 2, shape).astype(np.uint8) for _ in range(2))
    all_frames = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    planes = [*one, *two]
    add("binary, overlapping", "BINARY", planes, all_frames, [one, two])
    add("binary, overlapping, own grid", "BINARY", planes, all_frames, [one, two], own=True)
    sparse = [one * np.array([1, 0, 1]).reshape(3, 1, 1), (1 - one) * np.array([0, 0, 1]).reshape(3, 1, 1)]
    chosen = [(1, 2), (1, 0), (2, 2)]
    frames = [one[2], one[0], 1 - one[2]]
    add("missing frames, any order", "BINARY", frames, chosen, [m.astype(np.uint8) for m in sparse])
    add("positions off by 0.05 mm", "BINARY", frames, chosen, [m.astype(np.uint8) for m in sparse], shift=0.05)
    add("positions off by 1 mm", "BINARY", frames, chosen, error="mm from the nearest slice", shift=1.0)
    fraction = rng.integers(0, 201, shape).astype(np.uint8)
    add("fractional", "FRACTIONAL", list(fraction), [(1, k) for k in range(3)], [(fraction >= 100).astype(np.uint8)], numbers=(1,),
        SegmentationFractionalType="PROBABILITY", MaximumFractionalValue=200)
    labels = rng.choice([0, 3, 700], shape).astype(np.uint16)
    label_masks = [(labels == v).astype(np.uint8) for v in (3, 700)]
    add("label map of 16 bits", "LABELMAP", list(labels), [(0, k) for k in range(3)], label_masks, numbers=(3, 700))
    add("undescribed label", "LABELMAP", list(labels), [(0, k) for k in range(3)], error="holds 700, which no segment describes", numbers=(3,))
    add("two frames at one place", "BINARY", [one[0], one[1]], [(1, 1), (1, 1)], error="show the same segment at one position")
    add("undescribed segment", "BINARY", [one[0]], [(7, 1)], error="shows the segment 7, which is not described")
    return found
