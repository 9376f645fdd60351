//! How mutated content becomes a file, so that mutations reach what lies behind checksums and compression.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use flate2::write::{DeflateEncoder, GzEncoder};

use crate::frames::{Frame, as_input, wrapped};

/// A file to begin with, and what a mutation of its content is put into.
#[derive(Clone, Debug)]
pub struct Seed {
    /// What is mutated.
    pub content: Vec<u8>,
    /// How the mutated content becomes a file.
    pub dress: Dress,
}

/// How mutated content becomes a file.
#[derive(Clone, Debug)]
pub enum Dress {
    /// As it is.
    Plain,
    /// Compressed.
    Gzip,
    /// The data behind a header that ends with an empty line, compressed.
    GzipData,
    /// A data set behind this beginning of a DICOM file, deflated.
    Deflated(Vec<u8>),
    /// With the right checksums.
    Png,
    /// As the frame of a DICOM file.
    Frame(Frame),
}

impl Seed {
    /// Every way to change a sound file.
    pub fn all(file: Vec<u8>) -> Vec<Self> {
        let mut seeds = Vec::new();
        if file.get(344..347) == Some(b"n+1") || file.get(4..7) == Some(b"n+2") {
            seeds.push(Self { content: file.clone(), dress: Dress::Gzip });
        }
        seeds.extend(Self::of_nrrd(&file));
        seeds.extend(Self::of_deflated(&file));
        let is_png = file.starts_with(b"\x89PNG");
        seeds.push(Self { content: file, dress: if is_png { Dress::Png } else { Dress::Plain } });
        seeds
    }

    fn of_nrrd(file: &[u8]) -> Option<Self> {
        let start = data_of_nrrd(file)?;
        let header = String::from_utf8_lossy(&file[..start]).to_ascii_lowercase();
        if !file.starts_with(b"NRRD") || !["encoding: gz", "encoding: gzip"].iter().any(|it| header.contains(it)) {
            return None;
        }
        let mut content = file[..start].to_vec();
        MultiGzDecoder::new(&file[start..]).read_to_end(&mut content).ok()?;
        Some(Self { content, dress: Dress::GzipData })
    }

    fn of_deflated(file: &[u8]) -> Option<Self> {
        // Preamble, mark, and the length of the elements that are never deflated.
        let length = file.get(140..144).filter(|_| file[128..132] == *b"DICM")?;
        let start = u32::from_le_bytes(length.try_into().ok()?) as usize + 144;
        let (head, data) = file.split_at_checked(start)?;
        if !head.windows(22).any(|uid| uid == b"1.2.840.10008.1.2.1.99") {
            return None;
        }
        let mut content = Vec::new();
        DeflateDecoder::new(data).read_to_end(&mut content).ok()?;
        Some(Self { content, dress: Dress::Deflated(head.to_vec()) })
    }

    /// The file of some content.
    pub fn file(&self, content: &[u8]) -> Vec<u8> {
        match &self.dress {
            Dress::Plain => content.to_vec(),
            Dress::Gzip => gzip(content),
            Dress::GzipData => {
                let (header, data) = content.split_at(data_of_nrrd(content).unwrap_or(content.len()));
                [header, &gzip(data)].concat()
            }
            Dress::Deflated(head) => [head.as_slice(), &deflate(content)].concat(),
            Dress::Png => with_checksums(content),
            Dress::Frame(frame) => wrapped(frame, content),
        }
    }

    /// The same as libFuzzer takes it.
    pub fn input(&self) -> Vec<u8> {
        match &self.dress {
            Dress::Frame(frame) => as_input(frame, &self.content).unwrap_or_default(),
            _ => self.file(&self.content),
        }
    }
}

/// Where the data of an NRRD file begins.
fn data_of_nrrd(file: &[u8]) -> Option<usize> {
    file.windows(2).position(|pair| pair == b"\n\n").map(|place| place + 2)
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let _ = packed.write_all(content);
    packed.finish().unwrap_or_default()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    let _ = packed.write_all(content);
    packed.finish().unwrap_or_default()
}

/// A PNG whose chunks, where they can still be found, have their checksums.
fn with_checksums(content: &[u8]) -> Vec<u8> {
    let mut file = content.to_vec();
    let mut at = 8;
    while let Some(length) = file.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes) {
        let end = (at + 8).saturating_add(length as usize);
        let Some(chunk) = file.get(at + 4..end) else { break };
        let checksum = crc32fast::hash(chunk).to_be_bytes();
        let Some(place) = file.get_mut(end..end + 4) else { break };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
    file
}
