"""Reference values for PNG and TIFF, from Pillow and tifffile. Run: pip install pillow tifffile numpy; python raster.py [DATA]

Writes raster.json: small pictures made here (base64), and facts about pictures of the shared test data where DATA is given.
"""

import base64, io, json, sys
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

HERE = Path(__file__).parent
rng = np.random.default_rng(3)


def facts(values):
    """`values` is [y, x] or [y, x, channel], alpha left out."""
    planes = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    planes = planes.astype(np.float64)
    return {
        "shape": list(planes.shape[1:]),
        "channels": planes.shape[0],
        "sum": float(planes.sum()),
        "min": float(planes.min()),
        "max": float(planes.max()),
    }, planes


def made(name, data, values, kind):
    summary, planes = facts(values)
    return {
        "name": name,
        "file": base64.b64encode(data).decode(),
        "type": kind,
        **summary,
        "voxels": planes.ravel().tolist(),
    }


def png(image, **options):
    stream = io.BytesIO()
    image.save(stream, "png", **options)
    return stream.getvalue()


def tiff(values, **options):
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, metadata=None, **options)
    return stream.getvalue()


def pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def pngs():
    grey = rng.integers(0, 256, (5, 7), dtype=np.uint8)
    deep = rng.integers(0, 65536, (5, 7), dtype=np.uint16)
    color = rng.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    yield "grey 8", (data := png(Image.fromarray(grey))), pillow(data), "uint8"
    yield "grey 16", (data := png(Image.fromarray(deep))), pillow(data), "uint16"
    yield "colours", (data := png(Image.fromarray(color[..., :3]))), pillow(data), "uint8"
    yield "colours and alpha", (data := png(Image.fromarray(color))), pillow(data)[..., :3], "uint8"
    yield "grey and alpha", (data := png(Image.fromarray(color[..., :2]))), pillow(data)[..., 0], "uint8"
    yield "one bit", (data := png(Image.fromarray(grey > 127))), pillow(data).astype(np.uint8), "uint8"
    for colors in (3, 200):
        indexed = Image.fromarray((grey % colors).astype(np.uint8), "P")
        indexed.putpalette(rng.integers(0, 256, 3 * colors, dtype=np.uint8).tobytes())
        data = png(indexed)
        yield f"palette of {colors}", data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")), "uint8"


def tiffs():
    for kind in "u1 i1 u2 i2 u4 i4 f2 f4 f8".split():
        values = (rng.random((9, 6)) * 250 - (100 if kind[0] != "u" else 0)).astype(kind)
        for order in "<>":
            data = tiff(values, byteorder=order)
            yield f"{kind} {order}", data, tifffile.imread(io.BytesIO(data)), np.dtype(kind).name
    color = rng.integers(0, 65536, (9, 10, 3), dtype=np.uint16)
    for name, options in {
        "strips": dict(rowsperstrip=3),
        "tiles": dict(tile=(16, 16)),
        "planes": dict(planarconfig="separate"),
        "lzw": dict(compression="lzw"),
        "deflate": dict(compression="deflate", predictor=True),
        "packbits": dict(compression="packbits"),
        "bigtiff": dict(bigtiff=True),
    }.items():
        read_back = lambda data: tifffile.imread(io.BytesIO(data))
        try:
            values = np.moveaxis(color, -1, 0) if name == "planes" else color
            data = tiff(np.ascontiguousarray(values), photometric="rgb", **options)
        except (ImportError, KeyError):
            # tifffile needs another package for these; Pillow writes them.
            stream = io.BytesIO()
            form = {"lzw": "tiff_lzw", "packbits": "packbits"}[name]
            Image.fromarray((color // 256).astype(np.uint8)).save(stream, "tiff", compression=form)
            data, read_back = stream.getvalue(), pillow
        read = read_back(data)
        read = np.moveaxis(read, 0, -1) if name == "planes" else read
        yield name, data, read, read.dtype.name
    alpha = rng.integers(0, 256, (4, 5, 4), dtype=np.uint8)
    yield "alpha", (data := tiff(alpha, photometric="rgb", extrasamples=["unassalpha"])), alpha[..., :3], "uint8"
    bands = rng.integers(0, 256, (4, 5, 5), dtype=np.uint8)
    yield "bands", (data := tiff(bands, photometric="minisblack", planarconfig="contig")), bands, "uint8"
    one_bit = rng.integers(0, 2, (5, 11), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(one_bit.astype(bool)).save(stream, "tiff")
    yield "one bit", stream.getvalue(), one_bit, "uint8"


def main():
    pictures = [made("png " + name, data, values, kind) for name, data, values, kind in pngs()]
    pictures += [made("tiff " + name, data, values, kind) for name, data, values, kind in tiffs()]
    pages = tiff(rng.integers(0, 256, (3, 4, 5), dtype=np.uint8), photometric="minisblack")
    animation = io.BytesIO()
    frames = [Image.fromarray(rng.integers(0, 256, (4, 5), dtype=np.uint8)) for _ in range(2)]
    frames[0].save(animation, "png", save_all=True, append_images=frames[1:])
    palette = io.BytesIO()
    Image.fromarray(rng.integers(0, 9, (4, 5), dtype=np.uint8), "P").save(palette, "tiff")
    cmyk = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (4, 5, 4), dtype=np.uint8), "CMYK").save(cmyk, "tiff")
    jpeg = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (4, 5), dtype=np.uint8)).save(jpeg, "jpeg")
    files = {
        "pages": pages,
        "animation": animation.getvalue(),
        "palette": palette.getvalue(),
        "cmyk": cmyk.getvalue(),
        "jpeg": jpeg.getvalue(),
    }
    refused = {name: base64.b64encode(data).decode() for name, data in files.items()}
    shared = []
    if len(sys.argv) > 1:
        root = Path(sys.argv[1])
        for folder in ("em_isbi2012/images", "em_isbi2012/labels", "nuclei_dsb2018/images", "nuclei_dsb2018/masks"):
            for path in sorted((root / folder).glob("*.png")):
                values = np.asarray(Image.open(path))
                values = values[..., :3] if values.ndim == 3 else values
                shared.append({"name": str(path.relative_to(root)), "type": values.dtype.name, **facts(values)[0]})
    text = json.dumps({"made": pictures, "refused": refused, "shared": shared})
    (HERE / "raster.json").write_text(text.replace('}, {"name"', '},\n{"name"') + "\n")


main()
