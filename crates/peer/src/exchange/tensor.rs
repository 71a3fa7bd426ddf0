//! Tensors on the wire: raw little-endian bytes with a dtype and a shape.
//!
//! What arrives is checked here before anything is allocated for it: the dtype, the number of
//! dimensions, that the dimensions multiply to the number of values without overflow, and that
//! every number is finite. Whether the shape is the *right* one is the caller's question.

use crate::exchange::proto::{Dtype, Tensor};
use bytes::Bytes;
use muster_learning::tensor::MAGNITUDE_MAX;
use muster_learning::{Activations, Shape, TensorError, Tokens};

/// Why a tensor that arrived was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WireError {
    /// The message carries no tensor.
    #[error("the message carries no tensor")]
    Missing,
    /// The tensor has another element type than the method takes.
    #[error("the tensor's dtype is {got}, expected {expected}")]
    Dtype {
        /// The name of the type that the method takes.
        expected: &'static str,
        /// The number that came.
        got: i32,
    },
    /// The tensor has another number of dimensions.
    #[error("the tensor has {got} dimensions, expected {expected}")]
    Dimensions {
        /// What the method takes.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// Shape and data disagree.
    #[error("the tensor says shape {shape:?}, which is not the {bytes} bytes that it carries")]
    Truncated {
        /// The claimed dimensions.
        shape: Vec<u32>,
        /// Bytes of data.
        bytes: usize,
    },
    /// The values are refused.
    #[error(transparent)]
    Values(#[from] TensorError),
}

/// Token ids as a tensor `[batch, sequence]` of bytes.
#[must_use]
pub fn from_tokens(tokens: &Tokens) -> Tensor {
    Tensor {
        dtype: Dtype::U8.into(),
        shape: vec![dimension(tokens.batch), dimension(tokens.sequence)],
        data: Bytes::copy_from_slice(&tokens.ids),
    }
}

/// Activations as a tensor `[batch, sequence, width]` of 32-bit floats, without copying them.
#[must_use]
pub fn from_activations(activations: Activations) -> Tensor {
    let Activations { shape: Shape { batch, sequence, width }, mut values } = activations;
    for value in &mut values {
        // Does nothing where memory is little-endian already.
        *value = f32::from_bits(value.to_bits().to_le());
    }
    Tensor {
        dtype: Dtype::F32.into(),
        shape: vec![dimension(batch), dimension(sequence), dimension(width)],
        data: Bytes::from_owner(LittleEndian(values)),
    }
}

/// Numbers whose memory is read as bytes.
struct LittleEndian(Vec<f32>);

impl AsRef<[u8]> for LittleEndian {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// Reads token ids `[batch, sequence]`; a `u8` is always a token of the byte vocabulary.
///
/// # Errors
/// [`WireError`] naming the field that is wrong.
pub fn to_tokens(tensor: Option<Tensor>) -> Result<Tokens, WireError> {
    let tensor = tensor.ok_or(WireError::Missing)?;
    check(&tensor, Dtype::U8, "U8", 2, 1)?;
    let (batch, sequence) = (tensor.shape[0] as usize, tensor.shape[1] as usize);
    Ok(Tokens::new(batch, sequence, tensor.data.into())?)
}

/// Reads activations `[batch, sequence, width]`; every value is finite.
///
/// # Errors
/// [`WireError`] naming the field that is wrong.
pub fn to_activations(tensor: Option<Tensor>) -> Result<Activations, WireError> {
    let tensor = tensor.ok_or(WireError::Missing)?;
    check(&tensor, Dtype::F32, "F32", 3, 4)?;
    let [batch, sequence, width] = [0, 1, 2].map(|i| tensor.shape[i] as usize);
    let values: Vec<f32> = tensor
        .data
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().expect("chunks of exactly four")))
        .collect();
    // Bit patterns of magnitudes are ordered like the magnitudes, infinities and NaN above all
    // numbers: one branchless pass says whether the slow one has something to name.
    let largest = values.iter().fold(0, |largest, value| largest.max(value.abs().to_bits()));
    let shape = Shape { batch, sequence, width };
    let activations = Activations::new(shape, values)?;
    if largest > MAGNITUDE_MAX.to_bits() {
        activations.check(shape)?;
    }
    Ok(activations)
}

fn check(
    tensor: &Tensor,
    dtype: Dtype,
    name: &'static str,
    dimensions: usize,
    element_bytes: usize,
) -> Result<(), WireError> {
    if tensor.dtype != i32::from(dtype) {
        return Err(WireError::Dtype { expected: name, got: tensor.dtype });
    }
    if tensor.shape.len() != dimensions {
        return Err(WireError::Dimensions { expected: dimensions, got: tensor.shape.len() });
    }
    let bytes = tensor
        .shape
        .iter()
        .try_fold(element_bytes, |product, &dimension| product.checked_mul(dimension as usize));
    if bytes != Some(tensor.data.len()) {
        return Err(WireError::Truncated { shape: tensor.shape.clone(), bytes: tensor.data.len() });
    }
    Ok(())
}

fn dimension(size: usize) -> u32 {
    u32::try_from(size).expect("our own tensors are far smaller than 2^32 in each dimension")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tensor(dtype: i32, shape: &[u32], bytes: usize) -> Option<Tensor> {
        Some(Tensor { dtype, shape: shape.to_vec(), data: vec![0; bytes].into() })
    }

    #[test]
    fn what_is_wrong_with_a_tensor_is_named() {
        let cases = [
            (None, "no tensor"),
            (tensor(1, &[1, 1, 1], 4), "dtype is 1, expected F32"),
            (tensor(7, &[1, 1, 1], 4), "dtype is 7"),
            (tensor(2, &[4], 16), "1 dimensions, expected 3"),
            (tensor(2, &[1, 2, 2], 15), "[1, 2, 2], which is not the 15 bytes"),
            (tensor(2, &[u32::MAX, u32::MAX, u32::MAX], 16), "not the 16 bytes"),
        ];
        for (given, expected) in cases {
            let message = to_activations(given).expect_err("refused").to_string();
            assert!(message.contains(expected), "{message}");
        }
        let mut bad = tensor(2, &[1, 1, 2], 8).expect("there is one");
        bad.data = [1.0_f32, f32::NAN].map(f32::to_le_bytes).concat().into();
        let message = to_activations(Some(bad)).expect_err("refused").to_string();
        assert!(message.contains("NaN"), "{message}");
    }

    proptest! {
        #[test]
        fn activations_survive_the_wire(
            batch in 1_usize..4, sequence in 1_usize..5, width in 1_usize..6, seed in any::<u32>(),
        ) {
            let values = (0..batch * sequence * width)
                .map(|i| ((seed as usize).wrapping_add(i * 2_654_435_761) % 20_001) as f32 - 1e4)
                .collect();
            let shape = Shape { batch, sequence, width };
            let activations = Activations::new(shape, values).expect("counts agree");
            let back = to_activations(Some(from_activations(activations.clone())));
            prop_assert_eq!(back, Ok(activations));
        }

        #[test]
        fn any_tensor_is_either_read_or_refused(
            dtype in -2_i32..5,
            shape in proptest::collection::vec(prop_oneof![0_u32..5, any::<u32>()], 0..5),
            data in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let tensor = Tensor { dtype, shape, data: data.into() };
            let _ = to_tokens(Some(tensor.clone()));
            if let Ok(activations) = to_activations(Some(tensor)) {
                prop_assert!(activations.values.iter().all(|v| v.is_finite()));
            }
        }
    }
}
