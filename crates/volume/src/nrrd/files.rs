//! The data files that a header names: one, a list, or a numbered series.

use std::path::{Path, PathBuf};

use super::text::Text;
use crate::files;
use crate::stored::Wrong;

/// Data files in order, each with an equal part of the numbers.
#[derive(Debug, PartialEq)]
pub(super) enum Files {
    Listed(Vec<String>),
    Numbered { before: String, width: usize, zeros: bool, after: String, first: i64, step: i64, count: usize },
}

impl Files {
    /// The files of a header, `None` where the numbers follow the header itself.
    pub(super) fn of(text: &Text, sizes: &[usize]) -> Result<Option<Self>, Wrong> {
        let Some(value) = text.get("data file") else { return Ok(None) };
        let damaged = || Wrong::Damaged(format!("`data file: {value}` cannot be read"));
        let words: Vec<&str> = value.split_whitespace().collect();
        let numbered = words.first().and_then(|name| template(name));
        let (files, depth) = match (words.as_slice(), numbered) {
            (["LIST", depth @ ..], _) => (Self::Listed(text.listed.clone()), depth.first().copied()),
            ([_, first, last, step, depth @ ..], Some(parts)) => {
                let files = Self::numbered(parts, [first, last, step]).ok_or_else(damaged)?;
                (files, depth.first().copied())
            }
            _ => return one(value).map(Some),
        };
        if let Self::Listed(names) = &files {
            let mut sorted: Vec<&String> = names.iter().collect();
            sorted.sort_unstable();
            if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Wrong::Damaged(format!("lists the data file {} twice", twice[0])));
            }
        }
        let depth = depth.map_or(Ok(sizes.len() - 1), str::parse).map_err(|_| damaged())?;
        let expected = pieces(sizes, depth, files.count()).ok_or_else(damaged)?;
        if files.count() != expected {
            let text =
                format!("`data file: {value}` names {} files, its sizes {sizes:?} ask for {expected}", files.count());
            return Err(Wrong::Damaged(text));
        }
        Ok(Some(files))
    }

    fn numbered((before, width, zeros, after): Template, numbers: [&str; 3]) -> Option<Self> {
        let [first, last, step] = numbers.map(|number| number.parse::<i32>().ok().map(i64::from));
        let (first, last, step) = (first?, last?, step?);
        let steps = (last - first).checked_div(step).filter(|&steps| steps >= 0)?;
        let count = usize::try_from(steps).ok()?.checked_add(1)?;
        Some(Self::Numbered { before, width, zeros, after, first, step, count })
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Listed(names) => names.len(),
            Self::Numbered { count, .. } => *count,
        }
    }

    /// Paths beside the header.
    pub(super) fn paths<'a>(&'a self, header: &'a Path) -> impl Iterator<Item = Result<PathBuf, Wrong>> + 'a {
        (0..self.count()).map(|index| beside(header, &self.name(index)))
    }

    fn name(&self, index: usize) -> String {
        match self {
            Self::Listed(names) => names.get(index).cloned().unwrap_or_default(),
            Self::Numbered { before, width, zeros, after, first, step, .. } => {
                let number = first + step * index as i64;
                let width = *width;
                let digits = if *zeros { format!("{number:0width$}") } else { format!("{number:width$}") };
                format!("{before}{digits}{after}")
            }
        }
    }
}

/// A single file; its name may hold spaces.
fn one(name: &str) -> Result<Files, Wrong> {
    if name.is_empty() || name == "-" {
        return Err(Wrong::Unsupported("leaves its data to another program (`data file: -`); name a file".into()));
    }
    Ok(Files::Listed(vec![name.to_owned()]))
}

/// Number of files that hold arrays of `depth` axes each; with all axes, equal slabs along the last.
fn pieces(sizes: &[usize], depth: usize, stated: usize) -> Option<usize> {
    if depth == 0 || depth > sizes.len() {
        return None;
    }
    let last = *sizes.last()?;
    if depth == sizes.len() {
        return (stated > 0 && last % stated == 0).then_some(stated);
    }
    sizes.get(depth..)?.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
}

/// Text before the number, its width, whether it is padded with zeros, text after it.
type Template = (String, usize, bool, String);

/// A name with one `%d`, `%3d` or `%03d`; `%%` stands for a percent sign.
fn template(name: &str) -> Option<Template> {
    let start =
        name.match_indices('%').find(|(at, _)| !name[..*at].ends_with('%') && !name[at + 1..].starts_with('%'))?.0;
    let digits: String = name[start + 1..].chars().take_while(char::is_ascii_digit).collect();
    let after = name[start + 1 + digits.len()..].strip_prefix('d')?;
    let width = if digits.is_empty() { 0 } else { digits.parse().ok().filter(|&width: &usize| width < 20)? };
    let plain = |text: &str| text.replace("%%", "%");
    Some((plain(&name[..start]), width, digits.starts_with('0'), plain(after)))
}

/// A data file in the header's folder or below it.
fn beside(header: &Path, name: &str) -> Result<PathBuf, Wrong> {
    match files::inside(name) {
        Some(path) => Ok(header.parent().unwrap_or(Path::new("")).join(path)),
        None => Err(Wrong::Unsupported(format!("has its data at {name}; put the data file beside the header"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(field: &str, sizes: &[usize]) -> Result<Vec<String>, Wrong> {
        let header = format!("NRRD0004\ndata file: {field}\n");
        let text = Text::read(&mut header.as_bytes()).unwrap();
        let files = Files::of(&text, sizes)?.unwrap();
        files.paths(Path::new("set/case.nhdr")).map(|path| Ok(path?.to_string_lossy().into_owned())).collect()
    }

    #[test]
    fn one_listed_and_numbered_files() {
        assert_eq!(names("my case.raw", &[4, 3, 2]).unwrap(), ["set/my case.raw"]);
        assert_eq!(names("./s%03d.raw 8 12 2", &[4, 3, 3]).unwrap(), ["set/s008.raw", "set/s010.raw", "set/s012.raw"]);
        assert_eq!(names("%d%%.raw 2 1 -1", &[4, 3, 2]).unwrap(), ["set/2%.raw", "set/1%.raw"]);
        assert_eq!(names("s%2d 0 5 1 2", &[4, 3, 3, 2]).unwrap().len(), 6);
        assert_eq!(names("s%d 1 2 1 3", &[4, 3, 6]).unwrap(), ["set/s1", "set/s2"]);
        assert_eq!(names("LIST\na\nb", &[4, 3, 2]).unwrap(), ["set/a", "set/b"]);
        assert_eq!(names("LIST 3\na\nb", &[4, 3, 6]).unwrap(), ["set/a", "set/b"]);
    }

    #[test]
    fn wrong_series_are_refused() {
        for field in ["s%d 1 3 1", "s%d 1 2 0", "s%d 2 1 1", "s%d 1 2 1 9", "LIST\na", "LIST x\na\nb", "LIST\na\na"] {
            assert!(matches!(names(field, &[4, 3, 2]), Err(Wrong::Damaged(_))), "{field}");
        }
        for field in ["/etc/passwd", "../other.raw", "LIST\n../a\nb", "-", "../s%d 1 2 1"] {
            assert!(matches!(names(field, &[4, 3, 2]), Err(Wrong::Unsupported(_))), "{field}");
        }
    }
}
