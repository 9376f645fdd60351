//! Warnings about images that can be read but may be wrong.

use super::Geometry;

/// Usual range of voxel spacings of medical scanners, in millimetres; others more often come from a wrong unit.
const USUAL_SPACING_MM: [f64; 2] = [0.005, 50.0];

/// CT values end at −1024; scanners and converters pad the area outside the field of view with lower values.
const BELOW_AIR: f32 = -1100.0;

/// What a person should check before using an image. `oriented`: whether its header states an orientation; `range`: its smallest and
/// largest value.
pub fn image_warnings(geometry: &Geometry, oriented: bool, range: [f32; 2]) -> Vec<String> {
    let mut warnings = Vec::new();
    if range[0] == range[1] {
        warnings.push("every voxel of the image has the same value".into());
    }
    if range[0] < BELOW_AIR {
        warnings.push(format!("values down to {}: padding below air (−1024), if this is a CT; clip it", range[0]));
    }
    if !geometry.has_spacing {
        return warnings;
    }
    if geometry.is_sheared() {
        warnings.push("axes are not at right angles (gantry tilt)".into());
    }
    if !oriented {
        warnings.push("the header states no orientation: left and right are a guess".into());
    }
    let [least, most] = USUAL_SPACING_MM;
    if let Some(odd) = geometry.spacing_mm().into_iter().find(|spacing| !(least..=most).contains(spacing)) {
        warnings.push(format!("voxels are {odd} mm apart: is the unit right?"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_oddity_is_told_and_a_sound_image_has_none() {
        let sound = Geometry::axis_aligned([4, 5, 6], [3.0, 1.0, 1.0]);
        assert!(image_warnings(&sound, true, [-1024.0, 3071.0]).is_empty());
        let mut tilted = sound.clone();
        tilted.affine[1][2] = 0.6;
        let metres = Geometry::axis_aligned([4, 5, 6], [0.003, 0.001, 0.001]);
        for (geometry, oriented, range, word) in [
            (&sound, true, [7.0, 7.0], "same value"),
            (&sound, true, [-3024.0, 0.0], "-3024"),
            (&tilted, true, [0.0, 1.0], "gantry"),
            (&sound, false, [0.0, 1.0], "guess"),
            (&metres, true, [0.0, 1.0], "0.003 mm"),
        ] {
            let warnings = image_warnings(geometry, oriented, range);
            assert!(warnings.len() == 1 && warnings[0].contains(word), "{warnings:?}");
        }
        let picture = Geometry { has_spacing: false, ..tilted };
        assert!(image_warnings(&picture, false, [0.0, 1.0]).is_empty());
    }
}
