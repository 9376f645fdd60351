//! Reads the tensors of safetensors and PyTorch files by name.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use burn_store::{ModuleStore, PytorchStore, SafetensorsStore};

/// A tensor converted to f32.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Foreign {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Tables in which training scripts store weights, beside optimisers and epochs: Lightning's, a common one, nnU-Net's.
const TABLES: [&str; 3] = ["state_dict.", "model_state_dict.", "network_weights."];

/// All floating-point tensors of a file; the format is detected from the content.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Foreign>, String> {
    let mut start = [0; 9];
    let mut file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.read_exact(&mut start).map_err(|_| "too short for a weights file".to_owned())?;
    // A safetensors file begins with the length of its JSON header; PyTorch's is a ZIP archive or, before 1.6, a pickle.
    match start {
        [.., b'{'] => floats(&mut SafetensorsStore::from_file(path)),
        [b'P', b'K', ..] | [0x80, ..] => pytorch(path),
        _ => Err("neither a safetensors nor a PyTorch file".into()),
    }
}

/// The file's tensors; only those of the table of weights, if there is one.
fn pytorch(path: &Path) -> Result<BTreeMap<String, Foreign>, String> {
    let tensors = floats(&mut PytorchStore::from_file(path).map_indices_contiguous(false))?;
    let Some(table) = TABLES.into_iter().find(|table| tensors.keys().any(|name| name.starts_with(table))) else {
        return Ok(tensors);
    };
    let inside = |(name, tensor): (String, Foreign)| Some((name.strip_prefix(table)?.to_owned(), tensor));
    Ok(tensors.into_iter().filter_map(inside).collect())
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
