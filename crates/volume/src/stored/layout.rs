//! The order of the numbers in a file.

use ndarray::Array4;

/// Order of the numbers in a file: x varies fastest, then y, then z, with the channel at any place among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Voxels along `[z, y, x]`.
    pub shape: [usize; 3],
    /// Numbers per voxel.
    pub channels: usize,
    /// How many of z, y, x vary more slowly than the channel: 0 for one channel after the other, 3 for interleaved channels.
    pub slower: usize,
}

impl Layout {
    /// One channel after the other.
    pub(crate) fn planar(shape: [usize; 3], channels: usize) -> Self {
        Self { shape, channels, slower: 0 }
    }

    /// Number of values; `None` where it overflows.
    pub(crate) fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(self.channels, |product, &count| product.checked_mul(count))
    }

    /// Axes as stored, slowest first.
    fn stored(&self) -> [usize; 4] {
        let mut axes = [self.channels, self.shape[0], self.shape[1], self.shape[2]];
        axes[..=self.slower].rotate_left(1);
        axes
    }

    /// The numbers as `[channel, z, y, x]`.
    pub(crate) fn arrange<T: Clone>(&self, values: Vec<T>) -> Result<Array4<T>, String> {
        let stored = Array4::from_shape_vec(self.stored(), values).map_err(|error| error.to_string())?;
        if self.slower == 0 || self.channels == 1 {
            let [depth, height, width] = self.shape;
            return stored
                .into_shape_with_order([self.channels, depth, height, width])
                .map_err(|error| error.to_string());
        }
        let mut order = [0, 1, 2, 3];
        order[..=self.slower].rotate_right(1);
        Ok(stored.permuted_axes(order).as_standard_layout().into_owned())
    }

    /// Position of the number with this index: `[z, y, x]`, with the channel where it is not the first.
    pub(crate) fn place(&self, index: usize) -> String {
        let mut rest = index;
        let mut at = [0; 4];
        for (axis, count) in self.stored().into_iter().enumerate().rev() {
            (at[axis], rest) = (rest % count.max(1), rest / count.max(1));
        }
        at[..=self.slower].rotate_right(1);
        let [channel, z, y, x] = at;
        if channel == 0 { format!("[{z}, {y}, {x}]") } else { format!("[{z}, {y}, {x}] of channel {channel}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_first_wherever_they_were_stored() {
        let shape = [2, 3, 4];
        for slower in 0..4 {
            let layout = Layout { shape, channels: 5, slower };
            let values: Vec<usize> = (0..layout.count().unwrap()).collect();
            let array = layout.arrange(values).unwrap();
            assert_eq!(array.dim(), (5, 2, 3, 4));
            assert!(array.is_standard_layout());
            for ((channel, z, y, x), &index) in array.indexed_iter() {
                let place = layout.place(index);
                let text = format!("[{z}, {y}, {x}]");
                assert!(place.starts_with(&text) && (channel == 0) != place.contains(" of channel"), "{place}");
            }
            let steps = [[24, 1], [12, 1], [4, 1], [1, 5]][slower];
            assert_eq!([array[[1, 0, 0, 0]], array[[0, 0, 0, 1]]], steps);
        }
    }

    #[test]
    fn sizes_beyond_any_memory_are_no_number() {
        assert_eq!(Layout::planar([usize::MAX, 2, 1], 1).count(), None);
    }
}
