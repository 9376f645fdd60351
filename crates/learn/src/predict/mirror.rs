//! Which flips prediction can average over, and which outputs they swap.

use crate::dataset::Target;

/// Index of the width.
const WIDTH: usize = 2;

/// The axes among `axes` whose flips can be averaged, and the pairs of outputs to swap when the width is flipped.
///
/// A network that segments only one structure of a left–right pair cannot find it in a mirrored image: the width is then omitted.
pub fn mirroring(axes: &[usize], mirrored_values: &[[u16; 2]], target: &Target) -> (Vec<usize>, Vec<[usize; 2]>) {
    if !axes.contains(&WIDTH) {
        return (axes.to_vec(), Vec::new());
    }
    match target.mirrored(mirrored_values) {
        Some(pairs) => {
            let background = usize::from(!target.sigmoid());
            (axes.to_vec(), pairs.into_iter().map(|pair| pair.map(|index| index + background)).collect())
        }
        None => (axes.iter().copied().filter(|axis| *axis != WIDTH).collect(), Vec::new()),
    }
}
