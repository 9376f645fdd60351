//! Reads the data of a header: attached or in separate files, in any encoding.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;

use super::header::{ByteSkip, Encoding, Format, Source};
use super::words::{Hex, Words};
use crate::ReadError;
use crate::stored::{Content, GZIP_EXPANSION, Numbers, Voxel, ask_memory, content, damaged, read_full};
use segspec_base::files;

/// Largest expansion of bzip2: at least 32 bytes per block, which holds at most 900,000 bytes of runs of up to 259.
const BZIP2_EXPANSION: u64 = 900_000 / 5 * 259 / 32;

impl Source {
    /// Refuses a header that claims more than its files can hold, before memory is allocated.
    pub(super) fn check_size(&self) -> Result<(), ReadError> {
        let format = &self.format;
        let wanted = format.axes.layout.count().and_then(|count| count.checked_mul(format.number.bytes()));
        let mut stored = 0_u64;
        match &format.files {
            None => stored = file_size(&self.path)?.saturating_sub(self.header_bytes),
            Some(files) => {
                for path in files.paths(&self.path) {
                    stored = stored.saturating_add(self.data_file_size(&path.map_err(|wrong| wrong.at(&self.path))?)?);
                }
            }
        }
        let number_bytes = format.number.bytes() as u64;
        let largest = match format.encoding {
            Encoding::Raw => stored,
            // A digit and a separator.
            Encoding::Ascii => stored.saturating_add(1) / 2 * number_bytes,
            Encoding::Hex => stored / 2,
            Encoding::Gzip => stored.saturating_mul(GZIP_EXPANSION),
            Encoding::Bzip2 => stored.saturating_mul(BZIP2_EXPANSION),
        };
        if let Some(wanted) = wanted.filter(|&wanted| wanted as u64 <= largest) {
            // The numbers as stored, and as intensities.
            let decoded = (wanted / format.number.bytes()).saturating_mul(size_of::<f32>());
            return ask_memory(&self.path, wanted.saturating_add(decoded) as u64);
        }
        let text = format!("its header claims {:?} numbers, more than its data can hold", format.axes.sizes);
        Err(damaged(&self.path, text))
    }

    fn data_file_size(&self, path: &Path) -> Result<u64, ReadError> {
        file_size(path).map_err(|error| match error {
            ReadError::Open { path, source } => {
                let text = format!("{} (a data file of {})", files::reason(&source), self.path.display());
                ReadError::Open { path, source: io::Error::new(source.kind(), text) }
            }
            other => other,
        })
    }

    /// All numbers, in the order of the file.
    pub(super) fn read_numbers<T: Voxel>(self) -> Result<Numbers<T>, ReadError> {
        let Self { path, format, file, header_bytes, .. } = self;
        let mut numbers = Numbers::new(None);
        let count = format.axes.layout.count().unwrap_or(0);
        let Some(files) = &format.files else {
            read_piece(&path, file, header_bytes, &format, count, &mut numbers)?;
            return Ok(numbers);
        };
        for piece in files.paths(&path) {
            let piece = piece.map_err(|wrong| wrong.at(&path))?;
            let file = File::open(&piece).map_err(|source| ReadError::Open { path: piece.clone(), source })?;
            read_piece(&piece, file, 0, &format, count / files.count().max(1), &mut numbers)?;
        }
        Ok(numbers)
    }
}

fn file_size(path: &Path) -> Result<u64, ReadError> {
    let metadata = path.metadata().map_err(|source| ReadError::Open { path: path.into(), source })?;
    if metadata.is_dir() {
        return Err(damaged(path, "is a folder, expected a data file"));
    }
    Ok(metadata.len())
}

/// Reads the numbers of one file, which begin after `start` bytes.
fn read_piece<T: Voxel>(
    path: &Path,
    file: File,
    start: u64,
    format: &Format,
    count: usize,
    numbers: &mut Numbers<T>,
) -> Result<(), ReadError> {
    let opened = open_content(file, start, format, count, count.saturating_mul(size_of::<T>()));
    let filled = match opened.map_err(|error| damaged(path, error.to_string()))? {
        Content::Whole(bytes) => take(&bytes, format, count, numbers),
        Content::Stream(stream) if format.encoding == Encoding::Ascii => {
            Words::new(stream).fill(numbers, format.number, count)
        }
        Content::Stream(stream) if format.encoding == Encoding::Hex => {
            fill(&mut Hex::new(stream), format, count, numbers)
        }
        Content::Stream(mut stream) => fill(&mut *stream, format, count, numbers),
    };
    filled.map_err(|reason| damaged(path, reason))
}

/// The content from the first of `count` numbers on, which take `decoded` bytes in memory.
fn open_content(mut file: File, start: u64, format: &Format, count: usize, decoded: usize) -> io::Result<Content> {
    let stored = file.metadata()?.len().saturating_sub(start);
    let bytes = count.saturating_mul(format.number.bytes());
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    for _ in 0..format.line_skip {
        if reader.skip_until(b'\n')? == 0 {
            return Err(io::Error::other(format!("has fewer than the {} lines to skip", format.line_skip)));
        }
    }
    let mut stream: Box<dyn Read> = match (format.encoding, format.byte_skip) {
        (Encoding::Raw, ByteSkip::Forward(0)) => return content(reader, false, stored, [stored, decoded as u64]),
        (Encoding::Gzip, ByteSkip::Forward(0)) => return content(reader, true, stored, [bytes as u64, decoded as u64]),
        (Encoding::Gzip, _) => Box::new(MultiGzDecoder::new(reader)),
        (Encoding::Bzip2, _) => Box::new(MultiBzDecoder::new(reader)),
        _ => Box::new(reader),
    };
    match format.byte_skip {
        ByteSkip::Forward(skipped) => {
            io::copy(&mut (&mut stream).take(skipped), &mut io::sink())?;
            Ok(Content::Stream(stream))
        }
        ByteSkip::ToEnd => Ok(Content::Stream(Box::new(io::Cursor::new(tail(&mut *stream, bytes)?)))),
    }
}

/// The last bytes of a stream, fewer where it is shorter. Never holds more than twice as many.
fn tail(stream: &mut dyn Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut last = Vec::new();
    loop {
        let got = stream.take(bytes.max(1 << 16) as u64).read_to_end(&mut last)?;
        last.drain(..last.len().saturating_sub(bytes));
        if got == 0 {
            return Ok(last);
        }
    }
}

/// Converts the bytes of a file, which must hold nothing but the numbers.
fn take<T: Voxel>(bytes: &[u8], format: &Format, count: usize, numbers: &mut Numbers<T>) -> Result<(), String> {
    let wanted = count.saturating_mul(format.number.bytes());
    let Some((wanted_bytes, surplus)) = bytes.split_at_checked(wanted) else {
        return Err(cut_short(bytes.len(), wanted));
    };
    numbers.convert(wanted_bytes, format.number, format.order);
    ends(surplus, wanted)
}

/// As [`take`], for a stream.
fn fill<T: Voxel>(
    stream: &mut dyn Read,
    format: &Format,
    count: usize,
    numbers: &mut Numbers<T>,
) -> Result<(), String> {
    let wanted = count.saturating_mul(format.number.bytes());
    let got = numbers.fill(stream, format.number, format.order, count).map_err(|error| error.to_string())?;
    if got < wanted {
        return Err(cut_short(got, wanted));
    }
    // Reaching the end of a compressed stream also checks its checksum.
    let mut rest = [0; 3];
    let surplus = read_full(stream, &mut rest).map_err(|error| error.to_string())?;
    ends(&rest[..surplus], wanted)
}

fn cut_short(got: usize, wanted: usize) -> String {
    format!("ends after {got} of {wanted} bytes of numbers")
}

/// Some writers end the file with a line break.
fn ends(rest: &[u8], wanted: usize) -> Result<(), String> {
    match rest {
        b"" | b"\n" | b"\r\n" => Ok(()),
        _ => Err(format!("holds more than the {wanted} bytes of its sizes; `byte skip: -1` takes the last of them")),
    }
}
