//! JPEG 2000 with one component, lossless and lossy.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

/// More tiles violate the standard (Isot has 16 bits); each takes memory before it is read.
const MAX_TILES: u64 = 65_535;

/// Decodes one grey image of `height` × `width` samples; signed samples come as two's complement.
///
/// # Errors
/// What is wrong with the stream, or which part of it is not supported.
pub(super) fn decode(bytes: &[u8], [height, width]: [usize; 2]) -> Result<Vec<u32>, String> {
    let size = Size::of(bytes).ok_or("JPEG 2000: no image size in the codestream")?;
    if [u64::from(size.height), u64::from(size.width)] != [height as u64, width as u64] {
        let stated = format!("its header states {height} × {width}");
        return Err(format!("the JPEG 2000 stream holds {} × {} samples, {stated}", size.height, size.width));
    }
    if size.components != 1 || size.tiles > MAX_TILES {
        return Err(format!("JPEG 2000 with {} components in {} tiles", size.components, size.tiles));
    }
    // Precision and sign share a byte: precision less one in 7 bits, and the highest bit for signed samples.
    let precision = u32::from(size.precision & 0x7f) + 1;
    if !(1..=16).contains(&precision) {
        return Err(format!("JPEG 2000 with {precision} bits; up to 16 are read"));
    }
    let broken = |error| format!("JPEG 2000: {error}");
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(broken)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(broken)?;
    let [component] = decoded.components() else { return Err("JPEG 2000 with more than one component".into()) };
    let largest = ((1_u32 << precision) - 1) as f32;
    // The decoder adds half of the range to signed and unsigned samples alike.
    let offset = if size.precision & 0x80 == 0 { 0 } else { 1_i32 << (precision - 1) };
    let stored = |&sample: &f32| (sample.round().clamp(0.0, largest) as i32 - offset) as u32;
    Ok(component.samples().iter().map(stored).collect())
}

/// The SIZ marker segment at the start of every codestream.
struct Size {
    height: u32,
    width: u32,
    components: u16,
    precision: u8,
    tiles: u64,
}

impl Size {
    fn of(bytes: &[u8]) -> Option<Self> {
        let start = bytes.windows(4).position(|marker| marker == [0xff, 0x4f, 0xff, 0x51])? + 8;
        let word = |index: usize| {
            let four = bytes.get(start + 4 * index..start + 4 * index + 4)?;
            Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
        };
        let [x, y, left, top] = [word(0)?, word(1)?, word(2)?, word(3)?];
        let [tile_x, tile_y, tile_left, tile_top] = [word(4)?, word(5)?, word(6)?, word(7)?];
        let across = |end: u32, start: u32, size: u32| u64::from(end.checked_sub(start)?).checked_div(u64::from(size));
        let tiles = (across(x, tile_left, tile_x)? + 1) * (across(y, tile_top, tile_y)? + 1);
        let rest = bytes.get(start + 32..start + 35)?;
        Some(Self {
            height: y.checked_sub(top)?,
            width: x.checked_sub(left)?,
            components: u16::from_be_bytes([rest[0], rest[1]]),
            precision: rest[2],
            tiles,
        })
    }
}
