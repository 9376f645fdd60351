//! Run-length masks in tables, as Kaggle's competitions publish them.
//!
//! A mask is a text of pairs `start length`, separated by blanks: `1 3 10 5` marks the pixels 1, 2, 3 and 10 to 14. Pixels are counted
//! from 1; an empty text is an empty mask. Two orders are in use:
//!
//! - [`Order::ColumnMajor`], from top to bottom, then from left to right: the Data Science Bowl 2018 and most others.
//! - [`Order::RowMajor`], from left to right, then from top to bottom: the training masks of UW-Madison GI Tract (2022).
//!   That competition's page describes the predictions' order, top to bottom; public solutions decode its training masks in rows.
//!
//! Sources: the competitions' pages "Evaluation" and "Data" (kaggle.com/c/data-science-bowl-2018,
//! kaggle.com/c/uw-madison-gi-tract-image-segmentation).

mod table;

use ndarray::{Array2, ArrayView2};

pub use table::{Columns, Row, RowPlace, Table};

/// Order of the pixels in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From left to right, then from top to bottom.
    RowMajor,
    /// From top to bottom, then from left to right.
    ColumnMajor,
}

/// Why a text is not a mask of an image. Runs are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// Something other than a whole number.
    #[error("run {run}: `{word}` is not a whole number")]
    Word {
        /// Number of the run.
        run: usize,
        /// The text there.
        word: String,
    },
    /// A start without its length.
    #[error("run {run} has a start but no length")]
    Odd {
        /// Number of the run.
        run: usize,
    },
    /// Pixels are counted from 1, and a run has at least one.
    #[error("run {run} is `{start} {length}`: starts and lengths count from 1")]
    Zero {
        /// Number of the run.
        run: usize,
        /// Its start.
        start: usize,
        /// Its length.
        length: usize,
    },
    /// The run ends beyond the image's last pixel.
    #[error("run {run} is `{start} {length}`, beyond the {height} × {width} pixels of the image (height × width)")]
    Outside {
        /// Number of the run.
        run: usize,
        /// Its start.
        start: usize,
        /// Its length.
        length: usize,
        /// The image's height.
        height: usize,
        /// The image's width.
        width: usize,
    },
    /// Runs are sorted and do not overlap.
    #[error("run {run} begins at {start}, before the end of the run before it")]
    Overlap {
        /// Number of the run.
        run: usize,
        /// Its start.
        start: usize,
    },
}

/// The mask `[y, x]` of an image of `[height, width]` pixels: 1 within the runs, 0 elsewhere. An empty text is an empty
/// mask.
///
/// # Errors
/// [`RunError`]: a malformed run, or one that lies outside the image or out of order.
pub fn decode(runs: &str, [height, width]: [usize; 2], order: Order) -> Result<Array2<u8>, RunError> {
    let mut pixels = vec![0; height.saturating_mul(width)];
    let mut words = runs.split_whitespace();
    let mut end = 0;
    for run in 1.. {
        let Some(start) = words.next() else { break };
        let length = words.next().ok_or(RunError::Odd { run })?;
        let [start, length] = [number(start, run)?, number(length, run)?];
        if start == 0 || length == 0 {
            return Err(RunError::Zero { run, start, length });
        }
        let first = start - 1;
        if first < end {
            return Err(RunError::Overlap { run, start });
        }
        let pixels = first.checked_add(length).and_then(|end| pixels.get_mut(first..end));
        pixels.ok_or(RunError::Outside { run, start, length, height, width })?.fill(1);
        end = first + length;
    }
    let shaped = match order {
        Order::RowMajor => Array2::from_shape_vec([height, width], pixels),
        Order::ColumnMajor => Array2::from_shape_vec([width, height], pixels)
            .map(|mask| mask.reversed_axes().as_standard_layout().into_owned()),
    };
    // The vector has as many pixels as the shape.
    Ok(shaped.unwrap_or_default())
}

fn number(word: &str, run: usize) -> Result<usize, RunError> {
    word.parse().map_err(|_| RunError::Word { run, word: word.chars().take(20).collect() })
}

/// The runs of the pixels that are not 0 in a mask `[y, x]`: the inverse of [`decode`].
pub fn encode(mask: ArrayView2<'_, u8>, order: Order) -> String {
    let mask = if order == Order::RowMajor { mask } else { mask.reversed_axes() };
    let mut runs: Vec<[usize; 2]> = Vec::new();
    for (index, _) in mask.iter().enumerate().filter(|&(_, &inside)| inside != 0) {
        match runs.last_mut() {
            Some([start, length]) if *start + *length == index + 1 => *length += 1,
            _ => runs.push([index + 1, 1]),
        }
    }
    let words: Vec<String> = runs.iter().map(|[start, length]| format!("{start} {length}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
