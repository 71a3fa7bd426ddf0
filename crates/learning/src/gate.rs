//! The noisy top-k gate: whom to ask, and how much each answer counts.
//!
//! Each known peer has a learned key. A batch's pooled query scores the keys; the k best after
//! noise are asked (Shazeer et al. 2017, equations 3 to 5, with noise of fixed deviation). At every
//! position the answers are weighted by a softmax over the chosen keys and one fixed score of zero
//! that stands for "nobody", so that the weights of worthless peers can all fall to nothing. The
//! weights of a position depend on that position and those before it only: no look ahead.
//! A load-balancing term `n * sum_j frequency_j * probability_j` (Fedus et al. 2021, equation 4)
//! keeps the choice from settling before peers are known.

use crate::parameters::AdamW;
use crate::random::Stream;

/// Number by which this learner knows a peer. The caller keeps the meaning stable; gate keys,
/// scores and weights are reported under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(pub u32);

/// Most peers a learner keeps keys for.
pub const PEERS_MAX: u32 = 65_536;

/// How much older choices count at each step, for the frequency in the load-balancing term.
const FREQUENCY_DECAY: f64 = 0.95;

/// Keys of known peers and statistics of their use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    pub key_width: usize,
    pub seed: u64,
    /// `[peers, key_width]`.
    pub keys: Vec<f32>,
    pub optimiser: AdamW,
    /// Decayed share of steps in which a peer was chosen.
    pub frequency: Vec<f64>,
}

impl Gate {
    pub fn new(key_width: usize, seed: u64) -> Self {
        Self { key_width, seed, keys: Vec::new(), optimiser: AdamW::new(0), frequency: Vec::new() }
    }

    /// Makes room for `peer`; a new key depends only on the seed and the index.
    pub fn know(&mut self, peer: PeerIndex) {
        while self.frequency.len() <= peer.0 as usize {
            let mut stream = Stream::new(self.seed, "gate key", self.frequency.len() as u64);
            let deviation = 1.0 / (self.key_width as f64).sqrt();
            self.keys.extend((0..self.key_width).map(|_| (stream.normal() * deviation) as f32));
            self.optimiser.first.resize(self.keys.len(), 0.0);
            self.optimiser.second.resize(self.keys.len(), 0.0);
            self.frequency.push(0.0);
        }
    }

    /// Keys of `peers`, `[peers, key_width]`.
    pub fn keys_of(&self, peers: &[PeerIndex]) -> Vec<f32> {
        peers.iter().flat_map(|&peer| self.key(peer)).copied().collect()
    }

    fn key(&self, peer: PeerIndex) -> &[f32] {
        let start = peer.0 as usize * self.key_width;
        &self.keys[start..start + self.key_width]
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
        let mut scored: Vec<(f64, PeerIndex)> = available
            .iter()
            .map(|&peer| {
                let dot: f64 = query
                    .iter()
                    .zip(self.key(peer))
                    .map(|(&q, &k)| f64::from(q) * f64::from(k))
                    .sum();
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
        for peer in chosen {
            self.frequency[peer.0 as usize] += 1.0 - FREQUENCY_DECAY;
        }
    }

    /// One optimiser step on the keys of `peers` with `gradient` `[peers, key_width]`. The other
    /// keys have no gradient and keep their moments, as with a sparse embedding.
    pub fn train(&mut self, peers: &[PeerIndex], gradient: &[f32], rate: f64) {
        let width = self.key_width;
        let gather = |all: &[f32]| -> Vec<f32> {
            peers.iter().flat_map(|p| all[p.0 as usize * width..][..width].to_vec()).collect()
        };
        let mut keys = gather(&self.keys);
        let mut part = AdamW {
            first: gather(&self.optimiser.first),
            second: gather(&self.optimiser.second),
            steps: self.optimiser.steps,
        };
        part.step(&mut keys, gradient, rate, 0.0);
        self.optimiser.steps = part.steps;
        for (slot, peer) in peers.iter().enumerate() {
            let (from, to) = (slot * width, peer.0 as usize * width);
            self.keys[to..to + width].copy_from_slice(&keys[from..from + width]);
            self.optimiser.first[to..to + width].copy_from_slice(&part.first[from..from + width]);
            self.optimiser.second[to..to + width].copy_from_slice(&part.second[from..from + width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        let mut gate = Gate::new(4, 1);
        gate.know(PeerIndex(5));
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
        late.know(PeerIndex(1));
        late.know(PeerIndex(5));
        assert_eq!(late.keys, gate().keys);
    }
}
