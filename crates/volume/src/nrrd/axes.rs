//! The axes of an array: which are spatial, which hold channels, and their position in the patient.

use super::text::Text;
use crate::Geometry;
use crate::geometry::{cross, norm};
use crate::stored::{Layout, Wrong};

/// The format's limit.
const MAX_AXES: usize = 16;

/// Layout, grid, and whether an orientation is stated.
pub(super) struct Axes {
    pub sizes: Vec<usize>,
    pub layout: Layout,
    pub geometry: Geometry,
    pub oriented: bool,
}

/// One axis, fastest first.
#[derive(Clone, Copy, Debug)]
struct Axis<'a> {
    size: usize,
    kind: Option<&'a str>,
    /// NaN for axes without a spacing.
    spacing: Option<f64>,
    /// Unit of the spacing.
    unit: Option<&'a str>,
    /// Step along the axis in the header's space; `None` for axes that are not spatial.
    direction: Option<[f64; 3]>,
}

impl Axis<'_> {
    /// Whether the axis is spatial; `directed`: whether any axis has a direction.
    fn is_spatial(&self, directed: bool) -> bool {
        let kind = match self.kind.map(str::to_lowercase).as_deref() {
            Some("domain" | "space") => Some(true),
            // A placeholder with one sample, which may have a direction.
            Some("stub" | "scalar") | None => None,
            Some(_) => Some(false),
        };
        let has_place = if directed { self.direction.is_some() } else { !self.spacing.is_some_and(f64::is_nan) };
        has_place && kind.unwrap_or(true)
    }
}

/// Reads what a header says about its axes.
pub(super) fn axes(text: &Text) -> Result<Axes, Wrong> {
    let sizes = sizes(text)?;
    let world = World::of(text)?;
    let axes = described(text, &sizes, &world)?;
    let directed = axes.iter().any(|axis| axis.direction.is_some());
    let mut spatial: Vec<usize> = (0..axes.len()).filter(|&index| axes[index].is_spatial(directed)).collect();
    // Teem and ITK write placeholder axes: an axis with one sample is not a dimension.
    while spatial.len() > 3 {
        let Some(single) = spatial.iter().rposition(|&index| axes[index].size == 1) else { break };
        spatial.remove(single);
    }
    let channels: Vec<usize> = (0..axes.len()).filter(|index| !spatial.contains(index) && sizes[*index] > 1).collect();
    check_count(&sizes, spatial.len(), channels.len())?;
    if let Some(kind) =
        channels.first().and_then(|&index| axes[index].kind).filter(|kind| kind.eq_ignore_ascii_case("complex"))
    {
        return Err(Wrong::Unsupported(format!("holds {kind} values; save the magnitude as float")));
    }
    let size = |axis: usize| spatial.get(axis).map_or(1, |&index| sizes[index]);
    let channel = channels.first().copied();
    let layout = Layout {
        shape: [size(2), size(1), size(0)],
        channels: channel.map_or(1, |index| sizes[index]),
        slower: channel
            .map_or(0, |channel| spatial.iter().filter(|&&index| index > channel).count() + 3 - spatial.len()),
    };
    let used: Vec<Axis> = spatial.iter().map(|&index| axes[index]).collect();
    let (geometry, oriented) = placement(&used, &world, layout.shape, directed)?;
    Ok(Axes { layout, geometry, oriented, sizes })
}

fn check_count(sizes: &[usize], spatial: usize, channels: usize) -> Result<(), Wrong> {
    let wrong = match (spatial, channels) {
        (0, _) => "has no spatial axis; expected one to three",
        (1..=3, 0 | 1) => return Ok(()),
        (1..=3, _) => "has more than one axis besides the spatial ones; keep one, as channels",
        _ => {
            "has more than three spatial axes; mark the one that holds channels, as in `kinds: list domain domain domain`"
        }
    };
    Err(Wrong::Unsupported(format!("has the sizes {sizes:?} and {wrong}")))
}

fn sizes(text: &Text) -> Result<Vec<usize>, Wrong> {
    let stated = text.require("sizes")?;
    let count: usize = text.require("dimension")?.parse().map_err(|_| damaged("dimension", text))?;
    let sizes: Option<Vec<usize>> = stated.split_whitespace().map(|size| size.parse().ok()).collect();
    let sizes = sizes.filter(|sizes| !sizes.contains(&0)).ok_or_else(|| damaged("sizes", text))?;
    if sizes.len() != count || count == 0 || count > MAX_AXES {
        return Err(Wrong::Damaged(format!("`sizes: {stated}` does not fit `dimension: {count}`")));
    }
    Ok(sizes)
}

fn damaged(field: &str, text: &Text) -> Wrong {
    Wrong::Damaged(format!("`{field}: {}` cannot be read", text.get(field).unwrap_or_default()))
}

/// All axes with what the per-axis fields say about them.
fn described<'a>(text: &'a Text, sizes: &[usize], world: &World) -> Result<Vec<Axis<'a>>, Wrong> {
    let count = sizes.len();
    let kinds = per_axis(text, "kinds", count, |value| value.split_whitespace().map(Some).collect())?;
    let spacings =
        per_axis(text, "spacings", count, |value| value.split_whitespace().map(|n| n.parse().ok()).collect())?;
    let units = per_axis(text, "units", count, |value| quoted(value).into_iter().map(Some).collect())?;
    let directions = match text.get("space directions") {
        Some(value) => world.vectors(value).filter(|vectors| vectors.len() == count),
        None => Some(vec![None; count]),
    };
    let directions = directions.ok_or_else(|| damaged("space directions", text))?;
    let axis = |index: usize| Axis {
        size: sizes[index],
        kind: kinds[index].filter(|kind| !matches!(*kind, "???" | "none")),
        spacing: spacings[index],
        unit: units[index],
        direction: directions[index],
    };
    Ok((0..count).map(axis).collect())
}

/// The values of a per-axis field, `None` for each axis where the header lacks the field.
fn per_axis<'a, T: Clone>(
    text: &'a Text,
    field: &str,
    count: usize,
    parse: impl Fn(&'a str) -> Vec<Option<T>>,
) -> Result<Vec<Option<T>>, Wrong> {
    let Some(value) = text.get(field) else { return Ok(vec![None; count]) };
    let values = parse(value);
    if values.len() != count || values.iter().any(Option::is_none) {
        return Err(damaged(field, text));
    }
    Ok(values)
}

/// `"mm" "mm" "mm"`; quotes may be missing.
fn quoted(value: &str) -> Vec<&str> {
    if !value.contains('"') {
        return value.split_whitespace().collect();
    }
    value.split('"').skip(1).step_by(2).collect()
}

/// Millimetres per unit of length. Without a unit, millimetres are assumed, as usual in the field.
fn unit_mm(unit: &str) -> Result<f64, Wrong> {
    match unit.trim().to_lowercase().as_str() {
        "" | "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" => Ok(1.0),
        "cm" | "centimeter" | "centimeters" | "centimetre" | "centimetres" => Ok(10.0),
        "m" | "meter" | "meters" | "metre" | "metres" => Ok(1000.0),
        "um" | "µm" | "μm" | "micron" | "microns" | "micrometer" | "micrometers" | "micrometre" => Ok(1e-3),
        "nm" | "nanometer" | "nanometers" | "nanometre" | "nanometres" => Ok(1e-6),
        _ => Err(Wrong::Unsupported(format!("measures space in {unit:?}; expected \"mm\""))),
    }
}

/// The space of a header's vectors.
struct World {
    /// Components of a vector.
    dimension: usize,
    /// Signs that turn the first three components into right, anterior and superior.
    to_ras: [f64; 3],
    /// Whether the header states which side is left.
    anatomical: bool,
    units_mm: [f64; 3],
    origin: Option<[f64; 3]>,
}

impl World {
    fn of(text: &Text) -> Result<Self, Wrong> {
        let (dimension, to_ras, anatomical) = match (text.get("space"), text.get("space dimension")) {
            (Some(name), _) => named_space(name)?,
            (None, Some(count)) => (count.parse().map_err(|_| damaged("space dimension", text))?, LPS, false),
            (None, None) => (3, LPS, false),
        };
        if !(2..=4).contains(&dimension) {
            return Err(Wrong::Unsupported(format!("lies in a space of {dimension} dimensions; expected 2 or 3")));
        }
        let mut world = Self { dimension, to_ras, anatomical, units_mm: [1.0; 3], origin: None };
        if let Some(value) = text.get("space units") {
            for (unit, scale) in quoted(value).into_iter().zip(&mut world.units_mm) {
                *scale = unit_mm(unit)?;
            }
        }
        if let Some(value) = text.get("space origin") {
            let origin = world.vectors(value).filter(|vectors| vectors.len() == 1);
            world.origin = origin.ok_or_else(|| damaged("space origin", text))?.first().copied().flatten();
        }
        Ok(world)
    }

    /// `(1,0,0) (0,1,0) none`; a vector of NaNs or without spatial components is not a direction. `None` where it is malformed.
    fn vectors(&self, value: &str) -> Option<Vec<Option<[f64; 3]>>> {
        let mut vectors = Vec::new();
        let mut rest = value.trim_start();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("none") {
                vectors.push(None);
                rest = after.trim_start();
                continue;
            }
            let (inner, after) = rest.strip_prefix('(')?.split_once(')')?;
            vectors.push(self.vector(inner)?);
            rest = after.trim_start();
        }
        Some(vectors)
    }

    fn vector(&self, inner: &str) -> Option<Option<[f64; 3]>> {
        let parts: Option<Vec<f64>> = inner.split(',').map(|part| part.trim().parse().ok()).collect();
        let parts = parts.filter(|parts| parts.len() == self.dimension)?;
        let vector = [0, 1, 2].map(|axis| parts.get(axis).copied().unwrap_or(0.0));
        let is_time = self.dimension > 3 && vector == [0.0; 3];
        if is_time || parts.iter().all(|part| part.is_nan()) {
            return Some(None);
        }
        vector.iter().all(|part| part.is_finite()).then_some(Some(vector))
    }

    /// Millimetres towards right, anterior, superior.
    fn ras(&self, vector: [f64; 3]) -> [f64; 3] {
        // Adding zero turns −0 into 0.
        [0, 1, 2].map(|axis| vector[axis] * self.to_ras[axis] * self.units_mm[axis] + 0.0)
    }
}

const LPS: [f64; 3] = [-1.0, -1.0, 1.0];

/// Dimensions of a named space, the signs of its conversion to RAS, and whether the name is anatomical. Where it is not, x, y and z are
/// taken as left, posterior and superior, as in ITK.
fn named_space(name: &str) -> Result<(usize, [f64; 3], bool), Wrong> {
    let lower = name.to_lowercase();
    let (spatial, time) = lower.strip_suffix("-time").map_or((lower.as_str(), false), |spatial| (spatial, true));
    let (spatial, time) = match spatial {
        "rast" | "last" | "lpst" => (&spatial[..3], true),
        _ => (spatial, time),
    };
    let (to_ras, anatomical) = match spatial {
        "right-anterior-superior" | "ras" => ([1.0, 1.0, 1.0], true),
        "left-anterior-superior" | "las" => ([-1.0, 1.0, 1.0], true),
        "left-posterior-superior" | "lps" => (LPS, true),
        "scanner-xyz" | "3d-right-handed" | "3d-left-handed" => (LPS, false),
        _ => return Err(Wrong::Unsupported(format!("lies in the unknown space `{name}`; expected RAS, LAS or LPS"))),
    };
    Ok((3 + usize::from(time), to_ras, anatomical))
}

/// A unit vector perpendicular to a line of voxels: the world axis that is most perpendicular to it, without its component along the
/// line.
fn across(line: [f64; 3]) -> [f64; 3] {
    let flat = (0..3).rev().min_by(|&a, &b| line[a].abs().total_cmp(&line[b].abs())).unwrap_or(1);
    let square: f64 = line.iter().map(|part| part * part).sum();
    let raw = [0, 1, 2].map(|axis| f64::from(u8::from(axis == flat)) - line[flat] * line[axis] / square);
    let length = norm(raw);
    raw.map(|part| part / length)
}

/// Grid and orientation of the one to three spatial axes.
fn placement(axes: &[Axis], world: &World, shape: [usize; 3], directed: bool) -> Result<(Geometry, bool), Wrong> {
    let usable = |spacing: f64| spacing.is_finite() && spacing != 0.0;
    let spaced = axes.iter().all(|axis| axis.spacing.is_some_and(usable));
    let mut columns: Vec<[f64; 3]> = Vec::new();
    for (index, axis) in axes.iter().enumerate() {
        let mut step = [0.0; 3];
        step[index] = match axis.spacing.filter(|_| spaced) {
            Some(spacing) => spacing.abs() * axis.unit.map_or(Ok(1.0), unit_mm)? * world.to_ras[index],
            None => world.to_ras[index],
        };
        columns.push(axis.direction.map_or(step, |direction| world.ras(direction)));
    }
    if let [x] = columns[..] {
        columns.push(across(x));
    }
    if let [x, y] = columns[..] {
        let normal = cross(x, y);
        let length = norm(normal);
        columns.push(normal.map(|part| part / length));
    }
    let origin = world.ras(world.origin.unwrap_or([0.0; 3]));
    let affine = [0, 1, 2].map(|row| [columns[0][row], columns[1][row], columns[2][row], origin[row]]);
    let geometry = Geometry { shape, affine, has_spacing: directed || spaced };
    let volume = geometry.voxel_mm3();
    if !affine.iter().flatten().all(|value| value.is_finite()) || volume.is_nan() || volume <= 0.0 {
        return Err(Wrong::Damaged(format!("the voxel → world matrix {affine:?} has no inverse")));
    }
    Ok((geometry, world.anatomical && directed && axes.len() == 3))
}
