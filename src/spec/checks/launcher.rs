//! Checks that SLURM would accept what `[launcher.slurm]` states.

use crate::spec::launcher::Launcher;
use crate::spec::{Findings, KeyPath};

/// Options that the batch scripts set.
const OWN: [&str; 19] = [
    "--array",
    "-a",
    "--job-name",
    "-J",
    "--output",
    "-o",
    "--error",
    "-e",
    "--open-mode",
    "--signal",
    "--requeue",
    "--no-requeue",
    "--dependency",
    "-d",
    "--parsable",
    "--wrap",
    "--chdir",
    "-D",
    "--export",
];

/// Checks the launcher's settings.
pub fn check(launcher: &Launcher, findings: &mut Findings) {
    if launcher.command.as_ref().is_some_and(|command| !command.contains("{}")) {
        let help = "write `{}` where the command of a run stands, such as `ssh node7 {}`";
        findings.error("launcher.command", "the command of a run has no place in this one", help);
    }
    let Some(slurm) = &launcher.slurm else { return };
    if let Some(time) = slurm.time.as_ref().filter(|time| !is_time(time)) {
        let help = "write minutes, `hours:minutes:seconds` or `days-hours`, such as \"24:00:00\" or \"2-12\"";
        findings.error("launcher.slurm.time", format!("`{time}` is no time limit of SLURM"), help);
    }
    for (index, option) in slurm.options.iter().enumerate() {
        let place = KeyPath::from("launcher.slurm.options").item(index);
        let word = option.trim().split(['=', ' ']).next().unwrap_or_default();
        if !word.starts_with('-') {
            let help = "write options as for `sbatch`, such as \"--constraint=a100\"";
            findings.error(place, format!("`{option}` is no option of `sbatch`"), help);
        } else if OWN.contains(&word)
            || OWN.iter().any(|own| own.len() == 2 && !word.starts_with("--") && word.starts_with(own))
        {
            let help = "remove it: the script needs its own";
            findings.error(place, format!("segspec itself sets `{word}`"), help);
        }
    }
    if let Some(mem) = slurm.mem.as_ref().filter(|mem| !is_size(mem)) {
        let help = "write a whole number with the unit K, M, G or T, such as \"32G\"";
        findings.error("launcher.slurm.mem", format!("`{mem}` is no amount of memory for SLURM"), help);
    }
}

/// The forms of `sbatch --time`: minutes, m:s, h:m:s, d-h, d-h:m, d-h:m:s; or a word for none.
fn is_time(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(days), clock),
        None => (None, text),
    };
    let is_endless = ["infinite", "unlimited"].iter().any(|word| text.eq_ignore_ascii_case(word));
    is_endless || days.is_none_or(is_number) && clock.split(':').count() <= 3 && clock.split(':').all(is_number)
}

fn is_size(text: &str) -> bool {
    let number = text.trim_end_matches(|unit: char| "KMGTkmgt".contains(unit));
    text.len() - number.len() <= 1 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_those_of_sbatch() {
        for time in ["30", "30:00", "24:00:00", "2-12", "2-12:30", "2-12:30:15", "UNLIMITED"] {
            assert!(is_time(time), "{time}");
        }
        for time in ["", "24 hours", "1d", "2-", "-3", "1:2:3:4", "1::2", "12:00h"] {
            assert!(!is_time(time), "{time}");
        }
        for size in ["32G", "500", "0", "100m", "2T"] {
            assert!(is_size(size), "{size}");
        }
        for size in ["lots", "32GB", "1.5G", "G", "", "-1G", "32 G"] {
            assert!(!is_size(size), "{size}");
        }
    }
}
