//! Tiles of images: where they lie, and their transforms.

use super::super::super::isa::Isa;
use super::super::kernel::{INPUTS, LANES, OUTPUT, OUTPUTS, Place, Rows, Transforms, inputs};
use super::super::padded::Images;

/// Floats of transformed tiles that a task works on at a time: they stay in the L2 cache.
const TASK: usize = 192 * 1024;

/// Fewest tiles of a part: this many share one pass over the weights.
const FEWEST_TILES: usize = 20;

/// Fewest planes of a part if the kernel has several taps along z.
const PLANES: usize = 8;

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
    /// Zero padding on either side of the input.
    pub padding: [usize; 3],
    /// Taps along z.
    pub taps: usize,
    /// Taps along y and x: 3 or 5.
    pub edge: usize,
    /// Input and output channels.
    pub channels: [usize; 2],
}

/// Tiles of one image that are computed together: some rows of some planes.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The image.
    pub image: usize,
    /// First plane of tiles, and one past the last.
    pub planes: [usize; 2],
    /// Rows of tiles in each plane.
    pub rows: [usize; 2],
}

/// How many planes and rows of tiles a part has.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Planes.
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
        Transforms::new(self.isa, self.edge)
    }

    /// Products of a tile, per pair of channels.
    pub fn products(&self) -> usize {
        inputs(self.edge) * inputs(self.edge)
    }

    /// Tiles along each axis.
    pub fn tiles(&self) -> [usize; 3] {
        let [depth, height, length] = self.output;
        [depth, height.div_ceil(OUTPUT), length.div_ceil(OUTPUT)]
    }

    /// Planes and rows of tiles of a part.
    pub fn extent(&self) -> Extent {
        let [depth, height, length] = self.tiles().map(|tiles| tiles.max(1));
        let tiles = TASK / (self.products() * (self.channels[0] + self.channels[1])).max(1);
        let tiles = tiles.max(FEWEST_TILES);
        // The planes next to a part are transformed for it as well: the more planes it has, the smaller their share.
        let planes = if self.taps > 1 { PLANES.min(depth) } else { 1 };
        let rows = (tiles / (planes * length)).clamp(1, height);
        Extent { planes: (tiles / (rows * length)).clamp(planes, depth), rows }
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

    /// Planes of a part, and tiles of each.
    pub fn planes(&self, part: &Part) -> [usize; 2] {
        [part.planes[1] - part.planes[0], (part.rows[1] - part.rows[0]) * self.tiles()[2]]
    }

    /// Floats of a part's transformed input.
    pub fn transformed_input(&self, part: &Part) -> usize {
        let [planes, tiles] = self.planes(part);
        self.products() * (planes + self.taps - 1) * blocks(self.channels[0]).0 * tiles * LANES
    }

    /// Transforms the input tiles of a part, with the neighbouring planes that the taps reach: `[product, plane, block, tile, lane]`.
    pub fn transform_input(&self, images: &Images, part: &Part, to: &mut [f32]) {
        let (step, [_, tiles], (blocks, _)) = (to.len() / self.products(), self.planes(part), blocks(self.channels[0]));
        let source = Source { images, padding: self.padding, inputs: inputs(self.edge) };
        let planes = (part.planes[0]..part.planes[1] + self.taps - 1).enumerate();
        for (index, plane) in planes {
            for row in part.rows[0]..part.rows[1] {
                let start = index * blocks * tiles + (row - part.rows[0]) * self.tiles()[2];
                self.transform_row(&source, [part.image, plane, row], tiles, &mut to[start * LANES..], step);
            }
        }
    }

    /// Transforms a row of input tiles, one block of channels after the other; blocks are `tiles` tiles apart.
    fn transform_row(
        &self,
        source: &Source,
        [image, plane, row]: [usize; 3],
        tiles: usize,
        to: &mut [f32],
        step: usize,
    ) {
        let (transforms, (blocks, width), channels) = (self.transforms(), blocks(self.channels[0]), self.channels[0]);
        let input = inputs(self.edge);
        let mut copy = [0.0; INPUTS * INPUTS * LANES];
        let copy = &mut copy[..input * input * LANES];
        let origin = source.origin([plane, row, 0]);
        let rows = source.rows(image, origin);
        for x in 0..self.tiles()[2] {
            let origin = source.origin([plane, row, x]);
            let (first, within) = source.columns(origin[2]);
            for block in 0..blocks {
                let to = &mut to[(block * tiles + x) * LANES..];
                if channels.is_multiple_of(LANES) {
                    transforms.input(&rows, first * channels + block * LANES, within, to, step);
                    continue;
                }
                source.copy(image, origin, input, [block * width, width], copy);
                let rows = std::array::from_fn(|row| (row < input).then_some(row * input * LANES));
                transforms.input(&Rows::new(copy, rows, input * LANES, LANES), 0, [0, input], to, step);
            }
        }
    }

    /// Transforms the output gradients of a part: `[product, block, tile, lane]`, channels in blocks of [`LANES`].
    pub fn transform_gradient(&self, gradient: &[f32], part: &Part, to: &mut [f32]) {
        let transforms = self.transforms();
        let images = Images { values: gradient, batch: self.batch, channels: self.channels[1], size: self.output };
        let source = Source { images: &images, padding: [0; 3], inputs: OUTPUT };
        let (blocks, count) = (self.channels[1].div_ceil(LANES), self.count(part));
        let mut copy = [0.0; OUTPUTS * LANES];
        for tile in 0..count {
            let origin = source.origin(self.at(part, tile));
            let inside = source.inside(part.image, origin);
            for block in 0..blocks {
                let to = &mut to[(block * count + tile) * LANES..];
                match inside {
                    Some(place) => {
                        let place = Place { start: place.start + block * LANES, ..place };
                        transforms.gradient(gradient, place, to, blocks * count * LANES);
                    }
                    None => {
                        source.copy(part.image, origin, OUTPUT, [block * LANES, LANES], &mut copy);
                        let place = Place { start: 0, row: OUTPUT * LANES, column: LANES };
                        transforms.gradient(&copy, place, to, blocks * count * LANES);
                    }
                }
            }
        }
    }

    /// Plane, row and column of a part's tile.
    fn at(&self, part: &Part, tile: usize) -> [usize; 3] {
        let [z, y, x] = self.place(part, tile);
        [part.planes[0] + z, part.rows[0] + y, x]
    }
}

/// Images that tiles are read from.
struct Source<'a> {
    images: &'a Images<'a>,
    padding: [usize; 3],
    /// Voxels of a tile along y and x; neighbouring tiles begin [`OUTPUT`] voxels apart.
    inputs: usize,
}

impl<'a> Source<'a> {
    /// First voxel of a tile; negative where it begins in the padding.
    fn origin(&self, [z, y, x]: [usize; 3]) -> [isize; 3] {
        let place = [z, y * OUTPUT, x * OUTPUT];
        std::array::from_fn(|axis| place[axis] as isize - self.padding[axis] as isize)
    }

    /// An index along an axis, if it lies within the image.
    fn place(&self, axis: usize, index: isize) -> Option<usize> {
        usize::try_from(index).ok().filter(|&index| index < self.images.size[axis])
    }

    /// Start of row `y` of plane `z`, if it lies within the image.
    fn row(&self, image: usize, z: isize, y: isize) -> Option<usize> {
        let [depth, height, length] = self.images.size;
        let (z, y) = (self.place(0, z)?, self.place(1, y)?);
        Some(((image * depth + z) * height + y) * length * self.images.channels)
    }

    /// The rows of voxels of a row of tiles.
    fn rows(&self, image: usize, [z, y, _]: [isize; 3]) -> Rows<'a> {
        let places = std::array::from_fn(|index| self.row(image, z, y + index as isize));
        let channels = self.images.channels;
        Rows::new(self.images.values, places, self.images.size[2] * channels, channels)
    }

    /// The columns of a tile that lie within the image: the index of the first one there, and the first and one past the last, counted
    /// within the tile.
    fn columns(&self, origin: isize) -> (usize, [usize; 2]) {
        let before = usize::try_from(-origin).unwrap_or(0).min(self.inputs);
        let start = usize::try_from(origin).unwrap_or(0);
        (start, [before, before + (self.inputs - before).min(self.images.size[2].saturating_sub(start))])
    }

    /// Start of a tile of outputs, if it lies entirely within the image and channels fill whole blocks.
    fn inside(&self, image: usize, [z, y, x]: [isize; 3]) -> Option<Place> {
        let (channels, last) = (self.images.channels, OUTPUT as isize - 1);
        let (start, _) = (self.row(image, z, y)?, self.row(image, z, y + last)?);
        let (x, _) = (self.place(2, x)?, self.place(2, x + last)?);
        let place = Place { start: start + x * channels, row: self.images.size[2] * channels, column: channels };
        channels.is_multiple_of(LANES).then_some(place)
    }

    /// Copies one block of channels of a tile with `side` rows and columns, with zeros outside the image.
    fn copy(&self, image: usize, [z, y, x]: [isize; 3], side: usize, [first, width]: [usize; 2], to: &mut [f32]) {
        let channels = self.images.channels;
        let width = width.min(channels.saturating_sub(first));
        for (index, voxel) in to.chunks_exact_mut(LANES).enumerate() {
            let (row, column) = ((index / side) as isize, (index % side) as isize);
            let place = self.row(image, z, y + row).zip(self.place(2, x + column));
            let known = match place {
                Some((row, x)) => &self.images.values[row + x * channels + first..][..width],
                None => &[],
            };
            match known.first_chunk::<LANES>() {
                Some(known) => voxel.copy_from_slice(known),
                None => {
                    voxel[..known.len()].copy_from_slice(known);
                    voxel[known.len()..].fill(0.0);
                }
            }
        }
    }
}
