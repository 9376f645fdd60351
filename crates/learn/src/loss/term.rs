//! What every term of the loss states of itself, and the macro that makes the enum of all terms of their list.

/// A term's table in a spec.
pub trait Term {
    /// Factor of the term.
    fn weight(&self) -> f64;

    /// Which kind of network outputs it is defined for.
    fn outputs(&self) -> Outputs {
        Outputs::Any
    }

    /// Whether it treats the background as a structure.
    fn counts_background(&self) -> bool {
        false
    }

    /// Lists with one number per output.
    fn weight_lists(&self) -> Vec<WeightList<'_>> {
        Vec::new()
    }

    /// Values that are out of their range.
    fn mistakes(&self) -> Vec<Mistake> {
        Vec::new()
    }
}

/// How a network's outputs become probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// Softmax or sigmoid.
    Any,
    /// Softmax: background and structures exclude each other.
    Exclusive,
    /// Sigmoid: one probability per structure. A network that is trained with such a term has sigmoid outputs.
    Independent,
}

/// A list with one number per output: the background first where outputs exclude each other, then the structures in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightList<'a> {
    /// Key in the term's table.
    pub key: &'static str,
    /// What kind of weights they are, for messages: "class", "positive".
    pub kind: &'static str,
    /// The numbers.
    pub weights: &'a [f64],
}

/// A value that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Key in the term's table.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: &'static str,
}

impl Mistake {
    /// `label-smoothing` that leaves nothing of the truth.
    pub(super) fn label_smoothing(value: f64) -> Option<Self> {
        let message = format!("`label-smoothing` must be below 1, got {value}");
        (value >= 1.0).then_some(Self { key: "label-smoothing", message, help: "use less than 1, for example 0.1" })
    }

    /// `top-k-fraction` outside of (0, 1].
    pub(super) fn top_k_fraction(value: Option<f64>) -> Option<Self> {
        let value = value.filter(|value| !(*value > 0.0 && *value <= 1.0))?;
        let message = format!("`top-k-fraction` must be in (0, 1], got {value}");
        let help = "use a fraction above 0 and at most 1, for example 0.1";
        Some(Self { key: "top-k-fraction", message, help })
    }
}

/// Makes of the list of terms the enum of specs, and what calls on to the terms.
macro_rules! losses {
    ($( $(#[$doc:meta])* $name:ident = $key:literal: $spec:ty => $value:path; )+) => {
        /// One term of the loss; the terms of the list are added.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum Loss { $( $(#[$doc])* $name($spec), )+ }

        impl Loss {
            /// Its key in a spec.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$name(_) => $key, )+ }
            }

            /// What it states of itself.
            pub fn term(&self) -> &dyn Term {
                match self { $( Self::$name(term) => term, )+ }
            }

            /// Its value on a batch, before its weight. Shape `[1]`.
            pub(super) fn value(&self, batch: &Batch) -> Tensor<1> {
                match self { $( Self::$name(term) => $value(batch, term), )+ }
            }
        }
    };
}

pub(super) use losses;
