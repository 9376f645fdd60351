//! Tiles of images: where they lie, and their transforms.

use super::super::super::isa::Isa;
use super::super::kernel::{INPUT, InputTile, LANES, MOST_PRODUCTS, MOST_ROWS, Place, Transforms};
use super::super::padded::Images;

/// Floats of transformed tiles that a task works on at a time: they stay in the second-level cache.
const TASK: usize = 192 * 1024;

/// Tiles of a part at least: as many share one pass over the weights.
const FEWEST_TILES: usize = 20;

/// A convolution cut into tiles.
#[derive(Clone, Copy)]
pub struct Tiling {
    /// Instruction set.
    pub isa: Isa,
    /// Images.
    pub batch: usize,
    /// Size of the input.
    pub input: [usize; 3],
    /// Size of the output.
    pub output: [usize; 3],
    /// Zeros on either side of the input.
    pub padding: [usize; 3],
    /// Whether the kernel has three taps along z, rather than one.
    pub deep: bool,
    /// Input and output channels.
    pub channels: [usize; 2],
}

/// Tiles of one image that are computed together: some rows of a plane, or some whole planes.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The image.
    pub image: usize,
    /// First plane of tiles, and the one behind the last.
    pub planes: [usize; 2],
    /// Rows of tiles in each plane.
    pub rows: [usize; 2],
}

/// How many planes and rows of tiles a part has.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Planes; one where there are fewer rows than a plane has.
    pub planes: usize,
    /// Rows.
    pub rows: usize,
}

/// Channels in blocks of up to [`LANES`], as even as possible: (blocks, channels of each).
pub fn blocks(channels: usize) -> (usize, usize) {
    let blocks = channels.div_ceil(LANES).max(1);
    (blocks, channels.div_ceil(blocks))
}

impl Tiling {
    /// The transforms.
    pub fn transforms(&self) -> Transforms {
        Transforms::new(self.isa, self.deep)
    }

    /// Tiles along each axis.
    pub fn tiles(&self) -> [usize; 3] {
        let size = self.transforms().output_size();
        std::array::from_fn(|axis| self.output[axis].div_ceil(size[axis]))
    }

    /// Planes and rows of tiles of a part.
    pub fn extent(&self) -> Extent {
        let [depth, height, length] = self.tiles().map(|tiles| tiles.max(1));
        let floats = self.transforms().products() * (self.channels[0] + self.channels[1]);
        let tiles = (TASK / floats.max(1)).max(FEWEST_TILES);
        let rows = (tiles / length).clamp(1, height);
        let planes = if rows == height { (tiles / (height * length)).clamp(1, depth) } else { 1 };
        Extent { planes, rows }
    }

    /// All parts, image by image, plane by plane.
    pub fn parts(&self) -> Vec<Part> {
        let ([depth, height, _], extent) = (self.tiles(), self.extent());
        let all = (0..self.batch).flat_map(|image| (0..depth).step_by(extent.planes).map(move |z| (image, z)));
        let part = |(image, z): (usize, usize)| {
            let planes = [z, (z + extent.planes).min(depth)];
            let rows = (0..height).step_by(extent.rows).map(move |y| [y, (y + extent.rows).min(height)]);
            rows.map(move |rows| Part { image, planes, rows })
        };
        all.flat_map(part).collect()
    }

    /// Tiles of a part.
    pub fn count(&self, part: &Part) -> usize {
        (part.planes[1] - part.planes[0]) * (part.rows[1] - part.rows[0]) * self.tiles()[2]
    }

    /// Plane, row and column of a part's tile, counted within the part.
    pub fn place(&self, part: &Part, tile: usize) -> [usize; 3] {
        let (rows, length) = (part.rows[1] - part.rows[0], self.tiles()[2]);
        [tile / (rows * length), tile / length % rows, tile % length]
    }

    /// The images that the convolution reads.
    pub fn images<'a>(&self, values: &'a [f32]) -> Images<'a> {
        Images { values, batch: self.batch, channels: self.channels[0], size: self.input }
    }

    /// Transforms the input tiles of a part: `[product, block, tile, lane]`.
    pub fn transform_input(&self, images: &Images, part: &Part, to: &mut [f32]) {
        let transforms = self.transforms();
        let source = Source { images, padding: self.padding, tile: transforms.input_size() };
        let blocks = blocks(self.channels[0]);
        if !self.channels[0].is_multiple_of(LANES) {
            self.transform(part, blocks, &source, to, |values, place, to, step| {
                transforms.input(values, &dense(place, source.tile[0]), 0, to, step);
            });
            return;
        }
        let count = self.count(part);
        let step = blocks.0 * count * LANES;
        for tile in 0..count {
            let place = source.tile(part.image, self.origin(self.at(part, tile), &source));
            for block in 0..blocks.0 {
                let to = &mut to[(block * count + tile) * LANES..];
                transforms.input(images.values, &place, block * LANES, to, step);
            }
        }
    }

    /// Transforms the output gradients of a part: `[product, block, tile, lane]`, channels in blocks of [`LANES`].
    pub fn transform_gradient(&self, gradient: &[f32], part: &Part, to: &mut [f32]) {
        let transforms = self.transforms();
        let images = Images { values: gradient, batch: self.batch, channels: self.channels[1], size: self.output };
        let source = Source { images: &images, padding: [0; 3], tile: transforms.output_size() };
        let blocks = (self.channels[1].div_ceil(LANES), LANES);
        self.transform(part, blocks, &source, to, |values, place, to, step| {
            transforms.gradient(values, place, to, step);
        });
    }

    /// Plane, row and column of a part's tile.
    fn at(&self, part: &Part, tile: usize) -> [usize; 3] {
        let [z, y, x] = self.place(part, tile);
        [part.planes[0] + z, part.rows[0] + y, x]
    }

    fn transform(
        &self,
        part: &Part,
        (blocks, width): (usize, usize),
        source: &Source,
        to: &mut [f32],
        transform: impl Fn(&[f32], Place, &mut [f32], usize),
    ) {
        let count = self.count(part);
        let step = blocks * count * LANES;
        let side = source.tile[1];
        let mut copy = [0.0; MOST_PRODUCTS * LANES];
        for tile in 0..count {
            let at = self.at(part, tile);
            let inside = source.inside(part.image, self.origin(at, source));
            for block in 0..blocks {
                let to = &mut to[(block * count + tile) * LANES..];
                match inside {
                    Some(place) => {
                        let place = Place { start: place.start + block * width, ..place };
                        transform(source.images.values, place, to, step);
                    }
                    None => {
                        source.copy(part.image, self.origin(at, source), [block * width, width], &mut copy);
                        transform(&copy, Place::dense(side), to, step);
                    }
                }
            }
        }
    }

    /// First voxel of a tile; negative where it begins in the padding.
    fn origin(&self, tile: [usize; 3], source: &Source) -> [isize; 3] {
        let step = self.transforms().output_size();
        std::array::from_fn(|axis| (tile[axis] * step[axis]) as isize - source.padding[axis] as isize)
    }
}

/// Images that tiles are read from.
struct Source<'a> {
    images: &'a Images<'a>,
    padding: [usize; 3],
    /// Size of a tile.
    tile: [usize; 3],
}

/// A dense input tile of so many planes.
fn dense(place: Place, planes: usize) -> InputTile {
    let rows = std::array::from_fn(|row| (row < planes * INPUT).then_some(place.start + row * place.step[1]));
    InputTile { rows, step: place.step[2], within: [0, INPUT] }
}

impl Source<'_> {
    /// Where the rows of an input tile lie.
    fn tile(&self, image: usize, origin: [isize; 3]) -> InputTile {
        let [depth, height, length] = self.images.size;
        let channels = self.images.channels;
        let before = usize::try_from(-origin[2]).unwrap_or(0).min(INPUT);
        let start = usize::try_from(origin[2]).unwrap_or(0);
        let columns = (INPUT - before).min(length.saturating_sub(start));
        let place = |axis: usize, index: usize| {
            let place = usize::try_from(origin[axis] + index as isize).ok()?;
            (place < self.images.size[axis]).then_some(place)
        };
        let mut rows = [None; MOST_ROWS];
        for (index, row) in rows.iter_mut().enumerate().take(self.tile[0] * INPUT).filter(|_| columns > 0) {
            if let (Some(z), Some(y)) = (place(0, index / INPUT), place(1, index % INPUT)) {
                *row = Some((((image * depth + z) * height + y) * length + start) * channels);
            }
        }
        InputTile { rows, step: channels, within: [before, before + columns] }
    }

    /// Where a tile lies, if all of it lies within the image and channels fill whole blocks.
    fn inside(&self, image: usize, origin: [isize; 3]) -> Option<Place> {
        let [depth, height, length] = self.images.size;
        let within = |axis: usize| {
            let start = usize::try_from(origin[axis]).ok()?;
            (start + self.tile[axis] <= self.images.size[axis]).then_some(start)
        };
        let [z, y, x] = [within(0)?, within(1)?, within(2)?];
        let channels = self.images.channels;
        if !channels.is_multiple_of(LANES) {
            return None;
        }
        let start = (((image * depth + z) * height + y) * length + x) * channels;
        Some(Place { start, step: [height * length * channels, length * channels, channels] })
    }

    /// Copies one block of a tile's channels, zeros where the image ends.
    fn copy(&self, image: usize, origin: [isize; 3], [first, width]: [usize; 2], to: &mut [f32]) {
        let [depth, height, length] = self.images.size;
        let [planes, rows, columns] = self.tile;
        let channels = self.images.channels;
        let width = width.min(channels.saturating_sub(first));
        let place = |axis: usize, index: usize| {
            let place = usize::try_from(origin[axis] + index as isize).ok()?;
            (place < self.images.size[axis]).then_some(place)
        };
        // The columns that lie within the image.
        let before = usize::try_from(-origin[2]).unwrap_or(0).min(columns);
        let start = usize::try_from(origin[2]).unwrap_or(0);
        let within = (columns - before).min(length.saturating_sub(start));
        for (index, row) in to.chunks_exact_mut(columns * LANES).take(planes * rows).enumerate() {
            let (Some(z), Some(y)) = (place(0, index / rows), place(1, index % rows)) else {
                row.fill(0.0);
                continue;
            };
            row[..before * LANES].fill(0.0);
            row[(before + within) * LANES..].fill(0.0);
            let source = (((image * depth + z) * height + y) * length + start) * channels;
            let source = self.images.values[source..].chunks(channels);
            for (voxel, source) in row[before * LANES..].chunks_exact_mut(LANES).take(within).zip(source) {
                match width {
                    LANES => voxel.copy_from_slice(&source[first..first + LANES]),
                    _ => {
                        voxel[..width].copy_from_slice(&source[first..first + width]);
                        voxel[width..].fill(0.0);
                    }
                }
            }
        }
    }
}
