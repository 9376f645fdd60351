//! A device that was chosen, and what it is good for.

use burn::tensor::Device;

use super::{DeviceName, DeviceNames, Precision};

/// A device ready for use.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its name, never `auto`.
    pub name: DeviceName,
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// Devices that share each training step with it.
    pub beside: Vec<Selected>,
    /// Precisions in which it computes wrongly, with what is wrong, as its trial found.
    pub unfit: Vec<(Precision, String)>,
}

impl Selected {
    /// A device with none beside it.
    pub(super) fn alone(name: DeviceName, device: Device) -> Self {
        Self { name, device, beside: Vec::new(), unfit: Vec::new() }
    }

    /// Names of all devices, as they are given on the command line.
    pub fn names(&self) -> DeviceNames {
        DeviceNames::of(std::iter::once(self.name).chain(self.beside.iter().map(|beside| beside.name)).collect())
    }

    /// Itself and the devices beside it.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.beside)
    }

    /// Precisions in which all devices can compute.
    pub fn precisions(&self) -> impl Iterator<Item = Precision> {
        Precision::ALL.into_iter().filter(|&precision| self.refusal(precision).is_none())
    }

    /// Why a precision cannot be used, with the name of the device; `None` if it can.
    pub fn refusal(&self, precision: Precision) -> Option<String> {
        self.all().find_map(|one| {
            let (name, word) = (one.name, precision.name());
            if !precision.is_supported(&one.device) {
                return Some(format!("{name} does not support {word}"));
            }
            let (_, complaint) = one.unfit.iter().find(|(unfit, _)| *unfit == precision)?;
            let way = format!("`segspec doctor --full --device {name}` tries every operation");
            Some(format!("{name} failed its trial in {word}: {complaint} ({way})"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select;

    #[test]
    fn a_precision_that_failed_on_one_device_is_refused_for_all() {
        let good = select(DeviceName::Cpu).unwrap();
        assert_eq!((good.precisions().count(), good.refusal(Precision::F16)), (3, None));
        let complaint = "convolution: gradient 1 is off by 1.0e-2".to_owned();
        let bad = Selected { unfit: vec![(Precision::F16, complaint)], ..good.clone() };
        let both = Selected { beside: vec![bad], ..good };
        assert_eq!(both.precisions().map(Precision::name).collect::<Vec<_>>(), ["f32", "bf16"]);
        let text = both.refusal(Precision::F16).unwrap();
        for part in ["cpu failed its trial in f16", "off by 1.0e-2", "`segspec doctor --full --device cpu`"] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(both.refusal(Precision::F32), None);
    }
}
