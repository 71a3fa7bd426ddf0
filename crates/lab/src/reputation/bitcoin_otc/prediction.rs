//! How well a score of people predicts the sign of ratings that they get later.

use muster_mechanism::random::Stream;

use super::ratings::Rating;
use crate::statistics::quantile;

/// Later ratings of people who are known already: how many positive and negative ones each gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Later {
    /// The people.
    targets: Vec<usize>,
    positive: Vec<f64>,
    negative: Vec<f64>,
    /// Ratings of people who were never rated before.
    pub unseen: usize,
}

/// An area under the curve of true against false positives, with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// The chance that a positive rating goes to a person of higher score than a negative one does,
    /// ties for half.
    pub value: f64,
    /// The 2.5% quantile over resamples.
    pub low: f64,
    /// The 97.5% quantile.
    pub high: f64,
}

impl Later {
    /// `known[person]`: whether anybody has rated the person before.
    pub fn new(known: &[bool], later: &[Rating]) -> Self {
        let mut counts = vec![[0.0; 2]; known.len()];
        let mut unseen = 0;
        for rating in later {
            let target = rating.target as usize;
            if known[target] {
                counts[target][usize::from(rating.value < 0.0)] += 1.0;
            } else {
                unseen += 1;
            }
        }
        let targets: Vec<usize> =
            (0..known.len()).filter(|&t| counts[t][0] + counts[t][1] > 0.0).collect();
        Self {
            positive: targets.iter().map(|&t| counts[t][0]).collect(),
            negative: targets.iter().map(|&t| counts[t][1]).collect(),
            targets,
            unseen,
        }
    }

    /// (ratings of known people, negative ones among them).
    pub fn pairs(&self) -> (f64, f64) {
        let negative: f64 = self.negative.iter().sum();
        (self.positive.iter().sum::<f64>() + negative, negative)
    }

    /// The area of every score, and its difference to that of the first one. People are resampled,
    /// not ratings: ratings of one person are not independent.
    pub fn areas(
        &self,
        scores: &[&[f64]],
        resamples: usize,
        stream: &mut Stream,
    ) -> Vec<(Area, Area)> {
        let orders: Vec<Vec<usize>> = scores.iter().map(|score| self.order(score)).collect();
        let area = |s: usize, weights: &[f64]| self.area(scores[s], &orders[s], weights);
        let whole = vec![1.0; self.targets.len()];
        let mut samples = vec![Vec::with_capacity(resamples); scores.len()];
        for _ in 0..resamples {
            let mut weights = vec![0.0; self.targets.len()];
            for _ in 0..self.targets.len() {
                weights[stream.below(self.targets.len() as u64) as usize] += 1.0;
            }
            for (s, samples) in samples.iter_mut().enumerate() {
                samples.push(area(s, &weights));
            }
        }
        let interval = |value: f64, samples: &[f64]| {
            // A resample without any negative rating has no area.
            let defined: Vec<f64> = samples.iter().copied().filter(|a| a.is_finite()).collect();
            Area { value, low: quantile(&defined, 0.025), high: quantile(&defined, 0.975) }
        };
        let first = area(0, &whole);
        (0..scores.len())
            .map(|s| {
                let value = area(s, &whole);
                let gaps: Vec<f64> =
                    samples[s].iter().zip(&samples[0]).map(|(a, b)| a - b).collect();
                (interval(value, &samples[s]), interval(value - first, &gaps))
            })
            .collect()
    }

    /// Positions of the targets by ascending score.
    fn order(&self, score: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.targets.len()).collect();
        order.sort_by(|&a, &b| score[self.targets[a]].total_cmp(&score[self.targets[b]]));
        order
    }

    fn area(&self, score: &[f64], order: &[usize], weights: &[f64]) -> f64 {
        let of = |k: usize| score[self.targets[k]];
        let (mut won, mut below, mut positives) = (0.0, 0.0, 0.0);
        for tied in order.chunk_by(|&a, &b| of(a) == of(b)) {
            let sum = |counts: &[f64]| tied.iter().map(|&k| weights[k] * counts[k]).sum::<f64>();
            let (positive, negative) = (sum(&self.positive), sum(&self.negative));
            won += positive * (below + 0.5 * negative);
            below += negative;
            positives += positive;
        }
        won / (below * positives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_by_pairs() {
        let mut stream = Stream::new(3, 0);
        let people = 30;
        let score: Vec<f64> = (0..people).map(|_| stream.below(8) as f64).collect();
        let later: Vec<Rating> = (0..200)
            .map(|_| {
                let target = stream.below(people as u64) as u32;
                let good = stream.uniform() < 0.3 + 0.08 * score[target as usize];
                Rating { source: 0, target, value: if good { 1.0 } else { -1.0 } }
            })
            .collect();
        let known: Vec<bool> = (0..people).map(|person| person != 4).collect();
        let held = Later::new(&known, &later);
        let seen: Vec<&Rating> = later.iter().filter(|r| r.target != 4).collect();
        assert_eq!(held.unseen, later.len() - seen.len());
        let (mut won, mut pairs) = (0.0, 0.0);
        for good in seen.iter().filter(|r| r.value > 0.0) {
            for poor in seen.iter().filter(|r| r.value < 0.0) {
                let (a, b) = (score[good.target as usize], score[poor.target as usize]);
                won += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
                pairs += 1.0;
            }
        }
        let mirrored: Vec<f64> = score.iter().map(|s| -s).collect();
        let areas = held.areas(&[&score, &mirrored], 200, &mut stream);
        assert!((areas[0].0.value - won / pairs).abs() < 1e-12);
        assert!((areas[0].0.value + areas[1].0.value - 1.0).abs() < 1e-12);
        assert!(areas[0].0.low < areas[0].0.value && areas[0].0.value < areas[0].0.high);
        assert!(areas[0].1 == Area { value: 0.0, low: 0.0, high: 0.0 } && areas[1].1.high < 0.0);
    }
}
