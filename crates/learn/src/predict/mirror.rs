//! Which flips prediction may average over, and what they do to the outputs.

use crate::dataset::Target;

/// Index of the width.
const WIDTH: usize = 2;

/// The axes out of `axes` whose flips can be averaged, and the pairs of outputs that change places where the width is flipped.
///
/// A network that segments one structure of a pair without the other cannot be asked for it in a mirrored image: then the width
/// is left out.
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
