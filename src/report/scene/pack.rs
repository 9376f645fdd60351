//! Points, triangles and distances as one block of text: whole numbers, as differences, in as many bytes as they need, compressed.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Scene, Shell};

/// Steps of a coordinate over the extent of the scene.
const STEPS: f64 = 65535.0;

/// What `data.js` reads, gzip in base64: of each surface its points, the corners of its triangles, and its distances in hundredths of a mm.
pub(super) fn pack(scene: &Scene) -> io::Result<String> {
    let bounds = scene.bounds();
    let mut bytes = Vec::new();
    scene.shells().for_each(|shell| shell_bytes(shell, bounds, &mut bytes));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&bytes)?;
    Ok(STANDARD.encode(gzip.finish()?))
}

fn shell_bytes(shell: &Shell, [low, high]: [[f64; 3]; 2], bytes: &mut Vec<u8>) {
    let (order, triangles) = in_order(shell);
    let mut last = [0; 3];
    for point in &order {
        let place = shell.surface.points()[*point];
        for axis in 0..3 {
            let extent = (high[axis] - low[axis]).max(f64::MIN_POSITIVE);
            let step = ((place[axis] - low[axis]) / extent * STEPS).round() as i64;
            number(step - last[axis], bytes);
            last[axis] = step;
        }
    }
    let mut last = 0;
    for corner in triangles {
        number(corner - last, bytes);
        last = corner;
    }
    let mut last = 0;
    for distance in shell.distances.iter().flat_map(|all| order.iter().map(|point| all[*point])) {
        let hundredths = (distance * 100.0).round() as i64;
        number(hundredths - last, bytes);
        last = hundredths;
    }
}

/// The points in the order in which the triangles use them, which makes differences small, and the triangles' corners in that order.
fn in_order(shell: &Shell) -> (Vec<usize>, Vec<i64>) {
    let mut places = vec![None; shell.surface.points().len()];
    let mut order = Vec::new();
    let mut corners = Vec::new();
    for corner in shell.surface.triangles().iter().flatten() {
        let corner = *corner as usize;
        let place = *places[corner].get_or_insert_with(|| {
            order.push(corner);
            order.len() as i64 - 1
        });
        corners.push(place);
    }
    (order, corners)
}

/// Points that triangles use.
pub(super) fn points(shell: &Shell) -> usize {
    in_order(shell).0.len()
}

/// Seven bits a byte, the lowest first; the sign is the lowest bit.
fn number(value: i64, bytes: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 127 {
        bytes.push((rest & 127) as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}
