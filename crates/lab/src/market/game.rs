//! The competitive game of Appendix 12.1 to 12.5: peers choose rows of weights.
//!
//! Peer `i` sees the input of peer `j` through the mask `m_ij = sigmoid((s_i w_ij - mu_j) / T)`,
//! `mu_j` the mean of `s_k w_kj` over all `k` (Eq. 12, 13), and its payoff is
//! `P_i = alpha U_i + r_i` (Eq. 22), `r = W^T s` and
//!
//! `U_i = +-1/2 (m_i - ref_i)^T H_i (m_i - ref_i)` (Eq. 14),
//!
//! with a random positive semi-definite `H_i`. The paper leaves open the sign (it says that peers
//! want a small loss, and prints that they climb `alpha L`), what the masks are compared with (the
//! "initial choice of weights" `W0`, at which it assumes the loss to be minimal), the temperature
//! `T`, the sizes, the constraint on a row and how `H` is drawn: see [`Reading`].

use muster_mechanism::random::Stream;

use crate::statistics::normalised;

/// How the utility is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// What is lost beside unmasked inputs: `ref = 1`, a loss. At `W0` peers trained with all
    /// inputs, which is the only choice at which removing an input costs what Eq. (10) says.
    Unmasked,
    /// What is lost beside the first choice of weights: `ref = m(W0)`, a loss.
    First,
    /// To the letter: `ref = m(W0)`, and peers climb `alpha L`.
    Letter,
}

/// One game.
pub(super) struct Game {
    pub(super) peers: usize,
    pub(super) alpha: f64,
    pub(super) temperature: f64,
    pub(super) stake: Vec<f64>,
    /// For each peer `H_i`, row by row.
    hessians: Vec<Vec<f64>>,
    reference: Vec<f64>,
    sign: f64,
}

/// Where the play ended.
pub(super) struct Play {
    /// `W`, row by row.
    pub(super) weights: Vec<f64>,
    /// Whether steps vanished before they ran out.
    pub(super) converged: bool,
}

impl Game {
    /// A random game and its first weights: stake and rows uniform before they are divided by
    /// their sums, `H_i = A A^T / n` with normal entries in `A`.
    pub(super) fn random(
        peers: usize,
        alpha: f64,
        temperature: f64,
        reading: Reading,
        random: &mut Stream,
    ) -> (Self, Vec<f64>) {
        let mut share = || {
            let values = (0..peers).map(|_| 1.0 - random.uniform());
            normalised(values.collect())
        };
        let stake = share();
        let weights: Vec<f64> = (0..peers).flat_map(|_| share()).collect();
        let hessians = (0..peers).map(|_| hessian(peers, random)).collect();
        let sign = if reading == Reading::Letter { 1.0 } else { -1.0 };
        let reference = vec![1.0; peers * peers];
        let mut game = Self { peers, alpha, temperature, stake, hessians, reference, sign };
        if reading != Reading::Unmasked {
            game.reference = game.masks(&weights);
        }
        (game, weights)
    }

    /// `m_ij`, row by row.
    fn masks(&self, weights: &[f64]) -> Vec<f64> {
        let n = self.peers;
        let bid = |i: usize, j: usize| self.stake[i] * weights[i * n + j];
        let means: Vec<f64> =
            (0..n).map(|j| (0..n).map(|i| bid(i, j)).sum::<f64>() / n as f64).collect();
        (0..n * n)
            .map(|at| {
                let (i, j) = (at / n, at % n);
                1.0 / (1.0 + libm::exp(-(bid(i, j) - means[j]) / self.temperature))
            })
            .collect()
    }

    /// `P_i`.
    pub(super) fn payoff(&self, weights: &[f64], i: usize) -> f64 {
        let n = self.peers;
        let masks = self.masks(weights);
        let far: Vec<f64> = (0..n).map(|j| masks[i * n + j] - self.reference[i * n + j]).collect();
        let felt = product(&self.hessians[i], &far);
        let utility = 0.5 * self.sign * far.iter().zip(felt).map(|(a, b)| a * b).sum::<f64>();
        self.alpha * utility + self.ranks(weights)[i]
    }

    /// The derivative of `P_i` in the row `w_i`.
    pub(super) fn gradient(&self, weights: &[f64], i: usize) -> Vec<f64> {
        let masks = self.masks(weights);
        self.gradient_at(&masks, i)
    }

    fn gradient_at(&self, masks: &[f64], i: usize) -> Vec<f64> {
        let n = self.peers;
        let row = &masks[i * n..(i + 1) * n];
        let far: Vec<f64> = (0..n).map(|j| row[j] - self.reference[i * n + j]).collect();
        let felt = product(&self.hessians[i], &far);
        // A bid moves the mean that it is compared with by 1/n.
        let own = self.stake[i] * (1.0 - 1.0 / n as f64) / self.temperature;
        (0..n)
            .map(|j| {
                let slope = row[j] * (1.0 - row[j]) * own;
                let rank = if i == j { self.stake[i] } else { 0.0 };
                self.alpha * self.sign * felt[j] * slope + rank
            })
            .collect()
    }

    /// `r = W^T s` (Eq. 1).
    pub(super) fn ranks(&self, weights: &[f64]) -> Vec<f64> {
        let n = self.peers;
        (0..n).map(|j| (0..n).map(|i| self.stake[i] * weights[i * n + j]).sum()).collect()
    }

    /// The idealised ranks of Eq. (10) with `f_j(x) = 1`: `sum_i H_i[j, j]`; by stake, the same
    /// with each loss weighed as in Section 2.
    pub(super) fn ideal(&self, by_stake: bool) -> Vec<f64> {
        let n = self.peers;
        let weight = |i: usize| if by_stake { self.stake[i] } else { 1.0 };
        (0..n).map(|j| (0..n).map(|i| weight(i) * self.hessians[i][j * n + j]).sum()).collect()
    }

    /// All peers climb their own payoffs at once (Eq. 15, 16), rows kept non-negative with sum
    /// one, until no weight moves by more than 1e-7 or `steps` are over.
    pub(super) fn play(&self, mut weights: Vec<f64>, steps: usize) -> Play {
        let n = self.peers;
        let mut rate = 0.05;
        for step in 0..steps {
            let masks = self.masks(&weights);
            let mut moved = 0.0_f64;
            for i in 0..n {
                let gradient = self.gradient_at(&masks, i);
                // In units of the largest derivative, so that every alpha walks as fast.
                let scale = gradient.iter().fold(0.0_f64, |a, g| a.max(g.abs()));
                if scale == 0.0 {
                    continue;
                }
                let row = &mut weights[i * n..(i + 1) * n];
                let climbed: Vec<f64> =
                    row.iter().zip(&gradient).map(|(w, g)| w + rate * g / scale).collect();
                for (weight, next) in row.iter_mut().zip(onto_simplex(&climbed)) {
                    moved = moved.max((*weight - next).abs());
                    *weight = next;
                }
            }
            if moved < 1e-7 {
                return Play { weights, converged: true };
            }
            // Smaller steps later, so that play settles where best answers chase each other.
            rate = 0.05 / (1.0 + step as f64 / 200.0);
        }
        Play { weights, converged: false }
    }
}

fn hessian(n: usize, random: &mut Stream) -> Vec<f64> {
    let a: Vec<f64> = (0..n * n).map(|_| random.normal()).collect();
    let entry = |j: usize, k: usize| (0..n).map(|l| a[j * n + l] * a[k * n + l]).sum::<f64>();
    (0..n * n).map(|at| entry(at / n, at % n) / n as f64).collect()
}

fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    let row = |row: &[f64]| row.iter().zip(vector).map(|(a, b)| a * b).sum();
    matrix.chunks(vector.len()).map(row).collect()
}

/// The nearest point with non-negative entries that sum to one.
fn onto_simplex(point: &[f64]) -> Vec<f64> {
    let mut sorted = point.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut shift) = (0.0, 0.0);
    for (count, value) in (1..).zip(sorted) {
        sum += value;
        let next = (sum - 1.0) / f64::from(count);
        if value <= next {
            break;
        }
        shift = next;
    }
    point.iter().map(|value| (value - shift).max(0.0)).collect()
}

/// Spearman's rank correlation, equal values at their mean rank.
pub(super) fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (places(a), places(b));
    let middle = (a.len() as f64 - 1.0) / 2.0;
    let cross = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - middle) * (y - middle)).sum()
    };
    cross(&a, &b) / (cross(&a, &a) * cross(&b, &b)).sqrt()
}

fn places(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut places = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|&i, &j| values[i] == values[j]) {
        for &i in equal {
            places[i] = before as f64 + (equal.len() as f64 - 1.0) / 2.0;
        }
        before += equal.len();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_derivative_of_the_payoff() {
        for reading in [Reading::Unmasked, Reading::First, Reading::Letter] {
            let mut random = Stream::new(5, 0);
            let (game, mut weights) = Game::random(6, 10.0, 0.2, reading, &mut random);
            // Away from the first weights, where the utility is flat.
            weights.rotate_right(1);
            for i in 0..6 {
                for (j, derivative) in game.gradient(&weights, i).into_iter().enumerate() {
                    let step = 1e-6;
                    let at = |by: f64| {
                        let mut moved = weights.clone();
                        moved[i * 6 + j] += by;
                        game.payoff(&moved, i)
                    };
                    let found = (at(step) - at(-step)) / (2.0 * step);
                    assert!((found - derivative).abs() < 1e-6, "{reading:?} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn the_nearest_point_of_the_simplex() {
        assert_eq!(onto_simplex(&[0.5, 0.5]), [0.5, 0.5]);
        assert_eq!(onto_simplex(&[3.0, 0.0]), [1.0, 0.0]);
        assert_eq!(onto_simplex(&[1.0, 0.5, -1.0]), [0.75, 0.25, 0.0]);
    }

    #[test]
    fn rank_correlation() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), 1.0);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), -1.0);
        assert!((spearman(&[1.0, 1.0, 2.0], &[1.0, 2.0, 3.0]) - 0.75_f64.sqrt()).abs() < 1e-12);
    }
}
