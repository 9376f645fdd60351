//! Assignment of cases, or of tiles cut from them, to training patches.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::TrainPlan;
use super::cases::Cases;
use super::error::TrainError;
use super::steps::StepsPerEpoch;
use crate::Cancel;
use crate::augment::patch::{Source, shows};
use crate::random;
use crate::volume::window::{Padding, window_starts};

/// Number of epochs whose order is cached: loader threads may be at the end of one and at the start of the next.
const REMEMBERED: usize = 2;

/// Assigns cases, or their tiles, to training patches.
pub enum Deal {
    /// Whole cases, pass by pass: each pass over the set is a new permutation.
    Cases {
        /// Number of cases.
        count: usize,
        /// Seed of the training run.
        seed: u64,
    },
    /// Tiles, epoch by epoch.
    Tiles(Tiles),
}

/// A patch-sized part of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// First voxel `[z, y, x]`; negative if the case is smaller than the patch, in which it is then centred.
    pub at: [isize; 3],
    /// Whether it contains a structure.
    pub shows: bool,
}

/// The tiles of all cases. An epoch has every tile with a structure and a fraction of the others, in random order.
pub struct Tiles {
    /// Case and first voxel: first the tiles with a structure, then the others.
    tiles: Vec<(usize, [isize; 3])>,
    showing: usize,
    /// Number of the others in an epoch.
    kept: usize,
    patches_per_step: usize,
    seed: u64,
    orders: Mutex<VecDeque<(usize, Arc<[usize]>)>>,
}

impl Deal {
    /// Reads the cases if they are cut into tiles.
    ///
    /// # Errors
    /// A prepared case cannot be read, or [`TrainError::Stopped`].
    pub fn new(
        plan: &TrainPlan,
        cases: &Cases,
        structures: &[Vec<u16>],
        seed: u64,
        cancelled: &Cancel,
    ) -> Result<Self, TrainError> {
        if plan.steps_per_epoch != StepsPerEpoch::Tiles {
            return Ok(Self::Cases { count: cases.count(), seed });
        }
        let of_case = |index| {
            if cancelled.is_stopped() {
                return Err(TrainError::Stopped);
            }
            let case = cases.get(index)?;
            Ok(tiles_of(case.source_near(plan.near_mm, structures), plan.patch_size, structures))
        };
        let of_cases: Result<Vec<Vec<Tile>>, TrainError> = (0..cases.count()).into_par_iter().map(of_case).collect();
        Ok(Self::Tiles(Tiles::new(plan, &of_cases?, seed)))
    }

    /// The plan with a fixed number of steps per epoch.
    pub fn counted(&self, plan: &TrainPlan) -> TrainPlan {
        match self {
            Self::Cases { .. } => plan.clone(),
            Self::Tiles(tiles) => {
                TrainPlan { steps_per_epoch: StepsPerEpoch::Fixed(tiles.epoch_steps()), ..plan.clone() }
            }
        }
    }

    /// Case of a patch (counted over all batches), and the first voxel of its tile if it has one.
    pub fn of(&self, sample: usize) -> (usize, Option<[isize; 3]>) {
        match self {
            Self::Cases { count, seed } => (case_of(sample, *count, *seed), None),
            Self::Tiles(tiles) => {
                let (case, at) = tiles.of(sample);
                (case, Some(at))
            }
        }
    }
}

/// The case of patch `sample`: each pass over the cases is a new permutation.
pub fn case_of(sample: usize, cases: usize, seed: u64) -> usize {
    let mut order: Vec<usize> = (0..cases).collect();
    order.shuffle(&mut random::stream(seed, "order", (sample / cases) as u64, 0));
    order[sample % cases]
}

/// The fewest tiles that cover a case, evenly spaced, in array order; only of the box near its structures if `case.near` is set.
pub fn tiles_of(case: Source, size: [usize; 3], structures: &[Vec<u16>]) -> Vec<Tile> {
    let shape: [usize; 3] = case.labels.dim().into();
    let region = case.near.unwrap_or(shape.map(|length| [0, length]));
    let padding = Padding::to_patch(region.map(|[first, end]| end - first), size);
    let tile = |start: [usize; 3]| {
        let inner = padding.to_inner(start);
        let at = [0, 1, 2].map(|axis| {
            let room = shape[axis] as isize - size[axis] as isize;
            // If the box is smaller than the patch, the patch extends beyond it into the case.
            if room < 0 { room / 2 } else { (region[axis][0] as isize + inner[axis]).clamp(0, room) }
        });
        Tile { at, shows: shows(case, at, size, structures) }
    };
    window_starts(padding.padded, size, 0.0).into_iter().map(tile).collect()
}

impl Tiles {
    /// The tiles of each case.
    pub fn new(plan: &TrainPlan, of_cases: &[Vec<Tile>], seed: u64) -> Self {
        let all = of_cases.iter().enumerate().flat_map(|(case, tiles)| tiles.iter().map(move |tile| (case, *tile)));
        let (showing, others): (Vec<_>, Vec<_>) = all.partition(|(_, tile)| tile.shows);
        let kept = (others.len() as f64 * (1.0 - plan.sampling.drop_background)).ceil() as usize;
        let tiles = showing.iter().chain(&others).map(|(case, tile)| (*case, tile.at)).collect();
        Self {
            tiles,
            showing: showing.len(),
            kept: kept.min(others.len()),
            patches_per_step: plan.patches_per_step().max(1),
            seed,
            orders: Mutex::default(),
        }
    }

    /// Steps of an epoch. The last one is filled up with tiles from the start of the epoch.
    pub fn epoch_steps(&self) -> usize {
        (self.showing + self.kept).div_ceil(self.patches_per_step).max(1)
    }

    fn of(&self, sample: usize) -> (usize, [isize; 3]) {
        let patches = self.epoch_steps() * self.patches_per_step;
        let order = self.order(sample / patches);
        self.tiles[order[sample % patches % order.len()]]
    }

    /// Order of the tiles in an epoch.
    fn order(&self, epoch: usize) -> Arc<[usize]> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = orders.iter().find(|(of, _)| *of == epoch) {
            return order.clone();
        }
        let mut rng = random::stream(self.seed, "tiles", epoch as u64, 0);
        let mut order: Vec<usize> = (0..self.tiles.len()).collect();
        order[self.showing..].shuffle(&mut rng);
        order.truncate(self.showing + self.kept);
        order.shuffle(&mut rng);
        let order: Arc<[usize]> = order.into();
        orders.push_back((epoch, order.clone()));
        if orders.len() > REMEMBERED {
            orders.pop_front();
        }
        order
    }
}

#[cfg(test)]
mod tests;
