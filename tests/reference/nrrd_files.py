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
        rows = values.reshape(-1, values.shape[-1])
        return "".join(" ".join(map(str, row)) + "\n" for row in rows).encode()
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


def attached(sizes, data, *kind, **fields):
    return {"a.nrrd": header(sizes, *kind, **fields) + b"\n" + data}


def detached(sizes, data, **fields):
    """`data` by file name; the first is the data file unless the fields name others."""
    return {"a.nhdr": header(sizes, **{"data_file": next(iter(data)), **fields}), **data}


def zipped(data):
    return gzip.compress(data, mtime=0)


def types_and_encodings():
    ramp = np.arange(24).reshape(4, 3, 2)
    for kind, code in KINDS.items():
        values = (ramp - (7 if code[0] in "if" else 0)).astype(code)
        values = values + values.dtype.type(0.25) if code[0] == "f" else values
        for order, endian in (("<", "little"), (">", "big")):
            # ITK built without 64-bit whole numbers reads neither.
            reader = "pynrrd" if code in ("i8", "u8") else "both"
            files = attached((2, 3, 4), encoded(values, "raw", order), kind, endian=endian, **PLACED)
            made(f"{kind} {endian}", files, np.dtype(code).name, reader=reader)
    values = (ramp * 100 - 300).astype("i2")
    for encoding in ("raw", "gzip", "gz", "bzip2", "bz2", "ascii", "text", "txt", "hex"):
        reader = {"hex": "itk", "bzip2": "pynrrd", "bz2": "pynrrd"}.get(encoding, "both")
        files = attached((2, 3, 4), encoded(values, encoding), encoding=encoding, **PLACED)
        made(f"encoding {encoding}", files, "int16", reader=reader)
    digits = encoded(values.astype("f4"), "hex", ">")
    files = attached((2, 3, 4), digits, "float", encoding="hex", endian="big", **PLACED)
    made("hex big", files, "float32", reader="itk")
    words = encoded((values / 7).astype("f4"), "ascii")
    made("ascii float", attached((2, 3, 4), words, "float", encoding="ascii", **PLACED), "float32")


def skips_and_files():
    values = rng.integers(-999, 999, (4, 3, 2)).astype("i2")
    raw = encoded(values, "raw")
    size = (2, 3, 4)
    lines = b"P5 or so\nanother line\n"
    data = {"b.raw": lines + b"12345" + raw}
    made("line and byte skip", detached(size, data, line_skip=2, byte_skip=5, **PLACED), "int16", reader="itk")
    made("line skip attached", attached(size, lines + raw, line_skip=2, **PLACED), "int16")
    gzip_fields = dict(encoding="gzip", **PLACED)
    made("line skip gzip", detached(size, {"b.gz": b"x\n" + zipped(raw)}, line_skip=1, **gzip_fields), "int16")
    data = {"b.gz": zipped(b"abc" + raw)}
    made("byte skip gzip", detached(size, data, byte_skip=3, **gzip_fields), "int16", reader="itk")
    made("byte skip -1", detached(size, {"b.raw": b"any header" + raw}, byte_skip=-1, **PLACED), "int16")
    data = {"b.gz": zipped(b"abc" * 99 + raw)}
    made("byte skip -1 gzip", detached(size, data, byte_skip=-1, **gzip_fields), "int16")
    made("byte skip -1 attached", attached(size, b"abc" + raw, byte_skip=-1, **PLACED), "int16")
    made("name with a blank", detached(size, {"my data.raw": raw}, **PLACED), "int16")
    slices = {f"s{2 * index:03}.raw": encoded(values[index - 1], "raw") for index in (1, 2, 3, 4)}
    # What lies behind the last field of a list is read as names.
    listed = {"a.nhdr": header(size, **PLACED) + "\n".join(["data file: LIST", *slices, ""]).encode(), **slices}
    made("list of slices", listed, "int16", reader="itk")
    for name, numbers in (("numbered slices", "2 8 2"), ("numbered backwards", "8 2 -2")):
        files = detached(size, slices, **PLACED, data_file=f"s%03d.raw {numbers}")
        made(name, files, "int16", reader="itk")
    slabs = {f"slab{index}.gz": zipped(encoded(values[2 * index:2 * index + 2], "raw")) for index in range(2)}
    listed = {"a.nhdr": header(size, **gzip_fields) + "\n".join(["data file: LIST 3", *slabs, ""]).encode(), **slabs}
    made("list of slabs", listed, "int16", reader="itk")
    rows = {f"r{index}": encoded(values.reshape(12, 2)[index], "raw") for index in range(12)}
    made("numbered rows", detached(size, rows, **PLACED, data_file="r%d 0 11 1 1"), "int16", reader="itk")


def spaces_and_grids():
    raw = encoded(rng.integers(0, 999, (4, 3, 2)).astype("i2"), "raw")
    size = (2, 3, 4)

    def grid(name, oriented, spacing, **fields):
        made(name, attached(size, raw, **fields), "int16", oriented=oriented, spacing=spacing)

    for space in ("left-posterior-superior", "LPS", "right-anterior-superior", "RAS", "left-anterior-superior", "LAS"):
        grid(f"space {space}", True, True, **{**PLACED, "space": space})
    for space in ("scanner-xyz", "3D-right-handed", "3D-left-handed"):
        grid(f"space {space}", False, True, **{**PLACED, "space": space})
    grid("space dimension 3", False, True, space_dimension=3, space_directions=DIRECTIONS, space_origin="(1,2,3)")
    grid("spacings only", False, True, spacings="0.5 0.75 2")
    grid("nothing", False, False)
    permuted = "(0,0,-2) (0.5,0,0) (0,-1,0)"
    grid("axes permuted", True, True, space="LPS", space_directions=permuted, space_origin="(1,2,3)")
    grid("no origin", True, True, space="LPS", space_directions=DIRECTIONS)
    grid("key/value pairs", True, True, lines=("DWMRI_b-value:=1000", "key:with colon:=a\\nb"), **PLACED)
    windows = header(size, **PLACED).replace(b"\n", b"\r\n") + b"\r\n" + raw
    made("line ends of Windows", {"a.nrrd": windows}, "int16", reader="itk")
    flat = rng.integers(0, 99, (3, 4)).astype("u1").tobytes()
    made("2D", attached((4, 3), flat, "uchar", spacings="0.5 2"), "uint8", oriented=False, spacing=True)
    placed = dict(space_dimension=2, space_directions="(0.5,0) (0,2)", space_origin="(1,2)")
    made("2D placed", attached((4, 3), flat, "uchar", **placed), "uint8", oriented=False, spacing=True)


def channels():
    for place in range(4):
        sizes, directions = [2, 3, 4], DIRECTIONS.split()
        sizes.insert(place, 3)
        directions.insert(place, "none")
        content = rng.integers(0, 999, sizes[::-1]).astype("i2").tobytes()
        for kind in ("list", "3-vector", "RGB-color", "time") if place in (0, 3) else ("list",):
            kinds = ["domain"] * 3
            kinds.insert(place, kind)
            fields = dict(space="RAS", space_directions=" ".join(directions), kinds=" ".join(kinds))
            files = attached(sizes, content, space_origin="(1,2,3)", **fields)
            made(f"{kind} at {place}", files, "int16", channel_axis=place, oriented=True, spacing=True)
    content = rng.integers(0, 99, (4, 3, 2, 3)).astype("u1").tobytes()
    sizes = (3, 2, 3, 4)
    files = attached(sizes, content, "uchar", space="LPS", space_directions="none " + DIRECTIONS)
    made("no kinds, none", files, "uint8", channel_axis=0, reader="pynrrd")
    files = attached(sizes, content, "uchar", spacings="nan 0.5 2 3")
    made("spacing nan", files, "uint8", channel_axis=0, reader="pynrrd")
    files = attached((3, 2, 3), content[:18], "uchar", kinds="RGB-color domain domain")
    made("colour picture", files, "uint8", channel_axis=0)


def shared(root):
    entries = []
    for path in sorted([*root.rglob("*.nrrd"), *root.rglob("*.nhdr")]):
        name = str(path.relative_to(root))
        try:
            values, head = nrrd.read(str(path))
        except Exception as error:
            entries.append({"name": name, "refused": str(error).splitlines()[0]})
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
    spaces_and_grids()
    channels()
    result = {"pynrrd": nrrd.__version__, "simpleitk": sitk.Version_VersionString(), "made": FILES}
    if len(sys.argv) > 1:
        root = Path(sys.argv[1])
        result |= {"shared": shared(root), "segments": segments(root)}
    (HERE / "nrrd_files.json").write_text(json.dumps(result).replace('}, {"name"', '},\n{"name"') + "\n")


main()
