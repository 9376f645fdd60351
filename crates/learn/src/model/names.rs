//! What other frameworks call our parameters, so that their weights can be loaded.

use regex::Regex;

/// Names of an architecture's parameters elsewhere: for each framework a list of patterns of our names and what they become there.
#[derive(Debug, Default)]
pub struct Names {
    layouts: Vec<Vec<(Regex, String)>>,
}

impl Names {
    /// Adds a framework. Patterns match from the beginning of a name (norms end in `weight`, `bias`, `running_mean`, `running_var`) to its
    /// end; the first that matches counts.
    pub fn with(mut self, rules: &[(&str, &str)]) -> Self {
        // Patterns are constants of this crate: a test compiles all of them.
        let compiled =
            |(pattern, name): &(&str, &str)| Some((Regex::new(&format!("^{pattern}$")).ok()?, (*name).into()));
        self.layouts.push(rules.iter().filter_map(compiled).collect());
        self
    }

    /// The parameter's names in the frameworks that have it, in the order in which these were added.
    pub fn of(&self, path: &str) -> Vec<String> {
        let path = plain(path);
        let rename = |rules: &Vec<(Regex, String)>| {
            rules
                .iter()
                .find(|(pattern, _)| pattern.is_match(&path))
                .map(|(pattern, name)| pattern.replace(&path, name.as_str()).into_owned())
        };
        self.layouts.iter().filter_map(rename).collect()
    }
}

/// Our name without the variants of enums, and with PyTorch's words for the parameters of norms.
fn plain(path: &str) -> String {
    let is_variant = |part: &&str| !part.starts_with(|first: char| first.is_ascii_uppercase());
    let parts: Vec<&str> = path.split('.').filter(is_variant).collect();
    let (last, rest) = match parts.split_last() {
        Some((&"gamma", rest)) => ("weight", rest),
        Some((&"beta", rest)) => ("bias", rest),
        Some((last, rest)) => (*last, rest),
        None => return String::new(),
    };
    rest.iter().copied().chain([last]).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_left_out_and_norms_speak_pytorch() {
        let names = Names::default().with(&[(r"encoder\.(\d+)\.0\.norm\.(\w+)", "stages.$1.bn.$2")]);
        assert_eq!(names.of("Unet.encoder.3.Plain.0.norm.Batch.gamma"), ["stages.3.bn.weight"]);
        assert_eq!(names.of("Unet.encoder.3.Plain.0.norm.Batch.running_mean"), ["stages.3.bn.running_mean"]);
        assert!(names.of("Unet.decoder.0.Plain.0.norm.Batch.gamma").is_empty());
    }
}
