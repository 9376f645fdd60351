//! Stored sample values → intensities: stored bits, sign, photometric interpretation, rescaling.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::codec::Layout;
use super::plane::FrameView;
use super::value::Values;

/// Modalities whose values have a physical meaning, so that a display hint must not invert them.
const MEASURED: [&str; 4] = ["CT", "PT", "NM", "RTDOSE"];

/// How the samples of a file are stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Format {
    pub layout: Layout,
    bits_stored: u32,
    /// Bits below the lowest stored one.
    shift: u32,
    signed: bool,
    /// Whether low values are white and the modality has no unit.
    inverted: bool,
    /// Range of stored values that mark padding.
    padding: Option<[i64; 2]>,
}

impl Format {
    /// Reads the image pixel module.
    ///
    /// # Errors
    /// What is missing, contradictory or not supported.
    pub fn of(header: &InMemDicomObject) -> Result<Self, String> {
        let rows = header.required_count(tags::ROWS)?;
        let columns = header.required_count(tags::COLUMNS)?;
        let samples = header.count(tags::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        let photometric = header.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
        if samples != 1 || !["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", ""].contains(&photometric.as_str()) {
            let remedy = "save it as a grey image, or as a picture (PNG)";
            return Err(format!("is a colour image ({samples} samples, {photometric}); {remedy}"));
        }
        let allocated = header.required_count(tags::BITS_ALLOCATED)?;
        if ![1, 8, 16, 32].contains(&allocated) || rows == 0 || columns == 0 {
            return Err(format!("has {rows} × {columns} samples of {allocated} bits; 1, 8, 16 and 32 bits are read"));
        }
        let stored = header.count(tags::BITS_STORED)?.unwrap_or(allocated);
        let high = header.count(tags::HIGH_BIT)?.unwrap_or(stored.max(1) - 1);
        if stored == 0 || stored > allocated || high + 1 < stored || high >= allocated {
            return Err(format!("BitsStored {stored} and HighBit {high} do not fit BitsAllocated {allocated}"));
        }
        let signed = header.count(tags::PIXEL_REPRESENTATION)?.unwrap_or(0) == 1;
        let modality = header.text(tags::MODALITY).unwrap_or_default();
        let mut format = Self {
            layout: Layout { size: [rows, columns], bits_allocated: allocated as u32 },
            bits_stored: stored as u32,
            shift: (high + 1 - stored) as u32,
            signed,
            inverted: photometric == "MONOCHROME1" && !MEASURED.contains(&modality.as_str()),
            padding: None,
        };
        format.padding = format.padding_of(header)?;
        Ok(format)
    }

    fn padding_of(&self, header: &InMemDicomObject) -> Result<Option<[i64; 2]>, String> {
        let Some(value) = header.number(tags::PIXEL_PADDING_VALUE)? else { return Ok(None) };
        let limit = header.number(tags::PIXEL_PADDING_RANGE_LIMIT)?.unwrap_or(value);
        // The element's type follows the sign of the pixels, but it is often written as the other one.
        let ends = [value, limit].map(|value| self.value(value as i64 as u32));
        Ok(Some([ends[0].min(ends[1]), ends[0].max(ends[1])]))
    }

    /// The stored value of a bit pattern.
    pub fn value(&self, pattern: u32) -> i64 {
        let bits = u64::from(pattern) >> self.shift & ((1 << self.bits_stored) - 1);
        let negative = self.signed && bits >> (self.bits_stored - 1) == 1;
        if negative { bits as i64 - (1 << self.bits_stored) } else { bits as i64 }
    }

    /// The stored value, inverted where low values are white.
    fn brightness(&self, value: i64) -> i64 {
        match (self.inverted, self.signed) {
            (false, _) => value,
            (true, false) => (1 << self.bits_stored) - 1 - value,
            (true, true) => -1 - value,
        }
    }

    /// Whether a stored value marks padding.
    pub fn is_padding(&self, value: i64) -> bool {
        self.padding.is_some_and(|[first, last]| (first..=last).contains(&value))
    }
}

/// Stored value → unit of the modality, for one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rescale {
    slope: f64,
    intercept: f64,
}

impl Rescale {
    /// Reads slope and intercept of a frame.
    ///
    /// # Errors
    /// A lookup table instead of them, or a slope of 0.
    pub fn of(frame: &FrameView) -> Result<Self, String> {
        if !frame.root.items(tags::MODALITY_LUT_SEQUENCE).is_empty() {
            return Err("has a lookup table (Modality LUT) instead of slope and intercept; save it rescaled".into());
        }
        let slope = frame.number(tags::RESCALE_SLOPE)?.unwrap_or(1.0);
        let intercept = frame.number(tags::RESCALE_INTERCEPT)?.unwrap_or(0.0);
        if slope == 0.0 { Err("has a rescale slope of 0".into()) } else { Ok(Self { slope, intercept }) }
    }

    /// The intensity of a stored value, computed in f64 and rounded once.
    pub fn intensity(&self, format: &Format, value: i64) -> f32 {
        (format.brightness(value) as f64 * self.slope + self.intercept) as f32
    }
}
