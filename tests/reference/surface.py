"""Reference values for surfaces, from trimesh and libigl. Run: pip install numpy scipy networkx nibabel trimesh libigl
pygltflib; python surface.py DATA SAMPLES

DATA is the folder of shared test data. SAMPLES holds sample.stl, .ply, .obj and .glb as the test
`files_are_those_that_trimesh_has_read` leaves them in the folder SEGSPEC_SAMPLES. Writes surface.json.
"""
import base64, json, sys
from pathlib import Path

import igl
import nibabel as nib
import numpy as np
import pygltflib
import trimesh

HERE = Path(__file__).parent
rng = np.random.default_rng(3)


def solids():
    """Small surfaces that are closed, overlapping, open, turned inside out, or a mess."""
    ball = trimesh.creation.icosphere(2, 7.3)
    other = ball.copy()
    other.apply_translation([6.1, 2.2, -1.4])
    both = trimesh.util.concatenate([ball, other])
    keep = np.ones(len(ball.faces), bool)
    keep[rng.choice(len(keep), 40, replace=False)] = False
    holes = trimesh.Trimesh(ball.vertices, ball.faces[keep], process=False)
    bowl = trimesh.Trimesh(ball.vertices, ball.faces[ball.triangles_center[:, 2] < 1.5], process=False)
    inward = trimesh.Trimesh(ball.vertices, ball.faces[:, ::-1], process=False)
    shell = trimesh.util.concatenate([ball, trimesh.Trimesh(ball.vertices * 0.6, ball.faces[:, ::-1], process=False)])
    soup = trimesh.Trimesh(ball.triangles.reshape(-1, 3) + rng.normal(0, 0.05, (3 * len(ball.faces), 3)),
                           np.arange(3 * len(ball.faces)).reshape(-1, 3), process=False)
    flipped = ball.faces.copy()
    flipped[rng.random(len(flipped)) < 0.15] = flipped[rng.random(len(flipped)) < 0.15][:1][:, ::-1]
    mess = trimesh.Trimesh(ball.vertices, flipped, process=False)
    names = "ball overlap holes bowl inward shell soup mess".split()
    return dict(zip(names, [ball, both, holes, bowl, inward, shell, soup, mess]))


def grids():
    """Voxel -> world: along the axes, and sheared with a negative determinant."""
    straight = np.array([[1.7, 0, 0, -9.03], [0, 1.3, 0, -9.07], [0, 0, 2.1, -9.11]])
    sheared = np.array([[-1.31, 0.43, 0.29, 9.1], [0.37, 1.23, -0.41, -8.3], [-0.11, 0.19, 1.87, -9.4]])
    return [([9, 14, 15], straight), ([10, 13, 12], sheared)]


def winding(mesh, points):
    return igl.winding_number(np.ascontiguousarray(mesh.vertices, float), np.ascontiguousarray(mesh.faces, np.int64),
                              np.ascontiguousarray(points))


def centres(shape, affine):
    z, y, x = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    return np.stack([x, y, z], -1).reshape(-1, 3) @ affine[:, :3].T + affine[:, 3]


def edge_counts(mesh):
    _, counts = np.unique(np.sort(mesh.edges, axis=1), axis=0, return_counts=True)
    return int((counts == 1).sum()), int((counts > 2).sum())


def facts(mesh):
    open_edges, non_manifold = edge_counts(mesh)
    components = len(trimesh.graph.connected_components(mesh.edges, nodes=np.unique(mesh.faces)))
    return {"points": len(mesh.vertices), "triangles": len(mesh.faces), "bounds": mesh.bounds.tolist(),
            "area": mesh.area, "volume": mesh.volume, "open_edges": open_edges,
            "non_manifold_edges": non_manifold, "components": components}


def made():
    found = []
    for name, mesh in solids().items():
        points = rng.uniform(-12, 12, (40, 3))
        masks = []
        for shape, affine in grids():
            values = np.abs(winding(mesh, centres(shape, affine)))
            # 2: so near to one half that an approximation may say either.
            inside = np.where(np.abs(values - 0.5) < 0.02, 2, values > 0.5)
            masks.append({"shape": shape, "affine": affine.tolist(), "mask": "".join(map(str, inside))})
        found.append({"name": name, "points": mesh.vertices.tolist(), "triangles": mesh.faces.tolist(),
                      "places": points.tolist(), "winding": winding(mesh, points).tolist(), "masks": masks,
                      "facts": facts(mesh)})
    return found


def smoothed():
    mesh = trimesh.creation.icosphere(2, 10.0)
    mesh.vertices += rng.normal(0, 0.4, mesh.vertices.shape)
    normals = mesh.vertex_normals.tolist()
    before = mesh.vertices.tolist()
    laplacian = trimesh.smoothing.laplacian_calculation(mesh, equal_weight=True)
    trimesh.smoothing.filter_taubin(mesh, lamb=0.5, nu=0.53, iterations=12, laplacian_operator=laplacian)
    return {"points": before, "triangles": mesh.faces.tolist(), "normals": normals, "after": mesh.vertices.tolist()}


def read_by_trimesh():
    """A wedge in every format that trimesh writes."""
    mesh = trimesh.Trimesh([[0, 0, 0], [4, 0, 0], [0, 3, 0], [0, 0, 2], [4, 0, 2]],
                           [[0, 2, 1], [0, 3, 2], [0, 1, 4], [0, 4, 3], [1, 2, 4], [2, 3, 4]], process=False)
    mesh.apply_translation([1.5, -20.25, 100.125])
    exports = {"stl": mesh.export(file_type="stl"), "stl_ascii": mesh.export(file_type="stl_ascii"),
               "obj": mesh.export(file_type="obj"), "ply": mesh.export(file_type="ply"),
               "ply_ascii": mesh.export(file_type="ply", encoding="ascii")}
    encode = lambda content: base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()
    return {"files": {name: encode(content) for name, content in exports.items()}, "facts": facts(mesh)}


def shared(root):
    found = {}
    label = nib.load(root / "pelvis/labels/pelvis_003.nii.gz")
    affine = label.affine
    for name in ["sacrum", "left_hip", "right_hip"]:
        path = f"pelvis/stl/pelvis_003_{name}.stl"
        mesh = trimesh.load(root / path)
        found[path] = facts(mesh)
        mesh.vertices = mesh.vertices * [-1, -1, 1]
        points = centres(label.shape[::-1], affine[:3])
        values = igl.fast_winding_number(np.ascontiguousarray(mesh.vertices, float),
                                         np.ascontiguousarray(mesh.faces, np.int32), np.ascontiguousarray(points))
        # Between: the voxel's centre lies on the surface.
        found[path]["inside"] = int((values > 0.95).sum())
        found[path]["on_surface"] = int((np.abs(values - 0.5) < 0.45).sum())
    femur = "stl/libhip_m4_lfemur_mm.stl"
    found[femur] = facts(trimesh.load(root / femur))
    return found


def written(samples):
    found = {}
    for kind in ["stl", "ply", "obj", "glb"]:
        path = samples / f"sample.{kind}"
        if kind == "glb":
            scene = trimesh.load(path, process=False)
            gltf = pygltflib.GLTF2().load(str(path))
            assert gltf.asset.version == "2.0" and len(gltf.scenes) == 1
            content = {"bounds_m": scene.bounds.tolist(), "meshes": []}
            order = [node.name for node in gltf.nodes]
            for node in sorted(scene.graph.nodes_geometry, key=order.index):
                matrix, name = scene.graph[node]
                mesh = scene.geometry[name]
                color = mesh.visual.material.baseColorFactor
                content["meshes"].append({"node": node, "color": [int(part) for part in color], **facts(mesh)})
                assert mesh.is_watertight and mesh.volume > 0 and np.linalg.det(matrix) > 0
                ours = mesh.vertex_normals.copy()
                fresh = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).vertex_normals
                assert np.abs(ours - fresh).max() < 1e-3, np.abs(ours - fresh).max()
        else:
            mesh = trimesh.load(path)
            assert mesh.is_watertight and mesh.volume > 0
            content = facts(mesh)
        found[kind] = {"file": base64.b64encode(path.read_bytes()).decode(), "facts": content}
    return found


def main():
    root, samples = Path(sys.argv[1]), Path(sys.argv[2])
    result = {"trimesh": trimesh.__version__, "igl": igl.__version__ if hasattr(igl, "__version__") else "",
              "made": made(), "smoothed": smoothed(), "read": read_by_trimesh(), "shared": shared(root),
              "written": written(samples)}
    short = lambda value: round(value, 9) if isinstance(value, float) else \
        [short(part) for part in value] if isinstance(value, list) else \
        {key: short(part) for key, part in value.items()} if isinstance(value, dict) else value
    text = json.dumps(short(result), separators=(",", ":"))
    (HERE / "surface.json").write_text(text.replace('},{"name"', '},\n{"name"') + "\n")


if __name__ == "__main__":
    main()
