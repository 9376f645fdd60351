//! Lower envelope of parabolas along a line: one axis of an exact Euclidean distance transform (Felzenszwalb and Huttenlocher 2012).

/// Lower envelope of parabolas along a line.
#[derive(Default)]
pub struct Envelope {
    /// Squared spacing.
    unit: f64,
    /// Position and height of each parabola's vertex, and where it becomes the lowest.
    parabolas: Vec<(usize, f64, f64)>,
}

impl Envelope {
    /// From vertices in ascending order, positions in steps of `spacing`.
    pub fn build(&mut self, spacing: f64, vertices: impl Iterator<Item = (usize, f64)>) {
        self.unit = spacing * spacing;
        self.parabolas.clear();
        for (at, height) in vertices {
            let mut start = f64::NEG_INFINITY;
            while let Some(&(before, lower, begins)) = self.parabolas.last() {
                let (one, other) = (before as f64, at as f64);
                start = ((height - lower) / self.unit + (other - one) * (other + one)) / (2.0 * (other - one));
                if start > begins {
                    break;
                }
                self.parabolas.pop();
                start = f64::NEG_INFINITY;
            }
            self.parabolas.push((at, height, start));
        }
    }

    /// Calls `found` with the height at each of the ascending positions; infinite without parabolas.
    pub fn evaluate(&self, positions: impl Iterator<Item = usize>, mut found: impl FnMut(usize, f64)) {
        let mut current = 0;
        for at in positions {
            while self.parabolas.get(current + 1).is_some_and(|(.., start)| *start < at as f64) {
                current += 1;
            }
            let height = self.parabolas.get(current).map_or(f64::INFINITY, |(vertex, height, _)| {
                let steps = at as f64 - *vertex as f64;
                height + steps * steps * self.unit
            });
            found(at, height);
        }
    }
}
