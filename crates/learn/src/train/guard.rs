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

/// First line of a panic's message, and the causes that it names.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let lines: Vec<&str> = text.unwrap_or_default().lines().map(str::trim).collect();
    let causes = lines.windows(2).filter(|pair| pair[0] == "Caused by:").map(|pair| pair[1]);
    let told: Vec<&str> = lines.first().copied().into_iter().chain(causes).filter(|line| !line.is_empty()).collect();
    if told.is_empty() { "no reason given".to_owned() } else { told.join(": ") }
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
        assert!(lost.contains("device failed: device 0 lost. ") && lost.contains("`train.batch-size`"), "{lost}");
        let caused =
            "Error while reading\nCaused by:\n  Several failures\nCaused by:\n  Buffer is out of memory\nbacktrace";
        let full = guarded(|| panic!("{caused}")).unwrap_err().to_string();
        assert!(full.contains("(Error while reading: Several failures: Buffer is out of memory)"), "{full}");
    }
}
