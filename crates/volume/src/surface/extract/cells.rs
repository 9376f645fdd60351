//! Marching cubes over a crop of voxels.

use ndarray::ArrayView3;

use super::table::{middle, table};

const NONE: u32 = u32::MAX;

/// Points and triangles.
type Mesh = (Vec<[f64; 3]>, Vec<[u32; 3]>);

/// Triangles between voxels inside and outside; everything around the crop is outside. Points `[x, y, z]` are in voxel indices of the
/// crop, triangles counter-clockwise as seen from outside if those axes are right-handed.
pub(super) fn march<T>(voxels: ArrayView3<'_, T>, inside: impl Fn(&T) -> bool) -> Mesh {
    let (depth, height, width) = voxels.dim();
    let table = table();
    let mut mesh = (Vec::new(), Vec::new());
    // Nodes are voxels, surrounded by a layer of outside: node n is voxel n - 1.
    let mut layers = [Layer::new(height + 2, width + 2), Layer::new(height + 2, width + 2)];
    for z in 0..=depth {
        layers[1].fill((z < depth).then(|| voxels.index_axis(ndarray::Axis(0), z)), &inside);
        for y in 0..=height {
            for x in 0..=width {
                let corners = layers[0].corners(y, x) | layers[1].corners(y, x) << 4;
                for triangle in &table[corners as usize] {
                    mesh.1.push(triangle.map(|edge| point(edge, [z, y, x], &mut layers, &mut mesh.0)));
                }
            }
        }
        layers.swap(0, 1);
    }
    mesh
}

/// The number of the point on an edge of a cell; the point is created if it is new.
fn point(edge: u8, [z, y, x]: [usize; 3], layers: &mut [Layer; 2], points: &mut Vec<[f64; 3]>) -> u32 {
    let (axis, corner) = (usize::from(edge / 8), usize::from(edge % 8));
    let (x_node, y_node) = (x + (corner & 1), y + (corner >> 1 & 1));
    let layer = &mut layers[corner >> 2];
    let number = &mut layer.points[axis][y_node * layer.width + x_node];
    if *number == NONE {
        *number = points.len() as u32;
        let middle = middle(edge);
        points.push([x as f64 + middle[0] - 1.0, y as f64 + middle[1] - 1.0, z as f64 + middle[2] - 1.0]);
    }
    *number
}

/// One slice of nodes, with the points on the edges that start there along x, y and z.
struct Layer {
    width: usize,
    inside: Vec<bool>,
    points: [Vec<u32>; 3],
}

impl Layer {
    fn new(height: usize, width: usize) -> Self {
        let nodes = height * width;
        Self { width, inside: vec![false; nodes], points: std::array::from_fn(|_| vec![NONE; nodes]) }
    }

    /// Loads the voxels of a slice (`None` beyond the last one) and clears the points.
    fn fill<T>(&mut self, slice: Option<ndarray::ArrayView2<'_, T>>, inside: &impl Fn(&T) -> bool) {
        self.inside.fill(false);
        self.points.iter_mut().for_each(|points| points.fill(NONE));
        let Some(slice) = slice else { return };
        for (y, row) in slice.rows().into_iter().enumerate() {
            let nodes = &mut self.inside[(y + 1) * self.width + 1..];
            row.iter().zip(nodes).for_each(|(voxel, node)| *node = inside(voxel));
        }
    }

    /// Bits of the four nodes from `(y, x)` on that are inside.
    fn corners(&self, y: usize, x: usize) -> u8 {
        let node = y * self.width + x;
        let bit = |offset: usize, bit: u8| u8::from(self.inside[node + offset]) << bit;
        bit(0, 0) | bit(1, 1) | bit(self.width, 2) | bit(self.width + 1, 3)
    }
}
