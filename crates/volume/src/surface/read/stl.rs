//! STL: a list of triangles, each with its three corners. Source: 3D Systems, StereoLithography Interface Specification
//! (1989). The stored normals are ignored: the corners' counter-clockwise order gives the same.

use super::{CoordinateSystem, Fault, Listed, damaged, is_text, lines, point, words};

const HEADER: usize = 80;
const START: usize = HEADER + 4;
/// Normal and three corners as float32, and two bytes of attributes.
const TRIANGLE: usize = 50;

/// The length that a binary file with its stated number of triangles has.
fn stated_length(bytes: &[u8]) -> Option<u64> {
    let count = bytes.get(HEADER..START)?.try_into().ok().map(u32::from_le_bytes)?;
    Some(START as u64 + TRIANGLE as u64 * u64::from(count))
}

/// Whether the file is exactly as long as a binary STL file with its number of triangles. No ASCII file is: four letters read as a number
/// would mean more than 20 GB.
pub(super) fn has_binary_length(bytes: &[u8]) -> bool {
    stated_length(bytes) == Some(bytes.len() as u64)
}

/// Whether a file in no other format could be a binary STL file of the wrong length.
pub(super) fn may_be_binary(bytes: &[u8]) -> bool {
    bytes.len() >= START && !is_text(bytes)
}

/// Whether the text begins with `solid` and goes on as ASCII STL does.
pub(super) fn is_ascii(bytes: &[u8]) -> bool {
    let first_word = |line: &[u8], word: &[u8]| words(line).next().is_some_and(|it| it.eq_ignore_ascii_case(word));
    let mut content = lines(bytes).map(|(_, line)| line).filter(|line| !line.is_empty());
    content.next().is_some_and(|line| first_word(line, b"solid"))
        && content.next().is_some_and(|line| first_word(line, b"facet") || first_word(line, b"endsolid"))
}

/// Reads a binary file.
pub(super) fn list_binary(bytes: &[u8]) -> Result<Listed, Fault> {
    let stated = stated_length(bytes).ok_or_else(|| damaged("ends within the header of a binary STL file"))?;
    let (header, rest) = bytes.split_at(HEADER);
    let content = rest.get(4..).unwrap_or_default();
    let count = (stated - START as u64) / TRIANGLE as u64;
    if stated > bytes.len() as u64 {
        let length = bytes.len();
        return Err(damaged(format!("states {count} triangles, which take {stated} bytes, but has {length}")));
    }
    let count = count as usize;
    let mut listed = Listed {
        points: Vec::with_capacity(3 * count),
        stated: CoordinateSystem::stated(header),
        trailing: content.len() - count * TRIANGLE,
        ..Listed::default()
    };
    for triangle in content.chunks_exact(TRIANGLE).take(count) {
        let (corners, _) = triangle[12..48].as_chunks::<12>();
        listed.points.extend(corners.iter().map(|corner| {
            let (parts, _) = corner.as_chunks::<4>();
            [0, 1, 2].map(|axis| f64::from(f32::from_le_bytes(parts[axis])))
        }));
    }
    listed.triangles = in_threes(listed.points.len());
    Ok(listed)
}

/// Reads an ASCII file with one or several solids.
pub(super) fn list_ascii(bytes: &[u8]) -> Result<Listed, Fault> {
    let mut listed = Listed::default();
    let (mut in_loop, mut in_solid) = (0, false);
    for (number, line) in lines(bytes) {
        let mut words = words(line);
        let Some(word) = words.next().map(<[u8]>::to_ascii_lowercase) else { continue };
        match word.as_slice() {
            b"solid" => {
                in_solid = true;
                listed.stated = listed.stated.or(CoordinateSystem::stated(line));
            }
            b"endsolid" => in_solid = false,
            b"outer" => in_loop = 0,
            b"vertex" => {
                let place = point(&mut words);
                listed.points.push(place.ok_or_else(|| damaged(format!("line {number}: no three numbers")))?);
                in_loop += 1;
            }
            b"endloop" if in_loop != 3 => {
                return Err(damaged(format!("line {number}: a triangle with {in_loop} corners")));
            }
            b"endloop" | b"facet" | b"endfacet" => {}
            _ => {
                let text = String::from_utf8_lossy(&word).into_owned();
                return Err(damaged(format!("line {number}: `{text}` has no meaning in an STL file")));
            }
        }
    }
    if in_solid || listed.points.len() % 3 != 0 {
        return Err(damaged("ends before `endsolid`"));
    }
    listed.triangles = in_threes(listed.points.len());
    Ok(listed)
}

/// Triangles of consecutive points. Too many points for an index are refused later.
fn in_threes(points: usize) -> Vec<[u32; 3]> {
    (0..points / 3).map(|triangle| [0, 1, 2].map(|corner| (3 * triangle + corner) as u32)).collect()
}
