//! A TOML value with its place in the source.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Problem;
use super::source::{Place, Sources};

/// A value, its place, and the place of the key that holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The key's place; none in a list and at the root.
    pub key: Option<Place>,
    /// The value's place; for a table made by headers or dotted keys, the last key that leads to it.
    pub place: Place,
    /// The value.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A string.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number with a point or an exponent; also `nan` and `inf`.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// An array.
    List(Vec<Node>),
    /// A table, entries in the order in which they were written.
    Table(Vec<(String, Node)>),
}

impl Node {
    /// A table without entries.
    pub fn empty_table(place: Place) -> Self {
        Self { key: None, place, content: Content::Table(Vec::new()) }
    }

    /// The entries of a table; empty for anything else.
    pub fn entries(&self) -> &[(String, Node)] {
        match &self.content {
            Content::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a table.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries().iter().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The entry of a table, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        let Content::Table(entries) = &mut self.content else { return None };
        entries.iter_mut().find(|(key, _)| key == name).map(|(_, node)| node)
    }

    /// The items of a list; empty for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.content, Content::Table(_))
    }

    /// Where an error about this node is underlined: the key if there is one, else the value.
    pub fn key_place(&self) -> Place {
        self.key.unwrap_or(self.place)
    }

    /// Inserts a value at a path, creating tables as needed.
    ///
    /// # Errors
    /// The place of the value that already exists.
    pub fn insert(&mut self, path: &[(String, Place)], value: Node) -> Result<(), Place> {
        let place = self.place;
        let Content::Table(entries) = &mut self.content else { return Err(place) };
        let Some(((name, key), rest)) = path.split_first() else { return Err(place) };
        let position = entries.iter().position(|(entry, _)| entry == name);
        match (position.and_then(|at| entries.get_mut(at)), rest) {
            (Some((_, node)), []) => Err(node.place),
            (Some((_, node)), rest) => node.insert(rest, value),
            (None, []) => {
                entries.push((name.clone(), Node { key: Some(*key), ..value }));
                Ok(())
            }
            (None, rest) => {
                let mut table = Node { key: Some(*key), ..Node::empty_table(*key) };
                table.insert(rest, value)?;
                entries.push((name.clone(), table));
                Ok(())
            }
        }
    }
}

/// Parses TOML; returns the tree of what could be parsed, and every syntax error.
pub fn parse(source: usize, sources: &Sources) -> (Node, Vec<Problem>) {
    let text = sources.get(source).map_or("", |source| source.text.as_str());
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = Vec::new();
    let mut lines: Vec<usize> = Vec::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        // Further errors on the same line mostly follow from the first.
        let line = text.get(..span.start).unwrap_or(text).matches('\n').count();
        if lines.contains(&line) {
            continue;
        }
        lines.push(line);
        let problem = Problem::at(Place { source, start: span.start, end: span.end }, error.message());
        problems.push(problem.help("this is not valid TOML; keys and values are checked once the file can be parsed"));
    }
    let mut reader = Reader { source, problems };
    let content = reader.table(root.get_ref());
    let root = Node { key: None, place: Place::start_of(source), content };
    (root, reader.problems)
}

struct Reader {
    source: usize,
    problems: Vec<Problem>,
}

impl Reader {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place { source: self.source, start: span.start, end: span.end }
    }

    fn table(&mut self, table: &DeTable) -> Content {
        let mut entries: Vec<(String, Node)> = Vec::new();
        for (key, value) in table {
            let place = self.place(key.span());
            let node = self.value(value, Some(place));
            entries.push((key.get_ref().to_string(), node));
        }
        // The parser sorts tables by name; the written order decides the order of a sweep.
        entries.sort_by_key(|(_, node)| node.key);
        Content::Table(entries)
    }

    fn value(&mut self, value: &Spanned<DeValue>, key: Option<Place>) -> Node {
        let mut place = self.place(value.span());
        let content = match value.get_ref() {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Boolean(flag) => Content::Flag(*flag),
            DeValue::Integer(number) => self.integer(number.as_str(), number.radix(), place),
            DeValue::Float(number) => Content::Number(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Datetime(date) => {
                let problem = Problem::at(place, "specs have no date values");
                self.problems.push(problem.help(format!("put it in quotes to make it a string: \"{date}\"")));
                Content::Text(date.to_string())
            }
            DeValue::Array(items) => Content::List(items.iter().map(|item| self.value(item, None)).collect()),
            DeValue::Table(table) => self.table(table),
        };
        // The parser's place of a table under a header includes the brackets; underline only the key.
        if let (Content::Table(_), Some(key)) = (&content, key) {
            place = key;
        }
        Node { key, place, content }
    }

    fn integer(&mut self, digits: &str, radix: u32, place: Place) -> Content {
        i64::from_str_radix(digits, radix).map(Content::Integer).unwrap_or_else(|_| {
            let help = format!("the largest is {}", i64::MAX);
            self.problems.push(Problem::at(place, "this integer is too large").help(help));
            Content::Integer(0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::{Origin, Source};
    use super::*;

    #[test]
    fn a_tree_keeps_order_and_places() {
        let text = "b = 1\na.d = 0x10\na.c = [1.5, true]\n[z]\n";
        let mut sources = Sources::default();
        sources.add(Source { name: "x".into(), text: text.into(), origin: Origin::Argument });
        let (root, problems) = parse(0, &sources);
        assert!(problems.is_empty());
        let names: Vec<_> = root.entries().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "z"]);
        let inner = root.get("a").unwrap();
        assert_eq!(inner.entries()[0].1.content, Content::Integer(16));
        let number = &inner.get("c").unwrap().items()[0];
        assert_eq!(&text[number.place.start..number.place.end], "1.5");
        assert_eq!(&text[root.get("z").unwrap().key_place().start..][..1], "z");
    }

    #[test]
    fn dates_and_huge_integers_are_refused() {
        let mut sources = Sources::default();
        let text = "a = 1979-05-27\nb = 99999999999999999999\n";
        sources.add(Source { name: "x".into(), text: text.into(), origin: Origin::Argument });
        assert_eq!(parse(0, &sources).1.len(), 2);
    }
}
