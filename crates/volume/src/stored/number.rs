//! The number types of image formats.

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

/// How a file stores one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberType {
    Uint8,
    Int8,
    Uint16,
    Int16,
    Uint32,
    Int32,
    Uint64,
    Int64,
    Float32,
    Float64,
}

impl NumberType {
    /// Size in bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 => 2,
            Self::Uint32 | Self::Int32 | Self::Float32 => 4,
            Self::Uint64 | Self::Int64 | Self::Float64 => 8,
        }
    }

    /// Name as in numpy.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "uint8",
            Self::Int8 => "int8",
            Self::Uint16 => "uint16",
            Self::Int16 => "int16",
            Self::Uint32 => "uint32",
            Self::Int32 => "int32",
            Self::Uint64 => "uint64",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }

    /// Smallest and largest whole number, `None` for floats.
    pub(crate) fn range(self) -> Option<(i128, i128)> {
        let bits = self.bytes() as u32 * 8;
        match self {
            Self::Float32 | Self::Float64 => None,
            Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64 => Some((0, (1 << bits) - 1)),
            Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64 => Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
        }
    }

    /// Decodes `bytes` to `values` and returns how many; an incomplete number at the end is left out.
    pub(crate) fn decode(self, order: ByteOrder, bytes: &[u8], values: &mut [f64]) -> usize {
        match self {
            Self::Uint8 => each(order, bytes, values, |[byte]: [u8; 1]| byte.into()),
            Self::Int8 => each(order, bytes, values, |number| i8::from_le_bytes(number).into()),
            Self::Uint16 => each(order, bytes, values, |number| u16::from_le_bytes(number).into()),
            Self::Int16 => each(order, bytes, values, |number| i16::from_le_bytes(number).into()),
            Self::Uint32 => each(order, bytes, values, |number| u32::from_le_bytes(number).into()),
            Self::Int32 => each(order, bytes, values, |number| i32::from_le_bytes(number).into()),
            Self::Uint64 => each(order, bytes, values, |number| u64::from_le_bytes(number) as f64),
            Self::Int64 => each(order, bytes, values, |number| i64::from_le_bytes(number) as f64),
            Self::Float32 => each(order, bytes, values, |number| f32::from_le_bytes(number).into()),
            Self::Float64 => each(order, bytes, values, f64::from_le_bytes),
        }
    }
}

fn each<const N: usize>(order: ByteOrder, bytes: &[u8], values: &mut [f64], widen: impl Fn([u8; N]) -> f64) -> usize {
    let numbers = bytes.as_chunks::<N>().0;
    let pairs = values.iter_mut().zip(numbers);
    match order {
        ByteOrder::Little => pairs.for_each(|(value, number)| *value = widen(*number)),
        ByteOrder::Big => pairs.for_each(|(value, number)| {
            let mut number = *number;
            number.reverse();
            *value = widen(number);
        }),
    }
    numbers.len().min(values.len())
}
