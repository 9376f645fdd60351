//! Stacks layers with figment, and records where each value came from.
//!
//! figment merges tables key by key and replaces everything else; for every value, it records the layer that set it. It
//! cannot know that two keys of one table may be variants of an enum, so [`stack`] first removes from every lower layer the
//! variants that a higher layer replaces.

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::form::Form;
use super::node::{Content, Node};

/// Layers, lowest first, without the variants that a higher layer replaces.
#[derive(Clone, Debug, Default)]
pub struct Layers(Vec<Node>);

/// Stacks layers, lowest first.
pub fn stack(layers: Vec<Node>, form: &Form) -> Layers {
    let mut stacked = Layers::default();
    for layer in layers {
        stacked.push(layer, form);
    }
    stacked
}

impl Layers {
    /// Adds a layer on top; a different variant of an enum replaces the lower one as a whole.
    pub fn push(&mut self, layer: Node, form: &Form) {
        for lower in &mut self.0 {
            remove_replaced_variants(lower, &layer, form);
            // A sweep mirrors the keys of the experiment.
            if let (Some(below), Some(above)) = (lower.get_mut("sweep"), layer.get("sweep")) {
                remove_replaced_variants(below, above, form);
            }
        }
        self.0.push(layer);
    }

    /// The layers with one more on top.
    pub fn with(&self, layer: Node, form: &Form) -> Self {
        let mut layers = self.clone();
        layers.push(layer, form);
        layers
    }

    /// The figment of these layers; its metadata name each layer by its index.
    pub fn figment(&self) -> Figment {
        let layers = self.0.iter().enumerate().map(|(index, tree)| Layer { index, tree });
        layers.fold(Figment::new(), |figment, layer| figment.merge(layer))
    }

    /// The merged tree; every value keeps the place where it was written.
    pub fn merged(&self) -> Node {
        let figment = self.figment();
        let places: Vec<(usize, &Node)> = self.0.iter().enumerate().collect();
        let root = figment.extract::<Value>().ok().and_then(|value| merged_node(&value, &places, &figment));
        let Some(first) = self.0.last() else { return Node::empty_table(super::source::Place::start_of(0)) };
        root.unwrap_or_else(|| Node::empty_table(first.place))
    }

    /// Every layer's value at a path, highest first.
    pub fn history(&self, path: &[String]) -> Vec<&Node> {
        let at = |layer| path.iter().try_fold(layer, |node: &Node, key| node.get(key));
        self.0.iter().rev().filter_map(at).collect()
    }

    /// Height of the layer of a source; 0 is the lowest.
    pub fn height(&self, source: usize) -> usize {
        self.0.iter().position(|layer| layer.place.source == source).unwrap_or(self.0.len())
    }
}

/// One layer as figment sees it.
struct Layer<'a> {
    index: usize,
    tree: &'a Node,
}

impl Provider for Layer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.index.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, dict(self.tree))]))
    }
}

fn dict(node: &Node) -> Dict {
    node.entries().iter().map(|(name, node)| (name.clone(), value(node))).collect()
}

fn value(node: &Node) -> Value {
    match &node.content {
        Content::Text(text) => Value::from(text.as_str()),
        Content::Integer(number) => Value::from(*number),
        Content::Number(number) => Value::from(*number),
        Content::Flag(flag) => Value::from(*flag),
        Content::List(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        Content::Table(_) => Value::from(dict(node)),
    }
}

/// The node of a merged value, from the layer in its tag; tables are built entry by entry.
fn merged_node(value: &Value, layers: &[(usize, &Node)], figment: &Figment) -> Option<Node> {
    let index: usize = figment.get_metadata(value.tag()).and_then(|metadata| metadata.name.parse().ok()).unwrap_or(0);
    let owner = layers.iter().find(|(layer, _)| *layer == index).or(layers.last())?.1;
    let Value::Dict(_, dict) = value else { return Some(owner.clone()) };
    let mut entries = Vec::new();
    for (name, value) in dict {
        let inner: Vec<_> = layers.iter().filter_map(|(layer, node)| Some((*layer, node.get(name)?))).collect();
        entries.push((name.clone(), merged_node(value, &inner, figment)?));
    }
    entries.sort_by_key(|(_, node)| (layers.iter().position(|(_, layer)| is_of(layer, node)), node.key));
    Some(Node { key: owner.key, place: owner.place, content: Content::Table(entries) })
}

fn is_of(layer: &Node, node: &Node) -> bool {
    layer.place.source == node.place.source
}

/// Removes from a lower layer the variants that a higher layer replaces.
fn remove_replaced_variants(lower: &mut Node, higher: &Node, form: &Form) {
    let Content::Table(entries) = &mut lower.content else { return };
    if form.is_choice() && !higher.entries().is_empty() {
        entries.retain(|(name, _)| higher.get(name).is_some());
    }
    for (name, node) in entries {
        if let (Some(above), Some(inner)) = (higher.get(name), form.field(name)) {
            remove_replaced_variants(node, above, inner);
        }
    }
}
