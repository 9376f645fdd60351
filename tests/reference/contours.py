"""Structure sets (RTSTRUCT) written with pydicom, and the voxels that they enclose by an independent rasteriser (shapely).

    python tests/reference/contours.py > tests/reference/contours.json

Each set lies on a small CT: axial, oblique (rotated about all axes), and sagittal with non-square pixels. The shapes have holes (inner contours),
keyholes, islands, and several contours per slice. The reference is built from polygons with holes, never from the contours' paths: a
voxel belongs to a structure if at least half of 16 × 16 points spread over its square do.
Needs pydicom, numpy, shapely.
"""
import base64, gzip, hashlib, io, json

import numpy as np
import pydicom
import shapely
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RTStructureSetStorage

SUB = 16


def packed(data):
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def uid(*parts):
    return "2.25." + str(int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:15], "big"))


def file(d, syntax=ExplicitVRLittleEndian):
    d.file_meta = FileMetaDataset()
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = d.SOPClassUID, d.SOPInstanceUID
    d.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    pydicom.dcmwrite(out, d, enforce_file_format=True)
    return packed(out.getvalue())


def base(name, sop, instance, series, modality):
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = sop, instance
    d.StudyInstanceUID, d.SeriesInstanceUID = uid(name, "study"), series
    d.Modality, d.SeriesDescription, d.PatientName, d.PatientID = modality, name, "Synthetic", "SYN"
    return d


class Grid:
    """Slices in LPS: origin, directions along a row and along a column, spacing of rows and columns, step between slices."""

    def __init__(self, name, shape, origin, rotation, spacing):
        self.name, self.shape, self.origin, self.rotation, self.spacing = name, shape, np.array(origin, float), rotation, spacing
        self.row, self.column, self.normal = rotation[:, 0], rotation[:, 1], rotation[:, 2]

    def world(self, z, points):
        """Points (x, y) in pixels of slice z, in millimetres."""
        dz, dy, dx = self.spacing
        points = np.asarray(points, float)
        return self.origin + z * dz * self.normal + points[:, :1] * dx * self.row + points[:, 1:] * dy * self.column

    def files(self):
        files = []
        for k in range(self.shape[0]):
            d = base(self.name, CTImageStorage, uid(self.name, k), uid(self.name, "series"), "CT")
            d.FrameOfReferenceUID = uid(self.name, "frame")
            d.ImagePositionPatient = [f"{v:.9g}" for v in self.world(k, [[0, 0]])[0]]
            d.ImageOrientationPatient = [f"{v:.9g}" for v in [*self.row, *self.column]]
            d.PixelSpacing, d.InstanceNumber = [self.spacing[1], self.spacing[2]], k + 1
            d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
            d.Rows, d.Columns = self.shape[1:]
            d.BitsAllocated = d.BitsStored = 16
            d.HighBit, d.PixelRepresentation = 15, 1
            d.RescaleSlope, d.RescaleIntercept = 1, 0
            d.PixelData = np.zeros(self.shape[1:], "<i2").tobytes()
            files.append(file(d))
        return files


def circle(x, y, rx, ry, count=72, turn=0.0, wobble=0.0):
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = 1 + wobble * np.sin(5 * angle)
    u, v = rx * radius * np.cos(angle), ry * radius * np.sin(angle)
    return np.stack([x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)], 1)


def keyhole(outer, inner):
    """One path: the outer contour, a channel to the inner one, the inner one backwards, and back along the channel."""
    nearest = np.linalg.norm(outer[:, None] - inner[None], axis=2)
    i, j = np.unravel_index(nearest.argmin(), nearest.shape)
    return np.concatenate([outer[i:], outer[: i + 1], inner[j::-1], inner[: j - 1 : -1] if j else inner[:0:-1], inner[j : j + 1]])


def structures(shape):
    """Name, and per slice: the contours as written, and the polygons with holes that they mean."""
    _, rows, columns = shape
    x, y, r = columns / 2, rows / 2, min(rows, columns) * 0.42
    found = {"ring": {}, "keyhole": {}, "islands": {}, "bladder wall": {}}
    for z in range(1, shape[0] - 1):
        grow = 1 - 0.06 * abs(z - shape[0] / 2)
        outer = circle(x + 0.31 * z, y - 0.17 * z, r * grow, r * 0.8 * grow, turn=0.2 * z, wobble=0.06)
        inner = circle(x + 0.31 * z + 1.3, y - 0.17 * z, r * 0.5 * grow, r * 0.4 * grow, turn=-0.3 * z)
        core = circle(x + 0.31 * z + 1.1, y - 0.17 * z, r * 0.2 * grow, r * 0.17 * grow)
        if z != 3:  # a slice without contours
            # A hole, and an island in the hole; in either direction of travel, and in another order.
            paths = [inner, outer, core] if z % 2 else [outer[::-1], core, inner]
            found["ring"][z] = (paths, [shapely.Polygon(outer, [inner]), shapely.Polygon(core)])
        found["keyhole"][z] = ([keyhole(outer, inner)], [shapely.Polygon(outer, [inner])])
        parts = [circle(x + dx * r * 0.55, y + dy * r * 0.5, r * 0.36, r * 0.3, turn=z) for dx, dy in [(-1, -1), (1, -0.7), (0.2, 1)]]
        found["islands"][z] = (parts, [shapely.Polygon(part) for part in parts])
        two = [circle(x - r * 0.45, y, r * 0.4, r * 0.5), circle(x + r * 0.5, y, r * 0.4, r * 0.5, turn=0.4)]
        holes = [circle(x - r * 0.45, y, r * 0.25, r * 0.33), circle(x + r * 0.5, y, r * 0.24, r * 0.3)]
        # One with a keyhole, one with an inner contour, in the same slice.
        found["bladder wall"][z] = (
            [keyhole(two[0], holes[0]), two[1], holes[1]],
            [shapely.Polygon(a, [b]) for a, b in zip(two, holes)],
        )
    return found


def truth(shape, slices):
    mask = np.zeros(shape, bool)
    offsets = (np.arange(SUB) + 0.5) / SUB - 0.5
    xs = (np.arange(shape[2])[:, None] + offsets).ravel()
    ys = (np.arange(shape[1])[:, None] + offsets).ravel()
    for z, (_, polygons) in slices.items():
        inside = shapely.contains_xy(shapely.union_all(polygons), *np.meshgrid(xs, ys))
        counts = inside.reshape(shape[1], SUB, shape[2], SUB).sum((1, 3))
        mask[z] = counts * 2 >= SUB * SUB
    return mask


COLORS = {"ring": [255, 0, 0], "keyhole": [0, 128, 255], "islands": [10, 200, 30], "bladder wall": [250, 240, 1]}


def structure_set(grid, found, syntax):
    d = base(grid.name, RTStructureSetStorage, uid(grid.name, "rs"), uid(grid.name, "rs series"), "RTSTRUCT")
    d.StructureSetLabel, d.StructureSetDate, d.StructureSetTime = "TEST", "20200101", "000000"
    frame, series = Dataset(), Dataset()
    series.SeriesInstanceUID = uid(grid.name, "series")
    series.ContourImageSequence = [image(grid, k) for k in range(grid.shape[0])]
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", uid(grid.name, "study")
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = uid(grid.name, "frame"), [study]
    d.ReferencedFrameOfReferenceSequence = [frame]
    d.StructureSetROISequence, d.ROIContourSequence, d.RTROIObservationsSequence = [], [], []
    for number, (name, slices) in enumerate(found.items(), 1):
        roi, contours = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number * 3, name, "MANUAL"
        roi.ReferencedFrameOfReferenceUID = uid(grid.name, "frame")
        contours.ReferencedROINumber, contours.ROIDisplayColor, contours.ContourSequence = number * 3, COLORS[name], []
        for z, (paths, _) in slices.items():
            for path in paths:
                c = Dataset()
                c.ContourImageSequence = [image(grid, z)]
                c.ContourGeometricType, c.NumberOfContourPoints = "CLOSED_PLANAR", len(path)
                # 0.01 mm, as planning systems write it.
                c.ContourData = [f"{v:.2f}" for v in grid.world(z, path).ravel()]
                contours.ContourSequence.append(c)
        d.StructureSetROISequence.append(roi)
        d.ROIContourSequence.append(contours)
    return file(d, syntax)


def image(grid, k):
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, uid(grid.name, k)
    return item


def rotation(a, b, c):
    def about(axis, angle):
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        m = np.eye(3)
        m[i, i] = m[j, j] = np.cos(angle)
        m[i, j], m[j, i] = -np.sin(angle), np.sin(angle)
        return m

    return about(0, a) @ about(1, b) @ about(2, c)


GRIDS = [
    (Grid("axial", (6, 144, 144), (-40, -35, 12), np.eye(3), (3, 0.8, 0.8)), ExplicitVRLittleEndian),
    (Grid("oblique", (6, 144, 128), (-31.7, 22.1, -7.3), rotation(0.5, -0.35, 0.8), (2.5, 0.9, 0.9)), ImplicitVRLittleEndian),
    (Grid("sagittal", (5, 150, 130), (8, -41, 50), np.array([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]]), (4, 0.7, 1.1)), ExplicitVRLittleEndian),
]


def main():
    sets = []
    for grid, syntax in GRIDS:
        found = structures(grid.shape)
        masks = {name: truth(grid.shape, slices) for name, slices in found.items()}
        sets.append({
            "name": grid.name, "series": grid.files(), "contours": structure_set(grid, found, syntax), "shape": grid.shape,
            "structures": [
                {"name": name, "number": 3 * number, "color": COLORS[name], "voxels": int(mask.sum()),
                 "mask": packed(np.packbits(mask, bitorder="little").tobytes())}
                for number, (name, mask) in enumerate(masks.items(), 1)
            ],
        })
    print(json.dumps(sets, separators=(",", ":")))


if __name__ == "__main__":
    main()
