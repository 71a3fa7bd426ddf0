//! Extrapolation of slow sweeps: Anderson (1965), type II.
//!
//! A sweep takes x to g(x). Of the last few sweeps, that mean with weights of sum 1 is taken whose
//! moves g(x) - x nearly cancel, and the iteration goes on from the same mean of the g(x). For
//! linear sweeps this is what GMRES does with a short memory (Walker and Ni 2011): a few modes that
//! fade slowly, pairs who endorse each other only above all, no longer hold up the rest.

use crate::wide::{Aligned, Kernel, wide};

/// Sweeps that are remembered.
const MEMORY: usize = 6;

/// The last sweeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Acceleration {
    /// Where each ended, g(x).
    ends: Vec<Vec<f64>>,
    /// What each changed, g(x) - x.
    moves: Vec<Vec<f64>>,
    /// Inner products of the moves.
    products: [[f64; MEMORY]; MEMORY],
    /// The sweep to be forgotten next.
    oldest: usize,
}

impl Acceleration {
    /// Remembers a sweep from `start` to `end`; where to go on from.
    pub(super) fn next(&mut self, start: &[f64], end: Vec<f64>) -> Vec<f64> {
        let change = end.iter().zip(start).map(|(end, start)| end - start).collect();
        let newest = self.oldest;
        if self.ends.len() < MEMORY {
            self.ends.push(end);
            self.moves.push(change);
        } else {
            (self.ends[newest], self.moves[newest]) = (end, change);
        }
        self.oldest = (newest + 1) % MEMORY;
        for k in 0..self.moves.len() {
            let product = wide(Product(&self.moves[k], &self.moves[newest]));
            (self.products[k][newest], self.products[newest][k]) = (product, product);
        }
        let weights = self.weights(newest);
        wide(Mean { lists: &self.ends, weights: &weights })
    }

    /// The weights, with sum 1, for which the moves cancel best: with those of all but the newest
    /// sweep as unknowns, the normal equations of the differences from its move.
    fn weights(&self, newest: usize) -> [f64; MEMORY] {
        let others: Vec<usize> = (0..self.moves.len()).filter(|&k| k != newest).collect();
        let p = &self.products;
        let mut rows: Vec<Vec<f64>> = others
            .iter()
            .map(|&a| {
                let entry = |&b: &usize| p[a][b] - p[a][newest] - p[b][newest] + p[newest][newest];
                let right = p[newest][newest] - p[a][newest];
                others.iter().map(entry).chain([right]).collect()
            })
            .collect();
        let mut weights = [0.0; MEMORY];
        // Least squares by Cholesky's elimination; a direction that rounding has taken over gets no
        // weight.
        let count = others.len();
        let scale: Vec<f64> = (0..count).map(|a| rows[a][a]).collect();
        let kept = |rows: &[Vec<f64>], a: usize| rows[a][a] > 1e-13 * scale[a];
        for a in 0..count {
            if !kept(&rows, a) {
                continue;
            }
            for b in a + 1..count {
                let ratio = rows[b][a] / rows[a][a];
                for column in a..=count {
                    rows[b][column] -= ratio * rows[a][column];
                }
            }
        }
        for a in (0..count).rev().filter(|&a| kept(&rows, a)) {
            let known: f64 = (a + 1..count).map(|b| rows[a][b] * weights[others[b]]).sum();
            weights[others[a]] = (rows[a][count] - known) / rows[a][a];
        }
        weights[newest] = 1.0 - weights.iter().sum::<f64>();
        weights
    }
}

/// An inner product, in lanes.
struct Product<'a>(&'a [f64], &'a [f64]);

impl Kernel for Product<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut lanes = Aligned::<32>::ZERO;
        let ((a, rest_a), (b, rest_b)) = (self.0.as_chunks::<32>(), self.1.as_chunks::<32>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..32 {
                lanes[lane] += a[lane] * b[lane];
            }
        }
        for (lane, (a, b)) in rest_a.iter().zip(rest_b).enumerate() {
            lanes[lane] += a * b;
        }
        lanes.iter().sum()
    }
}

/// `sum_k weights[k] lists[k]`.
struct Mean<'a> {
    lists: &'a [Vec<f64>],
    weights: &'a [f64],
}

impl Kernel for Mean<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run(self) -> Vec<f64> {
        let mut mean = vec![0.0; self.lists[0].len()];
        for (list, weight) in self.lists.iter().zip(self.weights) {
            for (mean, x) in mean.iter_mut().zip(list) {
                *mean += weight * x;
            }
        }
        mean
    }
}
