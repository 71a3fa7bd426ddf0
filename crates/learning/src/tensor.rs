//! What crosses a process boundary: plain vectors with a shape.
//!
//! Nothing outside this crate sees the tensors of the machine-learning framework. Every tensor
//! that arrives from outside passes [`Activations::check`] before it touches a model.

use std::fmt;

/// Largest magnitude accepted in a tensor from outside. Answers leave a normalised layer, so honest
/// values stay within tens; gradients of a mean loss are far below one.
pub const MAGNITUDE_MAX: f32 = 1.0e4;

/// Number of distinct tokens: the model reads bytes.
pub const VOCABULARY: usize = 256;

/// Why a tensor was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TensorError {
    /// The number of values is not the product of the dimensions.
    #[error("the tensor says shape {shape} but carries {values} values")]
    Length {
        /// The shape that was claimed.
        shape: Shape,
        /// How many values came.
        values: usize,
    },
    /// The shape is not the one that was asked for.
    #[error("the tensor has shape {got}, expected {expected}")]
    Shape {
        /// The shape that was asked for.
        expected: Shape,
        /// The shape that came.
        got: Shape,
    },
    /// A value is NaN or infinite.
    #[error("value {index} of the tensor is {value}: only finite numbers are accepted")]
    NotFinite {
        /// Position in row-major order.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A value is far outside what an honest model produces.
    #[error("value {index} of the tensor is {value}: magnitudes above {MAGNITUDE_MAX} are refused")]
    TooLarge {
        /// Position in row-major order.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The tokens do not fit the model.
    #[error(
        "a request of {batch} sequences of {sequence} tokens: accepted are 1 to {batch_max} sequences of 1 to {sequence_max} tokens"
    )]
    Tokens {
        /// Sequences that came.
        batch: usize,
        /// Tokens in each.
        sequence: usize,
        /// Most sequences accepted.
        batch_max: usize,
        /// Most tokens accepted.
        sequence_max: usize,
    },
    /// The number of tokens is not batch x sequence.
    #[error("a request of {batch} sequences of {sequence} tokens carries {tokens} tokens")]
    TokenCount {
        /// Sequences claimed.
        batch: usize,
        /// Tokens in each, claimed.
        sequence: usize,
        /// Tokens that came.
        tokens: usize,
    },
}

/// Dimensions of an answer: `[batch, sequence, width]`, row-major.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Sequences.
    pub batch: usize,
    /// Positions in each sequence.
    pub sequence: usize,
    /// Values at each position.
    pub width: usize,
}

impl Shape {
    /// Number of values, or `None` where it overflows.
    #[must_use]
    pub fn values(self) -> Option<usize> {
        self.batch.checked_mul(self.sequence)?.checked_mul(self.width)
    }

    /// Number of positions over all sequences.
    #[must_use]
    pub fn positions(self) -> usize {
        self.batch.saturating_mul(self.sequence)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}, {}]", self.batch, self.sequence, self.width)
    }
}

/// Hidden states, or the gradient of a loss with respect to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Activations {
    /// Dimensions.
    pub shape: Shape,
    /// `shape.values()` numbers in row-major order.
    pub values: Vec<f32>,
}

impl Activations {
    /// Pairs a shape with its values.
    ///
    /// # Errors
    /// [`TensorError::Length`] if the counts differ.
    pub fn new(shape: Shape, values: Vec<f32>) -> Result<Self, TensorError> {
        if shape.values() == Some(values.len()) {
            Ok(Self { shape, values })
        } else {
            Err(TensorError::Length { shape, values: values.len() })
        }
    }

    /// All zeros.
    #[must_use]
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, values: vec![0.0; shape.values().unwrap_or(0)] }
    }

    /// Accepts the tensor only if it has the expected shape and every value is finite and within
    /// [`MAGNITUDE_MAX`].
    ///
    /// # Errors
    /// The first violation found, with its position and value.
    ///
    /// ```
    /// use muster_learning::{Activations, Shape};
    /// let shape = Shape { batch: 1, sequence: 1, width: 2 };
    /// let answer = Activations { shape, values: vec![0.5, f32::NAN] };
    /// let error = answer.check(shape).unwrap_err().to_string();
    /// assert!(error.contains("value 1 of the tensor is NaN"));
    /// ```
    pub fn check(&self, expected: Shape) -> Result<(), TensorError> {
        if self.shape != expected {
            return Err(TensorError::Shape { expected, got: self.shape });
        }
        if self.shape.values() != Some(self.values.len()) {
            return Err(TensorError::Length { shape: self.shape, values: self.values.len() });
        }
        for (index, &value) in self.values.iter().enumerate() {
            if !value.is_finite() {
                return Err(TensorError::NotFinite { index, value });
            }
            if value.abs() > MAGNITUDE_MAX {
                return Err(TensorError::TooLarge { index, value });
            }
        }
        Ok(())
    }
}

/// A batch of byte sequences, each a token id per position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Sequences.
    pub batch: usize,
    /// Tokens in each.
    pub sequence: usize,
    /// `batch * sequence` ids in row-major order.
    pub ids: Vec<u8>,
}

impl Tokens {
    /// Pairs dimensions with ids.
    ///
    /// # Errors
    /// [`TensorError::TokenCount`] if the counts differ.
    pub fn new(batch: usize, sequence: usize, ids: Vec<u8>) -> Result<Self, TensorError> {
        if batch.checked_mul(sequence) == Some(ids.len()) {
            Ok(Self { batch, sequence, ids })
        } else {
            Err(TensorError::TokenCount { batch, sequence, tokens: ids.len() })
        }
    }

    /// The shape of an answer of `width` values a position to these tokens.
    #[must_use]
    pub fn answer_shape(&self, width: usize) -> Shape {
        Shape { batch: self.batch, sequence: self.sequence, width }
    }

    /// Accepts the request only within the given sizes.
    ///
    /// # Errors
    /// [`TensorError::Tokens`] or [`TensorError::TokenCount`].
    pub fn check(&self, batch_max: usize, sequence_max: usize) -> Result<(), TensorError> {
        let (batch, sequence) = (self.batch, self.sequence);
        if batch == 0 || sequence == 0 || batch > batch_max || sequence > sequence_max {
            return Err(TensorError::Tokens { batch, sequence, batch_max, sequence_max });
        }
        if batch * sequence != self.ids.len() {
            return Err(TensorError::TokenCount { batch, sequence, tokens: self.ids.len() });
        }
        Ok(())
    }
}
