//! PNG: grey, colours and palettes of 1 to 16 bits.

use std::fs::File;
use std::io::BufReader;

use png::{BitDepth, ColorType, Decoder, DecodingError, Transformations};

use super::{Part, Picture, unpacked};
use crate::stored::{GZIP_EXPANSION, Wrong};

pub(super) fn read(reader: BufReader<File>, file_bytes: u64, part: Part) -> Result<Picture, Wrong> {
    let mut decoder = Decoder::new(reader);
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(wrong)?;
    let info = reader.info();
    if info.is_animated() {
        return Err(Wrong::Unsupported("is an animation; save each picture as a file".into()));
    }
    let (width, height) = info.size();
    let palette = info.palette.as_ref().filter(|_| info.color_type == ColorType::Indexed);
    let bits = info.bit_depth as usize;
    let mut picture = Picture {
        shape: [height as usize, width as usize],
        samples: info.color_type.samples(),
        alpha: matches!(info.color_type, ColorType::GrayscaleAlpha | ColorType::Rgba),
        value_type: if info.bit_depth == BitDepth::Sixteen { "uint16" } else { "uint8" },
        planar: false,
        palette: palette.map(|colors| colors.as_chunks::<3>().0.to_vec()),
        values: Vec::new(),
        exact: true,
    };
    picture.check_size(bits, file_bytes.saturating_mul(GZIP_EXPANSION))?;
    if part == Part::All {
        picture.ask_memory(bits)?;
        let size = reader.output_buffer_size().ok_or_else(|| Wrong::Damaged("is larger than any memory".into()))?;
        let mut bytes = vec![0; size];
        reader.next_frame(&mut bytes).map_err(wrong)?;
        let values = &mut picture.values;
        match bits {
            16 => values.extend(bytes.as_chunks().0.iter().map(|&number| f32::from(u16::from_be_bytes(number)))),
            8 => values.extend(bytes.into_iter().map(f32::from)),
            _ => values.extend(unpacked(&bytes, picture.samples * picture.shape[1], bits)),
        }
    }
    Ok(picture)
}

fn wrong(error: DecodingError) -> Wrong {
    Wrong::Damaged(error.to_string())
}
