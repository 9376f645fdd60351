//! The coded bytes of each frame of a file.

use std::io::{self, Read};

use dicom_dictionary_std::tags;

use super::codec::{self, Codec, Layout};
use super::file::DicomFile;
use super::value::Values;

/// Tag of an item, little endian.
const ITEM: [u8; 4] = [0xfe, 0xff, 0x00, 0xe0];
/// Largest plausible expansion of a codec: an empty frame of 1024 × 1024 takes about a hundred bytes as JPEG 2000.
const LARGEST_EXPANSION: u64 = 16_384;
/// Largest expansion of deflate.
const LARGEST_INFLATION: u64 = 1032;
/// Voxels that are allocated whatever the file's size: a frame of 4096 × 4096.
const ALWAYS_ALLOWED: u64 = 1 << 24;

/// Whether a file of this size can describe this number of voxels: a header may claim anything.
pub(super) fn is_plausible(voxels: u64, bytes: u64) -> bool {
    voxels <= bytes.saturating_mul(LARGEST_EXPANSION).saturating_add(ALWAYS_ALLOWED)
}

/// Refuses a number of frames that a file cannot hold.
///
/// # Errors
/// What the header claims.
pub(super) fn check_size(file: &DicomFile, layout: &Layout, count: usize) -> Result<(), String> {
    let samples = (layout.samples() as u64).saturating_mul(count as u64);
    let held = match file.syntax.codec {
        Some(Codec::Native { .. }) => {
            let inflation = if file.syntax.deflated { LARGEST_INFLATION } else { 1 };
            samples.saturating_mul(u64::from(layout.bits_allocated)) / 8 <= file.bytes.saturating_mul(inflation)
        }
        _ => is_plausible(samples, file.bytes),
    };
    if held {
        return Ok(());
    }
    let [rows, columns] = layout.size;
    Err(format!("its header claims {count} frame(s) of {rows} × {columns} samples, more than the file can hold"))
}

/// The frames of one file.
pub(super) struct Frames<'a> {
    file: &'a DicomFile,
    codec: Codec,
    layout: Layout,
    place: Place,
}

enum Place {
    /// Uncompressed frames, one after the other; frames of single bits are not aligned to bytes.
    Native { start: u64 },
    /// Uncompressed frames of a deflated data set.
    Memory(Vec<u8>),
    /// Fragments of each frame: offset and length.
    Fragments(Vec<Vec<(u64, u32)>>),
}

impl<'a> Frames<'a> {
    /// Finds the frames of a file whose header states `count` of them.
    ///
    /// # Errors
    /// What is wrong with the pixel data, or why it is not supported.
    pub fn new(file: &'a DicomFile, layout: Layout, count: usize) -> Result<Self, String> {
        let uid = &file.syntax.uid;
        let codec = file.syntax.codec.ok_or_else(|| {
            format!("its transfer syntax {uid} is not read; save it uncompressed (`dcmconv`, `gdcmconv --raw`)")
        })?;
        let pixels = file.pixels.ok_or("holds no image")?;
        if pixels.tag != tags::PIXEL_DATA {
            return Err("holds floating-point pixel data (a parametric map); save it as NIfTI or NRRD".into());
        }
        check_size(file, &layout, count)?;
        let place = match (codec, pixels.length) {
            (Codec::Native { .. }, Some(length)) => Self::native(file, &layout, count, pixels.start, length)?,
            (_, None) => Place::Fragments(fragments(file, pixels.start, count)?),
            (_, Some(_)) => return Err(format!("its transfer syntax {uid} needs fragments, its pixel data has none")),
        };
        Ok(Self { file, codec, layout, place })
    }

    fn native(file: &DicomFile, layout: &Layout, count: usize, start: u64, length: u32) -> Result<Place, String> {
        let bits = layout.samples() as u64 * u64::from(layout.bits_allocated) * count as u64;
        let bytes = bits.div_ceil(8);
        let short =
            |held: u64| format!("its pixel data has {held} bytes, {count} frames of {:?} need {bytes}", layout.size);
        if bytes > u64::from(length) {
            return Err(short(u64::from(length)));
        }
        if !file.syntax.deflated {
            let held = file.bytes.saturating_sub(start);
            return if bytes > held { Err(short(held)) } else { Ok(Place::Native { start }) };
        }
        let content = read(file, start, bytes).map_err(|error| error.to_string())?;
        if (content.len() as u64) < bytes { Err(short(content.len() as u64)) } else { Ok(Place::Memory(content)) }
    }

    /// The bit patterns of a frame's samples, in rows.
    ///
    /// # Errors
    /// What is wrong with the frame.
    pub fn samples(&self, frame: usize) -> Result<Vec<u32>, String> {
        let failed = |error: io::Error| error.to_string();
        let coded = match &self.place {
            Place::Native { start } => {
                self.cut(frame, |from, length| read(self.file, start + from, length)).map_err(failed)?
            }
            Place::Memory(content) => {
                let range = |from: u64, length: u64| content.get(from as usize..(from + length) as usize);
                self.cut(frame, |from, length| Ok(range(from, length).unwrap_or_default().to_vec())).map_err(failed)?
            }
            Place::Fragments(frames) => {
                let mut coded = Vec::new();
                for &(place, length) in frames.get(frame).map_or(&[][..], Vec::as_slice) {
                    coded.extend(read(self.file, place, u64::from(length)).map_err(failed)?);
                }
                coded
            }
        };
        codec::decode(self.codec, &coded, &self.layout)
    }

    /// Cuts a frame out of consecutive frames; a frame of single bits may begin within a byte.
    fn cut(&self, frame: usize, read: impl Fn(u64, u64) -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
        let bits = self.layout.samples() * self.layout.bits_allocated as usize;
        let (start, shift) = (frame * bits / 8, frame * bits % 8);
        let coded = read(start as u64, (shift + bits).div_ceil(8) as u64)?;
        Ok(if shift == 0 { coded } else { shifted(&coded, shift, self.layout.bytes()) })
    }
}

/// Shifts bits down, so that a frame begins at a byte.
fn shifted(bytes: &[u8], shift: usize, length: usize) -> Vec<u8> {
    let byte = |index: usize| u16::from(bytes.get(index).copied().unwrap_or(0));
    (0..length).map(|index| ((byte(index) | byte(index + 1) << 8) >> shift) as u8).collect()
}

/// Reads up to `length` bytes, fewer at the end of the file.
pub(super) fn read(file: &DicomFile, start: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.stream(start)?.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Which fragments belong to which frame.
fn fragments(file: &DicomFile, start: u64, count: usize) -> Result<Vec<Vec<(u64, u32)>>, String> {
    let items = items(file, start)?;
    let ((table, table_length), fragments) = items.split_first().ok_or("its pixel data has no fragments")?;
    if count == 1 {
        return Ok(vec![fragments.to_vec()]);
    }
    if fragments.len() == count {
        return Ok(fragments.iter().map(|&fragment| vec![fragment]).collect());
    }
    let offsets = match extended_offsets(file)? {
        Some(offsets) => offsets,
        None => {
            let table = read(file, *table, u64::from(*table_length)).map_err(|error| error.to_string())?;
            table
                .chunks_exact(4)
                .map(|four| u64::from(u32::from_le_bytes([four[0], four[1], four[2], four[3]])))
                .collect()
        }
    };
    if offsets.len() != count {
        return Err(format!(
            "{} fragments for {count} frames, and an offset table of {}",
            fragments.len(),
            offsets.len()
        ));
    }
    let origin = fragments.first().map_or(0, |&(place, _)| place);
    let mut frames = vec![Vec::new(); count];
    for &(place, length) in fragments {
        // Offsets point to item headers, relative to the first one.
        let frame = offsets.partition_point(|&offset| offset <= place - origin);
        let frame = frame.checked_sub(1).ok_or("its offset table does not begin at 0")?;
        frames[frame].push((place, length));
    }
    Ok(frames)
}

/// The bytes of all items: the offset table, then the fragments.
pub(super) fn raw_fragments(file: &DicomFile, start: u64) -> Result<Vec<Vec<u8>>, String> {
    let bytes = |(place, length): (u64, u32)| read(file, place, u64::from(length)).map_err(|error| error.to_string());
    items(file, start)?.into_iter().map(bytes).collect()
}

/// The extended offset table, which large objects have instead of the basic one.
fn extended_offsets(file: &DicomFile) -> Result<Option<Vec<u64>>, String> {
    let offsets = file.header.numbers(tags::EXTENDED_OFFSET_TABLE)?;
    Ok(offsets.map(|offsets| offsets.into_iter().map(|offset| offset as u64).collect()))
}

/// Offset and length of all items: the offset table, then the fragments.
fn items(file: &DicomFile, start: u64) -> Result<Vec<(u64, u32)>, String> {
    let mut stream = file.stream(start).map_err(|error| error.to_string())?;
    let (mut at, mut items) = (start, Vec::new());
    loop {
        let mut head = [0; 8];
        if stream.read_exact(&mut head).is_err() {
            return Err("ends inside its pixel data".into());
        }
        let [a, b, c, d, length @ ..] = head;
        if [a, b, c, d] != ITEM {
            return Ok(items);
        }
        let length = u32::from_le_bytes(length);
        items.push((at + 8, length));
        let skipped = io::copy(&mut (&mut stream).take(u64::from(length)), &mut io::sink());
        if skipped.map_err(|error| error.to_string())? < u64::from(length) {
            return Err(format!("a fragment claims {length} bytes, more than the file holds"));
        }
        at += 8 + u64::from(length);
    }
}
