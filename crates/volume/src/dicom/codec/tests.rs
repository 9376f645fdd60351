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

#[test]
fn single_bits_in_runs_are_packed_or_one_per_byte() {
    // 5 × 5 bits, every third inside: 4 bytes packed.
    let layout = Layout { size: [5, 5], bits_allocated: 1 };
    let bits: Vec<u8> = (0..25).map(|index| u8::from(index % 3 == 0)).collect();
    let mut packed = vec![0; 4];
    bits.iter().enumerate().for_each(|(index, bit)| packed[index / 8] |= bit << (index % 8));
    let unpacked: Vec<u8> = bits.iter().map(|bit| bit * 255).collect();
    let frame = |bytes: &[u8]| {
        let mut frame = vec![0; 64];
        frame[0] = 1;
        frame[4] = 64;
        frame.push(bytes.len() as u8 - 1);
        frame.extend(bytes);
        frame
    };
    let expected: Vec<u32> = bits.iter().map(|&bit| u32::from(bit)).collect();
    for bytes in [packed.clone(), [packed.clone(), vec![0, 0]].concat(), unpacked, bits] {
        assert_eq!(decode(Codec::Rle, &frame(&bytes), &layout).unwrap(), expected, "{bytes:?}");
    }
    let error = decode(Codec::Rle, &frame(&packed[..3]), &layout).unwrap_err();
    assert!(error.contains("holds 3 bytes"), "{error}");
}
