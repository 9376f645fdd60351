//! Axes of the grid on which a network works.

use serde::{Deserialize, Serialize};

use crate::volume::{Arrangement, Geometry};

/// Order and directions of the axes of the grid on which a network works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// Towards superior, anterior and right, however the file stores the image.
    #[default]
    Canonical,
    /// As the file stores the image, with its array axes `[z, y, x]` in this order: for imported networks, which know no directions
    /// (nnU-Net's `transpose_forward`).
    AsStored([usize; 3]),
    /// Canonical, with the array axes `[z, y, x]` in this order.
    Reordered([usize; 3]),
}

impl Orientation {
    /// Canonical with the array axes in an order.
    pub fn reordered(order: [usize; 3]) -> Self {
        if order == [0, 1, 2] { Self::Canonical } else { Self::Reordered(order) }
    }

    /// Whether this is the usual orientation, which plans leave out.
    pub fn is_canonical(&self) -> bool {
        *self == Self::Canonical
    }

    /// From the image as read to the network's axes.
    pub fn way(self, geometry: &Geometry) -> Arrangement {
        match self {
            Self::Canonical => Arrangement::canonical(geometry),
            Self::AsStored(order) => Arrangement::permuted(order),
            Self::Reordered(order) => Arrangement::canonical(geometry).then(order),
        }
    }
}
