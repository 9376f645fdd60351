//! JPEG with one component: baseline, progressive and extended with 8 bits, lossless with up to 16.

use jpeg_decoder::{Decoder, PixelFormat};

/// Decodes one grey image of `height` × `width` samples.
///
/// # Errors
/// What is wrong with the stream, or which part of it is not supported.
pub(super) fn decode(bytes: &[u8], [height, width]: [usize; 2]) -> Result<Vec<u32>, String> {
    let broken = |error: jpeg_decoder::Error| format!("JPEG: {error}");
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(2 * height * width);
    decoder.read_info().map_err(broken)?;
    let info = decoder.info().ok_or("JPEG: no frame header")?;
    if [usize::from(info.height), usize::from(info.width)] != [height, width] {
        let stated = format!("its header states {height} × {width}");
        return Err(format!("the JPEG stream holds {} × {} samples, {stated}", info.height, info.width));
    }
    let words = match info.pixel_format {
        PixelFormat::L8 => false,
        PixelFormat::L16 => true,
        other => return Err(format!("JPEG in colour ({other:?})")),
    };
    let decoded = decoder.decode().map_err(broken)?;
    Ok(if words {
        decoded.chunks_exact(2).map(|pair| u32::from(u16::from_ne_bytes([pair[0], pair[1]]))).collect()
    } else {
        decoded.into_iter().map(u32::from).collect()
    })
}
