//! Frames that other encoders made (`tests/reference/dicom.py`), and the same frames damaged.

use rand::Rng;

use super::*;
use crate::dicom::tests::{CodedFrame, reference, unpacked};

fn codec(name: &str) -> Codec {
    match name {
        "rle" => Codec::Rle,
        "jpeg" => Codec::Jpeg,
        "jpeg-ls" => Codec::JpegLs,
        "jpeg-2000" => Codec::Jpeg2000,
        _ => Codec::DeflatedFrame,
    }
}

fn layout(frame: &CodedFrame) -> Layout {
    Layout { size: frame.size, bits_allocated: frame.bits_allocated }
}

#[test]
fn every_codec_reads_what_other_encoders_wrote() {
    for frame in reference().frames {
        let decoded = decode(codec(&frame.codec), &unpacked(&frame.data), &layout(&frame));
        let decoded = decoded.unwrap_or_else(|error| panic!("{}: {error}", frame.name));
        let expected: Vec<u16> =
            unpacked(&frame.samples).chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(decoded.len(), expected.len(), "{}", frame.name);
        for (index, (&ours, &theirs)) in decoded.iter().zip(&expected).enumerate() {
            // Signed samples come as two's complement of any width.
            let difference = (i64::from(ours as u16) - i64::from(theirs)).unsigned_abs();
            assert!(difference <= frame.tolerance, "{}: sample {index} is {ours}, expected {theirs}", frame.name);
        }
    }
}

#[test]
fn damaged_frames_are_errors_or_other_pixels_and_never_more_of_them() {
    let mut random = segspec_base::random::stream(7, "damaged frames", 0, 0);
    for frame in reference().frames.iter().step_by(2) {
        let whole = unpacked(&frame.data);
        for _ in 0..60 {
            let mut bytes = whole.clone();
            match random.random_range(0..3) {
                0 => bytes.truncate(random.random_range(0..bytes.len())),
                1 => {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] ^= 1 << random.random_range(0..8);
                }
                _ => {
                    let at = random.random_range(0..bytes.len());
                    let piece = bytes[at..].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
            if let Ok(decoded) = decode(codec(&frame.codec), &bytes, &layout(frame)) {
                assert_eq!(decoded.len(), layout(frame).samples(), "{}", frame.name);
            }
        }
    }
}

#[test]
fn frames_that_end_early_are_errors() {
    for frame in reference().frames.iter().filter(|frame| frame.tolerance == 0) {
        let whole = unpacked(&frame.data);
        let half = decode(codec(&frame.codec), &whole[..whole.len() / 2], &layout(frame));
        assert!(half.is_err(), "{}", frame.name);
    }
}

#[test]
fn frames_of_another_size_than_the_header_states_are_errors() {
    for frame in reference().frames {
        let other = Layout { size: [frame.size[0] + 1, frame.size[1]], bits_allocated: frame.bits_allocated };
        assert!(decode(codec(&frame.codec), &unpacked(&frame.data), &other).is_err(), "{}", frame.name);
    }
}

#[test]
fn what_is_legal_and_not_read_is_refused() {
    for frame in reference().refused {
        let error = decode(codec(&frame.codec), &unpacked(&frame.data), &layout(&frame)).expect_err(&frame.name);
        assert!(error.contains("JPEG"), "{}: {error}", frame.name);
    }
}
