//! Checks names, which become folder and file names.

use crate::spec::Findings;

pub fn check(name: Option<&str>, findings: &mut Findings) {
    let Some(name) = name else { return };
    if name.trim().is_empty() {
        findings.error("name", "the name is empty", "remove `name` to use the file's name");
    } else if name.contains(['/', '\\']) || name.starts_with('.') || name.contains(char::is_control) {
        let message = format!("{name:?} cannot be the name of a folder");
        findings.error("name", message, format!("use a name like \"{}\"", folder_name(name)));
    }
}

fn folder_name(name: &str) -> String {
    let parts: Vec<&str> =
        name.split(|c: char| "/\\.".contains(c) || c.is_control()).filter(|p| !p.is_empty()).collect();
    if parts.is_empty() { "experiment".into() } else { parts.join("-") }
}
