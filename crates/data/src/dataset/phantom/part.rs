//! What a place of a body belongs to. Layouts choose from it what they label, and name it as their projects do.

/// A kind of tissue or an organ: finer than the labels of any one layout. Contents count as their organ, and so do cysts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Air,
    Lung,
    Skin,
    Fat,
    Muscle,
    LeftBackMuscle,
    RightBackMuscle,
    LeftPsoas,
    RightPsoas,
    Spine,
    SpinalCanal,
    Ribs,
    Liver,
    LeftKidney,
    RightKidney,
    Spleen,
    Gallbladder,
    Pancreas,
    Aorta,
    VenaCava,
    Stomach,
    LargeBowel,
    SmallBowel,
}

impl Part {
    /// The one of two sides of the body that a place lies on; the first coordinate runs to the right.
    pub fn of_side(p: super::shape::Point, left: Self, right: Self) -> Self {
        if p[0] > 0.0 { right } else { left }
    }
}
