//! Tensors of safetensors and PyTorch files by name.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use burn_store::{ModuleStore, PytorchStore, SafetensorsStore};

/// A tensor in 32 bits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Foreign {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Tables that training scripts put weights under, beside optimisers and epochs.
const TABLES: [&str; 5] = ["", "state_dict", "model_state_dict", "network_weights", "model"];

/// All floating-point tensors of a file, whose format its content tells.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Foreign>, String> {
    let mut start = [0; 9];
    let mut file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.read_exact(&mut start).map_err(|_| "is too short for a file of weights".to_owned())?;
    // A safetensors file begins with the length of its JSON header; PyTorch's is a ZIP archive or, before 1.6, a pickle.
    match start {
        [.., b'{'] => floats(&mut SafetensorsStore::from_file(path)),
        [b'P', b'K', ..] | [0x80, ..] => pytorch(path),
        _ => Err("is neither a safetensors nor a PyTorch file".into()),
    }
}

fn pytorch(path: &Path) -> Result<BTreeMap<String, Foreign>, String> {
    let mut reason = String::new();
    for table in TABLES {
        let mut store = PytorchStore::from_file(path).map_indices_contiguous(false);
        if !table.is_empty() {
            store = store.with_top_level_key(table);
        }
        match floats(&mut store) {
            Ok(tensors) if !tensors.is_empty() => return Ok(tensors),
            Ok(_) => {}
            Err(error) => reason = error,
        }
    }
    Err(if reason.is_empty() { "holds no tensors".into() } else { reason })
}

fn floats<S: ModuleStore>(store: &mut S) -> Result<BTreeMap<String, Foreign>, String> {
    let tensors = store.get_all_tensors().map_err(|error| error.to_string())?;
    let mut found = BTreeMap::new();
    for (name, tensor) in tensors.iter().filter(|(_, tensor)| is_float(tensor.dtype)) {
        let bytes = tensor.to_bytes().map_err(|error| format!("`{name}`: {error:?}"))?;
        let shape: Vec<usize> = tensor.shape.iter().copied().collect();
        let data = TensorData::from_bytes(bytes, shape.clone(), tensor.dtype).convert::<f32>();
        let values = data.try_into_vec::<f32>().map_err(|error| format!("`{name}`: {error:?}"))?;
        found.insert(name.clone(), Foreign { shape, values });
    }
    Ok(found)
}

fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16)
}
