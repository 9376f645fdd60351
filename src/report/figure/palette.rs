//! Colours of charts. Series colours are those of Okabe & Ito (2008), which colour-blind readers can distinguish.

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
/// Metrics shown side by side, in order.
const SIDE_BY_SIDE: [RGBColor; 4] = [DICE, IOU, RGBColor(0x00, 0x9E, 0x73), RGBColor(0xCC, 0x79, 0xA7)];
/// Marks the best.
pub const BEST: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Cells without a value.
pub const MISSING: RGBColor = RGBColor(0xEE, 0xF0, 0xF3);

/// Text on light cells: not [`INK`], which the page lightens in dark mode.
const ON_LIGHT: RGBColor = RGBColor(0x12, 0x1A, 0x24);
/// Lines too numerous to distinguish.
pub const MANY: RGBColor = RGBColor(0xB4, 0xBF, 0xCA);

/// Anchors of the sequential scale "Blues" (Harrower & Brewer 2003), from 0 to 1.
const BLUES: [[f64; 3]; 9] = [
    [247.0, 251.0, 255.0],
    [222.0, 235.0, 247.0],
    [198.0, 219.0, 239.0],
    [158.0, 202.0, 225.0],
    [107.0, 174.0, 214.0],
    [66.0, 146.0, 198.0],
    [33.0, 113.0, 181.0],
    [8.0, 81.0, 156.0],
    [8.0, 48.0, 107.0],
];

/// Colour of the metric in a panel, counted from 0.
pub fn of_panel(panel: usize) -> RGBColor {
    SIDE_BY_SIDE[panel % SIDE_BY_SIDE.len()]
}

/// Colours of lines that are told apart, in order (Okabe & Ito 2008).
const SERIES: [RGBColor; 8] = [
    DICE,
    BEST,
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0x56, 0xB4, 0xE9),
    IOU,
    RGBColor(0x8C, 0x6B, 0x4F),
    RGBColor(0x7F, 0x7F, 0x7F),
];

/// Colour of a line, counted from 0.
pub fn of_series(number: usize) -> RGBColor {
    SERIES[number % SERIES.len()]
}

/// Colour of a value between 0 and 1 on a scale of increasing darkness, legible for colour-blind readers.
pub fn sequential(value: f64) -> RGBColor {
    let position = value.clamp(0.0, 1.0) * (BLUES.len() - 1) as f64;
    let place = (position.floor() as usize).min(BLUES.len() - 2);
    let blend = |channel: usize| {
        let (from, to) = (BLUES[place][channel], BLUES[place + 1][channel]);
        (from + (to - from) * (position - place as f64)).round() as u8
    };
    RGBColor(blend(0), blend(1), blend(2))
}

/// Black or white, whichever is easier to read on a colour (relative luminance of WCAG 2).
pub fn text_on(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    if luminance > 0.24 { ON_LIGHT } else { RGBColor(0xFF, 0xFF, 0xFF) }
}

/// A structure's colour, darkened until visible on white.
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
