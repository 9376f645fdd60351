//! PLY, the Stanford polygon format (Turk 1994): ASCII and binary in either byte order. Points and polygons are read.

use super::{CoordinateSystem, Fault, Listed, MOST_CORNERS, damaged, fan, number};

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Ascii,
    LittleEndian,
    BigEndian,
}

#[derive(Clone, Copy)]
enum Kind {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The value of little-endian bytes, padded with zeros.
    fn value(self, bytes: [u8; 8]) -> f64 {
        let word = u64::from_le_bytes(bytes);
        match self {
            Self::I8 => f64::from(word as i8),
            Self::U8 => f64::from(word as u8),
            Self::I16 => f64::from(word as i16),
            Self::U16 => f64::from(word as u16),
            Self::I32 => f64::from(word as i32),
            Self::U32 => f64::from(word as u32),
            Self::F32 => f64::from(f32::from_bits(word as u32)),
            Self::F64 => f64::from_bits(word),
        }
    }
}

struct Property {
    name: String,
    /// Kind of the count, for lists.
    count: Option<Kind>,
    kind: Kind,
}

struct Element {
    name: String,
    count: u64,
    properties: Vec<Property>,
}

struct Header {
    encoding: Encoding,
    elements: Vec<Element>,
    stated: Option<CoordinateSystem>,
}

/// Whether the file begins like a PLY file.
pub(super) fn is_ply(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ply\n") || bytes.starts_with(b"ply\r")
}

/// Reads points and polygons.
pub(super) fn list(bytes: &[u8]) -> Result<Listed, Fault> {
    let (header, content) = header(bytes)?;
    let mut listed = Listed { stated: header.stated, ..Listed::default() };
    let mut values = Values { rest: content, encoding: header.encoding };
    for element in &header.elements {
        match element.name.as_str() {
            "vertex" => points(element, &mut values, &mut listed)?,
            "face" => polygons(element, &mut values, &mut listed)?,
            "tristrips" => return Err(Fault::Unsupported("holds triangle strips; save it with plain faces".into())),
            _ => skip(element, &mut values)?,
        }
    }
    Ok(listed)
}

fn header(bytes: &[u8]) -> Result<(Header, &[u8]), Fault> {
    let mut header = Header { encoding: Encoding::Ascii, elements: Vec::new(), stated: None };
    let mut rest = bytes;
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| damaged("ends within its PLY header"))?;
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["end_header"] => return Ok((header, rest)),
            ["comment" | "obj_info", ..] => {
                header.stated = header.stated.or(CoordinateSystem::stated(line.as_bytes()));
            }
            ["format", encoding, _] => header.encoding = named_encoding(encoding)?,
            ["element", name, count] => {
                let count = count.parse().map_err(|_| damaged(format!("its PLY header counts `{count}` of {name}")))?;
                header.elements.push(Element { name: (*name).into(), count, properties: Vec::new() });
            }
            ["property", definition @ ..] => {
                let property = property(definition).ok_or_else(|| damaged(format!("PLY header line `{line}`")))?;
                let element = header.elements.last_mut();
                element.ok_or_else(|| damaged("a PLY property without element"))?.properties.push(property);
            }
            ["ply"] | [] => {}
            _ => return Err(damaged(format!("PLY header line `{line}`"))),
        }
    }
}

fn named_encoding(name: &str) -> Result<Encoding, Fault> {
    match name {
        "ascii" => Ok(Encoding::Ascii),
        "binary_little_endian" => Ok(Encoding::LittleEndian),
        "binary_big_endian" => Ok(Encoding::BigEndian),
        other => Err(damaged(format!("unknown PLY format `{other}`"))),
    }
}

fn property(definition: &[&str]) -> Option<Property> {
    match definition {
        ["list", count, kind, name] => {
            Some(Property { name: (*name).into(), count: Some(Kind::named(count)?), kind: Kind::named(kind)? })
        }
        [kind, name] => Some(Property { name: (*name).into(), count: None, kind: Kind::named(kind)? }),
        _ => None,
    }
}

/// Content that has not been read yet.
struct Values<'a> {
    rest: &'a [u8],
    encoding: Encoding,
}

impl Values<'_> {
    fn next(&mut self, kind: Kind) -> Result<f64, Fault> {
        let ended = || damaged("ends before its last element");
        if self.encoding == Encoding::Ascii {
            let text = self.rest.trim_ascii_start();
            let length = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
            let (word, rest) = text.split_at(length);
            self.rest = rest;
            if word.is_empty() {
                return Err(ended());
            }
            return number(word).ok_or_else(|| damaged(format!("`{}` is not a number", String::from_utf8_lossy(word))));
        }
        let (stored, rest) = self.rest.split_at_checked(kind.size()).ok_or_else(ended)?;
        self.rest = rest;
        let mut bytes = [0; 8];
        for (place, &byte) in stored.iter().enumerate() {
            bytes[if self.encoding == Encoding::LittleEndian { place } else { stored.len() - 1 - place }] = byte;
        }
        Ok(kind.value(bytes))
    }

    /// Reads one property and passes on its values: one, or those of a list.
    fn each(&mut self, property: &Property, mut take: impl FnMut(f64)) -> Result<(), Fault> {
        let Some(count) = property.count else {
            take(self.next(property.kind)?);
            return Ok(());
        };
        let count = self.next(count)?;
        if !(count >= 0.0 && count.fract() == 0.0) {
            return Err(damaged(format!("a list of {count} values")));
        }
        // Every value takes at least one byte, so that a wrong count ends with the file.
        for _ in 0..count as u64 {
            take(self.next(property.kind)?);
        }
        Ok(())
    }
}

fn points(element: &Element, values: &mut Values<'_>, listed: &mut Listed) -> Result<(), Fault> {
    let axis_of = |property: &Property| ["x", "y", "z"].iter().position(|name| *name == property.name);
    let axes: Vec<Option<usize>> = element.properties.iter().map(axis_of).collect();
    if (0..3).any(|axis| !axes.contains(&Some(axis))) {
        return Err(damaged("its PLY header gives points without x, y and z"));
    }
    for _ in 0..element.count {
        let mut point = [f64::NAN; 3];
        for (property, axis) in element.properties.iter().zip(&axes) {
            values.each(property, |value| {
                if let Some(axis) = *axis {
                    point[axis] = value;
                }
            })?;
        }
        listed.points.push(point);
    }
    Ok(())
}

fn polygons(element: &Element, values: &mut Values<'_>, listed: &mut Listed) -> Result<(), Fault> {
    let is_corners = |property: &Property| matches!(property.name.as_str(), "vertex_indices" | "vertex_index");
    if !element.properties.iter().any(|property| is_corners(property) && property.count.is_some()) {
        return Err(damaged("its PLY header gives faces without a list `vertex_indices`"));
    }
    let mut polygon = Vec::new();
    for number in 0..element.count {
        for property in &element.properties {
            polygon.clear();
            let mut sound = true;
            let corners = is_corners(property);
            values.each(property, |value| {
                // Anything that is not an index becomes one without a point.
                sound &= value >= 0.0 && value.fract() == 0.0 && value < f64::from(u32::MAX);
                // One more than allowed is enough to refuse it.
                if corners && polygon.len() <= MOST_CORNERS {
                    polygon.push(value as u32);
                }
            })?;
            if corners && (!sound || polygon.len() < 3) {
                return Err(damaged(format!("face {number} has the corners {:?}", &polygon[..polygon.len().min(8)])));
            }
            fan(&polygon, &mut listed.triangles)?;
        }
    }
    Ok(())
}

fn skip(element: &Element, values: &mut Values<'_>) -> Result<(), Fault> {
    if element.properties.is_empty() {
        return Ok(());
    }
    for _ in 0..element.count {
        for property in &element.properties {
            values.each(property, |_| {})?;
        }
    }
    Ok(())
}
