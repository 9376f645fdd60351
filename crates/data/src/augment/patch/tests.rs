//! Where patches are cut; that image and labels stay together; that labels and bits are kept by every transform.

use proptest::prelude::*;
use rand::Rng;

use super::*;
use crate::augment::Augment;
use crate::augment::spatial::Spatial;
use crate::random;

fn case(shape: [usize; 3]) -> (Array4<f32>, Array3<u16>) {
    let [d, h, w] = shape;
    let labels = Array3::from_shape_fn((d, h, w), |(z, y, x)| u16::from(z == d - 1 && y == 0 && x == w / 2) * 7);
    (Array4::from_shape_fn((1, d, h, w), |(_, z, y, x)| (1 + z * 10000 + y * 100 + x) as f32), labels)
}

fn locations(labels: &Array3<u16>) -> BTreeMap<u16, Vec<u32>> {
    let voxels = labels.iter().enumerate().filter(|(_, label)| **label == 7);
    BTreeMap::from([(7, voxels.map(|(index, _)| index as u32).collect())])
}

proptest! {
    #[test]
    fn a_foreground_patch_holds_the_structure_and_image_and_labels_stay_together(
        shape in prop::array::uniform3(1usize..9), size in prop::array::uniform3(1usize..9), seed in 0u64..1000
    ) {
        let (image, labels) = case(shape);
        let locations = locations(&labels);
        let source = Source { image: image.view(), labels: labels.view(), spacing_mm: [1.0; 3], locations: &locations, near: None };
        let structures = [vec![7u16]];
        let augment = AugmentPlan::mirroring(vec![0, 1, 2]);
        let how = Draw { size, structures: &structures, place: Place::OnStructure, drop_background: 0.0, augment: &augment, end: None };
        let patch = draw(source, how, &mut random::stream(seed, "patch", 0, 0));
        let marked = image[[0, shape[0] - 1, 0, shape[2] / 2]];
        let found: Vec<f32> = patch.labels.iter().zip(patch.image.iter()).filter(|(l, _)| **l == 7).map(|(_, v)| *v).collect();
        prop_assert_eq!(found, vec![marked]);
        prop_assert_eq!(patch.image.dim(), (1, size[0], size[1], size[2]));
    }
}

#[test]
fn dropping_background_finds_the_structure() {
    let (image, labels) = case([12, 12, 12]);
    let nowhere = BTreeMap::new();
    let none = AugmentPlan::default();
    let source =
        Source { image: image.view(), labels: labels.view(), spacing_mm: [1.0; 3], locations: &nowhere, near: None };
    let structures = [vec![7u16]];
    let count = |drop_background| {
        let how = Draw {
            size: [6, 6, 6],
            structures: &structures,
            place: Place::Anywhere,
            drop_background,
            augment: &none,
            end: None,
        };
        let hit = |seed: &u64| {
            draw(source, how, &mut random::stream(*seed, "patch", 0, 0)).labels.iter().any(|label| *label == 7)
        };
        (0..200u64).filter(hit).count()
    };
    let (kept, dropped) = (count(0.0), count(1.0));
    assert!(dropped > 2 * kept, "{dropped} of 200 with the filter, {kept} without");
}

/// Every transform at its default strength, half of the time.
fn everything(patch: [usize; 3]) -> AugmentPlan {
    let half: String = Augment::KEYS.iter().map(|key| format!("{key} = {{ probability = 0.5 }}\n")).collect();
    let text = format!("mirror = [\"depth\", \"height\", \"width\"]\n{half}");
    let plan = AugmentPlan::resolve(&toml::from_str(&text).unwrap(), patch, &[[3, 8]], false);
    assert_eq!(plan.each().len(), 1 + Augment::KEYS.len());
    plan
}

/// The transforms of the pinned patches: a new one would change what the others draw.
fn pinned_transforms(patch: [usize; 3]) -> AugmentPlan {
    let mut plan = everything(patch);
    let pinned = [
        "streaks",
        "noise",
        "blur",
        "brightness",
        "contrast",
        "scale",
        "shift",
        "low-resolution",
        "inverted-gamma",
        "gamma",
        "dropout",
    ];
    plan.intensity.retain(|step| pinned.contains(&step.name()));
    let Spatial { in_plane, rotation, zoom, shear, translation, elastic, .. } = plan.spatial;
    #[allow(clippy::needless_update, reason = "for transforms to come")]
    let spatial = Spatial { in_plane, rotation, zoom, shear, translation, elastic, ..Spatial::default() };
    AugmentPlan { spatial, ..plan }
}

#[test]
fn a_patch_is_the_same_bits_on_any_thread_and_keeps_its_labels() {
    let shape = [20, 24, 22];
    let labels = Array3::from_shape_fn(shape, |(z, y, x)| [0u16, 3, 0, 8, 1][(z / 5 + y / 6 + x / 5) % 5]);
    let image = labels.mapv(f32::from).insert_axis(Axis(0));
    let locations = BTreeMap::from([(3, vec![500, 3000]), (8, vec![1000])]);
    let source = Source {
        image: image.view(),
        labels: labels.view(),
        spacing_mm: [2.0, 1.0, 1.0],
        locations: &locations,
        near: None,
    };
    let augment = everything([16; 3]);
    let structures = [vec![3u16], vec![8], vec![1]];
    let how = Draw {
        size: [12, 16, 14],
        structures: &structures,
        place: Place::OnStructure,
        drop_background: 0.3,
        augment: &augment,
        end: None,
    };
    let make = |sample: u64| draw(source, how, &mut random::stream(4, "patch", 0, sample));
    let alone: Vec<Patch> = (0..40).map(make).collect();
    for threads in [1, 3] {
        let mut made: Vec<Option<Patch>> = vec![None; 40];
        std::thread::scope(|scope| {
            for (worker, slots) in made.chunks_mut(40usize.div_ceil(threads)).enumerate() {
                let first = worker * 40usize.div_ceil(threads);
                scope.spawn(move || {
                    slots.iter_mut().enumerate().for_each(|(slot, made)| *made = Some(make((first + slot) as u64)));
                });
            }
        });
        assert!(made.iter().zip(&alone).all(|(made, alone)| made.as_ref() == Some(alone)), "{threads} threads");
    }
    for patch in &alone {
        assert!(patch.labels.iter().all(|label| [0, 1, 3, 8].contains(label)));
        assert!(patch.image.iter().all(|value| value.is_finite()));
    }
    assert!(alone.windows(2).all(|pair| pair[0] != pair[1]));
}

/// A patch of a textured case with every transform, cut in 3D or as one slice.
fn pinned(size: [usize; 3], sample: u64, end: Option<End>) -> String {
    let shape = [20, 24, 22];
    let labels = Array3::from_shape_fn(shape, |(z, y, x)| [0u16, 3, 0, 8, 1][(z / 5 + y / 6 + x / 5) % 5]);
    let image =
        Array4::from_shape_fn((2, 20, 24, 22), |(c, z, y, x)| ((c * 13 + z * 7 + y * 5 + x * 3) % 31) as f32 / 15.0);
    let locations = BTreeMap::from([(3, vec![500, 3000]), (8, vec![1000])]);
    let spacing_mm = [2.0, 1.0, 1.0];
    let source = Source { image: image.view(), labels: labels.view(), spacing_mm, locations: &locations, near: None };
    let (augment, structures) = (pinned_transforms(size), [vec![3u16], vec![8], vec![1]]);
    let place = Place::OnStructure;
    let how = Draw { size, structures: &structures, place, drop_background: 0.3, augment: &augment, end };
    let patch = draw(source, how, &mut random::stream(4, "patch", 2, sample));
    let mut hash = blake3::Hasher::new();
    for value in &patch.image {
        hash.update(&value.to_le_bytes());
    }
    for label in &patch.labels {
        hash.update(&label.to_le_bytes());
    }
    hash.finalize().to_hex()[..16].to_owned()
}

/// The same spec gives the same patches in every version: a change here changes every training.
#[test]
fn patches_of_every_transform_are_bit_equal_to_those_of_earlier_versions() {
    let ends = [None, Some(End::Low), Some(End::High), Some(End::Drawn)];
    let of = |size| ends.map(|end| [0, 1, 2, 3].map(|sample| pinned(size, sample, end)));
    let solid = [
        ["dde536d547835ab5", "f26adce1bbec4ea3", "869da9dd6193fdb9", "4649c68d05fa5a3e"],
        ["58c22e347fcbd625", "bde8e37538618a6a", "3eb4001f535bf42b", "0b9d5173948cfc41"],
        ["9578ef03e1df6c79", "8ad076263d3fff1c", "b027a22769c4bef6", "8f58447e5746c5e2"],
        ["4b145278e98e9617", "ec81afd17d6cbf59", "b82569d3835703fb", "30ff0ac56ee7d775"],
    ];
    let flat = [
        ["89667c16989ff39e", "4066a5a05c71501c", "6e8f9958b4903f14", "7ae5597475a37fa0"],
        ["368bf9b54f0cc139", "d8d034a572d9ba12", "a37759a474144722", "ddb0cef7eb401e9e"],
        ["2f07783646ca0a83", "c6eb981f34967e95", "ca9a126d4087ceb9", "1f3e5d2cca8f4ddc"],
        ["411eb7a0d1cb8646", "4a17600dd334e0a1", "add9f6b3c958285c", "62289396c66fa594"],
    ];
    assert_eq!([of([12, 16, 14]), of([1, 16, 14])], [solid, flat]);
}

#[test]
fn structures_with_a_side_change_places_where_the_width_is_mirrored_and_only_there() {
    let labels = Array3::from_shape_vec((1, 2, 3), vec![0, 3, 8, 1, 0, 0]).unwrap();
    let image = labels.mapv(f32::from).insert_axis(Axis(0));
    let patch = Patch { image, labels };
    let mut width = patch.clone();
    mirror(&mut width, 2, &[[3, 8]]);
    assert_eq!(width.labels.iter().copied().collect::<Vec<_>>(), [3, 8, 0, 0, 0, 1]);
    assert_eq!(width.image.iter().copied().collect::<Vec<_>>(), [8.0, 3.0, 0.0, 0.0, 0.0, 1.0]);
    let mut height = patch.clone();
    mirror(&mut height, 1, &[[3, 8]]);
    assert_eq!(height.labels.iter().copied().collect::<Vec<_>>(), [1, 0, 0, 0, 3, 8]);
    mirror(&mut width, 2, &[[3, 8]]);
    assert_eq!(width, patch);
}

#[test]
fn without_transforms_a_patch_is_cut_as_before() {
    // The draws that a patch without transforms takes from its stream, in their order: one per axis, one where there is
    // nothing in the box, one per mirrored axis.
    let (image, labels) = case([12, 10, 9]);
    let nowhere = BTreeMap::new();
    let source =
        Source { image: image.view(), labels: labels.view(), spacing_mm: [1.0; 3], locations: &nowhere, near: None };
    let structures = [vec![7u16]];
    let augment = AugmentPlan::mirroring(vec![0, 2]);
    let how = Draw {
        size: [4, 5, 6],
        structures: &structures,
        place: Place::Anywhere,
        drop_background: 0.5,
        augment: &augment,
        end: None,
    };
    for seed in 0..50 {
        let rng = &mut random::stream(seed, "patch", 0, 0);
        let mut draws = 0;
        let (mut expected, mut found) = loop {
            let [z, y, x] = [8i64, 5, 3].map(|room| rng.random_range(0..=room) as usize);
            let found = labels.slice(s![z..z + 4, y..y + 5, x..x + 6]).to_owned();
            let hit = found.iter().any(|label| *label == 7);
            draws += 1;
            if hit || draws > MAX_REDRAWS || !rng.random_bool(0.5) {
                break (image.slice(s![.., z..z + 4, y..y + 5, x..x + 6]).to_owned(), found);
            }
        };
        for axis in [0, 2] {
            if rng.random_bool(0.5) {
                expected.invert_axis(Axis(axis + 1));
                found.invert_axis(Axis(axis));
            }
        }
        let patch = draw(source, how, &mut random::stream(seed, "patch", 0, 0));
        assert_eq!((patch.image, patch.labels), (expected, found), "seed {seed}");
    }
}

#[test]
fn patches_near_a_box_lie_in_it_or_hold_it() {
    // Longer than the patch, shorter, and at the border of the case.
    assert_eq!(firsts(Some([10, 30]), 8, 92), [10, 22]);
    assert_eq!(firsts(Some([10, 14]), 8, 92), [6, 10]);
    assert_eq!(firsts(Some([0, 4]), 8, 92), [0, 0]);
    assert_eq!(firsts(Some([97, 100]), 8, 92), [92, 92]);
    assert_eq!(firsts(None, 8, 92), [0, 92]);
}
