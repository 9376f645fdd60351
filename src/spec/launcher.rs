//! `[launcher]`: where runs are executed, beside this machine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backend::DeviceNames;

/// Where runs are executed. Part of no id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Launcher {
    /// Devices of the runs, such as `["cuda:0", "cuda:1"]`: several share each training step. `--device` and `SEGSPEC_DEVICE` go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Devices>,
    /// Settings of SLURM jobs, for `--launcher slurm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slurm: Option<Slurm>,
    /// A shell command that executes `{}` elsewhere, such as `ssh node7 {}`, for `--launcher command`. The other machine must see the same
    /// files under the same paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Names of devices, as `--device` takes them joined by commas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
#[schemars(with = "Vec<String>")]
pub struct Devices(DeviceNames);

impl Devices {
    /// The devices.
    pub fn names(&self) -> DeviceNames {
        self.0.clone()
    }
}

impl TryFrom<Vec<String>> for Devices {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        names.join(",").parse().map(Self)
    }
}

impl From<Devices> for Vec<String> {
    fn from(devices: Devices) -> Self {
        devices.0.to_string().split(',').map(str::to_owned).collect()
    }
}

/// Who is told when an experiment ends. Part of no id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Notify {
    /// A shell command that gets the summary on its standard input when all runs have ended or one failed, such as `mail -s done me@lab`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Settings of SLURM jobs: options of `sbatch`. What is left out is the cluster's default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Slurm {
    /// `--partition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// `--account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `--qos`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<String>,
    /// `--gres`, such as `gpu:1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gres: Option<String>,
    /// `--time` of each task, such as `24:00:00`. A training that takes longer saves its state, and goes back to the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// `--mem` of each task, such as `32G`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem: Option<String>,
    /// `--cpus-per-task`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cpus: Option<u32>,
    /// Tasks at a time (`--array=…%N`); of a search, how many take part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub array_limit: Option<u32>,
    /// Seconds before the time limit at which tasks save their state.
    #[schemars(range(min = 30))]
    pub signal_seconds: u32,
    /// Further options of `sbatch`, such as `--constraint=a100`.
    pub options: Vec<String>,
    /// Lines of shell before the program starts, such as `module load cuda`.
    pub prologue: Vec<String>,
    /// A command that runs the program, such as `apptainer exec --nv segspec.sif`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapper: Option<String>,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            gres: None,
            time: None,
            mem: None,
            cpus: None,
            array_limit: None,
            signal_seconds: 120,
            options: Vec::new(),
            prologue: Vec::new(),
            wrapper: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_those_of_the_command_line() {
        let read =
            |text: &str| toml::from_str::<Launcher>(&format!("devices = {text}")).map_err(|error| error.to_string());
        let several = read(r#"["cuda:0", "cuda:1"]"#).unwrap();
        assert_eq!(several.devices.clone().unwrap().names(), "cuda:0,cuda:1".parse().unwrap());
        assert_eq!(toml::to_string(&several).unwrap(), "devices = [\"cuda:0\", \"cuda:1\"]\n");
        for (text, reason) in
            [(r#"["cuda:0", "cpu:1"]"#, "mixes kinds"), (r#"["gpu"]"#, "unknown device"), ("[]", "unknown device")]
        {
            assert!(read(text).unwrap_err().contains(reason), "{text}");
        }
    }
}
