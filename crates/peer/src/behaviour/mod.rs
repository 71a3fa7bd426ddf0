//! How a peer behaves. One way is honest; the others simulate attacks, so that a market can be
//! watched while it deals with them (`muster up --cabal 2`, scenario files). They use the same
//! code, keys and connections as honest peers and differ only in what [`Conduct`] lets them.

mod cabal;
pub mod conduct;
mod copier;
mod noise;
mod poisoner;
mod silent;

use crate::presence::Part;
use conduct::Conduct;
use muster_ledger::crypto::PublicKey;
use serde::{Deserialize, Serialize};

/// The ways to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// Learns, answers, and gives weights by what it measured.
    #[default]
    Honest,
    /// Learns nothing, answers noise, and gives all its weight to its fellows.
    Cabal,
    /// Learns from the others' answers and gives honest weights, but answers noise itself.
    Noise,
    /// Learns nothing, answers with an untrained model, and sets the weights that the peer of
    /// highest stake last set.
    Copier,
    /// Is registered and reachable, but learns nothing, never answers, and sets no weights.
    Silent,
    /// Learns, answers and gives honest weights, but sends gradients that make others worse.
    Poisoner,
    /// Is an honest learner, but not there in presence rounds.
    Absent,
    /// Is an honest learner, but works in presence rounds as several machines.
    Farm,
    /// Is an honest learner, but hands in what others found in presence rounds as its own.
    Thief,
    /// Is an honest learner, but floods presence rounds with numbers that solve nothing.
    Flooder,
}

impl Behaviour {
    /// All of them, the honest one first.
    pub const ALL: [Self; 10] = [
        Self::Honest,
        Self::Cabal,
        Self::Noise,
        Self::Copier,
        Self::Silent,
        Self::Poisoner,
        Self::Absent,
        Self::Farm,
        Self::Thief,
        Self::Flooder,
    ];

    /// The word for it in `peer.toml` and in scenario files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Behaviour::Honest => "honest",
            Behaviour::Cabal => "cabal",
            Behaviour::Noise => "noise",
            Behaviour::Copier => "copier",
            Behaviour::Silent => "silent",
            Behaviour::Poisoner => "poisoner",
            Behaviour::Absent => "absent",
            Behaviour::Farm => "farm",
            Behaviour::Thief => "thief",
            Behaviour::Flooder => "flooder",
        }
    }

    /// The conduct that goes with it; `fellows` are the hot keys of a cabal.
    #[must_use]
    pub fn conduct(self, fellows: &[PublicKey]) -> Box<dyn Conduct> {
        match self {
            Behaviour::Honest
            | Behaviour::Absent
            | Behaviour::Farm
            | Behaviour::Thief
            | Behaviour::Flooder => Box::new(conduct::Honest),
            Behaviour::Cabal => Box::new(cabal::Cabal { fellows: fellows.to_vec() }),
            Behaviour::Noise => Box::new(noise::Noise),
            Behaviour::Copier => Box::new(copier::Copier),
            Behaviour::Silent => Box::new(silent::Silent),
            Behaviour::Poisoner => Box::new(poisoner::Poisoner),
        }
    }

    /// What it does in presence rounds; a farm works as `power` machines.
    #[must_use]
    pub fn part(self, power: u32) -> Part {
        match self {
            Behaviour::Honest
            | Behaviour::Cabal
            | Behaviour::Noise
            | Behaviour::Copier
            | Behaviour::Poisoner => Part::Machines(1),
            Behaviour::Silent | Behaviour::Absent => Part::Absent,
            Behaviour::Farm => Part::Machines(power),
            Behaviour::Thief => Part::Thief,
            Behaviour::Flooder => Part::Flooder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::directory::{Directory, Entry};
    use muster_learning::{Activations, Shape};
    use muster_ledger::types::PeerId;

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
    fn the_name_of_a_behaviour_is_the_word_in_files() {
        for behaviour in Behaviour::ALL {
            let word = serde_json::to_value(behaviour).expect("a word");
            assert_eq!(word, behaviour.name());
        }
        // Each is there once: they are in order.
        assert!(Behaviour::ALL.is_sorted_by(|a, b| a < b));
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
    fn a_peer_is_one_machine_unless_it_is_a_farm_or_not_there() {
        for behaviour in Behaviour::ALL {
            let machines = match behaviour {
                Behaviour::Farm => Some(7),
                Behaviour::Silent | Behaviour::Absent => None,
                Behaviour::Thief | Behaviour::Flooder => None,
                _ => Some(1),
            };
            let part = behaviour.part(7);
            let found = if let Part::Machines(count) = part { Some(count) } else { None };
            assert_eq!(found, machines, "{behaviour:?}");
        }
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
