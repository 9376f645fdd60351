"""Reference values for the NRRD reader, from SimpleITK (grids, and what pynrrd does not read) and pynrrd (values).
Run: pip install SimpleITK pynrrd nibabel numpy; python nrrd_files.py [DATA]

Writes nrrd_files.json: small files made here (base64), and facts about files of the shared test data where DATA is given.
"""
import base64, bz2, gzip, json, sys, tempfile
from pathlib import Path

import nibabel as nib
import nrrd
import numpy as np
import SimpleITK as sitk

HERE = Path(__file__).parent
rng = np.random.default_rng(5)
KINDS = {"signed char": "i1", "uchar": "u1", "short": "i2", "unsigned short": "u2", "int": "i4", "uint32": "u4",
         "longlong": "i8", "unsigned long long int": "u8", "float": "f4", "double": "f8"}
NO_VECTOR = ["list", "vector", "3-vector", "3-color", "RGB-color", "4-color", "time", "point", "covariant-vector"]


def itk_grid(path):
    """Affine to RAS, as ITK reads the grid; None where ITK refuses the file or falls back to a bare array."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        return None, None, str(error).strip().splitlines()[-1]
    dimension = image.GetDimension()
    if dimension not in (2, 3):
        return None, image, f"{dimension} dimensions"
    direction = np.eye(3)
    direction[:dimension, :dimension] = np.array(image.GetDirection()).reshape(dimension, dimension)
    spacing = np.ones(3)
    spacing[:dimension] = image.GetSpacing()
    origin = np.zeros(3)
    origin[:dimension] = image.GetOrigin()
    to_ras = np.diag([-1.0, -1.0, 1.0])
    return np.column_stack([to_ras @ direction @ np.diag(spacing), to_ras @ origin]), image, None


def itk_values(image):
    """[channel, z, y, x]"""
    values = sitk.GetArrayFromImage(image)
    values = values if values.ndim == image.GetDimension() + (image.GetNumberOfComponentsPerPixel() > 1) else values[..., None]
    if image.GetNumberOfComponentsPerPixel() == 1:
        values = values[..., None]
    values = values if image.GetDimension() == 3 else values[None]
    return np.moveaxis(values, -1, 0)


def pynrrd_values(path, channel_axis):
    """[channel, z, y, x]; axes of the file are fastest first."""
    values, header = nrrd.read(str(path))
    if channel_axis is not None:
        values = np.moveaxis(values, channel_axis, -1)
    else:
        values = values[..., None]
    while values.ndim < 4:
        values = np.expand_dims(values, -2)
    return values.transpose(3, 2, 1, 0)


def facts(path, channel_axis=None, reader="both", with_values=True):
    affine, image, _ = itk_grid(path)
    by_itk = itk_values(image) if image is not None and affine is not None and reader != "pynrrd" else None
    by_pynrrd = pynrrd_values(path, channel_axis) if reader != "itk" else None
    if by_itk is not None and by_pynrrd is not None:
        assert by_itk.shape == by_pynrrd.shape and np.array_equal(by_itk, by_pynrrd), path
    values = by_pynrrd if by_pynrrd is not None else by_itk
    values = values.astype(np.float64)
    result = {"shape": list(values.shape[1:]), "channels": values.shape[0], "sum": float(values.sum()),
              "min": float(values.min()), "max": float(values.max())}
    if affine is not None:
        result["affine"] = affine.tolist()
        result["orientation"] = "".join(nib.aff2axcodes(np.vstack([affine, [0, 0, 0, 1]])))
    if with_values:
        result["voxels"] = values.astype(np.float32).ravel().tolist()
    return result


def header(sizes, kind="short", lines=(), encoding="raw", version=4, **fields):
    head = {"type": kind, "dimension": len(sizes), "sizes": " ".join(map(str, sizes)), "encoding": encoding}
    if kind not in ("uchar", "signed char") and encoding not in ("ascii", "text", "txt"):
        head["endian"] = "little"
    head |= {name.replace("_", " "): value for name, value in fields.items()}
    first = ["type", "dimension", "space", "space dimension", "sizes"]
    names = [name for name in first if name in head] + [name for name in head if name not in first]
    text = "\n".join([f"NRRD000{version}", "# made for a test", *[f"{name}: {head[name]}" for name in names], *lines])
    return text.encode() + b"\n"


def encoded(values, encoding, order="<"):
    data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder(order)).tobytes()
    if encoding in ("gzip", "gz"):
        return gzip.compress(data, mtime=0)
    if encoding in ("bzip2", "bz2"):
        return bz2.compress(data)
    if encoding in ("ascii", "text", "txt"):
        return "\n".join(" ".join(str(number) for number in row) for row in values.reshape(-1, values.shape[-1])).encode() + b"\n"
    if encoding == "hex":
        text = data.hex()
        return "\n".join(text[start:start + 70] for start in range(0, len(text), 70)).encode() + b"\n"
    return data


FILES = []


def made(name, files, expected_type, channel_axis=None, reader="both", **more):
    """`files`: the file to read first."""
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        main = Path(folder) / next(iter(files))
        entry = {"name": name, "files": {file: base64.b64encode(content).decode() for file, content in files.items()},
                 "type": expected_type, **facts(main, channel_axis, reader), **more}
    FILES.append(entry)


DIRECTIONS = "(0.5,0.25,0) (-0.3,0.75,0.125) (0.01,-0.02,2.5)"
PLACED = dict(space="left-posterior-superior", space_directions=DIRECTIONS, space_origin="(-90.5,126.25,-72)")


def types_and_encodings():
    ramp = np.arange(24).reshape(4, 3, 2)
    for kind, code in KINDS.items():
        values = (ramp - (7 if code[0] in "if" else 0)).astype(code)
        values = values + values.dtype.type(0.25) if code[0] == "f" else values
        for order, endian in (("<", "little"), (">", "big")):
            head = header((2, 3, 4), kind, endian=endian, **PLACED)
            # ITK built without 64-bit whole numbers reads neither.
            reader = "pynrrd" if code in ("i8", "u8") else "both"
            made(f"{kind} {endian}", {"a.nrrd": head + b"\n" + encoded(values, "raw", order)}, np.dtype(code).name, reader=reader)
    values = (ramp * 100 - 300).astype("i2")
    for encoding in ("raw", "gzip", "gz", "bzip2", "bz2", "ascii", "text", "txt", "hex"):
        reader = {"hex": "itk", "bzip2": "pynrrd", "bz2": "pynrrd"}.get(encoding, "both")
        head = header((2, 3, 4), encoding=encoding, **PLACED)
        made(f"encoding {encoding}", {"a.nrrd": head + b"\n" + encoded(values, encoding)}, "int16", reader=reader)
    head = header((2, 3, 4), "float", encoding="hex", endian="big", **PLACED)
    made("hex big", {"a.nrrd": head + b"\n" + encoded(values.astype("f4"), "hex", ">")}, "float32", reader="itk")
    floats = (values / 7).astype("f4")
    head = header((2, 3, 4), "float", encoding="ascii", **PLACED)
    made("ascii float", {"a.nrrd": head + b"\n" + encoded(floats, "ascii")}, "float32")


def skips_and_files():
    values = rng.integers(-999, 999, (4, 3, 2)).astype("i2")
    raw = encoded(values, "raw")
    size = (2, 3, 4)
    lines = b"P5 or so\nanother line\n"
    both = dict(line_skip=2, byte_skip=5)
    made("line and byte skip", {"a.nhdr": header(size, data_file="b.raw", **both, **PLACED), "b.raw": lines + b"12345" + raw}, "int16", reader="itk")
    made("line skip attached", {"a.nrrd": header(size, line_skip=2, **PLACED) + b"\n" + lines + raw}, "int16")
    made("line skip gzip", {"a.nhdr": header(size, encoding="gzip", data_file="b.gz", line_skip=1, **PLACED), "b.gz": b"x\n" + gzip.compress(raw, mtime=0)}, "int16")
    made("byte skip gzip", {"a.nhdr": header(size, encoding="gzip", data_file="b.gz", byte_skip=3, **PLACED), "b.gz": gzip.compress(b"abc" + raw, mtime=0)}, "int16", reader="itk")
    made("byte skip -1", {"a.nhdr": header(size, data_file="b.raw", byte_skip=-1, **PLACED), "b.raw": b"header of any length" + raw}, "int16")
    made("byte skip -1 gzip", {"a.nhdr": header(size, encoding="gzip", data_file="b.gz", byte_skip=-1, **PLACED), "b.gz": gzip.compress(b"abc" * 99 + raw, mtime=0)}, "int16")
    made("byte skip -1 attached", {"a.nrrd": header(size, byte_skip=-1, **PLACED) + b"\nabc" + raw}, "int16")
    made("datafile in a folder name", {"a.nhdr": header(size, datafile="my data.raw", **PLACED), "my data.raw": raw}, "int16")
    # Slices in reverse order; what lies behind the last field of a list is read as names.
    slices = {f"s{number:03}.raw": encoded(values[index], "raw") for index, number in enumerate((2, 4, 6, 8))}
    listed = header(size, **PLACED) + b"data file: LIST\n" + "\n".join(slices).encode() + b"\n"
    made("list of slices", {"a.nhdr": listed, **slices}, "int16", reader="itk")
    made("numbered slices", {"a.nhdr": header(size, **PLACED, data_file="s%03d.raw 2 8 2"), **slices}, "int16", reader="itk")
    made("numbered backwards", {"a.nhdr": header(size, **PLACED, data_file="s%03d.raw 8 2 -2"), **slices}, "int16", reader="itk")
    slabs = {f"slab{index}.gz": gzip.compress(encoded(values[2 * index:2 * index + 2], "raw"), mtime=0) for index in range(2)}
    listed = header(size, encoding="gzip", **PLACED) + b"data file: LIST 3\n" + "\n".join(slabs).encode() + b"\n"
    made("list of slabs", {"a.nhdr": listed, **slabs}, "int16", reader="itk")
    rows = {f"r{index}": encoded(values.reshape(12, 2)[index], "raw") for index in range(12)}
    made("numbered rows", {"a.nhdr": header(size, **PLACED, data_file="r%d 0 11 1 1"), **rows}, "int16", reader="itk")


def spaces_and_kinds():
    values = rng.integers(0, 999, (4, 3, 2)).astype("i2")
    raw = encoded(values, "raw")
    size = (2, 3, 4)
    for space in ("left-posterior-superior", "LPS", "right-anterior-superior", "RAS", "left-anterior-superior", "LAS",
                  "scanner-xyz", "3D-right-handed", "3D-left-handed"):
        placed = {**PLACED, "space": space}
        oriented = space.upper() == space or "superior" in space
        made(f"space {space}", {"a.nrrd": header(size, **placed) + b"\n" + raw}, "int16", oriented=oriented, spacing=True)
    nowhere = dict(space_dimension=3, space_directions=DIRECTIONS, space_origin="(1,2,3)")
    made("space dimension 3", {"a.nrrd": header(size, **nowhere) + b"\n" + raw}, "int16", oriented=False, spacing=True)
    made("spacings only", {"a.nrrd": header(size, spacings="0.5 0.75 2") + b"\n" + raw}, "int16", oriented=False, spacing=True)
    made("nothing", {"a.nrrd": header(size) + b"\n" + raw}, "int16", oriented=False, spacing=False)
    made("axes permuted", {"a.nrrd": header(size, space="LPS", space_directions="(0,0,-2) (0.5,0,0) (0,-1,0)", space_origin="(1,2,3)") + b"\n" + raw}, "int16", oriented=True, spacing=True)
    made("no origin", {"a.nrrd": header(size, space="LPS", space_directions=DIRECTIONS) + b"\n" + raw}, "int16", oriented=True, spacing=True)
    flat = rng.integers(0, 99, (3, 4)).astype("u1")
    made("2D", {"a.nrrd": header((4, 3), "uchar", spacings="0.5 2") + b"\n" + flat.tobytes()}, "uint8", oriented=False, spacing=True)
    made("2D placed", {"a.nrrd": header((4, 3), "uchar", space_dimension=2, space_directions="(0.5,0) (0,2)", space_origin="(1,2)") + b"\n" + flat.tobytes()}, "uint8", oriented=False, spacing=True)
    vectors = ["(0.5,0.25,0)", "(-0.3,0.75,0.125)", "(0.01,-0.02,2.5)"]
    for place in range(4):
        many = [2, 3, 4]
        many.insert(place, 3)
        directions = list(vectors)
        directions.insert(place, "none")
        content = rng.integers(0, 999, many[::-1]).astype("i2").tobytes()
        for kind in ("list", "3-vector", "RGB-color", "time") if place in (0, 3) else ("list",):
            kinds = ["domain"] * 3
            kinds.insert(place, kind)
            head = header(many, space="RAS", space_directions=" ".join(directions), space_origin="(1,2,3)", kinds=" ".join(kinds))
            made(f"{kind} at {place}", {"a.nrrd": head + b"\n" + content}, "int16", channel_axis=place, oriented=True, spacing=True)
    content = rng.integers(0, 99, (4, 3, 2, 3)).astype("u1").tobytes()
    made("no kinds, none", {"a.nrrd": header((3, 2, 3, 4), "uchar", space="LPS", space_directions="none " + DIRECTIONS) + b"\n" + content}, "uint8", channel_axis=0, reader="pynrrd")
    made("spacing nan", {"a.nrrd": header((3, 2, 3, 4), "uchar", spacings="nan 0.5 2 3") + b"\n" + content}, "uint8", channel_axis=0, reader="pynrrd")
    made("colour picture", {"a.nrrd": header((3, 2, 3), "uchar", kinds="RGB-color domain domain") + b"\n" + content[:18]}, "uint8", channel_axis=0)
    pairs = ("DWMRI_b-value:=1000", "key:with colon:=a\\nb")
    made("key/value pairs", {"a.nrrd": header(size, lines=pairs, **PLACED) + b"\n" + raw}, "int16", oriented=True)
    made("line ends of Windows", {"a.nrrd": header(size, **PLACED).replace(b"\n", b"\r\n") + b"\r\n" + raw}, "int16", reader="itk")


def shared(root):
    entries = []
    for path in sorted([*root.rglob("*.nrrd"), *root.rglob("*.nhdr")]):
        name = str(path.relative_to(root))
        try:
            values, head = nrrd.read(str(path))
        except Exception as error:
            entries.append({"name": name, "refused": str(error).splitlines()[0]})
            continue
        if values.ndim == 1:
            entries.append({"name": name, "refused": "one dimension"})
            continue
        kinds = head.get("kinds", [])
        channel_axis = next((axis for axis, kind in enumerate(kinds) if kind in NO_VECTOR), None)
        if channel_axis is None and values.ndim == 4:
            channel_axis = 3
        entries.append({"name": name, "type": values.dtype.name, **facts(path, channel_axis, "pynrrd", with_values=False)})
    return entries


def segments(root):
    """Names, colours and voxels of the segments of .seg.nrrd files."""
    entries = []
    for path in sorted(root.rglob("*.seg.nrrd")):
        values, head = nrrd.read(str(path))
        layers = values if values.ndim == 4 else values[None]
        found = []
        while (key := f"Segment{len(found)}_") + "ID" in head:
            inside = layers[int(head[key + "Layer"])] == int(head[key + "LabelValue"])
            found.append({"name": head[key + "Name"], "label": int(head[key + "LabelValue"]), "layer": int(head[key + "Layer"]),
                          "color": [round(float(part) * 255) for part in head[key + "Color"].split()],
                          "voxels": int(inside.sum()), "place": np.argwhere(inside).sum(0)[::-1].tolist()})
        entries.append({"name": str(path.relative_to(root)), "layers": layers.shape[0], "segments": found})
    return entries


def main():
    types_and_encodings()
    skips_and_files()
    spaces_and_kinds()
    result = {"pynrrd": nrrd.__version__, "simpleitk": sitk.Version_VersionString(), "made": FILES}
    if len(sys.argv) > 1:
        root = Path(sys.argv[1])
        result |= {"shared": shared(root), "segments": segments(root)}
    (HERE / "nrrd_files.json").write_text(json.dumps(result).replace('}, {"name"', '},\n{"name"') + "\n")


main()
