//! The format of a checkpoint: a safetensors file of named tensors, and lines of text in its
//! header.
//!
//! Matrices of linear layers are stored `[outputs, inputs]`, as PyTorch keeps them.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, View};

use crate::parameters::{AdamW, Parameters, Segment, Trainable};

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are not a safetensors file.
    #[error("the checkpoint cannot be read: {cause}")]
    Format {
        /// What the reader said.
        cause: String,
    },
    /// A tensor is not there.
    #[error("the checkpoint lacks the tensor {name}")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor has another shape or type.
    #[error("tensor {name} of the checkpoint is {got}, expected {expected}")]
    Tensor {
        /// Its name.
        name: String,
        /// Type and shape expected.
        expected: String,
        /// Type and shape found.
        got: String,
    },
    /// A number is not finite, or not one that the field can hold.
    #[error("tensor {name} of the checkpoint holds {value}, which cannot be")]
    Value {
        /// Name of the tensor.
        name: String,
        /// The value.
        value: String,
    },
    /// A field of the header is missing or wrong.
    #[error("the checkpoint's header says {field} = {got}, expected {expected}")]
    Field {
        /// Name of the field.
        field: String,
        /// What was expected.
        expected: String,
        /// What it says, or "nothing".
        got: String,
    },
}

const HEADER: &str = "muster";

/// One tensor to be written.
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Entry {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[derive(Default)]
pub(crate) struct Writer {
    entries: BTreeMap<String, Entry>,
    fields: BTreeMap<String, String>,
}

impl Writer {
    pub fn single(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.entries.insert(name.into(), Entry { dtype: Dtype::F32, shape: shape.to_vec(), bytes });
    }

    pub fn double(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.entries.insert(name.into(), Entry { dtype: Dtype::F64, shape: shape.to_vec(), bytes });
    }

    pub fn field(&mut self, name: &str, value: impl ToString) {
        self.fields.insert(name.to_owned(), value.to_string());
    }

    pub fn parameters(&mut self, prefix: &str, parameters: &Parameters) {
        let mut start = 0;
        for segment in &parameters.segments {
            let values = &parameters.values[start..start + segment.len()];
            start += segment.len();
            let name = format!("{prefix}{}", segment.name);
            match stored_shape(segment) {
                Some([outputs, inputs]) => {
                    self.single(name, &[outputs, inputs], &transpose(values, inputs, outputs));
                }
                None => self.single(name, &segment.shape, values),
            }
        }
    }

    pub fn optimiser(&mut self, name: &str, optimiser: &AdamW) {
        let length = optimiser.first.len();
        self.single(format!("optimizer.{name}.first"), &[length], &optimiser.first);
        self.single(format!("optimizer.{name}.second"), &[length], &optimiser.second);
        self.field(&format!("optimizer.{name}.steps"), optimiser.steps);
    }

    pub fn trainable(&mut self, name: &str, prefix: &str, trainable: &Trainable) {
        self.parameters(prefix, &trainable.parameters);
        self.optimiser(name, &trainable.optimiser);
    }

    pub fn finish(self) -> Vec<u8> {
        let lines: Vec<String> = self.fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
        // One metadata entry: several would be written in the random order of a hash map.
        let metadata = HashMap::from([(HEADER.to_owned(), lines.join("\n"))]);
        safetensors::serialize(
            self.entries.iter().map(|(name, e)| (name.as_str(), e)),
            Some(metadata),
        )
        .expect("shapes and lengths of the entries agree by construction")
    }
}

/// `[outputs, inputs]` for matrices of linear layers, which PyTorch keeps transposed; `None` for
/// tables and vectors.
fn stored_shape(segment: &Segment) -> Option<[usize; 2]> {
    match segment.shape[..] {
        [inputs, outputs] if !segment.name.ends_with("_embedding.weight") => {
            Some([outputs, inputs])
        }
        _ => None,
    }
}

/// A row-major matrix of `rows` by `columns`, transposed.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|i| values[(i % rows) * columns + i / rows]).collect()
}

pub(crate) struct Reader<'a> {
    tensors: SafeTensors<'a>,
    fields: HashMap<String, String>,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let format = |error: safetensors::SafeTensorError| CheckpointError::Format {
            cause: error.to_string(),
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(format)?;
        let header = metadata.metadata().as_ref().and_then(|m| m.get(HEADER)).cloned();
        let header = header.ok_or_else(|| CheckpointError::Format {
            cause: format!("its header has no entry \"{HEADER}\""),
        })?;
        let fields = header
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let tensors = SafeTensors::deserialize(bytes).map_err(format)?;
        Ok(Self { tensors, fields })
    }

    fn raw(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8], CheckpointError> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| CheckpointError::MissingTensor { name: name.to_owned() })?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(CheckpointError::Tensor {
                name: name.to_owned(),
                expected: format!("{dtype:?} {shape:?}"),
                got: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
            });
        }
        Ok(tensor.data())
    }

    pub fn single(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let bytes = self.raw(name, Dtype::F32, shape)?;
        let values: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().expect("chunks of four")))
            .collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => {
                Err(CheckpointError::Value { name: name.to_owned(), value: value.to_string() })
            }
            None => Ok(values),
        }
    }

    pub fn double(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, CheckpointError> {
        let bytes = self.raw(name, Dtype::F64, shape)?;
        let values: Vec<f64> = bytes
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes(b.try_into().expect("chunks of eight")))
            .collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => {
                Err(CheckpointError::Value { name: name.to_owned(), value: value.to_string() })
            }
            None => Ok(values),
        }
    }

    /// Rows of the table `name`, which has `columns` columns.
    pub fn rows(&self, name: &str, columns: usize) -> Result<Vec<Vec<f64>>, CheckpointError> {
        let rows = self.first_dimension(name)?;
        let values = self.double(name, &[rows, columns])?;
        Ok(values.chunks_exact(columns).map(<[f64]>::to_vec).collect())
    }

    pub fn first_dimension(&self, name: &str) -> Result<usize, CheckpointError> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| CheckpointError::MissingTensor { name: name.to_owned() })?;
        Ok(tensor.shape().first().copied().unwrap_or(0))
    }

    pub fn number<T: std::str::FromStr>(&self, field: &str) -> Result<T, CheckpointError> {
        let got = self.fields.get(field).map_or("nothing", String::as_str);
        got.parse().map_err(|_| CheckpointError::Field {
            field: field.to_owned(),
            expected: "a whole number".to_owned(),
            got: got.to_owned(),
        })
    }

    pub fn expect(&self, field: &str, expected: impl ToString) -> Result<(), CheckpointError> {
        let expected = expected.to_string();
        let got = self.fields.get(field).map_or("nothing", String::as_str);
        if got == expected {
            return Ok(());
        }
        Err(CheckpointError::Field { field: field.to_owned(), expected, got: got.to_owned() })
    }

    pub fn trainable(
        &self,
        name: &str,
        prefix: &str,
        into: &mut Trainable,
    ) -> Result<(), CheckpointError> {
        let values = self.parameters(prefix, &into.parameters)?;
        into.optimiser = self.optimiser(name, values.len())?;
        into.parameters.values = values;
        Ok(())
    }

    /// Weights in the layout of `like`.
    pub fn parameters(&self, prefix: &str, like: &Parameters) -> Result<Vec<f32>, CheckpointError> {
        let mut values = Vec::with_capacity(like.len());
        for segment in &like.segments {
            let name = format!("{prefix}{}", segment.name);
            match stored_shape(segment) {
                Some([outputs, inputs]) => {
                    let stored = self.single(&name, &[outputs, inputs])?;
                    values.extend(transpose(&stored, outputs, inputs));
                }
                None => values.extend(self.single(&name, &segment.shape)?),
            }
        }
        Ok(values)
    }

    pub fn optimiser(&self, name: &str, length: usize) -> Result<AdamW, CheckpointError> {
        Ok(AdamW {
            first: self.single(&format!("optimizer.{name}.first"), &[length])?,
            second: self.single(&format!("optimizer.{name}.second"), &[length])?,
            steps: self.number(&format!("optimizer.{name}.steps"))?,
        })
    }
}
