//! Operations on tokens `[batch, height · width, feature]` of 2D images, for transformers.

use std::f32::consts::SQRT_2;

use super::{Array, Attribute, Graph, Images};

/// Tokens in a graph, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    name: String,
    /// Features of a token.
    pub features: usize,
    /// Images whose height and width they have.
    grid: Images,
}

impl Tokens {
    fn like(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }
}

impl Graph {
    /// The tokens of 2D images.
    pub fn tokens(&mut self, images: &Images) -> Tokens {
        let shape = self.integers(vec![0, images.channels as i64, -1]);
        let rows = self.node("Reshape", &[&images.name, &shape], vec![]);
        let name = self.transpose(&rows, [0, 2, 1]);
        Tokens { name, features: images.channels, grid: images.clone() }
    }

    /// The images of tokens.
    pub fn images(&mut self, tokens: &Tokens) -> Images {
        let maps = self.transpose(&tokens.name, [0, 2, 1]);
        let [_, height, width] = tokens.grid.size;
        let shape = match self.dynamic {
            false => self.integers(vec![0, 0, height as i64, width as i64]),
            true => {
                let size = self.node("Shape", &[&tokens.grid.name], vec![("start", Attribute::Int(2))]);
                let same = self.integers(vec![0, 0]);
                self.node("Concat", &[&same, &size], vec![("axis", Attribute::Int(0))])
            }
        };
        let name = self.node("Reshape", &[&maps, &shape], vec![]);
        Images { name, channels: tokens.features, size: [1, height, width] }
    }

    /// A linear layer with weights `[out, in]` and a bias `[out]`.
    pub fn linear(&mut self, tokens: &Tokens, [weight, bias]: [Array; 2]) -> Tokens {
        let features = weight.shape.first().copied().unwrap_or(0);
        let (weight, bias) = (self.weight("weight", weight), self.weight("bias", bias));
        let turned = self.transpose(&weight, [1, 0]);
        let product = self.node("MatMul", &[&tokens.name, &turned], vec![]);
        let name = self.node("Add", &[&product, &bias], vec![]);
        Tokens { name, features, grid: tokens.grid.clone() }
    }

    /// Layer norm over the features with scale and shift `[feature]`.
    pub fn token_norm(&mut self, tokens: &Tokens, [scale, shift]: [Array; 2], epsilon: f64) -> Tokens {
        let (scale, shift) = (self.weight("weight", scale), self.weight("bias", shift));
        let attributes = vec![("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon as f32))];
        tokens.like(self.node("LayerNormalization", &[&tokens.name, &scale, &shift], attributes))
    }

    /// `x · Φ(x)`
    pub fn gelu_tokens(&mut self, tokens: &Tokens) -> Tokens {
        let name = self.gelu_of(&tokens.name);
        tokens.like(name)
    }

    /// The sum of tokens of the same shape.
    pub fn add_tokens(&mut self, first: &Tokens, second: &Tokens) -> Tokens {
        first.like(self.node("Add", &[&first.name, &second.name], vec![]))
    }

    /// Softmax attention by several heads: of queries to keys, on values.
    pub fn attention(&mut self, [query, key, value]: [&Tokens; 3], heads: usize) -> Tokens {
        let width = query.features / heads.max(1);
        let split = self.integers(vec![0, 0, heads as i64, width as i64]);
        let mut by_head = |tokens: &Tokens, order: [i64; 4]| {
            let heads = self.node("Reshape", &[&tokens.name, &split], vec![]);
            self.transpose(&heads, order)
        };
        let [queries, keys, values] =
            [by_head(query, [0, 2, 1, 3]), by_head(key, [0, 2, 3, 1]), by_head(value, [0, 2, 1, 3])];
        let scale = (width as f32).sqrt().recip();
        let scale = self.numbers(&format!("scale{width}"), vec![scale]);
        let queries = self.node("Mul", &[&queries, &scale], vec![]);
        let scores = self.node("MatMul", &[&queries, &keys], vec![]);
        let shares = self.node("Softmax", &[&scores], vec![("axis", Attribute::Int(-1))]);
        let attended = self.node("MatMul", &[&shares, &values], vec![]);
        let attended = self.transpose(&attended, [0, 2, 1, 3]);
        let joined = self.integers(vec![0, 0, query.features as i64]);
        query.like(self.node("Reshape", &[&attended, &joined], vec![]))
    }

    pub(super) fn gelu_of(&mut self, name: &str) -> String {
        let root = self.numbers("root-of-two", vec![SQRT_2]);
        let (one, half) = (self.numbers("one", vec![1.0]), self.numbers("half", vec![0.5]));
        let scaled = self.node("Div", &[name, &root], vec![]);
        let erf = self.node("Erf", &[&scaled], vec![]);
        let above = self.node("Add", &[&erf, &one], vec![]);
        let product = self.node("Mul", &[name, &above], vec![]);
        self.node("Mul", &[&product, &half], vec![])
    }

    fn transpose<const N: usize>(&mut self, name: &str, order: [i64; N]) -> String {
        self.node("Transpose", &[name], vec![("perm", Attribute::Ints(order.to_vec()))])
    }
}
