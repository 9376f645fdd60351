//! The search space of a sweep: a parameter for every key that varies, and the trial of a point.

use segspec_search::{Condition, Domain, Parameter, Point, Space, Value};

use super::knob::{Knob, Pattern, with_key};
use super::node::{Content, Node};
use super::source::Place;
use super::sweep::{self, Axis};
use super::trial::{Combination, Namer, fits};
use crate::evaluate::Setting;

/// Digits of a drawn number: more would only lengthen names.
const DIGITS: i32 = 4;

/// The space of some axes.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSpace {
    axes: Vec<Axis>,
    space: Space,
    /// Of each parameter: its path from the experiment's root, and the values of a choice, for names.
    places: Vec<(Vec<String>, Vec<Node>)>,
}

impl SearchSpace {
    /// The parameters of the axes in their order, each before those inside its values.
    pub fn new(axes: &[Axis]) -> Self {
        let space = Space { parameters: Vec::new() };
        let mut built = Self { axes: axes.to_vec(), space, places: Vec::new() };
        for axis in axes {
            built.add(&axis.knob, axis.path.clone(), None);
        }
        built
    }

    /// The parameters.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Names of the parameters, as short as they are unique.
    pub fn names(&self) -> Vec<String> {
        let namer = Namer::new(self.places.iter().map(|(path, _)| path.as_slice()));
        (0..self.places.len()).map(|index| namer.name(index)).collect()
    }

    /// Names of the values of a choice; none for a range.
    pub fn choices(&self, index: usize) -> Vec<String> {
        let namer = Namer::new(self.places.iter().map(|(path, _)| path.as_slice()));
        let Some((_, items)) = self.places.get(index) else { return Vec::new() };
        (0..items.len()).map(|at| namer.value(items, at)).collect()
    }

    /// The values of every choice, in the order of the parameters.
    pub fn values(&self) -> Vec<Vec<serde_json::Value>> {
        self.places.iter().map(|(_, items)| items.iter().map(sweep::to_json).collect()).collect()
    }

    /// Whether a value of the key fits what `exclude` names; `None` if no such key varies.
    pub fn can_fit(&self, key: &str, wanted: &serde_json::Value) -> Option<bool> {
        let own = self.places.iter().zip(&self.space.parameters).filter(|((path, _), _)| path.join(".") == key);
        let fits = own.map(|((_, items), parameter)| match parameter.domain {
            Domain::Choice { .. } => items.iter().any(|item| fits(&sweep::to_json(item), wanted)),
            domain => may_lie_within(domain, wanted),
        });
        fits.reduce(|one, other| one || other)
    }

    fn add(&mut self, knob: &Knob, path: Vec<String>, only_if: Option<Condition>) {
        let domain = match knob {
            Knob::Choice(items) => Domain::Choice { count: items.len() },
            Knob::Number { bounds: [low, high], log: false } => Domain::Uniform { low: *low, high: *high },
            Knob::Number { bounds: [low, high], log: true } => Domain::LogUniform { low: *low, high: *high },
            Knob::Integer { bounds: [low, high], step, log } => {
                Domain::Int { low: *low, high: *high, step: *step, log: *log }
            }
        };
        let parameter = self.space.parameters.len();
        let name = self.unique(path.join("."));
        self.space.parameters.push(Parameter { name, domain, only_if });
        let items = if let Knob::Choice(items) = knob { items.as_slice() } else { &[] };
        self.places.push((path.clone(), items.iter().map(Pattern::fixed).collect()));
        for (choice, item) in items.iter().enumerate() {
            self.add_inside(item, &path, Condition { parameter, choice });
        }
    }

    fn add_inside(&mut self, pattern: &Pattern, path: &[String], condition: Condition) {
        let below = |name: String| [path, &[name]].concat();
        match pattern {
            Pattern::Value(_) => {}
            Pattern::Knob(knob, _) => self.add(knob, path.to_vec(), Some(condition)),
            Pattern::Table(_, parts) => {
                parts.iter().for_each(|(name, part)| self.add_inside(part, &below(name.clone()), condition));
            }
            Pattern::List(_, parts) => {
                let parts = parts.iter().enumerate();
                parts.for_each(|(index, part)| self.add_inside(part, &below(index.to_string()), condition));
            }
        }
    }

    /// The name, with a number if another parameter has it: the same key inside two values of a list.
    fn unique(&self, name: String) -> String {
        let is_taken = |name: &str| self.space.parameters.iter().any(|other| other.name == name);
        match is_taken(&name) {
            false => name,
            true => (2..).map(|number| format!("{name}#{number}")).find(|name| !is_taken(name)).unwrap_or(name),
        }
    }

    /// Every point of a space of choices, the first parameter varying slowest; `None` if there are more than `most`, or a range.
    pub fn points(&self, most: usize) -> Option<Vec<Point>> {
        let mut points: Vec<Point> = vec![Vec::new()];
        for (index, parameter) in self.space.parameters.iter().enumerate() {
            let Domain::Choice { count } = parameter.domain else { return None };
            let mut longer = Vec::new();
            for point in &points {
                if self.space.is_active(index, point) {
                    longer.extend((0..count).map(|choice| [&point[..], &[Some(Value::Choice(choice))]].concat()));
                } else {
                    longer.push([&point[..], &[None]].concat());
                }
                if longer.len() > most {
                    return None;
                }
            }
            points = longer;
        }
        Some(points)
    }

    /// Points that together hold every choice, and both ends of every range: checked before anything is computed.
    pub fn corners(&self) -> Vec<Point> {
        let parameters = &self.space.parameters;
        let largest = |domain: &Domain| if let Domain::Choice { count } = domain { *count } else { 2 };
        let count = parameters.iter().map(|parameter| largest(&parameter.domain)).max().unwrap_or(0);
        // Each choice of a parameter with others inside it is visited as often as those need.
        let rounds = count * if parameters.iter().any(|parameter| parameter.only_if.is_some()) { count } else { 1 };
        let mut points: Vec<Point> = Vec::new();
        for round in 0..rounds {
            let mut point: Point = Vec::new();
            for (index, parameter) in parameters.iter().enumerate() {
                let is_active = self.space.is_active(index, &point);
                // Parameters inside a choice advance once per visit of that choice.
                let turn = if parameter.only_if.is_some() { round / count } else { round };
                point.push(is_active.then(|| end(parameter.domain, turn)));
            }
            if !points.contains(&point) {
                points.push(point);
            }
        }
        points
    }

    /// The trial of a point: its settings, one per active parameter, and the layer that makes it.
    pub fn combination(&self, point: &Point) -> Combination {
        let mut layer = Node::empty_table(Place::start_of(0));
        let mut next = 0;
        for axis in &self.axes {
            let Some(value) = realise(&axis.knob, axis.place, point, &mut next) else { continue };
            let path: Vec<(String, Place)> = axis.path.iter().map(|key| (key.clone(), value.place)).collect();
            // Paths differ and none is a prefix of another: they are leaves of one tree.
            let inserted = layer.insert(&path, value);
            debug_assert!(inserted.is_ok());
        }
        let namer = Namer::new(self.places.iter().map(|(path, _)| path.as_slice()));
        let mut settings = Vec::new();
        let mut label = Vec::new();
        for (index, (path, items)) in self.places.iter().enumerate() {
            let (value, shown) = match point.get(index).copied().flatten() {
                Some(Value::Choice(at)) => {
                    let Some(item) = items.get(at) else { continue };
                    (sweep::to_json(item), namer.value(items, at))
                }
                Some(Value::Number(number)) => (serde_json::json!(number), serde_json::json!(number).to_string()),
                Some(Value::Int(number)) => (serde_json::json!(number), number.to_string()),
                None => continue,
            };
            let own = format!("{}={shown}", namer.name(index));
            label.push(own.clone());
            // Trials are averaged over seeds.
            if *path != ["seed"] {
                settings.push(Setting { key: path.join("."), value, label: own });
            }
        }
        Combination { label: label.join(" "), settings, layer }
    }
}

/// Whether a range has a value that `exclude` names: a number, or one beyond a bound.
fn may_lie_within(domain: Domain, wanted: &serde_json::Value) -> bool {
    let [low, high] = match domain {
        Domain::Choice { .. } => return true,
        Domain::Uniform { low, high } | Domain::LogUniform { low, high } => [low, high],
        Domain::Int { low, high, .. } => [low as f64, high as f64],
    };
    let bound = |name: &str| wanted.get(name).and_then(serde_json::Value::as_f64);
    match wanted.as_f64() {
        Some(number) => (low..=high).contains(&number),
        None if bound("above").is_none() && bound("below").is_none() => false,
        None => bound("above").is_none_or(|bound| high > bound) && bound("below").is_none_or(|bound| low < bound),
    }
}

/// A drawn point with its numbers shortened to four digits, within their bounds.
pub fn shortened(space: &Space, point: Point) -> Point {
    let short = |(parameter, value): (&Parameter, Option<Value>)| match (parameter.domain, value) {
        (Domain::Uniform { low, high } | Domain::LogUniform { low, high }, Some(Value::Number(number))) => {
            Some(Value::Number(shorten(number).clamp(low, high)))
        }
        _ => value,
    };
    space.parameters.iter().zip(point).map(short).collect()
}

/// A value at the end of a domain: the first for even turns, the last for odd ones; of a choice, each in turn.
fn end(domain: Domain, turn: usize) -> Value {
    let is_first = turn.is_multiple_of(2);
    match domain {
        Domain::Choice { count } => Value::Choice(turn % count.max(1)),
        Domain::Uniform { low, high } | Domain::LogUniform { low, high } => {
            Value::Number(if is_first { low } else { high })
        }
        Domain::Int { low, high, step, .. } => {
            Value::Int(if is_first { low } else { low + (high - low) / step * step })
        }
    }
}

fn shorten(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    // Through text, so that 0.0012 is 0.0012 and not 0.0012000000000000001.
    format!("{number:.*e}", DIGITS as usize - 1).parse().unwrap_or(number)
}

/// The value of a knob at a point; `None` where it is inactive. `next`: the index of its parameter, then that of the next one.
fn realise(knob: &Knob, place: Place, point: &Point, next: &mut usize) -> Option<Node> {
    let value = point.get(*next).copied().flatten();
    *next += 1;
    match (knob, value) {
        (Knob::Choice(items), value) => {
            // Walks through all of them: their parameters stand in the point whether chosen or not.
            let all: Vec<Node> = items.iter().map(|item| realise_inside(item, point, next)).collect();
            let Some(Value::Choice(at)) = value else { return None };
            all.into_iter().nth(at)
        }
        (_, Some(Value::Number(number))) => Some(Knob::node(number, false, place)),
        (_, Some(Value::Int(number))) => Some(Node { key: None, place, content: Content::Integer(number) }),
        _ => None,
    }
}

fn realise_inside(pattern: &Pattern, point: &Point, next: &mut usize) -> Node {
    match pattern {
        Pattern::Value(node) => node.clone(),
        Pattern::Knob(knob, place) => realise(knob, *place, point, next).unwrap_or_else(|| Node::empty_table(*place)),
        Pattern::Table(node, parts) => {
            let parts = parts
                .iter()
                .map(|(name, part)| (name.clone(), with_key(realise_inside(part, point, next), node, name)));
            Node { content: Content::Table(parts.collect()), ..node.clone() }
        }
        Pattern::List(node, parts) => {
            let parts = parts.iter().map(|part| realise_inside(part, point, next));
            Node { content: Content::List(parts.collect()), ..node.clone() }
        }
    }
}
