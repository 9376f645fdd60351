//! Colours of structures in figures: those that the dataset states, else distinct ones.

use super::Dataset;

/// Distinct colours, bright enough to be visible on greyscale images.
const PALETTE: [[u8; 3]; 12] = [
    [230, 75, 53],
    [77, 187, 213],
    [0, 160, 135],
    [243, 195, 0],
    [132, 91, 183],
    [245, 130, 48],
    [66, 135, 245],
    [190, 225, 75],
    [240, 98, 170],
    [170, 110, 40],
    [128, 222, 160],
    [200, 180, 255],
];

/// The specified colour, or one that depends on the structure's position in the dataset file, not on the selection.
pub(super) fn color_of(dataset: &Dataset, name: &str) -> [u8; 3] {
    let stated: Vec<[u8; 3]> =
        dataset.structures.iter().filter_map(|structure| parse_color(structure.color.as_deref()?)).collect();
    let mut free = (0_usize..).map(palette_color).filter(|color| !stated.contains(color));
    let merges = dataset.labels.merge.keys().map(|merge| (merge, None));
    let structures = dataset.structures.iter().map(|structure| (&structure.name, structure.color.as_deref()));
    for (known, color) in structures.chain(merges) {
        let color = color.and_then(parse_color).or_else(|| free.next()).unwrap_or(PALETTE[0]);
        if known == name {
            return color;
        }
    }
    PALETTE[0]
}

/// The fixed palette, continued with hues that advance by the golden angle, so that neighbours differ.
pub fn palette_color(place: usize) -> [u8; 3] {
    PALETTE.get(place).copied().unwrap_or_else(|| {
        let hue = place as f64 * 0.618_033_988_749_895 % 1.0 * 6.0;
        let light = [225.0, 175.0, 250.0][place % 3];
        [5.0, 3.0, 1.0].map(|shift| {
            let phase = (hue + shift) % 6.0;
            (light * (1.0 - 0.7 * phase.min(4.0 - phase).clamp(0.0, 1.0))) as u8
        })
    })
}

/// `#rrggbb` → bytes.
pub(super) fn parse_color(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let byte = |place: usize| u8::from_str_radix(digits.get(place..place + 2)?, 16).ok();
    Some([byte(0)?, byte(2)?, byte(4)?])
}
