//! Whether a sender's gradients pull where those of the others pull.
//!
//! A poisoner's gradients need not raise the loss of the model that trains on them: turned around,
//! they unteach what *others* come for, and no probe of the own text sees that. But then they point
//! against what the other senders send. Agreement is the cosine of a gradient with the sum of the
//! other senders' mean directions, weighted by their standing (as FLTrust weighs updates by their
//! cosine with a trusted one, Cao et al. 2021; here nobody is trusted alone). Between honest
//! senders of different texts it is small and not below zero; the more standing attackers have, the
//! less it says, and beyond half of the standing it speaks for them.
//!
//! Gradients are kept as count sketches (Charikar, Chen, Farach-Colton 2002), whose inner products
//! are those of the gradients up to an error of about `1 / sqrt(SKETCH)`, so that a sender costs
//! the same memory whatever the size of the model.

use std::collections::BTreeMap;

use crate::estimate::Moments;
use crate::gate::PeerIndex;
use crate::random::splitmix64;

/// Numbers in a sketch.
pub(crate) const SKETCH: usize = 4096;
/// Senders whose sketches are kept at most; the one that was silent longest goes first.
const SKETCHES_MAX: usize = 128;
/// How much a sender's mean direction keeps at each of its gradients.
const DIRECTION_KEPT: f32 = 0.9;
/// How much older agreements count at each gradient.
const AGREEMENT_KEPT: f64 = 0.995;
/// Other senders that it takes to speak of agreement: two alone would accuse each other.
const OTHERS_MIN: usize = 2;
/// Gradients before a sender is judged.
const SAMPLES_MIN: f64 = 20.0;
/// A sender opposes the others if its agreement lies below this by [`ERRORS`] standard errors.
const OPPOSED: f64 = -0.01;
const ERRORS: f64 = 4.0;

/// Mean direction of one sender's gradients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Direction {
    /// Mean of sketches of length one, `[SKETCH]`.
    pub sketch: Vec<f32>,
    /// Standing when last heard, in [0, 1].
    pub standing: f32,
    /// Number of the gradient that was heard last.
    pub heard: u64,
}

/// Directions and agreements of all senders.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Agreements {
    pub directions: BTreeMap<PeerIndex, Direction>,
    pub moments: BTreeMap<PeerIndex, Moments>,
    /// Gradients heard.
    pub heard: u64,
}

impl Agreements {
    /// Takes in a gradient and says whether its sender opposes the others.
    pub fn opposes(
        &mut self,
        sender: PeerIndex,
        gradient: &[f32],
        standing: f64,
        seed: u64,
    ) -> bool {
        self.heard += 1;
        let Some(sketch) = unit(sketch(gradient, seed)) else {
            return false;
        };
        let mut others = vec![0.0_f32; SKETCH];
        let mut count = 0;
        for (_, direction) in self.directions.iter().filter(|(other, _)| **other != sender) {
            count += 1;
            for (sum, value) in others.iter_mut().zip(&direction.sketch) {
                *sum += direction.standing * value;
            }
        }
        let moments = self.moments.entry(sender).or_default();
        if let (true, Some(others)) = (count >= OTHERS_MIN, unit(others)) {
            let products = others.iter().zip(&sketch).map(|(&a, &b)| f64::from(a) * f64::from(b));
            moments.decay(AGREEMENT_KEPT);
            moments.add(products.sum());
        }
        let agreement = moments.estimate();
        self.turn(sender, &sketch, standing as f32);
        agreement.samples >= SAMPLES_MIN
            && agreement.mean + ERRORS * agreement.standard_error < OPPOSED
    }

    /// Moves a sender's direction towards its latest gradient, and makes room.
    fn turn(&mut self, sender: PeerIndex, sketch: &[f32], standing: f32) {
        let fresh = || Direction { sketch: vec![0.0; SKETCH], standing, heard: 0 };
        let direction = self.directions.entry(sender).or_insert_with(fresh);
        (direction.standing, direction.heard) = (standing, self.heard);
        for (mean, value) in direction.sketch.iter_mut().zip(sketch) {
            *mean = DIRECTION_KEPT * *mean + (1.0 - DIRECTION_KEPT) * value;
        }
        if self.directions.len() > SKETCHES_MAX {
            let oldest = self.directions.iter().min_by_key(|(_, direction)| direction.heard);
            if let Some(oldest) = oldest.map(|(sender, _)| *sender) {
                self.directions.remove(&oldest);
            }
        }
    }

    /// Forgets the direction of a sender that is no longer listened to.
    pub fn forget(&mut self, sender: PeerIndex) {
        self.directions.remove(&sender);
    }

    /// Forgets a sender altogether.
    pub fn forget_all(&mut self, sender: PeerIndex) {
        self.directions.remove(&sender);
        self.moments.remove(&sender);
    }
}

/// Each value is added, with its own sign, to one of [`SKETCH`] sums; which, follows from `seed`.
fn sketch(values: &[f32], seed: u64) -> Vec<f32> {
    let mut sketch = vec![0.0_f32; SKETCH];
    for (index, &value) in values.iter().enumerate() {
        let hash = splitmix64(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let signed = if hash >> 63 == 0 { value } else { -value };
        sketch[hash as usize % SKETCH] += signed;
    }
    sketch
}

/// Scaled to length one; `None` for a vector without direction.
fn unit(mut values: Vec<f32>) -> Option<Vec<f32>> {
    let norm = crate::numerics::sum_of_squares(&values).sqrt();
    if norm == 0.0 || !norm.is_finite() {
        return None;
    }
    let scale = (1.0 / norm) as f32;
    values.iter_mut().for_each(|value| *value *= scale);
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// A direction of length about one in 20,000 dimensions.
    fn direction(seed: u64) -> Vec<f32> {
        let mut stream = Stream::new(seed, "direction", 0);
        (0..20_000).map(|_| (stream.normal() / 141.0) as f32).collect()
    }

    /// Gradients of senders that share a little of one direction with the factor given, the rest
    /// their own; who opposes after how many rounds.
    fn opposed(shared: &[f32], rounds: u64) -> BTreeMap<usize, u64> {
        let common = direction(1_000_000);
        let mut agreements = Agreements::default();
        let mut dropped = BTreeMap::new();
        for round in 0..rounds {
            for (sender, factor) in shared.iter().enumerate() {
                let own = direction(round * 100 + sender as u64);
                let gradient: Vec<f32> =
                    own.iter().zip(&common).map(|(o, c)| o + factor * c).collect();
                if agreements.opposes(PeerIndex(sender as u32), &gradient, 1.0, 7) {
                    dropped.entry(sender).or_insert(round);
                }
            }
        }
        dropped
    }

    #[test]
    fn a_sender_who_pulls_the_other_way_stands_out_among_three_and_more() {
        let dropped = opposed(&[0.3, 0.3, 0.3, -0.3], 60);
        assert_eq!(dropped.keys().collect::<Vec<_>>(), [&3], "{dropped:?}");
        // Two have nobody to decide between them, and senders who share nothing do not oppose.
        assert!(opposed(&[0.3, -0.3], 60).is_empty());
        assert!(opposed(&[0.0; 5], 200).is_empty());
    }

    #[test]
    fn sketches_keep_cosines_and_their_number_is_bounded() {
        let (a, b) = (direction(1), direction(2));
        let mixed: Vec<f32> = a.iter().zip(&b).map(|(a, b)| 0.6 * a + 0.8 * b).collect();
        let unit_of = |values: &[f32]| unit(sketch(values, 3)).expect("it is not zero");
        let cosine: f32 = unit_of(&a).iter().zip(&unit_of(&mixed)).map(|(x, y)| x * y).sum();
        assert!((cosine - 0.6).abs() < 0.05, "{cosine}");
        let mut agreements = Agreements::default();
        for sender in 0..200 {
            agreements.opposes(PeerIndex(sender), &a, 1.0, 3);
        }
        assert_eq!(agreements.directions.len(), SKETCHES_MAX);
        assert!(agreements.directions.contains_key(&PeerIndex(199)));
        assert!(!agreements.opposes(PeerIndex(1), &[0.0; 10], 1.0, 3), "no direction");
    }
}
