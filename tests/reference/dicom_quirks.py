"""What files in archives look like: odd encodings that every reader meets. Used by dicom.py."""
import io, struct

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate_extended
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, MRImageStorage

from dicom_made import affine_of, enhanced, facts, packed, saved, slice_file, unpacked

ORIGIN = np.array([-10.5, 20.25, 5.0])


def opened(text):
    return pydicom.dcmread(io.BytesIO(unpacked(text)))


def element(group, number, vr, value, long=False):
    length = struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))
    return struct.pack("<HH", group, number) + vr + length + value


def inserted(text, before, extra):
    """Puts the bytes of an element before the one with a tag."""
    data = unpacked(text)
    at = data.index(struct.pack("<HH", *before), 132)
    return packed(data[:at] + extra + data[at:])


def replaced(text, tag, vr, extra):
    data = unpacked(text)
    at = data.index(struct.pack("<HH", *tag) + vr, 132)
    length = struct.unpack("<H", data[at + 6 : at + 8])[0]
    return packed(data[:at] + extra + data[at + 8 + length :])


def items(fragments, offsets=b""):
    head = b"\xfe\xff\x00\xe0"
    parts = b"".join(head + struct.pack("<I", len(f)) + f for f in [offsets, *fragments])
    return parts + b"\xfe\xff\xdd\xe0\0\0\0\0"


def fragmented(frames, pieces):
    """Each frame in several fragments, and the basic offset table."""
    fragments, offsets, at = [], [], 0
    for frame in frames:
        frame += b"\0" * (-len(frame) % (2 * pieces))
        size = len(frame) // pieces
        size += size % 2
        offsets.append(at)
        for start in range(0, len(frame), size):
            fragments.append(frame[start : start + size])
            at += 8 + len(fragments[-1])
    return items(fragments, struct.pack(f"<{len(offsets)}I", *offsets))


def recoded(text, syntax, content, extended=None):
    """The object with encapsulated pixel data in place of its own."""
    d = opened(text)
    d.PixelData = b"\0\0"
    d.file_meta.TransferSyntaxUID = syntax
    if extended:
        d.ExtendedOffsetTable, d.ExtendedOffsetTableLengths = extended
    d["PixelData"].VR = "OB"
    d.PixelData = content
    d["PixelData"].is_undefined_length = True
    buffer = io.BytesIO()
    # pydicom checks encapsulation by the first item only.
    pydicom.dcmwrite(buffer, d)
    return packed(buffer.getvalue())


def quirks(rng):
    shape = (3, 4, 5)
    volume = rng.integers(-900, 2000, shape).astype(np.int16)
    places = [ORIGIN + [0, 0, 2.5 * k] for k in range(3)]
    geometry = affine_of((1, 0, 0, 0, 1, 0), (0.8, 0.7), [0, 0, 2.5], ORIGIN)
    plain = facts(volume.astype(np.float32), geometry)
    half = facts(np.stack([volume[k] * 0.5 + k for k in range(3)]).astype(np.float32), geometry)
    found = []

    def add(name, files, expected=plain, error=None):
        found.append({"name": name, "files": files, "expected": expected, "error": error})

    def slices(change=lambda text: text, **values):
        return [change(slice_file("quirk", k, volume[k], places[k], **values)) for k in range(3)]

    implicit = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + struct.pack("<HHI", 0x0029, 0x1001, 4) + b"abcd"
    unknown = b"\x29\x00\x10\x10UN\0\0\xff\xff\xff\xff" + implicit + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    add("private UN of undefined length, implicit inside", slices(lambda t: inserted(t, (0x7FE0, 0x10), unknown)))
    name = element(0x10, 0x10, b"PN", b"\x1b$B;3ED\x1b(B^\xff\xfe\x80 ")
    for charset in (b"\\ISO 2022 IR 87 ", b"GB18030 ", b"ISO_IR 100", b"nonsense", b"ISO_IR 192"):
        text = element(0x08, 0x05, b"CS", charset)
        change = lambda t: inserted(inserted(t, (0x18, 0x50), name), (0x08, 0x16), text)
        add(f"character set {charset.decode().strip()}", slices(change))
    add("odd lengths", slices(lambda t: inserted(t, (0x08, 0x16), element(0x08, 0x08, b"CS", b"ORIGINAL\\PRIMARY\\AXIAL"[:-2]))))

    def spaced(k):
        value = (" -10.5 \\  20.25\\%g" % places[k][2]).encode()
        return element(0x20, 0x32, b"DS", value + b"\0" * (len(value) % 2))
    files = slices()
    add("positions with spaces and NULs", [replaced(files[k], (0x20, 0x32), b"DS", spaced(k)) for k in range(3)])
    as_unknown = lambda k: element(0x20, 0x32, b"UN", spaced(k)[8:], long=True)
    add("positions of unknown type", [replaced(files[k], (0x20, 0x32), b"DS", as_unknown(k)) for k in range(3)])
    padding = element(0xFFFC, 0xFFFC, b"OB", b"\0" * 64, long=True)
    add("padding behind the pixel data", [packed(unpacked(f) + padding) for f in files])
    add("zeros behind the pixel data", [packed(unpacked(f) + b"\0" * 512) for f in files])
    def wrong_group_length(text):
        data = bytearray(unpacked(text))
        data[140:144] = struct.pack("<I", 7)
        return packed(bytes(data))
    add("wrong length of the file meta group", slices(wrong_group_length))
    def mislabelled(text, syntax):
        """The data set in one encoding, the file meta group says another."""
        data, old = unpacked(text), opened(text).file_meta.TransferSyntaxUID
        value = lambda uid: element(0x02, 0x10, b"UI", uid.encode() + b"\0" * (len(uid) % 2))
        assert value(old) in data
        return packed(data.replace(value(old), value(syntax)))
    add("implicit, labelled explicit", slices(lambda t: mislabelled(t, ExplicitVRLittleEndian), syntax=ImplicitVRLittleEndian))
    add("explicit, labelled implicit", slices(lambda t: mislabelled(t, ImplicitVRLittleEndian)))
    diffusion = [slice_file("lacking", (b, k), volume[k] + np.int16(b), places[k], sop=MRImageStorage, DiffusionBValue=float(b))
                 for b in (50, 800) for k in range(3)]
    add("two b-values, one lacks a slice", diffusion[:4] + diffusion[5:], None, ["b-value 50", "b-value 800"])
    add("the whole one of two b-values", diffusion[:4] + diffusion[5:], facts((volume + 50).astype(np.float32), geometry))
    found[-1]["stack"] = "b-value 50"
    add("mosaic", slices(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), None, ["is a mosaic"])
    pixels = element(0x7FE0, 0x10, b"OB", b"\1\2", long=True)
    icon = element(0x28, 0x10, b"US", b"\1\0") + pixels
    native = b"\x88\x00\x00\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0" + struct.pack("<I", len(icon)) + icon
    add("icon with pixels of its own", slices(lambda t: inserted(t, (0x7FE0, 0x10), native + b"\xfe\xff\xdd\xe0\0\0\0\0")))
    coded = element(0x28, 0x10, b"US", b"\1\0") + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + items([b"abcd"])
    compressed = b"\x88\x00\x00\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" + coded + b"\xfe\xff\x0d\xe0\0\0\0\0"
    add("compressed icon", slices(lambda t: inserted(t, (0x7FE0, 0x10), compressed + b"\xfe\xff\xdd\xe0\0\0\0\0")))

    directory = Dataset()
    directory.SOPClassUID, directory.SOPInstanceUID = "1.2.840.10008.1.3.10", "1.2.3"
    directory.DirectoryRecordSequence = [Dataset()]
    add("a DICOMDIR beside the files", files + [saved(directory)])

    order = (1, 2, 0)
    base = enhanced(volume, places)
    j2k = [imagecodecs.jpeg2k_encode(volume[k], reversible=True, codecformat="j2k") for k in order]
    jls = [imagecodecs.jpegls_encode(volume[k].view(np.uint16)) for k in order]
    for pieces in (1, 2, 3):
        add(f"enhanced, JPEG 2000 in {pieces} fragment(s) per frame", [recoded(base, JPEG2000Lossless, fragmented(j2k, pieces))], half)
        add(f"enhanced, JPEG-LS in {pieces} fragment(s) per frame", [recoded(base, JPEGLSLossless, fragmented(jls, pieces))], half)
    content, offsets, lengths = encapsulate_extended(j2k)
    add("enhanced, extended offset table", [recoded(base, JPEG2000Lossless, content, (offsets, lengths))], half)
    bare = items([f + b"\0" * (len(f) % 2) for f in j2k[:1]] + [b"\0\0"] * 4)
    add("fragments that no table assigns", [recoded(base, JPEG2000Lossless, bare)], None, ["5 fragments for 3 frames"])
    parts = items([j2k[0][:20], j2k[0][20:] + b"\0" * (len(j2k[0]) % 2)])
    single = slice_file("quirk", 0, volume[1], ORIGIN, SliceThickness=2.5)
    one = facts(volume[1:2].astype(np.float32), geometry)
    add("one frame in two fragments", [recoded(single, JPEG2000Lossless, parts)], one)
    return found
