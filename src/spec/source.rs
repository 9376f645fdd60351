//! The sources that a spec was read from, and places in them.

use std::path::PathBuf;

/// Kind of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A TOML file.
    File(PathBuf),
    /// An environment variable `SEGSPEC__…`.
    Environment,
    /// An argument `--set KEY=VALUE`.
    Argument,
}

/// One source: a file, an environment variable or an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Name shown to the user: the path as given, `environment`, `--set`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Its kind.
    pub origin: Origin,
}

impl Source {
    /// Line and column (in characters) of a byte offset, both from 1.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count());
        (before.matches('\n').count() + 1, column + 1)
    }
}

/// A range of bytes in one of the [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index in [`Sources`].
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Place {
    /// The first character of a source.
    pub fn start_of(source: usize) -> Self {
        Self { source, start: 0, end: 1 }
    }
}

/// Every source of one spec, in the order of reading: the file named on the command line comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a source and returns its index.
    pub fn add(&mut self, source: Source) -> usize {
        self.0.push(source);
        self.0.len() - 1
    }

    /// The source with this index.
    pub fn get(&self, index: usize) -> Option<&Source> {
        self.0.get(index)
    }

    /// `path:line:column`, as compilers write it.
    pub fn locate(&self, place: Place) -> String {
        let Some(source) = self.get(place.source) else { return String::new() };
        let (line, column) = source.line_column(place.start);
        format!("{}:{line}:{column}", source.name)
    }

    /// `path:line`; for arguments and variables, which have one line, name and text.
    pub fn locate_line(&self, place: Place) -> String {
        let Some(source) = self.get(place.source) else { return String::new() };
        match source.origin {
            Origin::File(_) => format!("{}:{}", source.name, source.line_column(place.start).0),
            Origin::Environment | Origin::Argument => format!("{} {}", source.name, source.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source { name: "a.toml".into(), text: "a = 1\nµ = \"ß\" # x".into(), origin: Origin::Argument };
        assert_eq!(source.line_column(0), (1, 1));
        let offset = source.text.find('#').unwrap();
        assert_eq!(source.line_column(offset), (2, 9));
        assert_eq!(source.line_column(999), (2, 12));
    }
}
