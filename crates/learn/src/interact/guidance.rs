//! What a network is told besides the image: clicks and the current segmentation, as further channels.
//!
//! In this order: a channel of clicks on background, one of clicks on each structure, one of the current segmentation of each structure.
//! A click is a ball of fixed radius with the value 1: Sofiiuk et al. 2021 ("RITM", arXiv 2102.06583) found disks better than what smooths
//! them, as DeepGrow (Sakinis et al. 2019, arXiv 1903.08205) and DeepEdit do. The current segmentation as an input is RITM's, too.

use ndarray::{Array4, ArrayView3, Slice, s};

use super::{Click, Interact};

/// Number of channels that clicks and the current segmentation take.
pub fn channels(structures: usize) -> usize {
    2 * structures + 1
}

/// What a network is told of a prepared image.
#[derive(Clone, Copy, Debug)]
pub struct Guidance<'a> {
    /// Radius of a click, mm.
    pub radius_mm: f64,
    /// Spacing of the grid `[z, y, x]`, mm.
    pub spacing_mm: [f64; 3],
    /// Number of structures.
    pub structures: usize,
    /// The clicks.
    pub clicks: &'a [Click],
    /// Classes of the current segmentation `[z, y, x]`; none before the first.
    pub previous: Option<ArrayView3<'a, u16>>,
}

impl Guidance<'_> {
    /// Nothing: the network segments by itself.
    pub fn none(interact: &Interact, structures: usize) -> Self {
        Self { radius_mm: interact.radius_mm, spacing_mm: [1.0; 3], structures, clicks: &[], previous: None }
    }

    /// The channels `[channel, z, y, x]` of a window with this first voxel, which may lie before the grid.
    pub fn window(&self, start: [isize; 3], [depth, height, width]: [usize; 3]) -> Array4<f32> {
        let mut channels = Array4::zeros([channels(self.structures), depth, height, width]);
        for click in self.clicks.iter().filter(|click| click.class <= self.structures) {
            self.ball(click, start, &mut channels);
        }
        if let Some(previous) = &self.previous {
            self.segmentation(previous.view(), start, &mut channels);
        }
        channels
    }

    /// Fills the channels of the current segmentation.
    fn segmentation(&self, previous: ArrayView3<'_, u16>, start: [isize; 3], channels: &mut Array4<f32>) {
        let (known, window) = (previous.dim(), channels.dim());
        let range = |axis: usize, known: usize, window: usize| {
            let first = start[axis].max(0) as usize;
            first..(start[axis] + window as isize).clamp(first as isize, known.max(first) as isize) as usize
        };
        let ranges = [range(0, known.0, window.1), range(1, known.1, window.2), range(2, known.2, window.3)];
        let shift = [0, 1, 2].map(|axis| (ranges[axis].start as isize - start[axis]).max(0) as usize);
        let inside = previous.slice_each_axis(|axis| Slice::from(ranges[axis.axis.index()].clone()));
        for ((z, y, x), class) in inside.indexed_iter().filter(|(_, class)| **class != 0) {
            let channel = self.structures + usize::from(*class);
            if let Some(voxel) = channels.get_mut([channel, z + shift[0], y + shift[1], x + shift[2]]) {
                *voxel = 1.0;
            }
        }
    }

    /// Fills the ball of a click in the channel of its class; at least the voxel that holds the click.
    fn ball(&self, click: &Click, start: [isize; 3], channels: &mut Array4<f32>) {
        let at: [f64; 3] = std::array::from_fn(|axis| click.at[axis] - start[axis] as f64);
        let mut channel = channels.slice_mut(s![click.class, .., .., ..]);
        let shape = channel.dim();
        let reach = |axis: usize, length: usize| {
            let radius = (self.radius_mm / self.spacing_mm[axis]).max(0.5);
            let first = (at[axis] - radius).ceil().max(0.0) as usize;
            first..((at[axis] + radius).floor() + 1.0).clamp(0.0, length as f64) as usize
        };
        let ranges = [reach(0, shape.0), reach(1, shape.1), reach(2, shape.2)];
        for z in ranges[0].clone() {
            for y in ranges[1].clone() {
                for x in ranges[2].clone() {
                    let steps = [z, y, x];
                    let away = |axis: usize| steps[axis] as f64 - at[axis];
                    let square: f64 = (0..3).map(|axis| (away(axis) * self.spacing_mm[axis]).powi(2)).sum();
                    let holds = (0..3).all(|axis| away(axis).abs() <= 0.5);
                    if holds || square <= self.radius_mm * self.radius_mm {
                        channel[[z, y, x]] = 1.0;
                    }
                }
            }
        }
    }
}

/// Order of a network's input channels in an image whose width is flipped, where structures have changed places: pairs of structures,
/// counted from 0.
pub fn swapped(image_channels: usize, structures: usize, pairs: &[[usize; 2]]) -> Vec<i32> {
    let mut order: Vec<i32> = (0..(image_channels + channels(structures)) as i32).collect();
    for [one, other] in pairs {
        // Behind the clicks on background, and behind those on the last structure.
        for first in [image_channels + 1, image_channels + 1 + structures] {
            order.swap(first + one, first + other);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Axis};

    fn guidance<'a>(clicks: &'a [Click], radius_mm: f64, spacing_mm: [f64; 3]) -> Guidance<'a> {
        Guidance { radius_mm, spacing_mm, structures: 2, clicks, previous: None }
    }

    #[test]
    fn a_click_is_a_ball_in_millimetres() {
        let clicks = [Click { at: [4.0, 10.0, 10.0], class: 2 }];
        let found = guidance(&clicks, 6.0, [3.0, 1.0, 2.0]).window([0; 3], [9, 21, 21]);
        assert_eq!(found.dim(), (5, 9, 21, 21));
        for ((channel, z, y, x), value) in found.indexed_iter() {
            let away = [z as f64 - 4.0, y as f64 - 10.0, x as f64 - 10.0];
            let mm = [away[0] * 3.0, away[1], away[2] * 2.0];
            let inside = channel == 2 && mm.iter().map(|mm| mm * mm).sum::<f64>() <= 36.0;
            assert_eq!(*value, if inside { 1.0 } else { 0.0 }, "{channel} {z} {y} {x}");
        }
    }

    #[test]
    fn windows_show_their_part_of_the_ball_and_of_the_segmentation() {
        let clicks = [Click { at: [3.2, 4.7, 5.0], class: 0 }, Click { at: [0.0, 0.0, 0.0], class: 1 }];
        let mut previous = Array3::zeros([6, 8, 10]);
        (previous[[3, 4, 5]], previous[[0, 7, 9]]) = (1u16, 2);
        let whole = Guidance { previous: Some(previous.view()), ..guidance(&clicks, 2.5, [1.0; 3]) };
        let all = whole.window([0; 3], [6, 8, 10]);
        assert_eq!((all[[3, 3, 4, 5]], all[[4, 0, 7, 9]], all[[3, 0, 7, 9]]), (1.0, 1.0, 0.0));
        let window = whole.window([-1, 2, 4], [4, 4, 4]);
        for ((channel, z, y, x), value) in window.indexed_iter() {
            let expected = z.checked_sub(1).map_or(0.0, |z| all[[channel, z, y + 2, x + 4]]);
            // Balls reach beyond the grid.
            assert!(*value == expected || z == 0, "{channel} {z} {y} {x}");
        }
        assert!(window.index_axis(Axis(0), 0).sum() > 5.0);
    }

    #[test]
    fn a_tiny_click_fills_its_voxel_and_one_far_away_nothing() {
        let clicks = [Click { at: [1.4, 2.0, 0.6], class: 1 }];
        let of = |start| guidance(&clicks, 0.0, [9.0, 1.0, 1.0]).window(start, [3, 4, 4]);
        assert_eq!((of([0; 3]).sum(), of([0; 3])[[1, 1, 2, 1]]), (1.0, 1.0));
        assert_eq!(of([0, 50, 0]).sum() + of([-90, 0, 0]).sum(), 0.0);
    }

    #[test]
    fn flipped_sides_swap_their_clicks_and_their_segmentations() {
        assert_eq!(swapped(2, 3, &[[0, 2]]), [0, 1, 2, 5, 4, 3, 8, 7, 6]);
    }
}
