//! Words of messages: counts, durations, sizes, and what a shell takes.

use std::path::Path;

/// `1 run`, `2 runs`; `2 patches`.
pub fn counted(n: usize, one: &str) -> String {
    let ending = match n {
        1 => "",
        _ if one.ends_with("tch") || one.ends_with('x') => "es",
        _ => "s",
    };
    format!("{n} {one}{ending}")
}

/// An estimated duration in its two largest units: `45 s`, `12 min`, `2 h 32 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let two = |whole: u64, unit: &str, rest: u64, smaller: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {smaller}"),
    };
    let minutes = (seconds / 60.0).round() as u64;
    let hours = (seconds / 3600.0).round() as u64;
    match seconds {
        ..1.0 => "1 s".into(),
        ..59.5 => format!("{seconds:.0} s"),
        _ if minutes < 60 => format!("{minutes} min"),
        _ if minutes < 48 * 60 => two(minutes / 60, "h", minutes % 60, "min"),
        _ => two(hours / 24, "d", hours % 24, "h"),
    }
}

/// An estimated number of bytes, with two digits: `130 MB`.
pub fn bytes(count: u64) -> String {
    let (unit, size) =
        [("GB", 1e9), ("MB", 1e6)].into_iter().find(|(_, size)| count as f64 >= *size).unwrap_or(("kB", 1e3));
    let value = count as f64 / size;
    match value {
        ..9.95 => format!("{value:.1} {unit}"),
        ..99.5 => format!("{value:.0} {unit}"),
        _ => format!("{:.0} {unit}", (value / 10.0).round() * 10.0),
    }
}

/// Any text as one word of a shell.
pub fn shell(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A path as one word of a shell: every command that is printed or written for a person has its paths through this.
pub fn shell_path(path: &Path) -> String {
    shell(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_no_plural() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "epoch")), ["0 epochs", "1 epoch", "2 epochs"]);
        assert_eq!([1, 2].map(|n| counted(n, "patch")), ["1 patch", "2 patches"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let found = [0.2, 45.0, 59.7, 725.0, 3600.0, 9134.0, 47.0 * 3600.0, 1e6].map(duration);
        assert_eq!(found, ["1 s", "45 s", "1 min", "12 min", "1 h", "2 h 32 min", "47 h", "11 d 14 h"]);
    }

    #[test]
    fn sizes_have_two_digits() {
        let found = [1_800, 1_840_000, 9_970_000, 131_690_000, 24_000_000_000].map(bytes);
        assert_eq!(found, ["1.8 kB", "1.8 MB", "10 MB", "130 MB", "24 GB"]);
    }

    #[test]
    fn a_shell_takes_any_path_as_one_word() {
        assert_eq!(shell_path(Path::new("runs/liver/0123")), "runs/liver/0123");
        assert_eq!(shell_path(Path::new("my runs/it's")), r"'my runs/it'\''s'");
        assert_eq!(shell(""), "''");
    }
}
