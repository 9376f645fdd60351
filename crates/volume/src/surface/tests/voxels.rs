//! Winding numbers and masks.

use rand::Rng;

use super::*;
use crate::read_label_map;

#[test]
fn winding_numbers_equal_those_of_igl() {
    for made in reference().made {
        let surface = Surface::new(made.points, made.triangles).unwrap();
        let winding = WindingNumber::new(&surface);
        for (place, theirs) in made.places.iter().zip(made.winding) {
            let (exact, fast) = (winding.exact(*place), winding.at(*place));
            assert!((exact - theirs).abs() < 1e-8, "{}: {exact} and {theirs}", made.name);
            assert!((fast - exact).abs() < 0.01, "{}: {fast} and {exact} at {place:?}", made.name);
        }
    }
}

#[test]
fn masks_equal_those_of_the_exact_winding_number() {
    for made in reference().made {
        let surface = Surface::new(made.points, made.triangles).unwrap();
        for grid in made.masks {
            let geometry = Geometry { shape: grid.shape, affine: grid.affine, has_spacing: true };
            let ours = voxelise(&surface, &geometry).unwrap();
            let wrong = ours.mask.iter().zip(grid.mask.bytes()).filter(|&(&o, t)| t != b'2' && o != t - b'0').count();
            let unsure = grid.mask.bytes().filter(|&digit| digit == b'2').count();
            assert!(wrong == 0 && unsure * 20 < grid.mask.len(), "{}: {wrong} wrong, {unsure} unsure", made.name);
        }
    }
}

#[test]
fn what_is_odd_about_a_surface_is_counted_as_by_trimesh() {
    for made in reference().made {
        let surface = Surface::new(made.points, made.triangles).unwrap();
        assert_facts(&made.name, &surface, &made.facts);
    }
    let geometry = Geometry::axis_aligned([4, 4, 4], [10.0; 3]);
    let warnings = |name| voxelise(&made(name), &geometry).unwrap().warnings;
    assert_eq!(warnings("holes"), [Warning::Open(104), Warning::BeyondGrid]);
    assert_eq!(warnings("inward"), [Warning::Inward, Warning::BeyondGrid]);
    let mess = warnings("mess");
    assert_eq!(mess[..2], [Warning::Open(142), Warning::NonManifold(3)]);
    // One triangle of the ball turned round: its three edges.
    let mut turned = made("ball").triangles().to_vec();
    turned[0].reverse();
    let turned = Surface::new(made("ball").points().to_vec(), turned).unwrap();
    assert_eq!(voxelise(&turned, &geometry).unwrap().warnings[0], Warning::Misoriented(3));
    let far = Geometry { affine: [[1.0, 0.0, 0.0, 90.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]], ..geometry };
    assert_eq!(voxelise(&made("ball"), &far).unwrap().warnings, [Warning::BeyondGrid, Warning::Nothing]);
}

#[test]
fn grids_without_millimetres_or_inverse_are_refused() {
    let mut geometry = Geometry::axis_aligned([2, 2, 2], [1.0; 3]);
    geometry.has_spacing = false;
    assert_eq!(voxelise(&made("ball"), &geometry), Err(SurfaceError::NoSpacing));
    let flat = Geometry { affine: [[1.0, 0.0, 0.0, 0.0]; 3], has_spacing: true, ..geometry };
    assert_eq!(voxelise(&made("ball"), &flat), Err(SurfaceError::Singular));
}

#[test]
fn a_box_through_voxel_centres_has_its_volume_whatever_rounding_says() {
    // Sides of 10, 12 and 14 voxels whose faces pass through centres, moved by less than files round.
    let geometry = Geometry::axis_aligned([20, 20, 20], [0.7, 0.9, 1.1]);
    for noise in [0.0, 1e-5, -1e-5] {
        let mut random = segspec_base::random::stream(1, "box", 0, 0);
        let corner = |bits: usize| {
            let voxel = [0, 1, 2].map(|axis| if bits >> axis & 1 == 1 { 12.0 + 2.0 * axis as f64 } else { 2.0 });
            geometry.to_world(voxel).map(|part| part + noise * random.random::<f64>())
        };
        let points: Vec<_> = (0..8).map(corner).collect();
        let sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]];
        let triangles = sides.iter().flat_map(|&[a, b, c, d]| [[a, b, c], [a, c, d]]).collect();
        let cuboid = Surface::new(points, triangles).unwrap();
        let mask = voxelise(&cuboid, &geometry).unwrap().mask;
        // Of the centres on the faces, those of three faces belong to the mask; edges and corners do not.
        let inner = 9 * 11 * 13;
        let faces = 9 * 11 + 9 * 13 + 11 * 13;
        assert_eq!(mask.iter().filter(|&&voxel| voxel != 0).count(), inner + faces);
    }
}

#[test]
fn masks_do_not_depend_on_the_number_of_threads() {
    let surface = made("holes");
    let geometry = oblique([17, 30, 30]);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| voxelise(&surface, &geometry).unwrap())
    };
    assert_eq!(with(1), with(2));
    assert_eq!(with(1), with(4));
}

/// The whole of a large hole, as where an image's border cut a structure, is closed by a flat lid.
#[test]
fn a_tube_without_lids_is_filled_to_its_ends() {
    let ring = |z: f64| {
        (0..60).map(move |step| (f64::from(step) * 6.0).to_radians()).map(move |a| [a.cos() * 20.0, a.sin() * 20.0, z])
    };
    let points: Vec<[f64; 3]> = ring(-30.0).chain(ring(30.0)).collect();
    let side = |a: u32| [[a, (a + 1) % 60, a + 60], [(a + 1) % 60, (a + 1) % 60 + 60, a + 60]];
    let tube = Surface::new(points, (0..60).flat_map(side).collect()).unwrap();
    let affine = [[1.0, 0.0, 0.0, -40.13], [0.0, 1.0, 0.0, -40.21], [0.0, 0.0, 1.0, -40.32]];
    let geometry = Geometry { shape: [80, 80, 80], affine, has_spacing: true };
    let found = voxelise(&tube, &geometry).unwrap();
    assert_eq!(found.topology.open_edges, 120);
    let exact = WindingNumber::new(&tube);
    for ((z, y, x), &voxel) in found.mask.indexed_iter().filter(|((_, _, x), _)| x % 7 == 0) {
        let value = exact.exact(geometry.to_world([z as f64, y as f64, x as f64]));
        assert!((value - 0.5).abs() < 0.02 || (value > 0.5) == (voxel == 1), "{value} at {:?}", [z, y, x]);
    }
}

/// Coarse surfaces, made with every second voxel, whose points all are voxel centres. Their Dice with the label says how
/// coarse they are: the exact winding number, counting centres on the surface as inside or as outside, reaches no more
/// than 0.936, 0.956 and 0.960 either.
#[test]
fn surfaces_of_a_pelvis_fill_its_label() {
    let Some(root) = segspec_testing::data() else { return };
    let labels = read_label_map(&root.join("pelvis/labels/pelvis_003.nii.gz")).unwrap();
    let reference = reference().shared;
    let (mut all, mut whole) = (Array3::zeros(labels.voxels.dim()), Array3::zeros(labels.voxels.dim()));
    for (value, name, expected) in [(1, "sacrum", 0.927), (2, "left_hip", 0.943), (3, "right_hip", 0.950)] {
        let path = format!("pelvis/stl/pelvis_003_{name}.stl");
        let file = read_surface(&root.join(&path), &ReadOptions::default()).unwrap();
        assert_eq!((file.stated, file.warnings.as_slice()), (Some(CoordinateSystem::Lps), [].as_slice()));
        let found = voxelise(&file.surface, &labels.geometry).unwrap();
        let facts = &reference[&path];
        assert_eq!(found.topology.non_manifold_edges, facts.non_manifold_edges);
        assert!(found.topology.open_edges == 0 && found.topology.misoriented_edges == 0);
        let label = labels.voxels.mapv(|voxel| u8::from(voxel == value));
        let count = |mask: &Array3<u8>| mask.iter().filter(|&&voxel| voxel != 0).count();
        let volume = count(&found.mask) as f64 / count(&label) as f64;
        assert!((volume - 1.0).abs() < 0.03, "{name}: {volume}");
        assert!(dice(&label, &found.mask) > expected, "{name}: {}", dice(&label, &found.mask));
        let (inside, on_surface) = (facts.inside.unwrap(), facts.on_surface.unwrap());
        assert!((inside..=inside + on_surface).contains(&count(&found.mask)), "{name}");
        all.zip_mut_with(&found.mask, |all: &mut u8, &voxel| *all |= voxel);
        whole.zip_mut_with(&label, |whole: &mut u8, &voxel| *whole |= voxel);
    }
    assert!(dice(&all, &whole) > 0.942, "{}", dice(&all, &whole));
}

#[test]
fn a_femur_reads_as_in_trimesh() {
    let Some(root) = segspec_testing::data() else { return };
    let path = "stl/libhip_m4_lfemur_mm.stl";
    let options = ReadOptions { coordinates: Some(CoordinateSystem::Ras), ..ReadOptions::default() };
    let file = read_surface(&root.join(path), &options).unwrap();
    assert_eq!(file.warnings, [Warning::Overruled(CoordinateSystem::Lps)]);
    assert_facts(path, &file.surface, &reference().shared[path]);
    let turned = read_surface(&root.join(path), &ReadOptions::default()).unwrap();
    assert!(turned.warnings.is_empty() && turned.stated == Some(CoordinateSystem::Lps));
    assert_eq!(turned.surface.points()[0], CoordinateSystem::Lps.turn(file.surface.points()[0]));
    assert!((turned.surface.volume_mm3() / file.surface.volume_mm3() - 1.0).abs() < 1e-12);
}
