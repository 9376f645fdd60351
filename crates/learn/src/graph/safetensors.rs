//! The weights of a graph as a safetensors file.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensorError, TensorView, serialize};

use super::Graph;

/// The file. Its metadata say that it is PyTorch's, which transformers asks for.
///
/// # Errors
/// None that a graph can cause; those of the format.
pub fn file(graph: &Graph) -> Result<Vec<u8>, SafeTensorError> {
    let encoded: Vec<(&str, &[usize], Vec<u8>)> = graph
        .weights
        .iter()
        .map(|(name, array)| (name.as_str(), array.shape.as_slice(), bytes(&array.values)))
        .collect();
    let views = encoded.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F32, shape.to_vec(), bytes).map(|view| ((*name).to_owned(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    serialize(views, Some(HashMap::from([("format".to_owned(), "pt".to_owned())])))
}

/// Values in little-endian order.
pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
