//! Colours of charts. Series colours are those of Okabe & Ito (2008), which stay apart for colour-blind readers.

use plotters::style::RGBColor;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x1F, 0x29, 0x33);
/// Secondary text.
pub const MUTED: RGBColor = RGBColor(0x5B, 0x67, 0x73);
/// Grid lines and frames.
pub const GRID: RGBColor = RGBColor(0xDF, 0xE4, 0xEA);
/// Dice.
pub const DICE: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Intersection over union.
pub const IOU: RGBColor = RGBColor(0xE6, 0x9F, 0x00);
/// Marks what is best.
pub const BEST: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Cells without a value.
pub const MISSING: RGBColor = RGBColor(0xEE, 0xF0, 0xF3);

/// Anchors of the cividis colour map (Nuñez, Anderton & Renslow 2018), from 0 to 1.
const CIVIDIS: [[f64; 3]; 6] = [
    [0.0, 32.0, 77.0],
    [49.0, 69.0, 107.0],
    [102.0, 105.0, 112.0],
    [147.0, 142.0, 119.0],
    [203.0, 187.0, 105.0],
    [255.0, 234.0, 70.0],
];

/// Colour of a value between 0 and 1 on a scale that colour-blind readers see as brightness.
pub fn sequential(value: f64) -> RGBColor {
    let position = value.clamp(0.0, 1.0) * (CIVIDIS.len() - 1) as f64;
    let place = (position.floor() as usize).min(CIVIDIS.len() - 2);
    let blend = |channel: usize| {
        let (from, to) = (CIVIDIS[place][channel], CIVIDIS[place + 1][channel]);
        (from + (to - from) * (position - place as f64)).round() as u8
    };
    RGBColor(blend(0), blend(1), blend(2))
}

/// Black or white, whichever is easier to read on a colour (relative luminance of WCAG 2).
pub fn text_on(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    if luminance > 0.18 { INK } else { RGBColor(0xFF, 0xFF, 0xFF) }
}

/// A structure's colour, darkened until it can be seen on white.
pub fn on_white([red, green, blue]: [u8; 3]) -> RGBColor {
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let factor = if luminance > 0.45 { (0.45 / luminance).sqrt() } else { 1.0 };
    let dim = |channel: u8| (f64::from(channel) * factor).round() as u8;
    RGBColor(dim(red), dim(green), dim(blue))
}

fn linear(channel: u8) -> f64 {
    let value = f64::from(channel) / 255.0;
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}
