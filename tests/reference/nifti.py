"""Reference values for the NIfTI reader, from nibabel. Run: pip install nibabel numpy; python nifti.py [DATA]

Writes nifti.json: small files made here (base64), and facts about files of the shared test data where DATA is given.
"""
import base64, gzip, io, json, struct, sys
from pathlib import Path

import nibabel as nib
import numpy as np

HERE = Path(__file__).parent


def pair(name, data, affine, names, version=nib.Nifti1Pair):
    """Header and image in two files, named as `names` says."""
    image = version(data, affine)
    files = {kind: nib.FileHolder(fileobj=io.BytesIO()) for kind in ("header", "image")}
    image.file_map = files
    image.to_file_map(files)
    content = {}
    for kind, file_name in zip(("header", "image"), names):
        raw = files[kind].fileobj.getvalue()
        stored = gzip.compress(raw, mtime=0) if file_name.endswith(".gz") else raw
        content[file_name] = base64.b64encode(stored).decode()
        files[kind].fileobj.seek(0)
    return {"name": name, "files": content, **expected(version.from_file_map(files))}


def expected(image, with_values=True):
    if image.get_data_dtype().names:
        # Colours of a voxel, as the last dimension.
        stored = np.asarray(image.dataobj)
        parts = np.stack([stored[part] for part in stored.dtype.names], -1)
        image = type(image)(parts, image.affine, image.header.copy().__class__())
        image.header.set_data_dtype(np.uint8)
    data = np.asarray(image.dataobj, dtype=np.float64)
    grid = data.reshape(data.shape[:3] + (-1,)) if data.ndim > 2 else data[:, :, None, None]
    order = np.transpose(grid, (3, 2, 1, 0))
    units = {"meter": 1000.0, "micron": 0.001}.get(image.header.get_xyzt_units()[0], 1.0)
    facts = {
        "shape": list(order.shape[1:]),
        "channels": order.shape[0],
        "affine": (image.affine[:3] * units).tolist(),
        "orientation": "".join(nib.aff2axcodes(image.affine)),
        "type": image.get_data_dtype().name,
        "sum": float(order.sum()),
        "min": float(order.min()),
        "max": float(order.max()),
    }
    if with_values:
        facts["voxels"] = order.astype(np.float32).ravel().tolist()
    return facts


def made(name, data, affine=None, edit=None, endian="<", zipped=True, version=nib.Nifti1Image):
    header = version.header_class(endianness=endian)
    header.set_data_dtype(data.dtype)
    image = version(data, affine, header)
    if edit:
        edit(image.header)
    raw = bytearray(image.to_bytes())
    # nibabel resets the scale when it writes; put the stated one back.
    places = ((112, "f", "scl_slope"), (116, "f", "scl_inter"))
    if version is nib.Nifti2Image:
        places = ((176, "d", "scl_slope"), (184, "d", "scl_inter"))
    for offset, width, key in places:
        struct.pack_into(endian + width, raw, offset, float(image.header[key]))
    raw = bytes(raw)
    read = version.from_bytes(raw)
    stored = gzip.compress(raw, mtime=0) if zipped else raw
    return {"name": name, "file": base64.b64encode(stored).decode(), **expected(read)}


def set_fields(**fields):
    def edit(header):
        for key, value in fields.items():
            header[key] = value
    return edit


def qform(affine):
    def edit(header):
        header.set_qform(affine, 1)
        header.set_sform(None, 0)
    return edit


def main():
    rng = np.random.default_rng(1)
    ramp = np.arange(2 * 3 * 4).reshape(4, 3, 2)
    oblique = nib.affines.from_matvec(
        nib.eulerangles.euler2mat(0.3, -0.2, 0.5) @ np.diag([-0.7, 1.3, 2.5]), [-90.5, 126.0, -72.25])
    left_handed = oblique @ np.diag([-1.0, 1, 1, 1])
    files = []
    for kind in "u1 i1 u2 i2 u4 i4 u8 i8 f4 f8".split():
        signed = ramp - 7 if kind[0] in "if" else ramp
        values = signed + 0.25 if kind[0] == "f" else signed
        for endian, byte_order in (("<", "little"), (">", "big")):
            files.append(made(f"{kind} {byte_order}", values.astype(endian + kind), oblique, endian=endian))
    i2 = ramp.astype("<i2")
    for slope, inter in ((2.5, -1024.0), (0.0, 3.0), (float("nan"), 0.0), (1.0, -5.0), (1e-3, 0.0)):
        edit = set_fields(scl_slope=slope, scl_inter=inter)
        files.append(made(f"slope {slope} intercept {inter}", i2, oblique, edit))
    files.append(made("qform only", i2, None, qform(oblique)))
    files.append(made("qform only, left handed", i2, None, qform(left_handed)))
    for turn in range(8):
        flips = np.diag([1 - 2 * (turn >> k & 1) for k in range(3)] + [1.0])
        order = np.roll(np.eye(4)[:3], turn % 3, axis=0)
        affine = np.vstack([order, [0, 0, 0, 1]]) @ flips @ np.diag([2.0, 3.0, 4.0, 1.0])
        files.append(made(f"axes {turn} qform", i2, None, qform(affine)))
        files.append(made(f"axes {turn} sform", i2, affine))
    sizes = set_fields(pixdim=[1, 2, 3, 4, 1, 1, 1, 1], sform_code=0, qform_code=0)
    files.append(made("voxel sizes only", i2, None, sizes))
    both = lambda header: (header.set_qform(np.diag([9.0, 9, 9, 1]), 1), header.set_sform(oblique, 2))
    files.append(made("sform wins over qform", i2, None, both))
    for unit in ("mm", "meter", "micron"):
        files.append(made(f"unit {unit}", i2, oblique, lambda header: header.set_xyzt_units(unit)))
    sheared = oblique @ np.array([[1, 0, 0.2, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    files.append(made("sheared", i2, sheared))
    files.append(made("4D", rng.integers(0, 99, (4, 3, 2, 3)).astype("<i2"), oblique))
    files.append(made("5D", rng.integers(0, 99, (4, 3, 2, 1, 3)).astype("<i2"), oblique))
    files.append(made("2D", rng.integers(0, 99, (4, 3)).astype("<u1"), oblique))
    files.append(made("not compressed", i2, oblique, zipped=False))
    offset = made("extension before the voxels", i2, oblique)
    padded = bytearray(gzip.decompress(base64.b64decode(offset["file"])))
    padded[108:112] = struct.pack("<f", 368.0)
    padded[348] = 1
    padded[352:352] = struct.pack("<ii", 16, 6) + b"comment\0"
    offset["file"] = base64.b64encode(gzip.compress(bytes(padded), mtime=0)).decode()
    files.append(offset)
    for kind, endian in (("u1", "<"), ("i2", ">"), ("u8", "<"), ("f4", ">"), ("f8", "<")):
        values = (ramp + 0.25 if kind[0] == "f" else ramp).astype(endian + kind)
        files.append(made(f"NIfTI-2 {kind} {endian}", values, oblique, endian=endian, version=nib.Nifti2Image))
    scaled = set_fields(scl_slope=2.5, scl_inter=-1024.0)
    files.append(made("NIfTI-2 scaled", i2, oblique, scaled, version=nib.Nifti2Image))
    files.append(made("NIfTI-2 qform only", i2, None, qform(left_handed), version=nib.Nifti2Image))
    files.append(made("NIfTI-2 4D", rng.integers(0, 99, (4, 3, 2, 3)).astype("<i2"), oblique, version=nib.Nifti2Image))
    for parts in ("RGB", "RGBA"):
        colors = rng.integers(0, 256, (4, 3, 2, len(parts)), dtype=np.uint8)
        files.append(made(parts, colors.view([(part, "u1") for part in parts])[..., 0], oblique))
    pairs = [
        pair("pair", i2, oblique, ("case.hdr", "case.img")),
        pair("pair compressed", i2, oblique, ("case.hdr.gz", "case.img.gz")),
        pair("pair with a compressed image", i2.astype(">i2"), oblique, ("case.hdr", "case.img.gz")),
        pair("pair in capitals", ramp.astype("<f4"), oblique, ("CASE.HDR", "CASE.IMG")),
        pair("pair of NIfTI-2", i2, oblique, ("case.hdr", "case.img"), nib.Nifti2Pair),
    ]
    shared = []
    if len(sys.argv) > 1:
        root = Path(sys.argv[1])
        names = sorted(str(p.relative_to(root)) for p in root.glob("formats/nifti_rs/27/*.nii"))
        names += ["formats/nrrd_pynrrd/BallBinary30x30x30.nii.gz"]
        names += ["hippocampus/imagesTr/hippocampus_003.nii.gz", "hippocampus/labelsTr/hippocampus_003.nii.gz"]
        names += ["pelvis/images/pelvis_001.nii.gz", "spinalcord_sct/t1/t1w.nii.gz", "spinalcord_sct/t2/t2.nii.gz"]
        names += ["sts/STS_025/MR_T1_image.nii.gz", "sts/STS_025/PET_image.nii.gz"]
        for name in names:
            shared.append({"name": name, **expected(nib.load(root / name), with_values=False)})
    text = json.dumps({"nibabel": nib.__version__, "made": files, "pairs": pairs, "shared": shared}, indent=None)
    (HERE / "nifti.json").write_text(text.replace('}, {"name"', '},\n{"name"') + "\n")


main()
