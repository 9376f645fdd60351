//! What every transform states of itself, and the macro that makes the spec's tables and the plan's types of their list.

use std::slice::ChunksExactMut;

use super::dice::Dice;
use super::spatial::Draft;

/// A transform's table in a spec.
pub trait Transform {
    /// Probability per patch.
    fn probability(&self) -> f64;

    /// Whether it keeps slices apart in 2D patches and in flat 3D ones.
    fn is_planar(&self) -> bool {
        false
    }

    /// Values that are out of their range.
    fn mistakes(&self) -> Vec<Mistake> {
        Vec::new()
    }
}

/// A transform that moves voxels.
pub trait SpatialTransform: Transform {
    /// Draws its strength and adds it to the map from patch to case.
    fn draw(&self, grid: Grid, dice: &mut Dice, draft: &mut Draft);
}

/// Voxels of each channel of a patch, one channel after the other.
pub type Channels<'a> = ChunksExactMut<'a, f32>;

/// The grid of a patch.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Voxels `[z, y, x]`.
    pub size: [usize; 3],
    /// Millimetres `[z, y, x]`.
    pub spacing_mm: [f64; 3],
    /// Whether slices stay apart: see [`Spatial::in_plane`](super::spatial::Spatial::in_plane).
    pub in_plane: bool,
}

/// A value that is out of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Key in the transform's table.
    pub key: &'static str,
    /// Which number of a list.
    pub item: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// A range whose first number is larger than its second.
pub fn ordered(key: &'static str, [low, high]: [f64; 2]) -> Option<Mistake> {
    let message = format!("the range is reversed: {low} to {high}");
    (low > high).then_some(Mistake { key, item: None, message, help: format!("write `[{high}, {low}]`") })
}

/// As [`ordered`], or a range that does not lie above 0.
pub fn above_zero(key: &'static str, range: [f64; 2]) -> Vec<Mistake> {
    let message = format!("`{key}` must be above 0, got {}", range[0]);
    let help = "use numbers above 0".into();
    let low = (range[0] <= 0.0).then_some(Mistake { key, item: Some(0), message, help });
    ordered(key, range).into_iter().chain(low).collect()
}

/// As [`ordered`], or a range with negative numbers.
pub fn not_negative(key: &'static str, range: [f64; 2]) -> Vec<Mistake> {
    let message = format!("`{key}` must not be negative, got {}", range[0]);
    let low = (range[0] < 0.0).then_some(Mistake { key, item: Some(0), message, help: "use 0 or more".into() });
    ordered(key, range).into_iter().chain(low).collect()
}

/// Negative numbers per axis of ranges that are symmetric around 0.
pub fn symmetric(key: &'static str, largest: [f64; 3]) -> Vec<Mistake> {
    let negative = largest.into_iter().enumerate().filter(|(_, value)| *value < 0.0);
    let mistake = |(axis, value): (usize, f64)| Mistake {
        key,
        item: Some(axis),
        message: format!("`{key}` must not be negative, got {value}"),
        help: format!("the range is symmetric around 0: use {}", -value),
    };
    negative.map(mistake).collect()
}

/// Makes of the list the tables of specs, the spatial tables and the intensity steps of plans, and what calls on to them.
macro_rules! transforms {
    (
        spatial { $( $(#[$spatial_doc:meta])* $spatial:ident = $spatial_key:literal: $spatial_table:ty; )+ }
        intensity { $( $(#[$doc:meta])* $step:ident, $field:ident = $key:literal: $table:ty => $apply:path; )+ }
    ) => {
        /// Random transforms of training patches: a preset, and tables that replace or add to it.
        ///
        /// A table that is written replaces the preset's table of the same name as a whole; its missing keys have the defaults
        /// below. `probability = 0` switches a transform off.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        pub struct Augment {
            /// A set of transforms to start from.
            pub preset: Preset,
            /// Axes that are flipped, each with probability one half. Left out: the preset's. Structures that the dataset's
            /// `labels.mirror-pairs` names swap their labels when the width is flipped.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub mirror: Option<Vec<Axis>>,
            $( $(#[$spatial_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $spatial: Option<$spatial_table>, )+
            $( $(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$table>, )+
        }

        impl Augment {
            /// Keys of all transforms but `mirror`, in the order in which they are drawn.
            pub const KEYS: &'static [&'static str] = &[$( $spatial_key, )+ $( $key, )+];

            /// The written tables but `mirror`, each with its key.
            pub fn tables(&self) -> Vec<(&'static str, &dyn Transform)> {
                let tables: [(&str, Option<&dyn Transform>); Self::KEYS.len()] = [
                    $( ($spatial_key, self.$spatial.as_ref().map(|table| table as &dyn Transform)), )+
                    $( ($key, self.$field.as_ref().map(|table| table as &dyn Transform)), )+
                ];
                tables.into_iter().filter_map(|(key, table)| Some((key, table?))).collect()
            }

            /// Its tables above those of a preset.
            pub(super) fn over(self, preset: Self) -> Self {
                Self {
                    preset: self.preset,
                    mirror: self.mirror.or(preset.mirror),
                    $( $spatial: self.$spatial.or(preset.$spatial), )+
                    $( $field: self.$field.or(preset.$field), )+
                }
            }
        }

        /// The spatial transforms of a plan: one resampling.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Spatial {
            /// Transform within slices only, the same in each: 2D patches, and flat ones as in nnU-Net.
            pub in_plane: bool,
            $(
                #[doc = concat!("See `augment.", $spatial_key, "`.")]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $spatial: Option<$spatial_table>,
            )+
        }

        impl Spatial {
            /// The tables of a spec that can take place.
            pub(super) fn tables_of(spec: &Augment) -> Self {
                Self {
                    in_plane: false,
                    $( $spatial: spec.$spatial.filter(|table| table.probability() > 0.0), )+
                }
            }

            /// Every transform alone, with its key.
            pub fn each(&self) -> Vec<(&'static str, Self)> {
                let none = Self { in_plane: self.in_plane, ..Self::default() };
                let each = [$( ($spatial_key, Self { $spatial: self.$spatial, ..none.clone() }), )+];
                each.into_iter().filter(|(_, alone)| *alone != none).collect()
            }

            /// The tables, each with its key, in the order in which they are drawn.
            pub(super) fn drawn(&self) -> impl Iterator<Item = (&'static str, &dyn SpatialTransform)> {
                let tables = [$( ($spatial_key, self.$spatial.as_ref().map(|table| table as &dyn SpatialTransform)), )+];
                tables.into_iter().filter_map(|(key, table)| Some((key, table?)))
            }
        }

        /// One intensity transform of a plan.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub enum Intensity {
            $( #[doc = concat!("See `augment.", $key, "`.")] $step($table), )+
        }

        impl Intensity {
            /// The tables of a spec that can take place, in the order in which they are applied.
            pub fn of(spec: &Augment) -> Vec<Self> {
                let steps = [$( spec.$field.map(Self::$step), )+];
                steps.into_iter().flatten().filter(|step| step.probability() > 0.0).collect()
            }

            /// The table's key.
            pub fn name(&self) -> &'static str {
                match self { $( Self::$step(_) => $key, )+ }
            }

            /// Probability per patch.
            pub fn probability(&self) -> f64 {
                match self { $( Self::$step(table) => table.probability(), )+ }
            }

            /// Applies it, having been drawn.
            pub(super) fn change(&self, channels: Channels, grid: Grid, dice: &mut Dice) {
                match self { $( Self::$step(table) => $apply(table, channels, grid, dice), )+ }
            }
        }
    };
}

pub(super) use transforms;
