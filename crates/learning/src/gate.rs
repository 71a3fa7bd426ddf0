//! The noisy top-k gate: whom to ask, and how much each answer counts.
//!
//! Each known peer has a learned key. A batch's pooled query scores the keys; the k best after
//! noise are asked (Shazeer et al. 2017, equations 3 to 5, with noise of fixed deviation). At every
//! position the answers are weighted by a softmax over the chosen keys and one fixed score of zero
//! that stands for "nobody", so that the weights of worthless peers can all fall to nothing. The
//! weights of a position depend on that position and those before it only: no look ahead.
//! A load-balancing term `n * sum_j frequency_j * probability_j` (Fedus et al. 2021, equation 4)
//! keeps the choice from settling before peers are known.

use std::collections::BTreeMap;

use crate::parameters::AdamW;
use crate::random::Stream;

/// Number of a peer. The caller keeps the meaning stable and never gives one to another; gate keys,
/// scores and weights are reported under it. It may be any: a learner has slots of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(pub u32);

/// Most peers a learner keeps keys for at once.
pub const PEERS_MAX: u32 = 65_536;

/// How much older choices count at each step, for the frequency in the load-balancing term.
const FREQUENCY_DECAY: f64 = 0.95;

/// Keys of known peers and statistics of their use. Each has a slot; when all are taken, a newcomer
/// gets that of the peer that was not met for longest, so that it does not matter how many came and
/// went before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    pub key_width: usize,
    pub seed: u64,
    /// Most slots.
    pub room: usize,
    /// The slot of each known peer.
    pub slots: BTreeMap<PeerIndex, usize>,
    /// When the peer of each slot was last met, in meetings.
    pub met: Vec<u64>,
    /// `[slots, key_width]`.
    pub keys: Vec<f32>,
    pub optimiser: AdamW,
    /// Decayed share of steps in which the peer of each slot was chosen.
    pub frequency: Vec<f64>,
}

impl Gate {
    pub fn new(key_width: usize, seed: u64) -> Self {
        Self {
            key_width,
            seed,
            room: PEERS_MAX as usize,
            slots: BTreeMap::new(),
            met: Vec::new(),
            keys: Vec::new(),
            optimiser: AdamW::new(0),
            frequency: Vec::new(),
        }
    }

    /// Notes that `peers`, which fit, were met, and makes slots for those that have none. Gives the
    /// peers that were forgotten for them.
    pub fn meet(&mut self, peers: &[PeerIndex]) -> Vec<PeerIndex> {
        let now = self.met.iter().max().map_or(1, |last| last + 1);
        let (known, new): (Vec<PeerIndex>, Vec<PeerIndex>) =
            peers.iter().partition(|peer| self.slots.contains_key(peer));
        for peer in known {
            self.met[self.slots[&peer]] = now;
        }
        let mut forgotten = Vec::new();
        for peer in new {
            let slot = if self.met.len() < self.room {
                self.extend()
            } else {
                let Some(slot) = (0..self.met.len()).min_by_key(|slot| self.met[*slot]) else {
                    continue;
                };
                forgotten
                    .extend(self.slots.extract_if(.., |_, of| *of == slot).map(|(peer, _)| peer));
                slot
            };
            self.slots.insert(peer, slot);
            self.met[slot] = now;
            self.frequency[slot] = 0.0;
            let range = self.range(slot);
            let key = self.first_key(peer);
            self.keys[range.clone()].copy_from_slice(&key);
            self.optimiser.first[range.clone()].fill(0.0);
            self.optimiser.second[range].fill(0.0);
        }
        forgotten
    }

    /// Adds an empty slot.
    fn extend(&mut self) -> usize {
        let slot = self.met.len();
        self.met.push(0);
        self.frequency.push(0.0);
        self.keys.resize(self.keys.len() + self.key_width, 0.0);
        self.optimiser.first.resize(self.keys.len(), 0.0);
        self.optimiser.second.resize(self.keys.len(), 0.0);
        slot
    }

    fn range(&self, slot: usize) -> std::ops::Range<usize> {
        slot * self.key_width..(slot + 1) * self.key_width
    }

    /// The key with which a peer begins; it depends on the seed and the peer's number alone.
    fn first_key(&self, peer: PeerIndex) -> Vec<f32> {
        let mut stream = Stream::new(self.seed, "gate key", u64::from(peer.0));
        let deviation = 1.0 / (self.key_width as f64).sqrt();
        (0..self.key_width).map(|_| (stream.normal() * deviation) as f32).collect()
    }

    /// Keys of `peers`, `[peers, key_width]`; of one without a slot, that with which it begins.
    pub fn keys_of(&self, peers: &[PeerIndex]) -> Vec<f32> {
        let mut keys = Vec::with_capacity(peers.len() * self.key_width);
        for peer in peers {
            match self.slots.get(peer) {
                Some(slot) => keys.extend_from_slice(&self.keys[self.range(*slot)]),
                None => keys.extend(self.first_key(*peer)),
            }
        }
        keys
    }

    /// Decayed share of steps in which `peer` was chosen.
    pub fn frequency_of(&self, peer: PeerIndex) -> f64 {
        self.slots.get(&peer).map_or(0.0, |slot| self.frequency[*slot])
    }

    /// The `count` best of `available` for a pooled query `[key_width]`, best first; noise of
    /// standard deviation `noise` is added to each score. Ties go to the smaller index.
    pub fn choose(
        &self,
        query: &[f32],
        available: &[PeerIndex],
        count: usize,
        noise: f64,
        stream: &mut Stream,
    ) -> Vec<PeerIndex> {
        let scale = 1.0 / (self.key_width as f64).sqrt();
        let keys = self.keys_of(available);
        let mut scored: Vec<(f64, PeerIndex)> = available
            .iter()
            .zip(keys.chunks_exact(self.key_width))
            .map(|(&peer, key)| {
                let dot: f64 =
                    query.iter().zip(key).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
                (dot * scale + noise * stream.normal(), peer)
            })
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().take(count).map(|(_, peer)| peer).collect()
    }

    /// Notes that `chosen` were asked at this step.
    pub fn note_choice(&mut self, chosen: &[PeerIndex]) {
        for value in &mut self.frequency {
            *value *= FREQUENCY_DECAY;
        }
        for slot in chosen.iter().filter_map(|peer| self.slots.get(peer)) {
            self.frequency[*slot] += 1.0 - FREQUENCY_DECAY;
        }
    }

    /// One optimiser step on the keys of `peers` with `gradient` `[peers, key_width]`. The other
    /// keys have no gradient and keep their moments, as with a sparse embedding.
    pub fn train(&mut self, peers: &[PeerIndex], gradient: &[f32], rate: f64) {
        let width = self.key_width;
        let rows = peers.iter().zip(gradient.chunks_exact(width));
        let (slots, gradients): (Vec<usize>, Vec<&[f32]>) =
            rows.filter_map(|(peer, row)| Some((*self.slots.get(peer)?, row))).unzip();
        let gather = |all: &[f32]| -> Vec<f32> {
            slots.iter().flat_map(|slot| all[self.range(*slot)].to_vec()).collect()
        };
        let mut keys = gather(&self.keys);
        let mut part = AdamW {
            first: gather(&self.optimiser.first),
            second: gather(&self.optimiser.second),
            steps: self.optimiser.steps,
        };
        part.step(&mut keys, &gradients.concat(), rate, 0.0);
        self.optimiser.steps = part.steps;
        for (index, slot) in slots.into_iter().enumerate() {
            let (from, to) = (self.range(index), self.range(slot));
            self.keys[to.clone()].copy_from_slice(&keys[from.clone()]);
            self.optimiser.first[to.clone()].copy_from_slice(&part.first[from.clone()]);
            self.optimiser.second[to].copy_from_slice(&part.second[from]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let mut gate = Gate::new(4, 1);
        gate.meet(&(0..6).map(PeerIndex).collect::<Vec<_>>());
        gate
    }

    #[test]
    fn only_available_peers_are_chosen_and_each_once() {
        let gate = gate();
        let available = [PeerIndex(0), PeerIndex(2), PeerIndex(5)];
        for seed in 0..50 {
            let mut stream = Stream::new(seed, "test", 0);
            let chosen = gate.choose(&[0.1; 4], &available, 2, 1.0, &mut stream);
            assert_eq!(chosen.len(), 2);
            assert!(chosen.iter().all(|peer| available.contains(peer)));
            assert_ne!(chosen[0], chosen[1]);
        }
        let all = gate.choose(&[0.1; 4], &available, 7, 0.0, &mut Stream::new(0, "test", 0));
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn without_noise_the_best_key_wins_and_noise_explores() {
        let mut gate = gate();
        gate.keys.fill(0.0);
        gate.keys[8..12].fill(3.0);
        let available: Vec<PeerIndex> = (0..6).map(PeerIndex).collect();
        let pick = |noise, seed| {
            gate.choose(&[1.0; 4], &available, 1, noise, &mut Stream::new(seed, "test", 0))[0]
        };
        assert!((0..20).all(|seed| pick(0.0, seed) == PeerIndex(2)));
        assert!((0..20).any(|seed| pick(20.0, seed) != PeerIndex(2)));
    }

    #[test]
    fn keys_do_not_depend_on_the_order_in_which_peers_are_met() {
        let mut late = Gate::new(4, 1);
        late.meet(&[PeerIndex(5)]);
        late.meet(&[PeerIndex(1)]);
        let peers = [PeerIndex(1), PeerIndex(5)];
        assert_eq!(late.keys_of(&peers), gate().keys_of(&peers));
        assert_eq!(Gate::new(4, 1).keys_of(&peers), gate().keys_of(&peers));
    }

    /// A market in which peers come and go for ever: their numbers grow beyond all slots, and those
    /// that are there keep theirs.
    #[test]
    fn newcomers_of_any_number_take_the_slots_of_those_that_are_gone() {
        let mut gate = Gate { room: 3, ..Gate::new(4, 1) };
        let stays = PeerIndex(7);
        gate.meet(&[stays]);
        let range = gate.range(gate.slots[&stays]);
        gate.keys[range].fill(9.0);
        for number in (u32::MAX - 50)..=u32::MAX {
            let forgotten = gate.meet(&[stays, PeerIndex(number)]);
            assert!(!forgotten.contains(&stays));
            assert!(gate.slots.len() <= 3 && gate.slots.contains_key(&PeerIndex(number)));
        }
        assert_eq!(gate.keys_of(&[stays]), [9.0; 4]);
        let all = [stays, PeerIndex(u32::MAX), PeerIndex(u32::MAX - 1)];
        assert!(all.iter().all(|peer| gate.slots.contains_key(peer)));
        // Who takes a slot over begins with its own key and nobody's moments.
        gate.train(&all, &[1.0; 12], 0.1);
        gate.note_choice(&all);
        assert_eq!(gate.meet(&[stays, PeerIndex(1), PeerIndex(2)]).len(), 2);
        assert_eq!(gate.keys_of(&[PeerIndex(1)]), Gate::new(4, 1).keys_of(&[PeerIndex(1)]));
        assert_eq!(gate.frequency_of(PeerIndex(1)), 0.0);
        let slot = gate.range(gate.slots[&PeerIndex(1)]);
        assert!(gate.optimiser.first[slot].iter().all(|moment| *moment == 0.0));
    }
}
