//! A run's id: equal for equal work.

use std::collections::BTreeMap;

use super::{About, NUMERICS, Plan};

/// Hexadecimal digits of a run id: 48 bits, enough to tell a person's runs apart.
const DIGITS: usize = 12;

impl Plan {
    /// blake3 of the plan without cosmetic keys, the content hashes of the data, and [`NUMERICS`].
    ///
    /// Comments, white space, names, the place of the data and a rebuild don't change it.
    pub fn run_id(&self, data: &BTreeMap<String, Vec<String>>) -> String {
        let mut plan = Self { about: About::default(), ..self.clone() };
        plan.train.loader_threads = 0;
        plan.train.gradient_checkpointing = false;
        for structure in &mut plan.target.structures {
            structure.color = [0; 3];
        }
        let mut hasher = blake3::Hasher::new();
        for part in [serde_json::to_vec(&plan), serde_json::to_vec(data)] {
            // Plans hold no maps with keys that JSON cannot write, so there is always a text.
            let bytes = part.unwrap_or_default();
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
        hasher.update(&NUMERICS.to_le_bytes());
        hasher.finalize().to_hex()[..DIGITS].to_string()
    }
}
