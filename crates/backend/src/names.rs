//! Names of devices: one, or several of one kind that share the training steps of a run.

use std::fmt;
use std::str::FromStr;

/// A device as users name it: `auto`, `cpu`, `cuda:N`, `vulkan`, `wgpu`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceName {
    /// The first NVIDIA GPU, or the CPU without one.
    #[default]
    Auto,
    /// Burn's pure-Rust CPU backend (flex).
    Cpu,
    /// An NVIDIA GPU.
    Cuda(usize),
    /// Any GPU with a Vulkan driver.
    Vulkan,
    /// Any GPU, by kernels in WGSL: through Vulkan, Metal or DirectX.
    Wgpu,
    /// The kernels of GPUs, compiled by CubeCL for the processor: slow, for tests of the GPU path without a card.
    CubeclCpu,
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "vulkan" => Ok(Self::Vulkan),
            "wgpu" => Ok(Self::Wgpu),
            "cubecl-cpu" => Ok(Self::CubeclCpu),
            _ => {
                let index = text.strip_prefix("cuda:").and_then(|index| index.parse().ok());
                index
                    .map(Self::Cuda)
                    .ok_or_else(|| format!("unknown device `{text}`: use auto, cpu, cuda:N, vulkan or wgpu"))
            }
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Vulkan => f.write_str("vulkan"),
            Self::Wgpu => f.write_str("wgpu"),
            Self::CubeclCpu => f.write_str("cubecl-cpu"),
        }
    }
}

/// The devices of a run: one, or several joined by commas, `cuda:0,cuda:1`, which share each training step. The CPU can be named several
/// times, `cpu:0,cpu:1`: the same processor, on which a training over several devices can be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceNames(Vec<DeviceName>);

impl DeviceNames {
    /// Names that were checked before; `auto` if there are none.
    pub(super) fn of(names: Vec<DeviceName>) -> Self {
        if names.is_empty() { Self::default() } else { Self(names) }
    }

    /// The first one, which holds the weights and makes predictions.
    pub fn first(&self) -> DeviceName {
        self.0.first().copied().unwrap_or_default()
    }

    /// All of them; at least one.
    pub fn all(&self) -> &[DeviceName] {
        &self.0
    }

    /// Whether there are several.
    pub fn is_several(&self) -> bool {
        self.0.len() > 1
    }
}

impl Default for DeviceNames {
    fn default() -> Self {
        DeviceName::Auto.into()
    }
}

impl From<DeviceName> for DeviceNames {
    fn from(name: DeviceName) -> Self {
        Self(vec![name])
    }
}

impl FromStr for DeviceNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [first, _, ..] = parts.as_slice() else { return text.trim().parse().map(|name: DeviceName| name.into()) };
        let kind = |part: &str| part.split(':').next().unwrap_or_default().to_owned();
        if parts.iter().any(|part| kind(part) != kind(first)) {
            return Err(format!(
                "`{text}` mixes kinds of devices: a run is shared by devices of one kind, `cuda:0,cuda:1`"
            ));
        }
        let names = parts.iter().map(|part| numbered(part)).collect::<Result<Vec<_>, String>>()?;
        match (0..parts.len()).find(|&place| parts[..place].contains(&parts[place])) {
            Some(place) => Err(format!("`{text}` names `{}` twice", parts[place])),
            None => Ok(Self(names)),
        }
    }
}

/// One of several devices, which has a number.
fn numbered(part: &str) -> Result<DeviceName, String> {
    let wrong =
        || format!("`{part}` is not one of several devices: they are named with their numbers, `cuda:0,cuda:1`");
    let (kind, index) = part.split_once(':').ok_or_else(wrong)?;
    let index: usize = index.parse().map_err(|_| wrong())?;
    match kind {
        "cpu" => Ok(DeviceName::Cpu),
        "cuda" => Ok(DeviceName::Cuda(index)),
        _ => Err(wrong()),
    }
}

impl fmt::Display for DeviceNames {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = |(place, name): (usize, &DeviceName)| match name {
            DeviceName::Cpu if self.is_several() => format!("cpu:{place}"),
            name => name.to_string(),
        };
        f.write_str(&self.0.iter().enumerate().map(name).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for name in ["auto", "cpu", "cuda:3", "vulkan", "wgpu", "cubecl-cpu"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        for names in ["auto", "cpu", "cuda:3", "vulkan", "cuda:0,cuda:2", "cpu:0,cpu:1,cpu:2"] {
            assert_eq!(names.parse::<DeviceNames>().unwrap().to_string(), names);
        }
        assert!("gpu".parse::<DeviceName>().unwrap_err().contains("cuda:N"));
    }

    #[test]
    fn several_devices_are_of_one_kind_and_each_named_once() {
        let names: DeviceNames = "cuda:1, cuda:0".parse().unwrap();
        assert_eq!((names.first(), names.all().len()), (DeviceName::Cuda(1), 2));
        for (text, reason) in [
            ("cpu:0,cuda:0", "mixes kinds"),
            ("cuda:0,cuda:0", "`cuda:0` twice"),
            ("cpu,cpu", "with their numbers"),
            ("cuda:0,", "mixes kinds"),
            ("cuda:0,cuda:x", "with their numbers"),
            ("vulkan:0,vulkan:1", "with their numbers"),
            ("cpu:0", "unknown device"),
        ] {
            let error = text.parse::<DeviceNames>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
