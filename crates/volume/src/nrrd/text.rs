//! The lines of a header: fields, key/value pairs and the names of data files.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use crate::stored::Wrong;

/// Headers are a few kilobytes of text; metadata of many segments takes more.
const LARGEST_HEADER: u64 = 1 << 24;

/// Every field of the format. A header with another one is refused, as in Teem: it could be a misspelt field that affects the voxels.
/// Names may be written without their spaces.
const FIELDS: [&str; 31] = [
    "dimension",
    "type",
    "block size",
    "encoding",
    "endian",
    "content",
    "min",
    "max",
    "old min",
    "old max",
    "data file",
    "line skip",
    "byte skip",
    "number",
    "sample units",
    "space",
    "space dimension",
    "space units",
    "space origin",
    "space directions",
    "measurement frame",
    "sizes",
    "spacings",
    "thicknesses",
    "axis mins",
    "axis maxs",
    "centers",
    "centerings",
    "labels",
    "units",
    "kinds",
];

/// A header split into fields that are not yet interpreted.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Text {
    /// Values by field, named as in [`FIELDS`].
    fields: BTreeMap<&'static str, String>,
    /// Key/value pairs, escapes resolved.
    pub pairs: BTreeMap<String, String>,
    /// The names after `data file: LIST`, one per line.
    pub listed: Vec<String>,
    /// Whether an empty line ends the header, so that data can follow.
    pub ended: bool,
}

impl Text {
    /// Reads up to and including the empty line after the header.
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Self, Wrong> {
        let mut lines = Lines { reader: reader.take(LARGEST_HEADER), number: 0 };
        magic(&lines.next()?.unwrap_or_default())?;
        let mut text = Self::default();
        while let Some(line) = lines.next()? {
            if line.is_empty() {
                text.ended = true;
                break;
            }
            if !line.starts_with('#') {
                text.take(&line).map_err(|reason| Wrong::Damaged(format!("line {}: {reason}", lines.number)))?;
            }
            if text.get("data file").is_some_and(|value| value == "LIST" || value.starts_with("LIST ")) {
                text.listed = lines.rest()?;
                break;
            }
        }
        Ok(text)
    }

    /// The value of a field.
    pub(super) fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    /// The value of a required field.
    pub(super) fn require(&self, field: &str) -> Result<&str, Wrong> {
        self.get(field).ok_or_else(|| Wrong::Damaged(format!("its header has no field `{field}`")))
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let (field, pair) = (line.find(": "), line.find(":="));
        match (field, pair) {
            (field, Some(pair)) if field.is_none_or(|field| pair < field) => {
                self.pairs.insert(unescaped(&line[..pair]), unescaped(&line[pair + 2..]));
                Ok(())
            }
            _ => {
                let (name, value) = line.split_once(':').ok_or("neither a field, a key/value pair nor a comment")?;
                self.take_field(name, value)
            }
        }
    }

    fn take_field(&mut self, name: &str, value: &str) -> Result<(), String> {
        let letters = |name: &str| name.to_lowercase().replace(' ', "");
        let field = FIELDS.into_iter().find(|field| letters(field) == letters(name));
        let field = field.ok_or_else(|| format!("unknown field `{name}`"))?;
        if self.fields.insert(field, value.trim().to_owned()).is_some() {
            return Err(format!("a second field `{name}`"));
        }
        Ok(())
    }
}

/// Lines of a header, without line breaks.
struct Lines<R> {
    reader: io::Take<R>,
    number: usize,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<String>, Wrong> {
        let mut bytes = Vec::new();
        let read = self.reader.read_until(b'\n', &mut bytes);
        read.map_err(|error| Wrong::Damaged(error.to_string()))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.last() != Some(&b'\n') && self.reader.limit() == 0 {
            return Err(Wrong::Damaged(format!("its header does not end within {LARGEST_HEADER} bytes")));
        }
        self.number += 1;
        Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
    }

    /// All lines up to an empty one.
    fn rest(&mut self) -> Result<Vec<String>, Wrong> {
        let mut lines = Vec::new();
        while let Some(line) = self.next()?.filter(|line| !line.is_empty()) {
            lines.push(line);
        }
        Ok(lines)
    }
}

/// `NRRD0001` to `NRRD0005`, and the oldest files' `NRRD00.01`.
fn magic(line: &str) -> Result<(), Wrong> {
    match line {
        "NRRD00.01" | "NRRD0001" | "NRRD0002" | "NRRD0003" | "NRRD0004" | "NRRD0005" => Ok(()),
        _ if line.starts_with("NRRD") => {
            Err(Wrong::Unsupported(format!("is {line:?}; versions up to NRRD0005 are read")))
        }
        _ => Err(Wrong::Unsupported("is not an NRRD file; expected .nrrd or .nhdr".into())),
    }
}

/// `\n` stands for a line break and `\\` for a backslash.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let plain = match (character, characters.peek()) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('\\')) => '\\',
            _ => {
                result.push(character);
                continue;
            }
        };
        characters.next();
        result.push(plain);
    }
    result
}

/// The inverse, for writing.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(header: &str) -> Result<Text, Wrong> {
        Text::read(&mut header.as_bytes())
    }

    #[test]
    fn fields_pairs_comments_and_either_line_end() {
        let header =
            "NRRD0004\r\n# type: short\r\nType: int\r\nline skip:3\nname:=a: b\\nc\\\\n\nkey: x:= y\n\n\u{1}\u{2}";
        let error = text(header).unwrap_err();
        assert_eq!(error, Wrong::Damaged("line 6: unknown field `key`".into()));
        let text = text(&header.replace("key: x:= y", "content: x:= y")).unwrap();
        assert_eq!(
            (text.get("type"), text.get("line skip"), text.get("content")),
            (Some("int"), Some("3"), Some("x:= y"))
        );
        assert_eq!(text.pairs["name"], "a: b\nc\\n");
        assert!(text.ended);
    }

    #[test]
    fn listed_files_run_to_the_end() {
        let text = text("NRRD0004\ndata file: LIST 2\na.raw\nb c.raw\n").unwrap();
        assert_eq!(text.listed, ["a.raw", "b c.raw"]);
    }

    #[test]
    fn wrong_lines_are_named() {
        for (header, reason) in [
            ("NRRD0004\ntype: int\nTYPE: int\n", "line 3: a second field `TYPE`"),
            ("NRRD0004\ntype\n", "line 2: neither a field"),
            ("NRRD0006\n", "NRRD0005"),
            ("P5\n", "not an NRRD file"),
            ("", "not an NRRD file"),
        ] {
            let (Wrong::Damaged(text) | Wrong::Unsupported(text) | Wrong::Memory(text)) = text(header).unwrap_err();
            assert!(text.contains(reason), "{text}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        for name in ["left\\right", "two\nlines", "\\n", "plain"] {
            assert_eq!(unescaped(&escaped(name)), name);
        }
    }
}
