//! Recommended display colours: CIELab as DICOM stores it (PS3.3 C.10.7.1.1) ↔ sRGB.
//!
//! The standard names no white point; D65 is used as in dcmqi, 3D Slicer and highdicom.

/// White point D65 (2°), Y = 1.
const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];
/// Linear sRGB from XYZ (IEC 61966-2-1).
const TO_RGB: [[f64; 3]; 3] =
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]];
/// XYZ from linear sRGB.
const TO_XYZ: [[f64; 3]; 3] =
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]];
/// Below this, CIELab's cube root is replaced by a line.
const LINE: f64 = 6.0 / 29.0;

/// sRGB of a stored colour, clamped to the gamut.
pub(super) fn rgb([l, a, b]: [u16; 3]) -> [u8; 3] {
    let lightness = (f64::from(l) * 100.0 / 65535.0 + 16.0) / 116.0;
    let [a, b] = [a, b].map(|part| f64::from(part) * 255.0 / 65535.0 - 128.0);
    let cube = |part: f64| if part > LINE { part.powi(3) } else { 3.0 * LINE * LINE * (part - 4.0 / 29.0) };
    let xyz = [lightness + a / 500.0, lightness, lightness - b / 200.0];
    let xyz = [0, 1, 2].map(|axis| WHITE[axis] * cube(xyz[axis]));
    TO_RGB.map(|row| {
        let linear: f64 = (0..3).map(|axis| row[axis] * xyz[axis]).sum();
        let part = if linear > 0.0031308 { 1.055 * linear.powf(1.0 / 2.4) - 0.055 } else { 12.92 * linear };
        (part * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

/// The stored colour of sRGB.
pub(super) fn lab(rgb: [u8; 3]) -> [u16; 3] {
    let linear = rgb.map(|part| {
        let part = f64::from(part) / 255.0;
        if part > 0.04045 { ((part + 0.055) / 1.055).powf(2.4) } else { part / 12.92 }
    });
    let root = |part: f64| if part > LINE.powi(3) { part.cbrt() } else { part / (3.0 * LINE * LINE) + 4.0 / 29.0 };
    let xyz = [0, 1, 2].map(|axis| {
        let value: f64 = (0..3).map(|part| TO_XYZ[axis][part] * linear[part]).sum();
        root(value / WHITE[axis])
    });
    let stored = |value: f64| value.round().clamp(0.0, 65535.0) as u16;
    [
        stored((116.0 * xyz[1] - 16.0) * 65535.0 / 100.0),
        stored((500.0 * (xyz[0] - xyz[1]) + 128.0) * 65535.0 / 255.0),
        stored((200.0 * (xyz[1] - xyz[2]) + 128.0) * 65535.0 / 255.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let colour = [red as u8, green as u8, blue as u8];
                    assert_eq!(rgb(lab(colour)), colour);
                }
            }
        }
    }
}
