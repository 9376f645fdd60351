"""The work of `cargo bench --bench files` with SimpleITK, nibabel or SciPy: files.py WORK LIBRARY PATH prints median seconds.

Images become 32-bit floats, as ours do; `stored` reads the same files as the type that they have, and labels stay whole numbers.
"""
import statistics
import sys
import time
from pathlib import Path

import numpy as np

TARGET = (180, 400, 400)
TIMES = 5


def read(path, library, floats):
    if library == "nibabel":
        import nibabel

        if floats:
            return lambda: nibabel.load(path).get_fdata(dtype=np.float32)
        return lambda: np.asarray(nibabel.load(path).dataobj)
    import SimpleITK

    kind = SimpleITK.sitkFloat32 if floats else SimpleITK.sitkUnknown
    return lambda: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path, kind))


def series(path):
    import SimpleITK

    def work():
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(path))
        reader.SetOutputPixelType(SimpleITK.sitkFloat32)
        return SimpleITK.GetArrayFromImage(reader.Execute())

    return work


def linear(path):
    import SimpleITK

    image = SimpleITK.Cast(SimpleITK.ReadImage(path), SimpleITK.sitkFloat32)
    size = [int(n) for n in TARGET[::-1]]
    spacing = [s * old / new for s, old, new in zip(image.GetSpacing(), image.GetSize(), size)]
    # The same box: its edge stays, the first voxel's centre moves.
    shift = [(new - old) / 2 for old, new in zip(image.GetSpacing(), spacing)]
    direction = np.array(image.GetDirection()).reshape(3, 3)
    origin = (np.array(image.GetOrigin()) + direction @ np.array(shift)).tolist()

    def work():
        return SimpleITK.Resample(
            image, size, SimpleITK.Transform(), SimpleITK.sitkLinear, origin, spacing, image.GetDirection(), 0.0
        )

    return work


def cubic(path):
    import nibabel
    from scipy import ndimage

    image = np.ascontiguousarray(np.asarray(nibabel.load(path).dataobj, np.float32).T)
    factors = [new / old for old, new in zip(image.shape, TARGET)]
    return lambda: ndimage.zoom(image, factors, order=3, mode="nearest", grid_mode=True)


def masks(path):
    import nibabel

    files = sorted((Path(path) / "example_seg_fast").glob("*.nii.gz"))

    def work():
        labels = None
        for value, file in enumerate(files, 1):
            mask = np.asarray(nibabel.load(file).dataobj)
            labels = np.zeros(mask.shape, np.uint16) if labels is None else labels
            labels[mask > 0] = value
        return labels

    return work


def main():
    work, library, path = sys.argv[1:]
    makers = {"dicom": series, "linear": linear, "cubic": cubic, "masks": masks}
    run = makers[work](path) if work in makers else read(path, library, work == "nifti")
    run()
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    print(statistics.median(seconds))


main()
