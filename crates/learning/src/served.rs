//! What a peer does for others: answering, and training on the gradients that come back.
//!
//! The graph of an answer is kept by request until its gradient arrives or newer requests push it
//! out; where there is no room, whoever has most of it for its standing makes room. Strangers'
//! gradients are an attack surface, so each passes six bounds: shape and finiteness; the norm,
//! which may not exceed what is usual among the senders; the sender's standing, which scales the
//! step itself (scaling the gradient would be undone by the optimiser's normalisation); a budget
//! between two own steps, half of which is for who has standing; agreement with what the others
//! send (module `agreement`), which drops senders who unteach what the others come for; and a probe
//! on held-out text, which takes back any update that hurts by more than a set amount and drops
//! senders who hurt on average.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use burn::tensor::Tensor;

use crate::agreement::Agreements;
use crate::config::TrainingConfig;
use crate::corpus::Batch;
use crate::error::LearnerError;
use crate::estimate::{Estimate, Moments};
use crate::gate::PeerIndex;
use crate::model::{self, Leaves, matrix_from, values_of};
use crate::numerics::{CrossEntropy, sum_of_squares};
use crate::parameters::{AdamW, clip};
use crate::parts::Parts;
use crate::tensor::{Activations, Shape, Tokens, VOCABULARY};

/// Sequences in the probe that watches over received gradients.
pub(crate) const PROBE_BATCH: usize = 4;
/// How much the running mean of a sender's norms keeps at each gradient.
const NORM_KEPT: f64 = 0.9;

/// Who asked, and under which number. Numbers need to be unique per sender only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey {
    /// Who asked.
    pub sender: PeerIndex,
    /// Its number for the request.
    pub request: u64,
}

/// What is to be kept of an answer: enough to train on its gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    /// The request that is answered.
    pub key: RequestKey,
    /// Standing of the sender, above 0 and at most 1.
    pub standing: f64,
}

impl RequestKey {
    /// The answer is to be kept, for a sender of this standing.
    #[must_use]
    pub fn keep(self, standing: f64) -> Keep {
        Keep { key: self, standing }
    }
}

/// The graph of an answer, kept until its gradient arrives.
pub(crate) struct Retained {
    pub key: RequestKey,
    /// Standing of the sender when it asked.
    pub standing: f64,
    pub output: Tensor<2>,
    pub weights: Leaves,
    pub shape: Shape,
}

/// Requests in order of arrival, at most as many as allowed.
pub(crate) struct RetainedRequests {
    requests: VecDeque<Retained>,
    most: usize,
}

impl RetainedRequests {
    pub fn new(most: usize) -> Self {
        Self { requests: VecDeque::new(), most }
    }

    /// Keeps a request; the same key replaces the earlier one. Where there are too many, the
    /// oldest goes of the sender that has most for its standing: so who has little of it pushes
    /// out its own, however often it asks.
    pub fn keep(&mut self, retained: Retained) {
        self.requests.retain(|other| other.key != retained.key);
        self.requests.push_back(retained);
        while self.requests.len() > self.most {
            let senders: BTreeSet<PeerIndex> =
                self.requests.iter().map(|retained| retained.key.sender).collect();
            let loads = senders.into_iter().map(|sender| (self.load(sender), sender));
            let heaviest = loads.reduce(|a, b| if b.0 > a.0 { b } else { a });
            let of_heaviest =
                |retained: &Retained| heaviest.is_some_and(|(_, h)| h == retained.key.sender);
            let oldest = self.requests.iter().position(of_heaviest);
            self.requests.remove(oldest.unwrap_or(0));
        }
    }

    /// How much a sender has kept here for its latest standing.
    fn load(&self, sender: PeerIndex) -> f64 {
        let own = self.requests.iter().filter(|retained| retained.key.sender == sender);
        let (count, standing) =
            own.fold((0.0, 0.0), |(count, _), retained| (count + 1.0, retained.standing));
        count / standing
    }

    /// Takes a request out: one gradient per answer.
    pub fn take(&mut self, key: RequestKey) -> Option<Retained> {
        let place = self.requests.iter().position(|retained| retained.key == key)?;
        self.requests.remove(place)
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }
}

/// What the gradients of one sender did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SenderRecord {
    /// Who sent them.
    pub sender: PeerIndex,
    /// Change of the probe's loss per update in nats per byte; positive is harm. Updates that were
    /// taken back count with the harm they would have done.
    pub change: Estimate,
    /// Cumulative harm beyond the allowance, never below zero, in nats per byte.
    pub harm: f64,
    /// Cosine of its gradients with what the other senders send.
    pub agreement: Estimate,
    /// Updates taken back.
    pub reverted: u64,
    /// Whether further gradients are declined.
    pub dropped: bool,
}

/// How much harm is borne, in nats per byte of the probe's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HarmLimits {
    /// Forgiven at every update: learning for others costs a little.
    pub allowance: f64,
    pub per_update: f64,
    pub per_sender: f64,
}

/// Books on all senders.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SenderLedger {
    pub entries: BTreeMap<PeerIndex, SenderEntry>,
    pub agreements: Agreements,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct SenderEntry {
    pub change: Moments,
    pub harm: f64,
    pub reverted: u64,
    pub dropped: bool,
    /// Running mean of the norms of its gradients, before clipping.
    pub norm: f64,
    /// Standing when last heard, in [0, 1].
    pub standing: f64,
}

impl SenderLedger {
    /// Forgets a sender altogether.
    pub fn forget(&mut self, sender: PeerIndex) {
        self.entries.remove(&sender);
        self.agreements.forget_all(sender);
    }

    pub fn is_dropped(&self, sender: PeerIndex) -> bool {
        self.entries.get(&sender).is_some_and(|entry| entry.dropped)
    }

    /// Notes the norm of a gradient of `sender` and says how much of it is let through: the median
    /// over all senders, each by its running mean and weighted by its standing (the lower of two),
    /// so that many senders without standing say nothing.
    ///
    /// All senders share one optimiser, which divides by what gradients usually measure. One who
    /// sends gradients a hundred times as long as the others' would drown theirs in it, and be
    /// better served than they are, without doing harm that a probe of the own loss could see.
    pub fn usual_norm(&mut self, sender: PeerIndex, norm: f64, standing: f64) -> f64 {
        let entry = self.entries.entry(sender).or_default();
        entry.standing = standing;
        entry.norm =
            if entry.norm > 0.0 { NORM_KEPT * entry.norm + (1.0 - NORM_KEPT) * norm } else { norm };
        let heard = |entry: &&SenderEntry| entry.norm > 0.0 && entry.standing > 0.0;
        let mut norms: Vec<(f64, f64)> =
            self.entries.values().filter(heard).map(|entry| (entry.norm, entry.standing)).collect();
        norms.sort_by(|a, b| a.0.total_cmp(&b.0));
        let half = norms.iter().map(|(_, standing)| standing).sum::<f64>() / 2.0;
        let mut below = 0.0;
        let median = norms.iter().find(|(_, standing)| {
            below += standing;
            below >= half
        });
        median.map_or(norm, |(median, _)| *median)
    }

    /// Takes in the direction of a gradient; whether its sender is dropped for opposing the others.
    pub fn drop_if_opposed(
        &mut self,
        sender: PeerIndex,
        gradient: &[f32],
        standing: f64,
        seed: u64,
    ) -> bool {
        let opposes = self.agreements.opposes(sender, gradient, standing, seed);
        if opposes {
            self.entries.entry(sender).or_default().dropped = true;
            self.agreements.forget(sender);
        }
        opposes
    }

    /// Books a change of the probe's loss and says whether the update must be taken back.
    ///
    /// This is a one-sided cumulative sum (Page: Continuous inspection schemes, 1954): harm beyond
    /// the allowance adds up, and what is repaired counts off, down to zero.
    pub fn book(&mut self, sender: PeerIndex, change: f64, limits: HarmLimits) -> bool {
        let entry = self.entries.entry(sender).or_default();
        let revert = change > limits.per_update;
        entry.change.add(change);
        entry.harm = (entry.harm + change - limits.allowance).max(0.0);
        entry.reverted += u64::from(revert);
        entry.dropped |= entry.harm > limits.per_sender;
        revert
    }

    pub fn records(&self) -> Vec<SenderRecord> {
        let record = |(&sender, entry): (&PeerIndex, &SenderEntry)| SenderRecord {
            sender,
            change: entry.change.estimate(),
            harm: entry.harm,
            agreement: self.agreements.moments.get(&sender).copied().unwrap_or_default().estimate(),
            reverted: entry.reverted,
            dropped: entry.dropped,
        };
        self.entries.iter().map(record).collect()
    }
}

/// What became of a received gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Received {
    /// Norm of the gradient with respect to the weights, before clipping.
    pub norm: f64,
    /// Change of the probe's loss in nats per byte.
    pub change: f64,
    /// Whether the update was taken back because it hurt too much.
    pub reverted: bool,
}

/// A gradient as it arrives.
pub(crate) struct Upstream<'a> {
    /// The answer that it belongs to.
    pub key: RequestKey,
    /// Gradient of the sender's loss with respect to the answer.
    pub values: &'a Activations,
    /// Standing of the sender, in [0, 1].
    pub standing: f64,
}

/// A gradient with respect to the weights of the trunk that passed all bounds but the probe.
struct Bounded {
    sender: PeerIndex,
    values: Vec<f32>,
    /// Norm before clipping.
    norm: f64,
    standing: f64,
}

/// A held-out batch that watches over received gradients between two own steps.
struct Probe {
    batch: Batch,
    /// The student's prediction: the student does not change between own steps.
    joined: Option<Tensor<2>>,
    /// Loss of the present weights, if it was measured since they last changed.
    loss: Option<f64>,
}

/// What a checkpoint keeps of what was served.
pub(crate) struct Books {
    /// Optimiser of the trunk for gradients that others send.
    pub optimiser: AdamW,
    /// Received gradients trained on since the last own step.
    pub since_step: usize,
    /// The same of each sender.
    pub of_sender: BTreeMap<PeerIndex, usize>,
    /// What the gradients of each sender did.
    pub senders: SenderLedger,
}

/// What was answered to others, and what came of it.
pub(crate) struct Served {
    /// What a checkpoint keeps of it.
    pub books: Books,
    retained: RetainedRequests,
    probe: Option<Probe>,
}

impl Served {
    /// Nobody was served yet. `requests` answers are kept until their gradients come; the trunk
    /// has `weights` weights.
    pub fn new(requests: usize, weights: usize) -> Self {
        let books = Books {
            optimiser: AdamW::new(weights),
            since_step: 0,
            of_sender: BTreeMap::new(),
            senders: SenderLedger::default(),
        };
        Self { books, retained: RetainedRequests::new(requests), probe: None }
    }

    /// After an own step the budgets are whole again, and what the probe measured is void.
    pub fn begin_anew(&mut self) {
        self.books.since_step = 0;
        self.books.of_sender.clear();
        self.probe = None;
    }

    /// Requests whose state is kept.
    pub fn retained(&self) -> usize {
        self.retained.len()
    }

    /// Hidden states of checked `tokens`, and their graph where it is to be kept.
    pub fn answer(&mut self, parts: &Parts, keep: Option<Keep>, tokens: &Tokens) -> Activations {
        let shape = tokens.answer_shape(parts.model.out_dim);
        let weights = parts.leaves(&parts.trunk, keep.is_some());
        let hidden = parts.hidden(&weights, tokens);
        let output = model::trunk_answer(&parts.model, &weights, hidden);
        let values = values_of(output.clone().inner());
        if let Some(Keep { key, standing }) = keep {
            self.retained.keep(Retained { key, standing, output, weights, shape });
        }
        Activations { shape, values }
    }

    /// Trains the trunk on a gradient that passes the bounds; `held_out` draws the probe's batch.
    pub fn train(
        &mut self,
        parts: &mut Parts,
        training: &TrainingConfig,
        seed: u64,
        held_out: &dyn Fn() -> Batch,
        upstream: Upstream<'_>,
    ) -> Result<Received, LearnerError> {
        let Upstream { key, values: upstream, standing } = upstream;
        if !(0.0..=1.0).contains(&standing) {
            return Err(LearnerError::Standing { standing });
        }
        if standing == 0.0 {
            // It would change nothing, so it costs nothing either.
            return Ok(Received { norm: 0.0, change: 0.0, reverted: false });
        }
        let retained = self
            .retained
            .take(key)
            .ok_or(LearnerError::UnknownRequest { sender: key.sender.0, request: key.request })?;
        upstream.check(retained.shape)?;
        let books = &mut self.books;
        if books.senders.is_dropped(key.sender) {
            return Err(LearnerError::SenderDropped { sender: key.sender.0 });
        }
        books.spend(key.sender, standing, training)?;
        let (rows, columns) = (retained.shape.positions(), retained.shape.width);
        let upstream = matrix_from(upstream.values.clone(), rows, columns, &parts.device);
        let mut gradients = model::pull_back(retained.output, upstream);
        let mut gradient = retained.weights.gradient(&mut gradients);
        let norm = sum_of_squares(&gradient).sqrt();
        if !norm.is_finite() {
            // Finite values may still overflow on their way through the model.
            return Ok(Received { norm, change: 0.0, reverted: true });
        }
        if books.senders.drop_if_opposed(key.sender, &gradient, standing, seed) {
            return Err(LearnerError::SenderDropped { sender: key.sender.0 });
        }
        let usual = books.senders.usual_norm(key.sender, norm, standing);
        clip(&mut gradient, usual.min(training.received_norm_max));
        let bounded = Bounded { sender: key.sender, values: gradient, norm, standing };
        Ok(self.step(parts, training, held_out, &bounded))
    }

    /// One step on a bounded gradient, taken back if the probe says that it hurt.
    fn step(
        &mut self,
        parts: &mut Parts,
        training: &TrainingConfig,
        held_out: &dyn Fn() -> Batch,
        gradient: &Bounded,
    ) -> Received {
        let &Bounded { sender, ref values, norm, standing } = gradient;
        if norm == 0.0 {
            return Received { norm, change: 0.0, reverted: false };
        }
        let before = match self.probe.as_ref().and_then(|probe| probe.loss) {
            Some(loss) => loss,
            None => self.probe(parts, held_out),
        };
        let weights = parts.trunk.parameters.values.clone();
        let optimiser = self.books.optimiser.clone();
        self.books.optimiser.step(
            &mut parts.trunk.parameters.values,
            values,
            training.received_learning_rate * standing,
            0.0,
        );
        let after = self.probe(parts, held_out);
        let limits = HarmLimits {
            allowance: training.harm_allowance * standing,
            per_update: training.harm_per_update_max,
            per_sender: training.harm_per_sender_max,
        };
        // A loss that is not a number is harm without limit.
        let change = if after.is_finite() { after - before } else { f64::INFINITY };
        let reverted = self.books.senders.book(sender, change.min(10.0), limits);
        if reverted {
            parts.trunk.parameters.values = weights;
            self.books.optimiser = optimiser;
        }
        if let Some(probe) = &mut self.probe {
            probe.loss = Some(if reverted { before } else { after });
        }
        Received { norm, change, reverted }
    }

    /// Mean loss on a small held-out batch, offline, in nats per byte.
    fn probe(&mut self, parts: &Parts, held_out: &dyn Fn() -> Batch) -> f64 {
        let probe = self.probe.get_or_insert_with(|| {
            let batch = held_out();
            let joined = parts.stand_in(&batch.tokens);
            Probe { batch, joined, loss: None }
        });
        let trunk = parts.leaves(&parts.trunk, false);
        let hidden = parts.hidden(&trunk, &probe.batch.tokens);
        let logits = parts.logits_from(hidden, probe.joined.clone());
        CrossEntropy::new(logits, &probe.batch.targets, VOCABULARY).mean()
    }
}

impl Books {
    /// Takes one gradient of `sender` off the budgets until the next own step. Half of the whole
    /// is there for everybody, and of the other half as much as the sender's standing says: so
    /// many senders of little standing leave that to the others.
    fn spend(
        &mut self,
        sender: PeerIndex,
        standing: f64,
        training: &TrainingConfig,
    ) -> Result<(), LearnerError> {
        let all = training.received_per_step;
        let most = ((all as f64 * (0.5 + 0.5 * standing)) as usize).max(1).min(all);
        if self.since_step >= most {
            return Err(LearnerError::BudgetSpent { most });
        }
        let most = training.received_per_sender;
        let spent = self.of_sender.entry(sender).or_default();
        if *spent >= most {
            return Err(LearnerError::SenderBudgetSpent { sender: sender.0, most });
        }
        *spent += 1;
        self.since_step += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_standing_spends_half_of_the_budget_and_the_rest_is_left_to_the_others() {
        let training = TrainingConfig::default();
        let mut books = Served::new(0, 0).books;
        let spent = |books: &mut Books, senders: std::ops::Range<u32>, standing| {
            senders.filter(|s| books.spend(PeerIndex(*s), standing, &training).is_ok()).count()
        };
        assert_eq!(training.received_per_step, 8);
        assert_eq!(spent(&mut books, 0..100, 1e-9), 4);
        assert_eq!(spent(&mut books, 100..110, 0.5), 2);
        assert_eq!(spent(&mut books, 110..120, 1.0), 2);
    }

    #[test]
    fn the_usual_norm_is_that_of_the_standing() {
        let mut senders = SenderLedger::default();
        assert_eq!(senders.usual_norm(PeerIndex(0), 1.0, 1.0), 1.0);
        assert_eq!(senders.usual_norm(PeerIndex(1), 100.0, 1.0), 1.0, "the lower of two");
        assert_eq!(senders.usual_norm(PeerIndex(2), 2.0, 1.0), 2.0);
        // However many come without standing, and however little they have, they move nothing.
        for sybil in 3..40 {
            let standing = if sybil < 20 { 0.0 } else { 0.01 };
            assert_eq!(senders.usual_norm(PeerIndex(sybil), 1.0e3, standing), 2.0);
        }
        assert_eq!(SenderLedger::default().usual_norm(PeerIndex(0), 3.0, 0.0), 3.0);
    }
}
