//! Body parts. Each layout labels a selection of them, under the names of its project.

/// A tissue or an organ, finer than the labels of any one layout. Contents and cysts count as the organ they are in.
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
    /// `left` or `right`, by the side of the body that a point is on; the first coordinate increases to the right.
    pub fn of_side(p: super::shape::Point, left: Self, right: Self) -> Self {
        if p[0] > 0.0 { right } else { left }
    }
}
