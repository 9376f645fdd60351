//! RLE Lossless: PackBits per byte of the samples. Source: DICOM PS3.5 annex G.

use super::Layout;

/// Bytes of the header: the number of segments and fifteen offsets.
const HEADER: usize = 64;

/// Decodes one grey frame to little endian samples.
///
/// # Errors
/// What is wrong with the frame.
pub(super) fn decode(bytes: &[u8], layout: &Layout) -> Result<Vec<u8>, String> {
    if layout.bits_allocated == 1 {
        return single_bits(bytes, layout);
    }
    let planes = (layout.bits_allocated / 8) as usize;
    let offsets = offsets(bytes, planes)?;
    let mut frame = vec![0; layout.samples() * planes];
    for (segment, &start) in offsets.iter().enumerate() {
        let end = offsets.get(segment + 1).copied().unwrap_or(bytes.len());
        let coded = bytes.get(start..end).ok_or("the RLE segments lie outside of the frame")?;
        // The segment with the most significant bytes comes first.
        let mut targets = frame.iter_mut().skip(planes - 1 - segment).step_by(planes);
        unpack(coded, |byte| targets.next().map(|target| *target = byte).is_some());
        if targets.next().is_some() {
            return Err("an RLE segment ends before its last sample".into());
        }
    }
    Ok(frame)
}

/// Decodes a frame of single bits: one segment of packed bits or, as web viewers write it, of one byte per sample.
fn single_bits(bytes: &[u8], layout: &Layout) -> Result<Vec<u8>, String> {
    let start = offsets(bytes, 1)?[0];
    let coded = bytes.get(start..).ok_or("the RLE segment lies outside of the frame")?;
    let mut decoded = Vec::new();
    unpack(coded, |byte| {
        let wanted = decoded.len() < layout.samples();
        decoded.extend(wanted.then_some(byte));
        wanted
    });
    if decoded.len() < layout.bytes() {
        return Err(format!(
            "the RLE segment holds {} bytes, {} samples need {}",
            decoded.len(),
            layout.samples(),
            layout.bytes()
        ));
    }
    // Segments have an even number of bytes.
    if decoded.len() <= layout.bytes().next_multiple_of(2) || decoded.len() < layout.samples() {
        decoded.truncate(layout.bytes());
        return Ok(decoded);
    }
    let mut packed = vec![0; layout.bytes()];
    for (index, _) in decoded.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        packed[index / 8] |= 1 << (index % 8);
    }
    Ok(packed)
}

fn offsets(bytes: &[u8], planes: usize) -> Result<Vec<usize>, String> {
    let header = bytes.get(..HEADER).ok_or("the RLE header is short")?;
    let words: Vec<usize> =
        header.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize).collect();
    if planes == 0 || words[0] != planes {
        return Err(format!("{} RLE segments; the samples have {planes} bytes", words[0]));
    }
    Ok(words[1..=planes].to_vec())
}

/// Passes on byte after byte until one is not taken.
fn unpack(mut coded: &[u8], mut take: impl FnMut(u8) -> bool) {
    while let [control, rest @ ..] = coded {
        let count = usize::from(*control);
        match (count, rest) {
            (..=127, _) => {
                let (literal, next) = rest.split_at((count + 1).min(rest.len()));
                if !literal.iter().all(|&byte| take(byte)) {
                    return;
                }
                coded = next;
            }
            (128, _) => coded = rest,
            (_, [byte, next @ ..]) => {
                if !(0..257 - count).all(|_| take(*byte)) {
                    return;
                }
                coded = next;
            }
            (_, []) => return,
        }
    }
}
