//! Where workers run: devices, threads and memory divided between them.

use std::str::FromStr;

use crate::backend::{self, DeviceName, DeviceNames};
use crate::memory;
use crate::plan::Plan;
use crate::train;

/// Fewest processor cores that are worth a worker of its own: a training step uses several.
const CORES_PER_WORKER: usize = 4;

/// Memory of a worker beside its training step: program, cases, predictions.
const BESIDE_THE_STEP: u64 = 700_000_000;

/// Number of runs at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// As many as stated.
    Fixed(usize),
    /// One per GPU; without GPUs one per four cores.
    Auto,
}

impl FromStr for Jobs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => match text.parse() {
                Ok(count) if count > 0 => Ok(Self::Fixed(count)),
                _ => Err("use a number above 0, or `auto`".into()),
            },
        }
    }
}

/// The places of the workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// Devices of each place.
    pub devices: Vec<DeviceNames>,
    /// Threads of each worker; `None` leaves all cores to it.
    pub threads: Option<usize>,
    /// A shell command that executes `{}`, the command of a worker, elsewhere.
    pub command: Option<String>,
    /// Whether to leave when no run can be begun, instead of waiting for those in other processes' hands.
    pub leaves: bool,
}

impl Slots {
    /// Divides the machine: with `auto` as device, GPUs are used in turn.
    pub fn new(jobs: Jobs, wanted: &DeviceNames) -> Self {
        Self::of(jobs, wanted, backend::cuda_devices(), std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn of(jobs: Jobs, wanted: &DeviceNames, gpus: usize, cores: usize) -> Self {
        let device = wanted.first();
        let on_gpus = device == DeviceName::Auto && gpus > 0;
        let count = match jobs {
            Jobs::Fixed(count) => count,
            Jobs::Auto if on_gpus => gpus,
            Jobs::Auto if device == DeviceName::Cpu || device == DeviceName::Auto => cores / CORES_PER_WORKER,
            Jobs::Auto => 1,
        };
        let count = count.max(1);
        let device_of = |place: usize| if on_gpus { DeviceName::Cuda(place % gpus).into() } else { wanted.clone() };
        let threads = (count > 1).then(|| (cores / count).max(1));
        Self { devices: (0..count).map(device_of).collect(), threads, command: None, leaves: false }
    }
}

/// Whether a run can be started beside others without exhausting the machine's memory.
pub fn fits_beside_others(plan: &Plan, device: DeviceName) -> bool {
    let step = match (plan.work.training(), device) {
        (Some(training), DeviceName::Cpu | DeviceName::Auto) => {
            train::memory::activation_bytes(&training.train, &training.model, training.interface(&plan.target))
        }
        _ => 0,
    };
    memory::available() > step.saturating_add(BESIDE_THE_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_divided_between_the_jobs() {
        use DeviceName::{Auto, Cpu, Cuda};
        type Row = (Jobs, DeviceName, usize, usize, Vec<DeviceName>, Option<usize>);
        let rows: [Row; 7] = [
            (Jobs::Auto, Auto, 0, 16, vec![Auto; 4], Some(4)),
            (Jobs::Auto, Auto, 0, 2, vec![Auto], None),
            (Jobs::Fixed(3), Cpu, 2, 8, vec![Cpu; 3], Some(2)),
            (Jobs::Fixed(9), Cpu, 0, 2, vec![Cpu; 9], Some(1)),
            (Jobs::Auto, Auto, 2, 16, vec![Cuda(0), Cuda(1)], Some(8)),
            (Jobs::Fixed(3), Auto, 2, 16, vec![Cuda(0), Cuda(1), Cuda(0)], Some(5)),
            (Jobs::Auto, Cuda(1), 2, 16, vec![Cuda(1)], None),
        ];
        for (jobs, device, gpus, cores, devices, threads) in rows {
            assert_eq!(
                Slots::of(jobs, &device.into(), gpus, cores),
                Slots {
                    devices: devices.into_iter().map(DeviceNames::from).collect(),
                    threads,
                    command: None,
                    leaves: false
                },
                "{jobs:?} {device:?}"
            );
        }
        assert_eq!(("auto".parse(), "3".parse()), (Ok(Jobs::Auto), Ok(Jobs::Fixed(3))));
        assert!("0".parse::<Jobs>().is_err() && "-1".parse::<Jobs>().is_err() && "many".parse::<Jobs>().is_err());
    }
}
