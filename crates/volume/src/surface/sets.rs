//! Disjoint sets of points.

/// Disjoint sets of the numbers below a count; initially, each number is its own set.
pub(super) struct Sets(Vec<u32>);

impl Sets {
    pub fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    /// The smallest member of a number's set.
    pub fn root(&mut self, mut number: u32) -> u32 {
        while self.0[number as usize] != number {
            let parent = self.0[number as usize];
            self.0[number as usize] = self.0[parent as usize];
            number = parent;
        }
        number
    }

    pub fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}
