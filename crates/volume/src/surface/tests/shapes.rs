//! Masks made into surfaces, smoothed and decimated.

use rand::Rng;

use super::*;
use crate::{LabelMap, Segment, Segmentation, Segments, read_label_map};

const PLAIN: Extraction = Extraction { smoothing: None, decimation: None };

#[test]
fn any_mask_has_a_closed_manifold_surface_that_gives_it_back() {
    for (number, share) in [0.05, 0.3, 0.5, 0.8, 1.0].into_iter().enumerate() {
        let mut random = segspec_base::random::stream(2, "mask", 0, number as u64);
        let mask = Array3::from_shape_fn([9, 10, 11], |_| u8::from(random.random::<f64>() < share));
        for geometry in [oblique([9, 10, 11]), Geometry::axis_aligned([9, 10, 11], [3.0, 1.0, 0.5])] {
            let surface = extract(mask.view(), &geometry, &PLAIN).unwrap();
            assert!(Topology::of(&surface).is_closed_manifold(), "{share}");
            assert!(surface.volume_mm3() > 0.0);
            assert_eq!(voxelise(&surface, &geometry).unwrap().mask, mask, "{share}");
            assert!(every_point_has_one_fan(&surface), "{share}");
        }
    }
}

/// Whether the triangles of each point hang together: as many neighbours as triangles, in one ring.
fn every_point_has_one_fan(surface: &Surface) -> bool {
    let mut next: Vec<Vec<(u32, u32)>> = vec![Vec::new(); surface.points().len()];
    for &[a, b, c] in surface.triangles() {
        for (point, from, to) in [(a, b, c), (b, c, a), (c, a, b)] {
            next[point as usize].push((from, to));
        }
    }
    next.iter().all(|ring| {
        let (start, mut here) = ring[0];
        let mut steps = 1;
        while here != start {
            here = ring.iter().find(|(from, _)| *from == here).unwrap().1;
            steps += 1;
        }
        steps == ring.len()
    })
}

#[test]
fn one_voxel_is_an_octahedron() {
    let geometry = Geometry::axis_aligned([1, 1, 1], [3.0, 2.0, 1.0]);
    let surface = extract(Array3::ones([1, 1, 1]).view(), &geometry, &PLAIN).unwrap();
    assert_eq!((surface.points().len(), surface.triangles().len()), (6, 8));
    assert!((surface.volume_mm3() - 6.0 / 6.0).abs() < 1e-12);
    assert_eq!(surface.bounds_mm().unwrap(), [[-0.5, -1.0, -1.5], [0.5, 1.0, 1.5]]);
}

#[test]
fn an_empty_mask_has_no_triangles_and_a_grid_without_millimetres_no_surface() {
    let mut geometry = Geometry::axis_aligned([2, 2, 2], [1.0; 3]);
    let mask = Array3::zeros([2, 2, 2]);
    assert_eq!(extract(mask.view(), &geometry, &Extraction::default()).unwrap(), Surface::default());
    geometry.has_spacing = false;
    assert_eq!(extract(mask.view(), &geometry, &PLAIN), Err(SurfaceError::NoSpacing));
}

/// Steps of voxels make the area of a plain surface about a tenth too large; smoothing brings it to within 2 %. The volume
/// is within 0.5 % either way.
#[test]
fn a_ball_has_the_volume_and_area_of_the_formula() {
    let radius = 20.3;
    let mask = ball(48, radius);
    let spacing = 0.8;
    let radius_mm = radius * spacing;
    let (volume, area) =
        (4.0 / 3.0 * std::f64::consts::PI * radius_mm.powi(3), 4.0 * std::f64::consts::PI * radius_mm.powi(2));
    let geometry = Geometry::axis_aligned([48; 3], [spacing; 3]);
    let plain = extract(mask.view(), &geometry, &PLAIN).unwrap();
    assert!((plain.volume_mm3() / volume - 1.0).abs() < 0.005, "{}", plain.volume_mm3() / volume);
    assert!((1.05..1.12).contains(&(plain.area_mm2() / area)), "{}", plain.area_mm2() / area);
    let smoothed = extract(mask.view(), &geometry, &Extraction::default()).unwrap();
    assert!((smoothed.volume_mm3() / volume - 1.0).abs() < 0.005, "{}", smoothed.volume_mm3() / volume);
    assert!((smoothed.area_mm2() / area - 1.0).abs() < 0.02, "{}", smoothed.area_mm2() / area);
    let decimation = Some(Decimation { triangles: 1000 });
    let coarse = extract(mask.view(), &geometry, &Extraction { decimation, ..Extraction::default() }).unwrap();
    assert_eq!(coarse.triangles().len(), 1000);
    assert!((coarse.volume_mm3() / volume - 1.0).abs() < 0.01, "{}", coarse.volume_mm3() / volume);
    assert!((coarse.area_mm2() / area - 1.0).abs() < 0.02, "{}", coarse.area_mm2() / area);
    let middle = geometry.to_world([23.5; 3]);
    let distance = |point: &[f64; 3]| crate::geometry::norm([0, 1, 2].map(|axis| point[axis] - middle[axis]));
    assert!(coarse.points().iter().all(|point| (distance(point) - radius_mm).abs() < 0.8 * spacing));
}

#[test]
fn smoothing_and_normals_equal_those_of_trimesh() {
    let reference = reference().smoothed;
    let mut surface = Surface::new(reference.points, reference.triangles).unwrap();
    let near = |ours: &[[f64; 3]], theirs: &[[f64; 3]]| {
        ours.as_flattened().iter().zip(theirs.as_flattened()).all(|(ours, theirs)| (ours - theirs).abs() < 1e-7)
    };
    assert!(near(&surface.normals(), &reference.normals));
    // trimesh counts both steps of an iteration.
    smooth(&mut surface, &Taubin { iterations: 6, reach: f64::INFINITY, ..Taubin::default() });
    assert!(near(surface.points(), &reference.after));
}

#[test]
fn decimation_keeps_holes_handles_and_rims() {
    // A ring: a handle stays a handle.
    let ring = Array3::from_shape_fn([8, 30, 30], |(z, y, x)| {
        let away = ((y as f64 - 14.5).powi(2) + (x as f64 - 14.5).powi(2)).sqrt() - 10.0;
        u8::from((z as f64 - 3.5).powi(2) + away * away < 9.0)
    });
    let surface = extract(ring.view(), &oblique([8, 30, 30]), &Extraction::default()).unwrap();
    let coarse = decimate(&surface, &Decimation { triangles: 200 });
    let euler = |surface: &Surface| surface.points().len() as i64 - surface.triangles().len() as i64 / 2;
    assert!(Topology::of(&coarse).is_closed_manifold());
    assert_eq!((coarse.triangles().len(), euler(&coarse), euler(&surface)), (200, 0, 0));
    let ratio = coarse.volume_mm3() / surface.volume_mm3();
    assert!((ratio - 1.0).abs() < 0.04, "{ratio}");
    // However few are asked for, what is left is a closed surface with a handle.
    let least = decimate(&surface, &Decimation { triangles: 0 });
    assert!(Topology::of(&least).is_closed_manifold() && euler(&least) == 0 && least.triangles().len() < 100);
    let bowl = made("bowl");
    let coarse = decimate(&bowl, &Decimation { triangles: 90 });
    assert_eq!((coarse.triangles().len(), Topology::of(&coarse).components), (90, 1));
    let rim = |surface: &Surface| surface.bounds_mm().unwrap()[1][2];
    assert!((rim(&bowl) - rim(&coarse)).abs() < 0.2, "{} {}", rim(&bowl), rim(&coarse));
    assert_eq!(decimate(&bowl, &Decimation { triangles: 1000 }).triangles().len(), bowl.triangles().len());
}

/// What an untrained network predicts: noise, whose surface is all handles. None of its points may gather the neighbours of the others.
#[test]
fn a_surface_of_noise_is_simplified_without_points_of_many_neighbours() {
    let mut random = segspec_base::random::stream(3, "noise", 0, 0);
    let mask = Array3::from_shape_fn([32, 32, 32], |_| u8::from(random.random::<bool>()));
    let surface = extract(mask.view(), &oblique([32, 32, 32]), &PLAIN).unwrap();
    let coarse = decimate(&surface, &Decimation { triangles: 1000 });
    let most = |surface: &Surface| {
        let mut around = vec![0usize; surface.points().len()];
        surface.triangles().iter().flatten().for_each(|&point| around[point as usize] += 1);
        around.into_iter().max().unwrap()
    };
    let counts = [&surface, &coarse].map(|surface| surface.triangles().len());
    assert!(most(&coarse) <= 64 && counts[1] < counts[0] / 2, "{} neighbours, {counts:?} triangles", most(&coarse));
    assert!(Topology::of(&coarse).is_closed_manifold());
}

#[test]
fn structures_keep_their_order_names_and_colours() {
    let mut voxels = Array3::<u16>::zeros([6, 6, 6]);
    voxels[[1, 1, 1]] = 7;
    voxels[[4, 4, 4]] = 300;
    let segment = |name: &str, value| Segment { name: name.into(), value, color: Some([1, 2, 3]) };
    let segments = vec![segment("b", 300), segment("none", 5), segment("a", 7)];
    let geometry = Geometry::axis_aligned([6; 3], [1.0; 3]);
    let labels = Segmentation::Labels(LabelMap { voxels: voxels.clone(), geometry: geometry.clone() });
    let masks = ndarray::stack(
        ndarray::Axis(0),
        &[300, 5, 7].map(|value| voxels.mapv(|v| u8::from(v == value))).each_ref().map(|mask| mask.view()),
    )
    .unwrap();
    for content in [labels, Segmentation::Masks { masks, geometry }] {
        let found = extract_segments(&Segments { segments: segments.clone(), content }, &PLAIN).unwrap();
        let names: Vec<&str> = found.iter().map(|named| named.name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(found[0].color, Some([1, 2, 3]));
        assert_eq!(found[0].surface.bounds_mm().unwrap(), [[3.5; 3], [4.5; 3]]);
        assert_eq!(found[1].surface.bounds_mm().unwrap(), [[0.5; 3], [1.5; 3]]);
    }
}

/// Real labels, written as STL and read again: the smoothed surface gives back the mask.
#[test]
fn masks_of_real_structures_survive_smoothing_and_a_file() {
    let Some(root) = segspec_testing::data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("structure.stl");
    let files = [
        ("pelvis/labels/pelvis_001.nii.gz", vec![1, 2, 3]),
        ("pelvis/labels/pelvis_003.nii.gz", vec![1, 2, 3]),
        // Spleen, kidneys, gallbladder, liver, stomach; adrenal glands, a voxel or two thin.
        ("totalsegmentator/example_seg.nii.gz", vec![1, 2, 3, 4, 5, 6, 8, 9]),
        ("hippocampus/labelsTr/hippocampus_003.nii.gz", vec![1, 2]),
    ];
    for (file, values) in files {
        let labels = read_label_map(&root.join(file)).unwrap();
        for value in values {
            let mask = labels.voxels.mapv(|voxel| u8::from(voxel == value));
            let surface = extract(mask.view(), &labels.geometry, &Extraction::default()).unwrap();
            assert!(Topology::of(&surface).is_closed_manifold() && surface.volume_mm3() > 0.0);
            let system = if value % 2 == 0 { CoordinateSystem::Ras } else { CoordinateSystem::Lps };
            write_stl(&path, &surface, system).unwrap();
            let read = read_surface(&path, &ReadOptions::default()).unwrap();
            assert_eq!((read.stated, read.surface.triangles().len()), (Some(system), surface.triangles().len()));
            let back = voxelise(&read.surface, &labels.geometry).unwrap();
            let dice = dice(&mask, &back.mask);
            assert!(dice >= 0.999, "{file} {value}: {dice}");
        }
    }
}
