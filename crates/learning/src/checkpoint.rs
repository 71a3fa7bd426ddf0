//! Saving and loading everything that training depends on, exactly.
//!
//! The format is safetensors. Weights carry names as in a PyTorch `state_dict`, and matrices of
//! linear layers are stored `[outputs, inputs]` as PyTorch keeps them, so that
//! `safetensors.torch.load_file` gives tensors that fit `torch.nn.Linear` and `torch.nn.Embedding`
//! as they are. Optimisers, the gate, scores and counters stand beside them; a learner that is
//! loaded goes on bit for bit as the one that was saved. Only requests whose gradient has not
//! come back are not kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, View};

use crate::agreement::{Agreements, Direction, SKETCH};
use crate::config::{ModelConfig, TrainingConfig};
use crate::control::Control;
use crate::corpus::Corpus;
use crate::estimate::Moments;
use crate::gate::{PEERS_MAX, PeerIndex};
use crate::learner::{Learner, LearnerError};
use crate::parameters::{AdamW, Parameters, Segment, Trainable};
use crate::pruning::PeerMoments;
use crate::served::SenderEntry;

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
const FORMAT: &str = "3";

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
struct Writer {
    entries: BTreeMap<String, Entry>,
    fields: BTreeMap<String, String>,
}

impl Writer {
    fn single(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.entries.insert(name.into(), Entry { dtype: Dtype::F32, shape: shape.to_vec(), bytes });
    }

    fn double(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.entries.insert(name.into(), Entry { dtype: Dtype::F64, shape: shape.to_vec(), bytes });
    }

    fn field(&mut self, name: &str, value: impl ToString) {
        self.fields.insert(name.to_owned(), value.to_string());
    }

    fn parameters(&mut self, prefix: &str, parameters: &Parameters) {
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

    fn optimiser(&mut self, name: &str, optimiser: &AdamW) {
        let length = optimiser.first.len();
        self.single(format!("optimizer.{name}.first"), &[length], &optimiser.first);
        self.single(format!("optimizer.{name}.second"), &[length], &optimiser.second);
        self.field(&format!("optimizer.{name}.steps"), optimiser.steps);
    }

    fn trainable(&mut self, name: &str, prefix: &str, trainable: &Trainable) {
        self.parameters(prefix, &trainable.parameters);
        self.optimiser(name, &trainable.optimiser);
    }

    fn agreements(&mut self, agreements: &Agreements) {
        let Agreements { directions, moments, heard } = agreements;
        self.field("gradients_heard", heard);
        let rows: Vec<f64> = moments
            .iter()
            .flat_map(|(sender, m)| std::iter::once(f64::from(sender.0)).chain(moments_row(m)))
            .collect();
        self.double("agreements", &[moments.len(), AGREEMENT_COLUMNS], &rows);
        let rows: Vec<f64> = directions
            .iter()
            .flat_map(|(sender, d)| [f64::from(sender.0), f64::from(d.standing), d.heard as f64])
            .collect();
        self.double("directions", &[directions.len(), DIRECTION_COLUMNS], &rows);
        let sketches: Vec<f32> = directions.values().flat_map(|d| d.sketch.clone()).collect();
        self.single("direction_sketches", &[directions.len(), SKETCH], &sketches);
    }

    fn finish(self) -> Vec<u8> {
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

struct Reader<'a> {
    tensors: SafeTensors<'a>,
    fields: HashMap<String, String>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
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

    fn single(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
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

    fn double(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, CheckpointError> {
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
    fn rows(&self, name: &str, columns: usize) -> Result<Vec<Vec<f64>>, CheckpointError> {
        let rows = self.first_dimension(name)?;
        let values = self.double(name, &[rows, columns])?;
        Ok(values.chunks_exact(columns).map(<[f64]>::to_vec).collect())
    }

    fn first_dimension(&self, name: &str) -> Result<usize, CheckpointError> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| CheckpointError::MissingTensor { name: name.to_owned() })?;
        Ok(tensor.shape().first().copied().unwrap_or(0))
    }

    fn number<T: std::str::FromStr>(&self, field: &str) -> Result<T, CheckpointError> {
        let got = self.fields.get(field).map_or("nothing", String::as_str);
        got.parse().map_err(|_| CheckpointError::Field {
            field: field.to_owned(),
            expected: "a whole number".to_owned(),
            got: got.to_owned(),
        })
    }

    fn expect(&self, field: &str, expected: impl ToString) -> Result<(), CheckpointError> {
        let expected = expected.to_string();
        let got = self.fields.get(field).map_or("nothing", String::as_str);
        if got == expected {
            return Ok(());
        }
        Err(CheckpointError::Field { field: field.to_owned(), expected, got: got.to_owned() })
    }

    fn trainable(
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
    fn parameters(&self, prefix: &str, like: &Parameters) -> Result<Vec<f32>, CheckpointError> {
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

    fn optimiser(&self, name: &str, length: usize) -> Result<AdamW, CheckpointError> {
        Ok(AdamW {
            first: self.single(&format!("optimizer.{name}.first"), &[length])?,
            second: self.single(&format!("optimizer.{name}.second"), &[length])?,
            steps: self.number(&format!("optimizer.{name}.steps"))?,
        })
    }
}

impl Learner {
    /// Everything that training depends on, as the bytes of a safetensors file. Equal states give
    /// equal bytes.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        for (name, value) in model_fields(&self.model) {
            writer.field(name, value);
        }
        writer.field("format", FORMAT);
        writer.field("seed", self.seed);
        writer.field("step", self.step);
        writer.field("received_since_step", self.received_since_step);
        let spent: Vec<f64> = self
            .received_from
            .iter()
            .flat_map(|(sender, spent)| [f64::from(sender.0), *spent as f64])
            .collect();
        writer.double("received_from", &[self.received_from.len(), 2], &spent);
        writer.trainable("trunk", "", &self.trunk);
        writer.trainable("head", "", &self.head);
        writer.trainable("join", "", &self.join);
        writer.trainable("student", "", &self.student);
        for part in self.averages.parts() {
            writer.parameters("average.", part);
        }
        writer.optimiser("received", &self.received);
        writer.field("control", u8::from(self.control.is_some()));
        if let Some(control) = &self.control {
            writer.trainable("control_trunk", "control.", &control.trunk);
            writer.trainable("control_head", "control.", &control.head);
        }
        let peers = self.gate.frequency.len();
        writer.single("gate_keys.weight", &[peers, self.gate.key_width], &self.gate.keys);
        writer.optimiser("gate", &self.gate.optimiser);
        writer.double("gate_frequency", &[peers], &self.gate.frequency);
        writer.single("features", &[self.features.len()], &self.features);
        let scores: Vec<f64> = self.scores.peers.iter().flat_map(score_row).collect();
        writer.double("scores", &[self.scores.peers.len(), SCORE_COLUMNS], &scores);
        let senders: Vec<f64> = self.senders.entries.iter().flat_map(sender_row).collect();
        writer.double("senders", &[self.senders.entries.len(), SENDER_COLUMNS], &senders);
        writer.agreements(&self.senders.agreements);
        writer.finish()
    }

    /// A learner that goes on from `checkpoint`.
    ///
    /// # Errors
    /// [`LearnerError::Checkpoint`] if the bytes are damaged or belong to another model or seed;
    /// otherwise as [`Learner::new`].
    pub fn from_checkpoint(
        model: ModelConfig,
        training: TrainingConfig,
        corpus: Corpus,
        seed: u64,
        checkpoint: &[u8],
    ) -> Result<Self, LearnerError> {
        let mut learner = Self::new(model, training, corpus, seed)?;
        learner.restore(checkpoint)?;
        Ok(learner)
    }

    fn restore(&mut self, checkpoint: &[u8]) -> Result<(), CheckpointError> {
        let reader = Reader::new(checkpoint)?;
        reader.expect("format", FORMAT)?;
        for (name, value) in model_fields(&self.model) {
            reader.expect(name, value)?;
        }
        reader.expect("seed", self.seed)?;
        self.step = reader.number("step")?;
        self.received_since_step = reader.number("received_since_step")?;
        self.received_from.clear();
        for row in reader.rows("received_from", 2)? {
            self.received_from.insert(peer_from("received_from", row[0])?, row[1] as usize);
        }
        reader.trainable("trunk", "", &mut self.trunk)?;
        reader.trainable("head", "", &mut self.head)?;
        reader.trainable("join", "", &mut self.join)?;
        reader.trainable("student", "", &mut self.student)?;
        for part in self.averages.parts_mut() {
            part.values = reader.parameters("average.", part)?;
        }
        self.received = reader.optimiser("received", self.trunk.parameters.len())?;
        if self.training.control {
            reader.expect("control", 1)?;
            let mut control = Control::new(&self.model, self.seed);
            reader.trainable("control_trunk", "control.", &mut control.trunk)?;
            reader.trainable("control_head", "control.", &mut control.head)?;
            self.control = Some(control);
        }
        let peers = reader.first_dimension("gate_keys.weight")?;
        if peers > PEERS_MAX as usize {
            let value = peers.to_string();
            return Err(CheckpointError::Value { name: "gate_keys.weight".to_owned(), value });
        }
        self.gate.keys = reader.single("gate_keys.weight", &[peers, self.gate.key_width])?;
        self.gate.optimiser = reader.optimiser("gate", peers * self.gate.key_width)?;
        self.gate.frequency = reader.double("gate_frequency", &[peers])?;
        self.features = reader.single("features", &[self.model.width])?;
        self.scores.peers = read_scores(&reader)?;
        self.senders.entries = read_senders(&reader)?;
        self.senders.agreements = read_agreements(&reader)?;
        Ok(())
    }
}

fn model_fields(model: &ModelConfig) -> [(&'static str, usize); 6] {
    let ModelConfig { width, layers, heads, context, out_dim, key_width } = *model;
    [
        ("width", width),
        ("layers", layers),
        ("heads", heads),
        ("context", context),
        ("out_dim", out_dim),
        ("key_width", key_width),
    ]
}

const SCORE_COLUMNS: usize = 17;
const AGREEMENT_COLUMNS: usize = 5;
const DIRECTION_COLUMNS: usize = 3;
const SENDER_COLUMNS: usize = 10;

fn moments_row(moments: &Moments) -> [f64; 4] {
    [moments.weight, moments.weight_squared, moments.mean, moments.scatter]
}

fn moments_from(row: &[f64]) -> Moments {
    Moments { weight: row[0], weight_squared: row[1], mean: row[2], scatter: row[3] }
}

fn score_row((peer, moments): (&PeerIndex, &PeerMoments)) -> Vec<f64> {
    let parts = [&moments.gate, &moments.fisher, &moments.empirical, &moments.removal];
    std::iter::once(f64::from(peer.0)).chain(parts.into_iter().flat_map(moments_row)).collect()
}

fn sender_row((sender, entry): (&PeerIndex, &SenderEntry)) -> Vec<f64> {
    let mut row = vec![f64::from(sender.0)];
    row.extend(moments_row(&entry.change));
    row.extend([entry.harm, entry.reverted as f64, f64::from(u8::from(entry.dropped))]);
    row.extend([entry.norm, entry.standing]);
    row
}

fn read_agreements(reader: &Reader<'_>) -> Result<Agreements, CheckpointError> {
    let mut agreements =
        Agreements { heard: reader.number("gradients_heard")?, ..Agreements::default() };
    for row in reader.rows("agreements", AGREEMENT_COLUMNS)? {
        let sender = peer_from("agreements", row[0])?;
        agreements.moments.insert(sender, moments_from(&row[1..]));
    }
    let rows = reader.rows("directions", DIRECTION_COLUMNS)?;
    let sketches = reader.single("direction_sketches", &[rows.len(), SKETCH])?;
    for (row, sketch) in rows.iter().zip(sketches.chunks_exact(SKETCH)) {
        let direction =
            Direction { sketch: sketch.to_vec(), standing: row[1] as f32, heard: row[2] as u64 };
        agreements.directions.insert(peer_from("directions", row[0])?, direction);
    }
    Ok(agreements)
}

fn peer_from(name: &str, value: f64) -> Result<PeerIndex, CheckpointError> {
    if value >= 0.0 && value < f64::from(PEERS_MAX) && value.fract() == 0.0 {
        Ok(PeerIndex(value as u32))
    } else {
        Err(CheckpointError::Value { name: name.to_owned(), value: value.to_string() })
    }
}

fn read_scores(reader: &Reader<'_>) -> Result<BTreeMap<PeerIndex, PeerMoments>, CheckpointError> {
    let mut scores = BTreeMap::new();
    for row in reader.rows("scores", SCORE_COLUMNS)? {
        let moments = PeerMoments {
            gate: moments_from(&row[1..5]),
            fisher: moments_from(&row[5..9]),
            empirical: moments_from(&row[9..13]),
            removal: moments_from(&row[13..17]),
        };
        scores.insert(peer_from("scores", row[0])?, moments);
    }
    Ok(scores)
}

fn read_senders(reader: &Reader<'_>) -> Result<BTreeMap<PeerIndex, SenderEntry>, CheckpointError> {
    let mut senders = BTreeMap::new();
    for row in reader.rows("senders", SENDER_COLUMNS)? {
        let entry = SenderEntry {
            change: moments_from(&row[1..5]),
            harm: row[5],
            reverted: row[6] as u64,
            dropped: row[7] != 0.0,
            norm: row[8],
            standing: row[9],
        };
        senders.insert(peer_from("senders", row[0])?, entry);
    }
    Ok(senders)
}
