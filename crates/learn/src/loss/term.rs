//! The trait that every loss term implements, and the macro that generates the enum of all terms.

/// A term's table in a spec.
pub trait Term {
    /// Factor of the term.
    fn weight(&self) -> f64;

    /// The kind of network outputs it is defined for.
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

    /// Values out of range.
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
    /// Sigmoid: one probability per structure. A network trained with such a term has sigmoid outputs.
    Independent,
}

/// A list with one number per output: background first if outputs are mutually exclusive, then the structures in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightList<'a> {
    /// Key in the term's table.
    pub key: &'static str,
    /// What kind of weights they are, for messages: "class", "positive".
    pub kind: &'static str,
    /// The numbers.
    pub weights: &'a [f64],
}

/// A value out of range.
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
    /// `label-smoothing` of 1 or more, which leaves nothing of the target.
    pub(super) fn label_smoothing(value: f64) -> Option<Self> {
        let message = format!("`label-smoothing` must be below 1, got {value}");
        (value >= 1.0).then_some(Self { key: "label-smoothing", message, help: "use less than 1, for example 0.1" })
    }

    /// `top-k-fraction` outside (0, 1].
    pub(super) fn top_k_fraction(value: Option<f64>) -> Option<Self> {
        let value = value.filter(|value| !(*value > 0.0 && *value <= 1.0))?;
        let message = format!("`top-k-fraction` must be in (0, 1], got {value}");
        let help = "use a fraction above 0 and at most 1, for example 0.1";
        Some(Self { key: "top-k-fraction", message, help })
    }
}

/// Generates from the list of terms the enum of specs, and the methods that delegate to them.
macro_rules! losses {
    ($( $(#[$doc:meta])* $name:ident = $key:literal: $spec:ty => $value:path; )+) => {
        /// One term of the loss; terms are summed.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum Loss { $( $(#[$doc])* $name($spec), )+ }

        impl Loss {
            /// Its key in a spec.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$name(_) => $key, )+ }
            }

            /// The term's properties.
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
