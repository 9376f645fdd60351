//! glTF 2.0 in one binary file (Khronos, glTF 2.0 specification, chapter "GLB File Format").

use std::path::Path;

use serde_json::{Value, json};

use super::super::mesh::{NamedSurface, Surface};
use super::{check, floats, refused, write};
use crate::WriteError;

/// RAS millimetres → glTF metres, as a column-major matrix: glTF has up at +y, front at +z and right at -x, so that superior is +y,
/// anterior +z and the patient's right -x.
const MATRIX: [f64; 16] = [-0.001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.001, 0.0, 0.0, 0.001, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];

/// Colours for structures without one, distinguishable with any colour vision (Okabe & Ito).
const COLORS: [[u8; 3]; 7] =
    [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];

const JSON: [u8; 4] = *b"JSON";
const BIN: [u8; 4] = *b"BIN\0";
const FLOAT: u32 = 5126;
const UNSIGNED_INT: u32 = 5125;
const ARRAY: u32 = 34962;
const ELEMENT_ARRAY: u32 = 34963;

/// Writes surfaces as one binary glTF file: one named node, mesh and material for each.
///
/// Points stay in RAS millimetres in the file, below a node "RAS millimetres" whose matrix converts to glTF's metres (1 mm = 0.001),
/// superior upwards (+y) and anterior forwards (+z). A viewer that needs millimetres takes that node's children as they are.
///
/// # Errors
/// [`WriteError`] with the file's name; the file is then as it was before. Surfaces without triangles are refused.
pub fn write_glb(path: &Path, surfaces: &[NamedSurface]) -> Result<(), WriteError> {
    surfaces.iter().try_for_each(|named| check(path, &named.surface))?;
    if surfaces.is_empty() {
        return Err(refused(path, "there are no surfaces"));
    }
    let mut json = serde_json::to_vec(&document(surfaces)).map_err(|error| refused(path, error.to_string()))?;
    json.resize(json.len().next_multiple_of(4), b' ');
    let binary: usize = surfaces.iter().map(|named| Layout::of(&named.surface).bytes()).sum();
    let total = u32::try_from(12 + 8 + json.len() + 8 + binary)
        .map_err(|_| refused(path, "glTF files are limited to 4 GB; write fewer triangles (`--triangles`)"))?;
    write(path, |file| {
        file.write_all(b"glTF")?;
        file.write_all([2, total, json.len() as u32].map(u32::to_le_bytes).as_flattened())?;
        file.write_all(&JSON)?;
        file.write_all(&json)?;
        file.write_all(&(binary as u32).to_le_bytes())?;
        file.write_all(&BIN)?;
        for NamedSurface { surface, .. } in surfaces {
            for point in surface.points() {
                file.write_all(&floats(*point))?;
            }
            for normal in surface.normals() {
                // glTF allows only unit vectors, but a point without area around it has no normal.
                let normal = if normal == [0.0; 3] { [0.0, 0.0, 1.0] } else { normal };
                file.write_all(&floats(normal))?;
            }
            for triangle in surface.triangles() {
                file.write_all(triangle.map(u32::to_le_bytes).as_flattened())?;
            }
        }
        Ok(())
    })
}

/// Bytes of a surface's points, normals and triangles; all are multiples of four.
struct Layout {
    points: usize,
    triangles: usize,
}

impl Layout {
    fn of(surface: &Surface) -> Self {
        Self { points: 12 * surface.points().len(), triangles: 12 * surface.triangles().len() }
    }

    fn bytes(&self) -> usize {
        2 * self.points + self.triangles
    }
}

fn document(surfaces: &[NamedSurface]) -> Value {
    let count = surfaces.len();
    let (mut views, mut accessors, mut offset) = (Vec::new(), Vec::new(), 0);
    for NamedSurface { surface, .. } in surfaces {
        let layout = Layout::of(surface);
        for (length, target) in [(layout.points, ARRAY), (layout.points, ARRAY), (layout.triangles, ELEMENT_ARRAY)] {
            views.push(json!({ "buffer": 0, "byteOffset": offset, "byteLength": length, "target": target }));
            offset += length;
        }
        accessors.extend(accessors_of(surface, accessors.len()));
    }
    let meshes = surfaces.iter().enumerate().map(|(index, named)| mesh(index, &named.name));
    let materials = surfaces.iter().enumerate().map(|(index, named)| material(index, named));
    let named_node = |(index, named): (usize, &NamedSurface)| json!({ "name": named.name, "mesh": index });
    let mut nodes = vec![json!({
        "name": "RAS millimetres",
        "matrix": MATRIX,
        "children": (1..=count).collect::<Vec<_>>(),
    })];
    nodes.extend(surfaces.iter().enumerate().map(named_node));
    json!({
        "asset": { "version": "2.0", "generator": concat!("segspec ", env!("CARGO_PKG_VERSION")) },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": nodes,
        "meshes": meshes.collect::<Vec<_>>(),
        "materials": materials.collect::<Vec<_>>(),
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{ "byteLength": offset }],
    })
}

fn accessors_of(surface: &Surface, view: usize) -> [Value; 3] {
    // glTF requires the bounds of the stored values over all points.
    let stored = || surface.points().iter().map(|point| point.map(|part| part as f32));
    let bound = |choose: fn(f32, f32) -> f32, start: f32| {
        stored().fold([start; 3], |bound, point| [0, 1, 2].map(|axis| choose(bound[axis], point[axis])))
    };
    let (min, max) = (bound(f32::min, f32::INFINITY), bound(f32::max, f32::NEG_INFINITY));
    let points = surface.points().len();
    [
        json!({ "bufferView": view, "componentType": FLOAT, "count": points, "type": "VEC3", "min": min, "max": max }),
        json!({ "bufferView": view + 1, "componentType": FLOAT, "count": points, "type": "VEC3" }),
        json!({
            "bufferView": view + 2,
            "componentType": UNSIGNED_INT,
            "count": 3 * surface.triangles().len(),
            "type": "SCALAR",
        }),
    ]
}

fn mesh(index: usize, name: &str) -> Value {
    let [points, normals, triangles] = [0, 1, 2].map(|place| 3 * index + place);
    let attributes = json!({ "POSITION": points, "NORMAL": normals });
    let primitive = json!({ "attributes": attributes, "indices": triangles, "material": index });
    json!({ "name": name, "primitives": [primitive] })
}

/// Double-sided, because viewers clip surfaces.
fn material(index: usize, named: &NamedSurface) -> Value {
    let [red, green, blue] = named.color.unwrap_or(COLORS[index % COLORS.len()]).map(linear);
    json!({
        "name": named.name,
        "doubleSided": true,
        "pbrMetallicRoughness": {
            "baseColorFactor": [red, green, blue, 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.7,
        },
    })
}

/// sRGB → linear light (IEC 61966-2-1), in four digits.
fn linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    let linear = if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
    (linear * 1e4).round() / 1e4
}
