//! JPEG-LS for one component, lossless and near-lossless. Source: ITU-T T.87; names of variables are the standard's.
//!
//! The bindings to CharLS need CMake and a C++ compiler, and CharLS would parse untrusted bytes in C++; a decoder for grey images is
//! short.

/// Order of the run-length codes (T.87 A.7.1.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Contexts of gradients; two more follow for interrupted runs.
const REGULAR_CONTEXTS: usize = 365;

/// Decodes one grey image of `height` × `width` samples, in rows.
///
/// # Errors
/// What is wrong with the stream, or which part of the standard is not supported.
pub(super) fn decode(bytes: &[u8], [height, width]: [usize; 2]) -> Result<Vec<u32>, String> {
    let (parameters, start) = headers(bytes, [height, width])?;
    let mut scan = Scan::new(&parameters, bytes.get(start..).unwrap_or_default());
    let mut samples = Vec::with_capacity(height * width);
    // One more sample on either side, for the neighbours beyond the edge (T.87 A.2.1).
    let (mut above, mut line) = (vec![0_i64; width + 2], vec![0_i64; width + 2]);
    for _ in 0..height {
        line[0] = above[1];
        above[width + 1] = above[width];
        scan.line(&above, &mut line)?;
        samples.extend(line[1..=width].iter().map(|&sample| sample as u32));
        std::mem::swap(&mut above, &mut line);
    }
    Ok(samples)
}

/// What the headers state, with the standard's defaults filled in.
struct Parameters {
    max: i64,
    near: i64,
    thresholds: [i64; 3],
    reset: i64,
}

/// Coding parameters of an LSE segment; 0 selects the default.
#[derive(Default)]
struct Preset {
    max: i64,
    thresholds: [i64; 3],
    reset: i64,
}

/// Reads the marker segments; returns the parameters and where the coded samples begin.
fn headers(bytes: &[u8], size: [usize; 2]) -> Result<(Parameters, usize), String> {
    let word = |at: usize| bytes.get(at..at + 2).map(|pair| usize::from(pair[0]) << 8 | usize::from(pair[1]));
    let ends = || "the JPEG-LS stream ends inside its headers".to_string();
    if word(0) != Some(0xffd8) {
        return Err("not a JPEG-LS stream".into());
    }
    let (mut at, mut precision, mut preset) = (2, None, Preset::default());
    loop {
        let marker = word(at).ok_or_else(ends)?;
        let length = word(at + 2).ok_or_else(ends)?;
        let segment = bytes.get(at + 4..at + 2 + length).ok_or_else(ends)?;
        match marker {
            0xfff7 => precision = Some(frame(segment, size)?),
            0xfff8 => preset = preset_of(segment)?,
            0xffda => {
                let precision = precision.ok_or("the JPEG-LS stream has no frame header")?;
                return Ok((parameters(precision, near(segment)?, &preset)?, at + 2 + length));
            }
            0xffdd if segment.iter().any(|&byte| byte != 0) => return Err("JPEG-LS with restart intervals".into()),
            0xffe0..=0xffef | 0xfffe | 0xffdd => {}
            other => return Err(format!("unknown JPEG-LS marker {other:04x}")),
        }
        at += 2 + length;
    }
}

/// The frame header: returns the bits of a sample.
fn frame(segment: &[u8], [height, width]: [usize; 2]) -> Result<u32, String> {
    let &[precision, y1, y0, x1, x0, components, ..] = segment else {
        return Err("the JPEG-LS frame header is short".into());
    };
    let [rows, columns] = [[y1, y0], [x1, x0]].map(|pair| usize::from(u16::from_be_bytes(pair)));
    if [rows, columns] != [height, width] {
        return Err(format!(
            "the JPEG-LS stream holds {rows} × {columns} samples, its header states {height} × {width}"
        ));
    }
    if components != 1 || !(2..=16).contains(&precision) {
        return Err(format!("JPEG-LS with {components} components of {precision} bits; one of 2 to 16 bits is read"));
    }
    Ok(u32::from(precision))
}

fn preset_of(segment: &[u8]) -> Result<Preset, String> {
    let &[1, ref values @ ..] = segment else { return Err("JPEG-LS with mapping tables".into()) };
    let value = |index: usize| {
        values.get(2 * index..2 * index + 2).map_or(0, |pair| i64::from(u16::from_be_bytes([pair[0], pair[1]])))
    };
    Ok(Preset { max: value(0), thresholds: [value(1), value(2), value(3)], reset: value(4) })
}

/// The scan header: returns the largest error of a sample.
fn near(segment: &[u8]) -> Result<i64, String> {
    match segment {
        &[1, _, 0, near, _, 0] => Ok(i64::from(near)),
        _ => Err("JPEG-LS with more than one component, a mapping table or a point transform".into()),
    }
}

/// Fills in the defaults (T.87 C.2.4.1.1).
fn parameters(precision: u32, near: i64, preset: &Preset) -> Result<Parameters, String> {
    let max = if preset.max > 0 { preset.max } else { (1 << precision) - 1 };
    let clamp = |value: i64, low: i64| if value > max || value < low { low } else { value };
    let [basic1, basic2, basic3] = if max >= 128 {
        let factor = (max.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, factor * 4 + 3 + 5 * near, factor * 17 + 4 + 7 * near]
    } else {
        let factor = 256 / (max + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let chosen = |stated: i64, default: i64| if stated > 0 { stated } else { default };
    let t1 = chosen(preset.thresholds[0], clamp(basic1, near + 1));
    let t2 = chosen(preset.thresholds[1], clamp(basic2, t1));
    let t3 = chosen(preset.thresholds[2], clamp(basic3, t2));
    if max >= 1 << precision || near > 255.min(max / 2) || t1 > t2 || t2 > t3 {
        return Err("the JPEG-LS coding parameters contradict each other".into());
    }
    Ok(Parameters { max, near, thresholds: [t1, t2, t3], reset: chosen(preset.reset, 64) })
}

/// Statistics of one context (T.87 A.2.1, A.8).
#[derive(Clone, Copy)]
struct Context {
    a: i64,
    b: i64,
    c: i64,
    n: i64,
}

struct Scan<'a> {
    bits: Bits<'a>,
    parameters: &'a Parameters,
    range: i64,
    /// Bits of a mapped error that the limited code writes out.
    qbpp: u32,
    limit: u32,
    contexts: [Context; REGULAR_CONTEXTS + 2],
    run_index: usize,
}

impl<'a> Scan<'a> {
    fn new(parameters: &'a Parameters, bytes: &'a [u8]) -> Self {
        let step = 2 * parameters.near + 1;
        let range = (parameters.max + 2 * parameters.near) / step + 1;
        let bits = |count: i64| i64::BITS - (count - 1).max(0).leading_zeros();
        let bpp = bits(parameters.max + 1).max(2);
        let start = Context { a: ((range + 32) / 64).max(2), b: 0, c: 0, n: 1 };
        Self {
            bits: Bits { bytes, at: 0, held: 0, count: 0, after_ff: false },
            parameters,
            range,
            qbpp: bits(range),
            limit: 2 * (bpp + bpp.max(8)),
            contexts: [start; REGULAR_CONTEXTS + 2],
            run_index: 0,
        }
    }

    /// Decodes one line; `line[0]` and both ends of `above` are set.
    fn line(&mut self, above: &[i64], line: &mut [i64]) -> Result<(), String> {
        let width = line.len() - 2;
        let mut x = 1;
        while x <= width {
            let (a, b, c, d) = (line[x - 1], above[x], above[x - 1], above[x + 1]);
            let gradients = [d - b, b - c, c - a].map(|gradient| self.quantized(gradient));
            if gradients == [0; 3] {
                x = self.run(above, line, x)?;
            } else {
                line[x] = self.regular(gradients, a, b, c)?;
                x += 1;
            }
        }
        Ok(())
    }

    /// A.3.3.
    fn quantized(&self, gradient: i64) -> i64 {
        let [t1, t2, t3] = self.parameters.thresholds;
        let size = gradient.abs();
        let level = match size {
            _ if size <= self.parameters.near => 0,
            _ if size < t1 => 1,
            _ if size < t2 => 2,
            _ if size < t3 => 3,
            _ => 4,
        };
        level * gradient.signum()
    }

    /// A.4 to A.6: prediction, error and update of one sample.
    fn regular(&mut self, gradients: [i64; 3], a: i64, b: i64, c: i64) -> Result<i64, String> {
        let signed = 81 * gradients[0] + 9 * gradients[1] + gradients[2];
        let sign = signed.signum();
        let index = signed.unsigned_abs() as usize;
        let context = self.contexts[index];
        let edge = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let predicted = (edge + sign * context.c).clamp(0, self.parameters.max);
        let k = golomb(context.n, context.a)?;
        let mapped = self.bits.limited(k, self.limit, self.qbpp)?;
        let turned = self.parameters.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let error = match (mapped % 2 == 0, turned) {
            (true, false) => mapped / 2,
            (false, false) => -((mapped + 1) / 2),
            (false, true) => (mapped - 1) / 2,
            (true, true) => -(mapped / 2) - 1,
        };
        self.check(error)?;
        self.contexts[index].update(error, self.parameters);
        Ok(self.reconstructed(predicted, sign * error))
    }

    /// A.7: a run of equal samples from `x`, and the sample that ends it. Returns the next index.
    fn run(&mut self, above: &[i64], line: &mut [i64], x: usize) -> Result<usize, String> {
        let width = line.len() - 2;
        let value = line[x - 1];
        let mut end = x;
        while end <= width {
            let whole = 1_usize << J[self.run_index];
            if self.bits.bit()? == 0 {
                let rest = self.bits.read(J[self.run_index])? as usize;
                if end + rest > width {
                    return Err("a JPEG-LS run is longer than its line".into());
                }
                line[end..end + rest].fill(value);
                end += rest;
                line[end] = self.interruption(value, above[end])?;
                self.run_index = self.run_index.saturating_sub(1);
                return Ok(end + 1);
            }
            let length = whole.min(width + 1 - end);
            line[end..end + length].fill(value);
            end += length;
            if length == whole {
                self.run_index = (self.run_index + 1).min(J.len() - 1);
            }
        }
        Ok(end)
    }

    /// A.7.2: the sample that ends a run of `a` below `b`.
    fn interruption(&mut self, a: i64, b: i64) -> Result<i64, String> {
        let kind = i64::from((a - b).abs() <= self.parameters.near);
        let index = REGULAR_CONTEXTS + kind as usize;
        let context = self.contexts[index];
        let k = golomb(context.n, context.a + kind * (context.n >> 1))?;
        let mapped = self.bits.limited(k, self.limit - J[self.run_index] - 1, self.qbpp)?;
        let folded = mapped + kind;
        let odd = folded % 2 != 0;
        let size = (folded + 1) / 2;
        // `b` counts the negative errors of these two contexts.
        let error = if odd == (k != 0 || 2 * context.b >= context.n) { -size } else { size };
        self.check(error)?;
        let reset = self.parameters.reset;
        let context = &mut self.contexts[index];
        context.b += i64::from(error < 0);
        context.a += (mapped + 1 - kind) >> 1;
        if context.n == reset {
            (context.a, context.b, context.n) = (context.a >> 1, context.b >> 1, context.n >> 1);
        }
        context.n += 1;
        let (predicted, sign) = if kind == 1 { (a, 1) } else { (b, if a > b { -1 } else { 1 }) };
        Ok(self.reconstructed(predicted, sign * error))
    }

    fn check(&self, error: i64) -> Result<(), String> {
        if error.abs() > self.range { Err("a JPEG-LS error is out of range".into()) } else { Ok(()) }
    }

    /// A.4.4 and A.4.5, from the decoder's side.
    fn reconstructed(&self, predicted: i64, error: i64) -> i64 {
        let Parameters { max, near, .. } = *self.parameters;
        let step = 2 * near + 1;
        let mut value = predicted + error * step;
        if value < -near {
            value += self.range * step;
        } else if value > max + near {
            value -= self.range * step;
        }
        value.clamp(0, max)
    }
}

impl Context {
    /// A.6: the variables of a regular context after a sample.
    fn update(&mut self, error: i64, parameters: &Parameters) {
        self.b += error * (2 * parameters.near + 1);
        self.a += error.abs();
        if self.n == parameters.reset {
            self.a >>= 1;
            self.b = if self.b >= 0 { self.b >> 1 } else { -((1 - self.b) >> 1) };
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

/// The Golomb parameter (A.5.1).
fn golomb(n: i64, a: i64) -> Result<u32, String> {
    (0..=24).find(|&k| n << k >= a).ok_or_else(|| "a JPEG-LS context is out of range".into())
}

/// The bits of a scan: a byte after 0xff carries seven.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
    after_ff: bool,
}

impl Bits<'_> {
    fn fill(&mut self) -> Result<(), String> {
        let byte = self.bytes.get(self.at).copied().filter(|&byte| !self.after_ff || byte < 0x80);
        let byte = byte.ok_or("the JPEG-LS stream ends before its last sample")?;
        let bits = if self.after_ff { 7 } else { 8 };
        self.held = self.held << bits | u64::from(byte);
        self.count += bits;
        self.after_ff = byte == 0xff;
        self.at += 1;
        Ok(())
    }

    fn read(&mut self, count: u32) -> Result<i64, String> {
        while self.count < count {
            self.fill()?;
        }
        self.count -= count;
        let value = self.held >> self.count;
        self.held &= (1 << self.count) - 1;
        Ok(value as i64)
    }

    fn bit(&mut self) -> Result<i64, String> {
        self.read(1)
    }

    /// The limited Golomb code (A.5.3).
    fn limited(&mut self, k: u32, limit: u32, qbpp: u32) -> Result<i64, String> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > limit {
                return Err("a JPEG-LS code is longer than its limit".into());
            }
        }
        if zeros < limit.saturating_sub(qbpp + 1) {
            Ok(i64::from(zeros) << k | self.read(k)?)
        } else {
            Ok(self.read(qbpp)? + 1)
        }
    }
}
