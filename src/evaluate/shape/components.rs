//! Connected components of reference and prediction, and which of them correspond.
//!
//! Voxels that share a face, an edge or a corner are connected (26 neighbours, 8 in an image of one slice). Rows are taken as runs of
//! voxels, which are few, instead of voxels.

use std::collections::BTreeMap;

use super::crop::{Crop, PREDICTION, REFERENCE};

/// Components of a structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Components {
    /// In the reference.
    pub reference: u64,
    /// In the prediction.
    pub prediction: u64,
    /// Pairs of corresponding components, if the structure is one of instances.
    pub detected: Option<u64>,
}

/// Counts the components. With `least_iou`, components of reference and prediction that overlap with at least this IoU correspond: one to
/// one, those of the greatest IoU first.
pub(super) fn components(crop: &Crop, least_iou: Option<f64>) -> Components {
    let (reference, prediction) = (Labelled::of(crop, REFERENCE), Labelled::of(crop, PREDICTION));
    Components {
        reference: reference.sizes.len() as u64,
        prediction: prediction.sizes.len() as u64,
        detected: least_iou.map(|least| detected(&reference, &prediction, least)),
    }
}

/// Number of corresponding pairs.
fn detected(reference: &Labelled, prediction: &Labelled, least_iou: f64) -> u64 {
    let iou = |((one, other), both): ((usize, usize), u64)| {
        (both as f64 / (reference.sizes[one] + prediction.sizes[other] - both) as f64, one, other)
    };
    let mut pairs: Vec<_> = shared(reference, prediction).into_iter().map(iou).collect();
    pairs.retain(|(iou, ..)| *iou >= least_iou);
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut found, mut used) = (vec![false; reference.sizes.len()], vec![false; prediction.sizes.len()]);
    let mut count = 0;
    for (_, one, other) in pairs {
        if !found[one] && !used[other] {
            (found[one], used[other]) = (true, true);
            count += 1;
        }
    }
    count
}

/// Voxels that two components share, by their numbers.
fn shared(reference: &Labelled, prediction: &Labelled) -> BTreeMap<(usize, usize), u64> {
    let mut shared = BTreeMap::new();
    for row in 0..reference.rows.len().saturating_sub(1) {
        let (ones, others) = (reference.row(row), prediction.row(row));
        let (mut one, mut other) = (ones.start, others.start);
        while one < ones.end && other < others.end {
            let (a, b) = (&reference.runs[one], &prediction.runs[other]);
            let (start, end) = (a.0.max(b.0), a.1.min(b.1));
            if start < end {
                *shared.entry((reference.numbers[one], prediction.numbers[other])).or_insert(0) += (end - start) as u64;
            }
            if a.1 < b.1 { one += 1 } else { other += 1 }
        }
    }
    shared
}

/// The runs of a mask with the numbers of their components.
struct Labelled {
    /// First voxel and end of each run.
    runs: Vec<(usize, usize)>,
    /// First run of each row of the crop, and the number of runs.
    rows: Vec<usize>,
    /// Component of each run.
    numbers: Vec<usize>,
    /// Voxels of each component.
    sizes: Vec<u64>,
}

impl Labelled {
    fn of(crop: &Crop, bit: u8) -> Self {
        let mut it = Self { runs: Vec::new(), rows: vec![0], numbers: Vec::new(), sizes: Vec::new() };
        for row in crop.voxels.chunks_exact(crop.size[2].max(1)) {
            let mut start = 0;
            while let Some(first) = next(row, start, |voxel| voxel & bit != 0) {
                start = next(row, first, |voxel| voxel & bit == 0).unwrap_or(row.len());
                it.runs.push((first, start));
            }
            it.rows.push(it.runs.len());
        }
        it.connect(crop.size[1]);
        it
    }

    fn row(&self, row: usize) -> std::ops::Range<usize> {
        self.rows[row]..self.rows[row + 1]
    }

    /// Unites touching runs (union-find) and numbers the components.
    fn connect(&mut self, height: usize) {
        let mut parents: Vec<usize> = (0..self.runs.len()).collect();
        for row in 0..self.rows.len() - 1 {
            let line = row % height;
            let (above, below) = (line > 0, line + 1 < height);
            let earlier = [(above, 1), (above, height + 1), (true, height), (below, height - 1)];
            for (_, back) in earlier.into_iter().filter(|(there, back)| *there && *back <= row && *back > 0) {
                self.touch(row, row - back, &mut parents);
            }
        }
        let mut numbers = vec![None; self.runs.len()];
        for (run, (start, end)) in self.runs.iter().enumerate() {
            let number = *numbers[root(&mut parents, run)].get_or_insert_with(|| {
                self.sizes.push(0);
                self.sizes.len() - 1
            });
            self.sizes[number] += (end - start) as u64;
            self.numbers.push(number);
        }
    }

    /// Unites the runs of two neighbouring rows that touch, also at corners.
    fn touch(&self, row: usize, other: usize, parents: &mut [usize]) {
        let (ones, others) = (self.row(row), self.row(other));
        let (mut one, mut other) = (ones.start, others.start);
        while one < ones.end && other < others.end {
            let (a, b) = (self.runs[one], self.runs[other]);
            if a.0 <= b.1 && b.0 <= a.1 {
                let (a, b) = (root(parents, one), root(parents, other));
                parents[a.max(b)] = a.min(b);
            }
            if a.1 < b.1 { one += 1 } else { other += 1 }
        }
    }
}

/// The next voxel of a row that is as it should be.
fn next(row: &[u8], start: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    let mut blocks = row[start..].chunks(16).enumerate();
    let (block, voxels) = blocks.find(|(_, voxels)| voxels.iter().fold(false, |any, voxel| any | is(*voxel)))?;
    voxels.iter().position(|voxel| is(*voxel)).map(|index| start + block * 16 + index)
}

fn root(parents: &mut [usize], mut run: usize) -> usize {
    while parents[run] != run {
        parents[run] = parents[parents[run]];
        run = parents[run];
    }
    run
}
