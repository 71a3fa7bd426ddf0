//! Saving and loading everything that training depends on, exactly.
//!
//! The format is safetensors. Weights carry names as in a PyTorch `state_dict`, and matrices of
//! linear layers are stored `[outputs, inputs]` as PyTorch keeps them, so that
//! `safetensors.torch.load_file` gives tensors that fit `torch.nn.Linear` and `torch.nn.Embedding`
//! as they are. Optimisers, the gate, scores and counters stand beside them; a learner that is
//! loaded goes on bit for bit as the one that was saved. Only requests whose gradient has not
//! come back are not kept.

use std::collections::BTreeMap;

use crate::agreement::{Agreements, Direction, SKETCH};
use crate::config::{ModelConfig, TrainingConfig};
use crate::control::Control;
use crate::corpus::Corpus;
use crate::error::LearnerError;
use crate::estimate::Moments;
use crate::format::{CheckpointError, Reader, Writer};
use crate::gate::{PEERS_MAX, PeerIndex};
use crate::learner::Learner;
use crate::pruning::PeerMoments;
use crate::served::SenderEntry;

const FORMAT: &str = "4";

impl Learner {
    /// Everything that training depends on, as the bytes of a safetensors file. Equal states give
    /// equal bytes.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        for (name, value) in model_fields(&self.parts.model) {
            writer.field(name, value);
        }
        writer.field("format", FORMAT);
        writer.field("seed", self.seed);
        writer.field("step", self.step);
        let books = &self.served.books;
        writer.field("received_since_step", books.since_step);
        let spent: Vec<f64> = books
            .of_sender
            .iter()
            .flat_map(|(sender, spent)| [f64::from(sender.0), *spent as f64])
            .collect();
        writer.double("received_from", &[books.of_sender.len(), 2], &spent);
        writer.trainable("trunk", "", &self.parts.trunk);
        writer.trainable("head", "", &self.parts.head);
        writer.trainable("join", "", &self.parts.join);
        writer.trainable("student", "", &self.parts.student);
        for part in self.parts.averages.parts() {
            writer.parameters("average.", part);
        }
        writer.optimiser("received", &books.optimiser);
        writer.field("control", u8::from(self.control.is_some()));
        if let Some(control) = &self.control {
            writer.trainable("control_trunk", "control.", &control.trunk);
            writer.trainable("control_head", "control.", &control.head);
        }
        let peers = self.gate.met.len();
        writer.single("gate_keys.weight", &[peers, self.gate.key_width], &self.gate.keys);
        writer.optimiser("gate", &self.gate.optimiser);
        writer.double("gate_frequency", &[peers], &self.gate.frequency);
        let mut slots: Vec<(usize, PeerIndex)> =
            self.gate.slots.iter().map(|(peer, slot)| (*slot, *peer)).collect();
        slots.sort_unstable();
        let met =
            |(slot, peer): (usize, PeerIndex)| [f64::from(peer.0), self.gate.met[slot] as f64];
        let met: Vec<f64> = slots.into_iter().flat_map(met).collect();
        writer.double("gate_peers", &[peers, 2], &met);
        writer.single("features", &[self.features.len()], &self.features);
        let scores: Vec<f64> = self.scores.peers.iter().flat_map(score_row).collect();
        writer.double("scores", &[self.scores.peers.len(), SCORE_COLUMNS], &scores);
        let senders: Vec<f64> = books.senders.entries.iter().flat_map(sender_row).collect();
        writer.double("senders", &[books.senders.entries.len(), SENDER_COLUMNS], &senders);
        write_agreements(&mut writer, &books.senders.agreements);
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
        for (name, value) in model_fields(&self.parts.model) {
            reader.expect(name, value)?;
        }
        reader.expect("seed", self.seed)?;
        self.step = reader.number("step")?;
        let books = &mut self.served.books;
        books.since_step = reader.number("received_since_step")?;
        books.of_sender.clear();
        for row in reader.rows("received_from", 2)? {
            books.of_sender.insert(peer_from("received_from", row[0])?, row[1] as usize);
        }
        reader.trainable("trunk", "", &mut self.parts.trunk)?;
        reader.trainable("head", "", &mut self.parts.head)?;
        reader.trainable("join", "", &mut self.parts.join)?;
        reader.trainable("student", "", &mut self.parts.student)?;
        for part in self.parts.averages.parts_mut() {
            part.values = reader.parameters("average.", part)?;
        }
        books.optimiser = reader.optimiser("received", self.parts.trunk.parameters.len())?;
        if self.training.control {
            reader.expect("control", 1)?;
            let mut control = Control::new(&self.parts.model, self.seed);
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
        let rows = reader.rows("gate_peers", 2)?;
        for (slot, row) in rows.iter().enumerate() {
            self.gate.slots.insert(peer_from("gate_peers", row[0])?, slot);
            self.gate.met.push(row[1] as u64);
        }
        if self.gate.met.len() != peers || self.gate.slots.len() != peers {
            let value = format!("{} of {peers} peers", self.gate.slots.len());
            return Err(CheckpointError::Value { name: "gate_peers".to_owned(), value });
        }
        self.features = reader.single("features", &[self.parts.model.width])?;
        self.scores.peers = read_scores(&reader)?;
        books.senders.entries = read_senders(&reader)?;
        books.senders.agreements = read_agreements(&reader)?;
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

fn write_agreements(writer: &mut Writer, agreements: &Agreements) {
    let Agreements { directions, moments, heard } = agreements;
    writer.field("gradients_heard", heard);
    let rows: Vec<f64> = moments
        .iter()
        .flat_map(|(sender, m)| std::iter::once(f64::from(sender.0)).chain(moments_row(m)))
        .collect();
    writer.double("agreements", &[moments.len(), AGREEMENT_COLUMNS], &rows);
    let rows: Vec<f64> = directions
        .iter()
        .flat_map(|(sender, d)| [f64::from(sender.0), f64::from(d.standing), d.heard as f64])
        .collect();
    writer.double("directions", &[directions.len(), DIRECTION_COLUMNS], &rows);
    let sketches: Vec<f32> = directions.values().flat_map(|d| d.sketch.clone()).collect();
    writer.single("direction_sketches", &[directions.len(), SKETCH], &sketches);
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
    if value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 {
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
