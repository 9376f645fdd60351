//! Wavefront OBJ: points (`v`) and polygons (`f`); texture, normals, groups and materials are ignored.

use super::{CoordinateSystem, Fault, Listed, damaged, fan, is_text, lines, point, words};

/// Whether the file is text with a point, and before it only lines that OBJ knows.
pub(super) fn is_obj(bytes: &[u8]) -> bool {
    const BEFORE: [&[u8]; 7] = [b"mtllib", b"usemtl", b"o", b"g", b"s", b"vn", b"vt"];
    let mut content = lines(bytes).map(|(_, line)| line).filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let first = content.find(|line| !words(line).next().is_some_and(|word| BEFORE.contains(&word)));
    is_text(bytes) && first.is_some_and(|line| words(line).next() == Some(b"v"))
}

/// Reads points and polygons.
pub(super) fn list(bytes: &[u8]) -> Result<Listed, Fault> {
    let mut listed = Listed::default();
    let mut polygon = Vec::new();
    for (number, line) in lines(bytes) {
        if line.starts_with(b"#") {
            listed.stated = listed.stated.or(CoordinateSystem::stated(line));
        }
        let mut words = words(line);
        match words.next() {
            Some(b"v") => {
                let place = point(&mut words);
                listed.points.push(place.ok_or_else(|| damaged(format!("line {number}: no three numbers")))?);
            }
            Some(b"f") => {
                polygon.clear();
                for word in words {
                    let corner = corner(word, listed.points.len());
                    polygon.push(corner.ok_or_else(|| damaged(format!("line {number}: no such point")))?);
                }
                if polygon.len() < 3 {
                    return Err(damaged(format!("line {number}: a polygon with {} corners", polygon.len())));
                }
                fan(&polygon, &mut listed.triangles)?;
            }
            _ => {}
        }
    }
    Ok(listed)
}

/// The point of `7`, `7/1`, `7//3` or `7/1/3`: from 1, or from the end where negative.
fn corner(word: &[u8], points: usize) -> Option<u32> {
    let index = word.split(|&byte| byte == b'/').next()?;
    let index: i64 = std::str::from_utf8(index).ok()?.parse().ok()?;
    let from_zero = if index < 0 { index.checked_add(points as i64)? } else { index - 1 };
    u32::try_from(from_zero).ok().filter(|&corner| (corner as usize) < points)
}
