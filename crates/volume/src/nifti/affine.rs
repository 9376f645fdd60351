//! The voxel → world affine: the three ways in which a NIfTI header states it, and the inverse for writing.

use super::raw::Raw;
use crate::geometry::{Geometry, cross, norm};

/// The vector part of a quaternion may be longer than 1 by this, through rounding.
const QUATERNION_ROUNDING: f64 = 1e-5;

/// Below this square of its scalar part, a quaternion is a half turn: nifti1_io then sets the scalar part to 0 and the vector part to
/// length 1 (`nifti_quatern_to_mat44`).
const HALF_TURN: f64 = 1e-7;

/// The corners of the two transforms may differ by this fraction of a voxel.
const SAME_PLACE: f64 = 0.1;

/// The affine of a header in millimetres, and whether the header states an orientation at all.
pub(super) struct Placement {
    pub affine: [[f64; 4]; 3],
    pub oriented: bool,
    pub has_spacing: bool,
    /// The grid of the qform, if a header states both transforms and they differ.
    pub second: Option<Geometry>,
    pub warning: Option<String>,
}

/// sform before qform before voxel sizes alone, as in nibabel; metres and micrometres become millimetres.
///
/// # Errors
/// Why the stated transform cannot be used.
pub(super) fn placement(header: &Raw, shape: [usize; 3]) -> Result<Placement, String> {
    let oriented = header.sform_code > 0 || header.qform_code > 0;
    let stated = if header.sform_code > 0 {
        header.sform
    } else if header.qform_code > 0 {
        from_quaternion(header)?
    } else {
        from_voxel_sizes(header, shape)
    };
    let unit_mm = unit_mm(header)?;
    let affine = with_thickness(stated.map(|row| row.map(|value| value * unit_mm)), shape);
    let geometry = Geometry { shape, affine, has_spacing: true };
    let volume = geometry.voxel_mm3();
    if !affine.iter().flatten().all(|value| value.is_finite()) || volume.is_nan() || volume <= 0.0 {
        return Err(format!("the voxel → world matrix {affine:?} has no inverse"));
    }
    let has_spacing = oriented || header.units & 7 != 0 || !states_no_size(header);
    let differing = disagreement(header, &Geometry { shape, affine, has_spacing }, unit_mm);
    let (second, warning) = differing.unzip();
    Ok(Placement { affine, oriented, has_spacing, second, warning })
}

/// The other grid and a warning where a header states two transforms that differ: other programs may use the other one.
fn disagreement(header: &Raw, grid: &Geometry, unit_mm: f64) -> Option<(Geometry, String)> {
    if header.sform_code <= 0 || header.qform_code <= 0 {
        return None;
    }
    let other = from_quaternion(header).ok()?.map(|row| row.map(|value| value * unit_mm));
    let other = Geometry { affine: with_thickness(other, grid.shape), ..grid.clone() };
    let difference = grid.same_grid(&other, SAME_PLACE).err()?;
    Some((other, format!("sform and qform differ, sform is used: {difference}")))
}

fn unit_mm(header: &Raw) -> Result<f64, String> {
    match header.units & 7 {
        1 => Ok(1000.0),
        0 | 2 => Ok(1.0),
        3 => Ok(0.001),
        other => Err(format!("unknown unit of length, code {other}")),
    }
}

/// Headers of images without physical size leave every voxel size at 0 or 1.
fn states_no_size(header: &Raw) -> bool {
    header.pixdim[1..4].iter().all(|&size| size == 0.0 || size == 1.0)
}

fn voxel_sizes(header: &Raw) -> [f64; 3] {
    [1, 2, 3].map(|axis| match header.pixdim[axis].abs() {
        size if size > 0.0 && size.is_finite() => size,
        _ => 1.0,
    })
}

/// Method 2 of `nifti1.h`: a rotation as quaternion, voxel sizes, and the handedness in `pixdim[0]`.
fn from_quaternion(header: &Raw) -> Result<[[f64; 4]; 3], String> {
    let [b, c, d] = header.quaternion;
    let length = b * b + c * c + d * d;
    let rest = 1.0 - length;
    if rest.is_nan() || rest < -QUATERNION_ROUNDING {
        return Err(format!("the quaternion ({b}, {c}, {d}) is not a rotation"));
    }
    let (a, [b, c, d]) = match rest < HALF_TURN {
        true => (0.0, [b, c, d].map(|part| part / length.sqrt())),
        false => (rest.sqrt(), [b, c, d]),
    };
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    let sizes = voxel_sizes(header);
    let handedness = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let origin = header.quaternion_offset;
    Ok([0, 1, 2].map(|row| {
        let [x, y, z] = rotation[row];
        [x * sizes[0], y * sizes[1], z * sizes[2] * handedness, origin[row]]
    }))
}

/// Only voxel sizes are stated: as in nibabel, x points to the left and the world's origin is the centre of the grid.
fn from_voxel_sizes(header: &Raw, shape: [usize; 3]) -> [[f64; 4]; 3] {
    let [x, y, z] = voxel_sizes(header);
    let half = |count: usize| (count as f64 - 1.0) / 2.0;
    let [depth, height, width] = shape.map(half);
    [[-x, 0.0, 0.0, x * width], [0.0, y, 0.0, -y * height], [0.0, 0.0, z, -z * depth]]
}

/// A 2D image may leave the step between slices at 0: it becomes 1 mm along the normal.
fn with_thickness(mut affine: [[f64; 4]; 3], shape: [usize; 3]) -> [[f64; 4]; 3] {
    let geometry = Geometry { shape, affine, has_spacing: true };
    if shape[0] == 1 && norm(geometry.column(2)) == 0.0 {
        let normal = cross(geometry.column(0), geometry.column(1));
        let length = norm(normal);
        for (row, part) in normal.into_iter().enumerate() {
            affine[row][2] = part / length;
        }
    }
    affine
}

/// The rotation of a grid as `[pixdim0, b, c, d]`, `None` where its axes are not at right angles.
///
/// Source: `nifti_mat44_to_quatern` of nifti_clib, without its repair of sheared matrices.
pub(super) fn quaternion(geometry: &Geometry) -> Option<[f64; 4]> {
    if geometry.is_sheared() {
        return None;
    }
    let [x, y, mut z] = geometry.directions();
    let handedness = if crate::geometry::dot(cross(x, y), z) < 0.0 { -1.0 } else { 1.0 };
    z = z.map(|part| part * handedness);
    let [b, c, d] = rotation_to_quaternion([x, y, z]);
    Some([handedness, b, c, d])
}

/// Vector part of the unit quaternion with a scalar part ≥ 0; `columns` are the rotated axes.
fn rotation_to_quaternion(columns: [[f64; 3]; 3]) -> [f64; 3] {
    let [[r11, r21, r31], [r12, r22, r32], [r13, r23, r33]] = columns;
    let trace = r11 + r22 + r33;
    if trace > 0.0 {
        let a = 0.5 * (1.0 + trace).sqrt();
        return [(r32 - r23) / (4.0 * a), (r13 - r31) / (4.0 * a), (r21 - r12) / (4.0 * a)];
    }
    let [xd, yd, zd] = [1.0 + r11 - (r22 + r33), 1.0 + r22 - (r11 + r33), 1.0 + r33 - (r11 + r22)];
    let (a, vector) = if xd >= yd && xd >= zd {
        let b = 0.5 * xd.sqrt();
        (r32 - r23, [b, (r12 + r21) / (4.0 * b), (r13 + r31) / (4.0 * b)])
    } else if yd >= zd {
        let c = 0.5 * yd.sqrt();
        (r13 - r31, [(r12 + r21) / (4.0 * c), c, (r23 + r32) / (4.0 * c)])
    } else {
        let d = 0.5 * zd.sqrt();
        (r21 - r12, [(r13 + r31) / (4.0 * d), (r23 + r32) / (4.0 * d), d])
    };
    vector.map(|part| if a < 0.0 { -part } else { part })
}
