//! What a peer does for others: answering, and training on the gradients that come back.
//!
//! The graph of an answer is kept by request until its gradient arrives or newer requests push it
//! out. Strangers' gradients are an attack surface, so each passes six bounds: shape and
//! finiteness; the norm, which may not exceed what is usual among the senders; the sender's
//! standing, which scales the step itself (scaling the gradient would be undone by the optimiser's
//! normalisation); a budget between two own steps; agreement with what the others send (module
//! `agreement`), which drops senders who unteach what the others come for; and a probe on held-out
//! text, which takes back any update that hurts by more than a set amount and drops senders who
//! hurt on average.

use std::collections::{BTreeMap, VecDeque};

use burn::tensor::Tensor;

use crate::agreement::Agreements;
use crate::estimate::{Estimate, Moments};
use crate::gate::PeerIndex;
use crate::model::Leaves;
use crate::tensor::Shape;

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

/// The graph of an answer, kept until its gradient arrives.
pub(crate) struct Retained {
    pub key: RequestKey,
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

    /// Keeps a request; the same key replaces the earlier one, and the oldest makes room.
    pub fn keep(&mut self, retained: Retained) {
        self.requests.retain(|other| other.key != retained.key);
        self.requests.push_back(retained);
        while self.requests.len() > self.most {
            self.requests.pop_front();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
