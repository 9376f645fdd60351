//! Tiles cover the cases, and each epoch has the intended ones exactly once.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array3, Array4};
use proptest::prelude::*;

use super::*;
use crate::train::spec::{Sampling, Train};

fn plan(batch_size: usize, drop_background: f64) -> TrainPlan {
    let spec = Train {
        steps_per_epoch: StepsPerEpoch::Tiles,
        sampling: Sampling { foreground: 0.0, drop_background },
        ..Train::default()
    };
    TrainPlan::resolve(&spec, [2, 2, 2], batch_size, 3, Default::default())
}

/// Three cases of 4, 9 and 2 tiles, of which the first 1, 3 and 0 show structures.
fn of_cases() -> Vec<Vec<Tile>> {
    let case = |tiles: isize, showing: isize| {
        (0..tiles).map(|index| Tile { at: [index, 0, 0], shows: index < showing }).collect()
    };
    vec![case(4, 1), case(9, 3), case(2, 0)]
}

/// The tiles of an epoch, without those that fill up the last step.
fn epoch_of(deal: &Deal, epoch: usize, steps: usize, batch: usize, tiles: usize) -> Vec<(usize, isize)> {
    let samples = epoch * steps * batch..epoch * steps * batch + tiles;
    samples.map(|sample| deal.of(sample)).map(|(case, at)| (case, at.unwrap()[0])).collect()
}

#[test]
fn every_pass_deals_every_case_once() {
    let deal = Deal::Cases { count: 5, seed: 3 };
    for pass in 0..3 {
        let mut dealt: Vec<usize> = (0..5).map(|sample| deal.of(pass * 5 + sample).0).collect();
        dealt.sort_unstable();
        assert_eq!(dealt, [0, 1, 2, 3, 4]);
    }
}

#[test]
fn every_epoch_has_every_tile_once_in_another_order() {
    let plan = plan(4, 0.0);
    let deal = Deal::Tiles(Tiles::new(&plan, &of_cases(), 7));
    assert_eq!(deal.counted(&plan).steps_per_epoch, StepsPerEpoch::Fixed(4), "15 tiles in batches of 4");
    let epochs = [0, 1, 2].map(|epoch| epoch_of(&deal, epoch, 4, 4, 15));
    for epoch in &epochs {
        assert_eq!(epoch.iter().collect::<BTreeSet<_>>().len(), 15);
    }
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
    assert_eq!(deal.of(15), deal.of(0), "the last step is filled up");
}

#[test]
fn tiles_without_structures_take_turns() {
    let plan = plan(1, 0.8);
    let deal = Deal::Tiles(Tiles::new(&plan, &of_cases(), 7));
    let counted = deal.counted(&plan);
    assert_eq!(counted.epoch_steps(), 4 + 3, "3 of 11 tiles without structures: 20 %, rounded up");
    assert_eq!(counted.steps(), 700);
    let showing = BTreeSet::from([(0, 0), (1, 0), (1, 1), (1, 2)]);
    let mut seen = BTreeSet::new();
    for epoch in 0..30 {
        let dealt: BTreeSet<_> = epoch_of(&deal, epoch, 7, 1, 7).into_iter().collect();
        assert!(dealt.len() == 7 && dealt.is_superset(&showing));
        seen.extend(dealt);
    }
    assert_eq!(seen.len(), 15, "every other tile has its turn");
}

#[test]
fn the_order_is_the_same_wherever_a_training_begins() {
    let deal = || Deal::Tiles(Tiles::new(&plan(3, 0.5), &of_cases(), 1));
    let (forwards, backwards) = (deal(), deal());
    let expected: Vec<_> = (0..60).map(|sample| forwards.of(sample)).collect();
    let mut found: Vec<_> = (0..60).rev().map(|sample| backwards.of(sample)).collect();
    found.reverse();
    assert_eq!(expected, found);
}

fn tiles(shape: [usize; 3], near: Option<[[usize; 2]; 3]>, size: [usize; 3]) -> Vec<Tile> {
    let [depth, height, width] = shape;
    let (image, nowhere) = (Array4::zeros([1, depth, height, width]), BTreeMap::new());
    let mut labels = Array3::zeros([depth, height, width]);
    labels[[0, 0, 0]] = 2;
    let source = Source { image: image.view(), labels: labels.view(), spacing_mm: [1.0; 3], locations: &nowhere, near };
    tiles_of(source, size, &[vec![1], vec![2, 3]])
}

#[test]
fn tiles_are_adjacent_and_record_their_structures() {
    let found = tiles([4, 6, 1], None, [2, 4, 3]);
    let at: Vec<[isize; 3]> = found.iter().map(|tile| tile.at).collect();
    assert_eq!(at, [[0, 0, -1], [0, 2, -1], [2, 0, -1], [2, 2, -1]], "the width is smaller than the patch");
    assert_eq!(found.iter().map(|tile| tile.shows).collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn tiles_near_structures_keep_within_the_case() {
    let found = tiles([20, 20, 4], Some([[2, 10], [18, 20], [0, 4]]), [4, 8, 2]);
    let at: Vec<[isize; 3]> = found.iter().map(|tile| tile.at).collect();
    assert_eq!(at, [[2, 12, 0], [2, 12, 2], [6, 12, 0], [6, 12, 2]]);
}

proptest! {
    #[test]
    fn tiles_cover_the_case(shape in prop::array::uniform3(1usize..12), size in prop::array::uniform3(1usize..8)) {
        let mut covered = Array3::<u8>::zeros(shape);
        for Tile { at, .. } in tiles(shape, None, size) {
            for ((z, y, x), voxel) in covered.indexed_iter_mut() {
                let inside = |axis: usize, place: usize| {
                    (at[axis]..at[axis] + size[axis] as isize).contains(&(place as isize))
                };
                *voxel |= u8::from(inside(0, z) && inside(1, y) && inside(2, x));
            }
        }
        prop_assert!(covered.iter().all(|covered| *covered == 1));
    }
}
