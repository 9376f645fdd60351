//! Reads the layers of a spec, lowest first: `extends` files, the file itself, the environment, `--set`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::diagnostic::Problem;
use super::node::{self, Content, Node};
use super::source::{Origin, Place, Source, Sources};
use super::{mistaken, suggest};

/// Sources, layers and errors read so far.
#[derive(Debug, Default)]
pub struct Reading {
    /// Every source that was read.
    pub sources: Sources,
    /// The layers, lowest first.
    pub layers: Vec<Node>,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// Files in the order of `layers`, by canonical path.
    done: Vec<PathBuf>,
}

impl Reading {
    /// Reads a file without layers below it (a dataset).
    pub fn plain_file(&mut self, path: &Path) -> Option<Node> {
        let source = self.open(path, path, None)?;
        self.spec(source, path, true)
    }

    /// Reads a file and the files that it extends.
    pub fn file(&mut self, path: &Path) {
        self.file_below(path, path, None, &mut Vec::new());
    }

    /// Reads the files that this one extends, then this one, so that it lies above them. `written` is the path as written,
    /// `open` are the files being read.
    fn file_below(&mut self, path: &Path, written: &Path, named_at: Option<Place>, open: &mut Vec<PathBuf>) {
        let identity = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(place) = named_at.filter(|_| open.contains(&identity)) {
            let chain: Vec<String> = open.iter().map(|file| file_name(file)).collect();
            let message = format!("`extends` is circular: {} → {}", chain.join(" → "), file_name(path));
            let help = "remove this entry: a file cannot extend itself".to_owned();
            return self.problems.push(Problem::at(place, message).help(help));
        }
        // If two files extend the same third file, it lies below both, once.
        if self.done.contains(&identity) {
            return;
        }
        let Some(source) = self.open(path, written, named_at) else { return };
        let Some(tree) = self.spec(source, path, false) else { return };
        open.push(identity.clone());
        for (name, place) in self.extends(&tree) {
            let folder = path.parent().unwrap_or(Path::new(""));
            self.file_below(&folder.join(&name), Path::new(&name), Some(place), open);
        }
        open.pop();
        self.done.push(identity);
        self.layers.push(tree);
    }

    /// The entries of `extends`; entries of another type are reported later, by the check of the form.
    fn extends(&mut self, tree: &Node) -> Vec<(String, Place)> {
        let entries = tree.get("extends").map(Node::items).unwrap_or_default();
        entries.iter().filter_map(|entry| Some((entry.as_text()?.to_owned(), entry.place))).collect()
    }

    fn open(&mut self, path: &Path, written: &Path, named_at: Option<Place>) -> Option<usize> {
        if let Some(problem) = mistaken::by_name(path, &shown(path)).filter(|_| path.is_file()) {
            self.problems.push(Problem { place: named_at, ..problem });
            return None;
        }
        match read_text(path) {
            Ok(text) => {
                let name = shown(path);
                Some(self.sources.add(Source { name, text, origin: Origin::File(path.to_owned()) }))
            }
            Err(error) => {
                let message = format!("cannot read `{}`: {}", shown(path), reason(&error));
                let mut problem = Problem { place: named_at, ..Problem::nowhere(message) };
                problem.help = Some(match (neighbour(path), named_at) {
                    _ if path.is_dir() => mistaken::of_folder(path),
                    (Some(near), _) => format!("did you mean `{}`?", written.with_file_name(near).display()),
                    (None, Some(_)) => "the path is relative to the folder of the file that contains it".into(),
                    (None, None) => "the path is relative to the current directory".into(),
                });
                self.problems.push(problem);
                None
            }
        }
    }

    /// The tree of a file; none, with an error, for a file of another kind.
    fn spec(&mut self, source: usize, path: &Path, wants_dataset: bool) -> Option<Node> {
        let tree = self.parse(source);
        match mistaken::by_content(path, &shown(path), &tree, wants_dataset) {
            None => Some(tree),
            Some(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn parse(&mut self, source: usize) -> Node {
        let (tree, problems) = node::parse(source, &self.sources);
        self.problems.extend(problems);
        tree
    }

    /// One layer of the environment: `SEGSPEC__TRAIN__BATCH_SIZE=4` is `train.batch-size = 4`. Other variables are ignored.
    pub fn environment(&mut self, variables: &[(String, String)]) {
        let ours: BTreeMap<&String, &String> =
            variables.iter().filter(|(name, _)| name.starts_with(PREFIX)).map(|(name, value)| (name, value)).collect();
        let mut layer: Option<Node> = None;
        for (name, value) in ours {
            let text = format!("{name}={value}");
            let source = Source { name: "environment".into(), text, origin: Origin::Environment };
            let source = self.sources.add(source);
            let Some(path) = self.variable_path(name, source) else { continue };
            let value = self.value_of(source, name.len() + 1);
            let layer = layer.get_or_insert_with(|| Node::empty_table(Place::start_of(source)));
            if layer.insert(&path, value).is_err() {
                let place = Place { source, start: 0, end: name.len() };
                let message = format!("`{name}` sets a key that another variable already sets");
                self.problems.push(Problem::at(place, message).help("unset one of the two variables"));
            }
        }
        self.push_override(layer);
    }

    /// `__` separates keys and `_` stands for a hyphen.
    fn variable_path(&mut self, name: &str, source: usize) -> Option<Vec<(String, Place)>> {
        let mut start = PREFIX.len();
        let mut path = Vec::new();
        for segment in name.get(start..)?.split("__") {
            let end = start + segment.len();
            if segment.is_empty() {
                let place = Place { source, start: 0, end: name.len() };
                let problem = Problem::at(place, format!("`{name}` has an empty key between `__` and `__`"));
                self.problems.push(problem.help("write the keys as in SEGSPEC__TRAIN__BATCH_SIZE"));
                return None;
            }
            path.push((segment.to_lowercase().replace('_', "-"), Place { source, start, end }));
            start = end + 2;
        }
        Some(path)
    }

    /// One layer per `--set KEY=VALUE`; later ones override earlier ones.
    pub fn arguments(&mut self, arguments: &[String]) {
        for argument in arguments {
            let source = Source { name: "--set".into(), text: argument.clone(), origin: Origin::Argument };
            let source = self.sources.add(source);
            let layer = self.argument(argument, source);
            self.push_override(layer);
        }
    }

    fn argument(&mut self, argument: &str, source: usize) -> Option<Node> {
        let whole = Place { source, start: 0, end: argument.len() };
        let Some((key, _)) = argument.split_once('=') else {
            let problem = Problem::at(whole, "`--set` needs a key and a value");
            self.problems.push(problem.help("write it as `--set train.batch-size=4`"));
            return None;
        };
        let Some(path) = dotted_key(key, source) else {
            let problem = Problem::at(Place { end: key.len(), ..whole }, format!("`{key}` is not a key"));
            self.problems.push(problem.help("write keys with dots between them: `train.batch-size`"));
            return None;
        };
        let value = self.value_of(source, key.len() + 1);
        let mut layer = Node::empty_table(whole);
        layer.insert(&path, value).ok()?;
        Some(layer)
    }

    /// The value that starts at a byte of an argument or a variable: TOML, or else a bare string.
    fn value_of(&mut self, source: usize, start: usize) -> Node {
        let text = self.sources.get(source).map(|source| source.text.clone()).unwrap_or_default();
        let written = text.get(start..).unwrap_or_default();
        let place = Place { source, start, end: text.len() };
        // Padding keeps byte positions as in the argument.
        let padded = format!("{}={written}", "v".repeat(start.saturating_sub(1)));
        let mut scratch = Sources::default();
        scratch.add(Source { name: String::new(), text: padded, origin: Origin::Argument });
        let (mut tree, problems) = node::parse(0, &scratch);
        let bare = !written.trim_start().starts_with(['[', '{', '"', '\'']);
        if problems.is_empty()
            && tree.entries().len() == 1
            && let Content::Table(entries) = &mut tree.content
            && let Some((_, value)) = entries.pop()
        {
            return relocate(value, place);
        }
        if !bare {
            let moved = |problem: Problem| problem.place.map_or(place, |inner| Place { source, ..inner });
            self.problems.extend(problems.into_iter().map(|p| Problem { place: Some(moved(p.clone())), ..p }));
        }
        Node { key: None, place, content: Content::Text(written.to_owned()) }
    }

    /// Adds a layer above the files. It must not set `extends`, which names the layers below.
    fn push_override(&mut self, layer: Option<Node>) {
        let Some(layer) = layer else { return };
        if let Some(node) = layer.get("extends") {
            let problem = Problem::at(node.key_place(), "`extends` can only be written in a file");
            self.problems.push(problem.help("set single keys here, or write a file that extends others"));
        }
        self.layers.push(layer);
    }
}

/// Longest spec in bytes; the repository's longest has 5 kB.
const LONGEST: u64 = 1 << 20;

/// The text of a file, which may also be a pipe.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LONGEST {
        true => Err(std::io::Error::other("it is longer than 1 MB, which no spec is")),
        false => Ok(text),
    }
}

const PREFIX: &str = "SEGSPEC__";

/// Moves the places of a value parsed from a scratch text to the source it came from.
fn relocate(mut node: Node, whole: Place) -> Node {
    node.key = node.key.map(|key| Place { source: whole.source, ..key });
    node.place = Place { source: whole.source, ..node.place };
    node.content = match node.content {
        Content::List(items) => Content::List(items.into_iter().map(|item| relocate(item, whole)).collect()),
        Content::Table(entries) => {
            Content::Table(entries.into_iter().map(|(name, node)| (name, relocate(node, whole))).collect())
        }
        other => other,
    };
    node
}

/// The keys of `a.b."c d"` with their places.
fn dotted_key(key: &str, source: usize) -> Option<Vec<(String, Place)>> {
    let mut scratch = Sources::default();
    scratch.add(Source { name: String::new(), text: format!("{key}=0"), origin: Origin::Argument });
    let (tree, problems) = node::parse(0, &scratch);
    if !problems.is_empty() {
        return None;
    }
    let mut path = Vec::new();
    let mut at = &tree;
    while let [(name, node)] = at.entries() {
        path.push((name.clone(), Place { source, ..node.key_place() }));
        at = node;
    }
    (!path.is_empty()).then_some(path)
}

/// A path as a user would write it: `experiments/../base.toml` is `base.toml`.
fn shown(path: &Path) -> String {
    let mut parts: Vec<Component> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.iter().collect::<PathBuf>().display().to_string()
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".into(),
        std::io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => crate::files::reason(error),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The file in the same folder with the most similar name.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).ok()?;
    let mut names: Vec<String> = entries.flatten().map(|entry| file_name(&entry.path())).collect();
    names.sort();
    let name = file_name(path);
    suggest::nearest(&name, names.iter().map(String::as_str).filter(|other| *other != name)).map(str::to_owned)
}
