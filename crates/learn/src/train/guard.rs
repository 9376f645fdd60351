//! Burn panics when a device fails or runs out of memory; this module converts the panic to an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::TrainError;

/// Parts of the out-of-memory messages of CUDA and CubeCL.
const NO_ROOM: [&str; 4] = ["out of memory", "outofmemory", "out_of_memory", "allocate"];

/// Runs work on a device.
///
/// # Errors
/// [`TrainError::Memory`] or [`TrainError::Device`], if the work panicked. What it was modifying must not be used any more.
pub(super) fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, TrainError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let reason = message(&*panic);
        let lower = reason.to_lowercase();
        match NO_ROOM.iter().any(|words| lower.contains(words)) {
            true => TrainError::Memory { reason },
            false => TrainError::Device { reason },
        }
    })
}

/// First line of a panic's message.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("no reason given").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_names_the_keys_to_lower() {
        assert_eq!(guarded(|| 7).unwrap(), 7);
        let full = guarded(|| panic!("CUDA_ERROR_OUT_OF_MEMORY\nbacktrace")).unwrap_err().to_string();
        assert!(full.contains("train.batch-size") && full.contains("gradient-checkpointing"), "{full}");
        assert!(full.contains("CUDA_ERROR_OUT_OF_MEMORY") && !full.contains("backtrace"), "{full}");
        let lost = guarded(|| panic!("device {} lost", 0)).unwrap_err().to_string();
        assert_eq!(lost, "the device failed: device 0 lost");
    }
}
