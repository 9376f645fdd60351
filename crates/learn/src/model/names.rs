//! Names of our parameters in other frameworks, so that their weights can be loaded.

use regex::Regex;

/// Names of an architecture's parameters in other frameworks: per framework, patterns of our names and their replacements.
#[derive(Debug, Default)]
pub struct Names {
    layouts: Vec<Vec<(Regex, String)>>,
}

impl Names {
    /// Adds a framework. A pattern must match the whole name (norms end in `weight`, `bias`, `running_mean`, `running_var`); the first
    /// match wins.
    pub fn with(mut self, rules: &[(&str, &str)]) -> Self {
        // Patterns are constants of this crate, and a test compiles them all.
        let compiled =
            |(pattern, name): &(&str, &str)| Some((Regex::new(&format!("^{pattern}$")).ok()?, (*name).into()));
        self.layouts.push(rules.iter().filter_map(compiled).collect());
        self
    }

    /// The parameter's names in the frameworks that have it, in the order in which they were added.
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

/// Our name without enum variants and with PyTorch's names for norm parameters.
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
    fn enum_variants_are_omitted_and_norms_use_pytorch_names() {
        let names = Names::default().with(&[(r"encoder\.(\d+)\.0\.norm\.(\w+)", "stages.$1.bn.$2")]);
        assert_eq!(names.of("Unet.encoder.3.Plain.0.norm.Batch.gamma"), ["stages.3.bn.weight"]);
        assert_eq!(names.of("Unet.encoder.3.Plain.0.norm.Batch.running_mean"), ["stages.3.bn.running_mean"]);
        assert!(names.of("Unet.decoder.0.Plain.0.norm.Batch.gamma").is_empty());
    }
}
