//! Text encodings: decimal numbers, and bytes as pairs of hexadecimal digits.

use std::io::{self, BufRead, BufReader, Read};

use crate::stored::{NumberType, Numbers, Voxel};

/// Most characters of a number.
const LONGEST: usize = 400;

/// Decimal numbers between blanks, commas and line ends.
pub(super) struct Words<R> {
    reader: BufReader<R>,
}

impl<R: Read> Words<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader) }
    }

    /// Reads the numbers of the stream, which must hold exactly `count`.
    pub(super) fn fill<T: Voxel>(
        &mut self,
        numbers: &mut Numbers<T>,
        number: NumberType,
        count: usize,
    ) -> Result<(), String> {
        for index in 0..count {
            let word = self.next()?.ok_or_else(|| format!("ends after {index} of {count} numbers"))?;
            let value =
                value(&word, number).ok_or_else(|| format!("number {index} is `{word}`, no {}", number.name()))?;
            numbers.push(value);
        }
        self.next()?.map_or(Ok(()), |word| Err(format!("holds more than the {count} numbers of its sizes: `{word}`")))
    }

    fn next(&mut self) -> Result<Option<String>, String> {
        let mut word = Vec::new();
        loop {
            let bytes = self.reader.fill_buf().map_err(|error| error.to_string())?;
            let Some(&byte) = bytes.first() else { break };
            let separates = byte.is_ascii_whitespace() || byte == b',';
            if separates && !word.is_empty() {
                break;
            }
            if !separates {
                word.push(byte);
            }
            if word.len() > LONGEST {
                return Err(format!("has a number of more than {LONGEST} characters"));
            }
            self.reader.consume(1);
        }
        Ok((!word.is_empty()).then(|| String::from_utf8_lossy(&word).into_owned()))
    }
}

/// The number in the file's type.
fn value(word: &str, number: NumberType) -> Option<f64> {
    match (number.range(), number) {
        (Some((lowest, highest)), _) => {
            word.parse::<i128>().ok().filter(|value| (lowest..=highest).contains(value)).map(|value| value as f64)
        }
        (None, NumberType::Float32) => word.parse::<f32>().ok().map(f64::from),
        (None, _) => word.parse().ok(),
    }
}

/// Bytes from pairs of hexadecimal digits; blanks and line breaks may lie anywhere between digits.
pub(super) struct Hex<R> {
    digits: io::Bytes<BufReader<R>>,
}

impl<R: Read> Hex<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { digits: BufReader::new(reader).bytes() }
    }

    fn digit(&mut self) -> io::Result<Option<u8>> {
        for byte in self.digits.by_ref() {
            let byte = byte?;
            if !byte.is_ascii_whitespace() {
                let digit = char::from(byte).to_digit(16);
                let wrong =
                    || io::Error::new(io::ErrorKind::InvalidData, "holds a character that is not a hexadecimal digit");
                return digit.map(|digit| Some(digit as u8)).ok_or_else(wrong);
            }
        }
        Ok(None)
    }
}

impl<R: Read> Read for Hex<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for (index, byte) in buffer.iter_mut().enumerate() {
            let Some(high) = self.digit()? else { return Ok(index) };
            let low = self.digit()?;
            *byte = high << 4 | low.ok_or_else(|| io::Error::other("ends within a pair of hexadecimal digits"))?;
        }
        Ok(buffer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_pairs_with_line_ends_between() {
        let mut bytes = Vec::new();
        Hex::new(&b"00fF\n1 0\r\n7f"[..]).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [0, 255, 16, 127]);
        assert!(Hex::new(&b"00f"[..]).read_to_end(&mut bytes).is_err());
        assert!(Hex::new(&b"0g"[..]).read_to_end(&mut bytes).is_err());
    }

    #[test]
    fn words_that_are_no_number_of_the_type_are_named() {
        let fill =
            |text: &'static str, number| Words::new(text.as_bytes()).fill(&mut Numbers::<f32>::new(None), number, 3);
        assert_eq!(fill("1 2\n,3 ", NumberType::Uint8), Ok(()));
        assert_eq!(fill("1e3 -2.5\t.5", NumberType::Float64), Ok(()));
        for (text, reason) in
            [("1 2", "ends after 2 of 3"), ("1 2 256", "number 2 is `256`, no uint8"), ("1 2 3 4", "more than")]
        {
            assert!(fill(text, NumberType::Uint8).unwrap_err().contains(reason), "{text}");
        }
    }
}
