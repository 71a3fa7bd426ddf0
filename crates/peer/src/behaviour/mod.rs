//! How a peer behaves. One way is honest; the others simulate attacks, so that a market can be
//! watched while it deals with them (`muster up --cabal 2`, scenario files). They use the same
//! code, keys and connections as honest peers and differ only in what [`Conduct`] lets them.

mod cabal;
mod copier;
mod noise;
mod poisoner;
mod silent;

use crate::ledger::directory::Directory;
use muster_learning::Activations;
use muster_ledger::crypto::PublicKey;
use muster_ledger::transaction::PeerId;
use serde::{Deserialize, Serialize};

/// The ways to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// Learns, answers, and gives weights by what it measured.
    #[default]
    Honest,
    /// Answers noise, learns nothing, and gives weight only to its fellows.
    Cabal,
    /// Learns from others but answers noise that looks like an answer.
    Noise,
    /// Learns nothing and sets the weights that the peer of highest stake last set.
    Copier,
    /// Is registered and reachable, but never answers.
    Silent,
    /// Learns and answers, but sends gradients that make others worse.
    Poisoner,
}

/// What a peer does with requests for its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// Its model answers.
    Model,
    /// Noise answers.
    Noise,
    /// Nothing answers; the caller waits until its deadline.
    Never,
}

/// A row of weights: peers and shares of one, itself included.
pub type Shares = Vec<(PeerId, f64)>;

/// The choices in which behaviours differ. The defaults are honest.
pub trait Conduct: Send {
    /// Whether it makes training steps of its own.
    fn learns(&self) -> bool {
        true
    }

    /// What it answers.
    fn answering(&self) -> Answering {
        Answering::Model
    }

    /// The gradient that it sends back for an answer, given the true one.
    fn gradient(&mut self, honest: Activations) -> Activations {
        honest
    }

    /// The weights that it sets, given what it measured.
    fn weights(&mut self, honest: Shares, _me: &PublicKey, _directory: &Directory) -> Shares {
        honest
    }
}

/// Learns, answers, and gives weights by what it measured.
struct Honest;

impl Conduct for Honest {}

impl Behaviour {
    /// The conduct that goes with it; `fellows` are the hot keys of a cabal.
    #[must_use]
    pub fn conduct(self, fellows: &[PublicKey]) -> Box<dyn Conduct> {
        match self {
            Behaviour::Honest => Box::new(Honest),
            Behaviour::Cabal => Box::new(cabal::Cabal { fellows: fellows.to_vec() }),
            Behaviour::Noise => Box::new(noise::Noise),
            Behaviour::Copier => Box::new(copier::Copier),
            Behaviour::Silent => Box::new(silent::Silent),
            Behaviour::Poisoner => Box::new(poisoner::Poisoner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::directory::Entry;
    use muster_learning::Shape;

    fn key(seed: u8) -> PublicKey {
        PublicKey([seed; 32])
    }

    fn directory() -> Directory {
        let entry = |seed: u8| {
            let weights = vec![(PeerId(seed.into()), 0.05), (PeerId(9), 0.95)];
            let entry = Entry {
                id: PeerId(seed.into()),
                cold: key(seed),
                endpoint: String::new(),
                stake: u64::from(seed) * 10,
                incentive: 0.0,
                trust: 0.0,
                weights,
            };
            (key(seed), entry)
        };
        Directory { peers: (1..=4).map(entry).collect(), ..Directory::default() }
    }

    #[test]
    fn each_behaviour_sets_the_weights_that_it_is_known_for() {
        let honest = vec![(PeerId(1), 0.1), (PeerId(2), 0.9)];
        let row = |behaviour: Behaviour, fellows: &[PublicKey]| {
            behaviour.conduct(fellows).weights(honest.clone(), &key(1), &directory())
        };
        assert_eq!(row(Behaviour::Honest, &[]), honest);
        assert_eq!(row(Behaviour::Poisoner, &[]), honest);
        assert_eq!(row(Behaviour::Noise, &[]), honest);
        assert_eq!(row(Behaviour::Cabal, &[]), [(PeerId(1), 1.0)]);
        let fellows = [key(1), key(3), key(4), key(77)];
        assert_eq!(row(Behaviour::Cabal, &fellows), [(PeerId(3), 0.5), (PeerId(4), 0.5)]);
        // The row of peer 4, which has the highest stake.
        assert_eq!(row(Behaviour::Copier, &[]), [(PeerId(4), 0.05), (PeerId(9), 0.95)]);
        assert_eq!(row(Behaviour::Silent, &[]), []);
    }

    #[test]
    fn a_poisoner_sends_gradients_uphill_that_pass_every_check() {
        let shape = Shape { batch: 1, sequence: 1, width: 3 };
        let honest = Activations { shape, values: vec![1e-4, -2e-4, 0.0] };
        let sent = Behaviour::Poisoner.conduct(&[]).gradient(honest.clone());
        assert_eq!(sent.check(shape), Ok(()));
        let along: f32 = sent.values.iter().zip(&honest.values).map(|(a, b)| a * b).sum();
        assert!(along < 0.0, "it points the other way");
        assert!(sent.values[0].abs() > 1.0, "and is far larger");
    }
}
