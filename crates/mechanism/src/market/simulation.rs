//! The paper's own experiments: two parties (Section 10) and a disjoint cabal (Appendix 12.7).

use std::ops::Range;

use crate::wide::{Aligned, Kernel, wide};

/// The share of party B after each of `blocks` blocks, when two parties that only know themselves
/// hold `stake_a` and `stake_b`: the listing of Section 10, operation by operation. Its
/// `temperature` multiplies a party's share minus one half.
///
/// ```
/// let shares = muster_mechanism::market::simulation::two_party_decay(0.51, 0.49, 0.1, 10.0, 100);
/// assert_eq!(shares[0], 0.4877323388820201);
/// ```
pub fn two_party_decay(
    mut stake_a: f64,
    mut stake_b: f64,
    inflation: f64,
    temperature: f64,
    blocks: usize,
) -> Vec<f64> {
    (0..blocks)
        .map(|_| {
            let total = stake_a + stake_b;
            let trust = |stake: f64| 1.0 / (1.0 + libm::exp(-(stake / total - 0.5) * temperature));
            let incentive_a = stake_a * trust(stake_a);
            let incentive_b = stake_b * trust(stake_b);
            let incentive = incentive_a + incentive_b;
            stake_a += inflation * total * incentive_a / incentive;
            stake_b += inflation * total * incentive_b / incentive;
            stake_b / (stake_a + stake_b)
        })
        .collect()
}

/// The experiment of Appendix 12.7: a graph of honest peers and a disjoint cabal, dense, under the
/// paper's rule, with the conventions of its listing.
///
/// They differ from [`epoch`](super::epoch()): connectivity is that of a walk of any length (two
/// peers of one side are connected), the temperature is applied to `x` as it is, and what is
/// minted in a block does not grow with the stake. The listing sums the cabal's stake from the
/// index `nB` on; it begins at `nA`, which is used here. Its gradient has other signs and factors
/// than the derivative of the loss; see [`Cabal::gradient`].
///
/// ```
/// use muster_mechanism::market::simulation::Cabal;
/// let ring = |n: usize| (0..n * n).map(|k| f64::from((k / n + 1) % n == k % n)).collect();
/// let (honest, cabal): (Vec<f64>, Vec<f64>) = (ring(3), ring(4));
/// let mut market = Cabal::new(&honest, &[0.17; 3], &cabal, &[0.1225; 4], 1.0)?;
/// let shares = market.run(2_000, 0.01, 0.05);
/// assert!(shares[0] < 0.49 && shares[1_999] < shares[0]);
/// # Ok::<(), muster_mechanism::market::simulation::SimulationError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cabal {
    /// Honest peers; the cabal's follow.
    honest: usize,
    /// The weights of either side among itself.
    weights: [Panels; 2],
    /// The sums of the rows of `W`.
    given: Vec<f64>,
    stake: Vec<f64>,
    scaling: Vec<f64>,
    temperature: f64,
    ranks: Vec<f64>,
    /// What each peer has of all scaled stake.
    shares: Vec<f64>,
}

/// Columns of a panel: as many sums as registers hold, with some left for what is added.
const WIDTH: usize = 56;

/// A square matrix in panels of columns: all rows of the first columns, then all of the next.
#[derive(Clone, Debug)]
struct Panels {
    peers: usize,
    rows: Vec<Aligned<WIDTH>>,
}

impl Panels {
    fn new(matrix: &[f64], peers: usize) -> Self {
        let mut rows = Vec::with_capacity(peers.div_ceil(WIDTH) * peers);
        for first in (0..peers).step_by(WIDTH) {
            for row in matrix.chunks(peers) {
                let mut lanes = Aligned::ZERO;
                let columns = &row[first..peers.min(first + WIDTH)];
                lanes[..columns.len()].copy_from_slice(columns);
                rows.push(lanes);
            }
        }
        Self { peers, rows }
    }
}

/// `product = matrix^T vector`.
struct Transposed<'a> {
    matrix: &'a Panels,
    vector: &'a [f64],
    product: &'a mut [f64],
}

impl Kernel for Transposed<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let panels = self.matrix.rows.chunks(self.matrix.peers.max(1));
        for (panel, product) in panels.zip(self.product.chunks_mut(WIDTH)) {
            let mut sums = Aligned::<WIDTH>::ZERO;
            for (row, factor) in panel.iter().zip(self.vector) {
                for lane in 0..WIDTH {
                    sums[lane] += factor * row[lane];
                }
            }
            product.copy_from_slice(&sums[..product.len()]);
        }
    }
}

/// Eight sums side by side, for each addition waits for the one before.
fn sum(values: &[f64]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for lane in 0..8 {
            sums[lane] += eight[lane];
        }
    }
    sums.iter().chain(rest).sum()
}

/// Why a simulation cannot be set up.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SimulationError {
    /// A matrix that is not square in the number of its side's peers.
    #[error("a matrix of {peers} peers has {found} entries, not {peers} times {peers}")]
    Size {
        /// Its entries.
        found: usize,
        /// The peers of its side.
        peers: usize,
    },
    /// A side in which some peer cannot reach some other.
    #[error("the {side} side falls apart: some peer cannot reach some other along weights")]
    Disconnected {
        /// Which side.
        side: &'static str,
    },
}

/// The trust of everybody on either side, and the sum of all scaled stake.
struct Sides {
    trust: [f64; 2],
    total: f64,
}

impl Cabal {
    /// `honest` and `cabal` are square matrices of weights, row by row; the stakes have one entry
    /// per peer.
    ///
    /// # Errors
    /// [`SimulationError`], where a matrix is not square or a side falls apart.
    pub fn new(
        honest: &[f64],
        stake_honest: &[f64],
        cabal: &[f64],
        stake_cabal: &[f64],
        temperature: f64,
    ) -> Result<Self, SimulationError> {
        let (a, b) = (stake_honest.len(), stake_cabal.len());
        for (matrix, peers) in [(honest, a), (cabal, b)] {
            if matrix.len() != peers * peers {
                return Err(SimulationError::Size { found: matrix.len(), peers });
            }
        }
        for (side, matrix, peers) in [("honest", honest, a), ("cabal", cabal, b)] {
            if !strongly_connected(matrix, peers) {
                return Err(SimulationError::Disconnected { side });
            }
        }
        let given = |matrix: &[f64], peers: usize| -> Vec<f64> {
            matrix.chunks(peers.max(1)).map(|row| row.iter().sum()).collect()
        };
        Ok(Self {
            honest: a,
            weights: [Panels::new(honest, a), Panels::new(cabal, b)],
            given: [given(honest, a), given(cabal, b)].concat(),
            stake: [stake_honest, stake_cabal].concat(),
            scaling: vec![1.0; a + b],
            temperature,
            ranks: vec![0.0; a + b],
            shares: vec![0.0; a + b],
        })
    }

    /// The cabal's share of all stake after each of `blocks` blocks. A block mints `inflation` in
    /// proportion to the incentive if the loss is negative, and otherwise steps the scaling.
    ///
    /// ```
    /// use muster_mechanism::market::simulation::Cabal;
    /// let (pair, stake) = ([0.0, 1.0, 1.0, 0.0], 0.5 * 0.6);
    /// let mut market = Cabal::new(&pair, &[stake; 2], &pair, &[0.2; 2], 10.0)?;
    /// let share = market.run(100, 0.1, 0.05);
    /// assert!(share[99] < share[0] && share[0] < 0.4, "the smaller side decays");
    /// assert_eq!(market.gradient().len(), 4);
    /// # Ok::<(), muster_mechanism::market::simulation::SimulationError>(())
    /// ```
    pub fn run(&mut self, blocks: usize, inflation: f64, learning_rate: f64) -> Vec<f64> {
        (0..blocks)
            .map(|_| {
                let sides = self.ranks();
                let mut loss = 0.0;
                let mut all = 0.0;
                for (trust, range) in sides.trust.into_iter().zip(self.sides()) {
                    let ranks = sum(&self.ranks[range]);
                    loss -= ranks * (trust - 0.5);
                    all += ranks * trust;
                }
                if loss < 0.0 {
                    let unit = inflation / all;
                    for (trust, range) in sides.trust.into_iter().zip(self.sides()) {
                        let ranks = &self.ranks[range.clone()];
                        for (stake, rank) in self.stake[range].iter_mut().zip(ranks) {
                            *stake += unit * (rank * trust);
                        }
                    }
                } else {
                    let gradient = self.gradient_at(&sides);
                    for (a, g) in self.scaling.iter_mut().zip(gradient) {
                        *a = (*a - learning_rate * g).clamp(0.0, 1.0);
                    }
                }
                let [honest, cabal] = self.sides().map(|range| sum(&self.stake[range]));
                cabal / (honest + cabal)
            })
            .collect()
    }

    /// The derivative of the loss in every scaling factor, as the market takes it, at the present
    /// stake and scaling. The sum of all scaled stake, by which the listing divides, is held fixed.
    pub fn gradient(&mut self) -> Vec<f64> {
        let sides = self.ranks();
        self.gradient_at(&sides)
    }

    /// The stake of every peer, the honest first.
    pub fn stake(&self) -> &[f64] {
        &self.stake
    }

    fn sides(&self) -> [Range<usize>; 2] {
        [0..self.honest, self.honest..self.stake.len()]
    }

    /// Computes ranks, and the trust of each side: everybody on it is connected to all of it and
    /// to nobody else, so that `x` has but two values.
    fn ranks(&mut self) -> Sides {
        for ((share, a), s) in self.shares.iter_mut().zip(&self.scaling).zip(&self.stake) {
            *share = a * s;
        }
        let [honest, cabal] = self.sides().map(|range| sum(&self.shares[range]));
        let total = honest + cabal;
        for share in &mut self.shares {
            *share *= 1.0 / total;
        }
        for (matrix, range) in self.weights.iter().zip(self.sides()) {
            let (vector, product) = (&self.shares[range.clone()], &mut self.ranks[range]);
            wide(Transposed { matrix, vector, product });
        }
        let trust = [honest - cabal, cabal - honest]
            .map(|x| 1.0 / (1.0 + libm::exp(-self.temperature * x)));
        Sides { trust, total }
    }

    fn gradient_at(&self, sides: &Sides) -> Vec<f64> {
        let n = self.stake.len();
        let slope = |side: usize, range: Range<usize>| {
            let trust = sides.trust[side];
            sum(&self.ranks[range]) * self.temperature * trust * (1.0 - trust)
        };
        let [honest, cabal] = self.sides();
        let slopes = [slope(0, honest.clone()), slope(1, cabal.clone())];
        let mut gradient = vec![0.0; n];
        for (side, range) in [honest, cabal].into_iter().enumerate() {
            let linked = slopes[side] - slopes[1 - side];
            for i in range {
                let felt = self.given[i] * (sides.trust[side] - 0.5) / sides.total;
                gradient[i] = -self.stake[i] * (felt + linked);
            }
        }
        gradient
    }
}

/// Whether each of `n` peers reaches each other: the first reaches all, and all reach it.
fn strongly_connected(weights: &[f64], n: usize) -> bool {
    let reaches_all = |weight: &dyn Fn(usize, usize) -> f64| {
        let mut seen = vec![false; n];
        let mut open = Vec::new();
        if let Some(first) = seen.first_mut() {
            *first = true;
            open.push(0);
        }
        while let Some(i) = open.pop() {
            for j in 0..n {
                if weight(i, j) > 0.0 && !seen[j] {
                    seen[j] = true;
                    open.push(j);
                }
            }
        }
        seen.into_iter().all(|seen| seen)
    };
    reaches_all(&|i, j| weights[i * n + j]) && reaches_all(&|i, j| weights[j * n + i])
}
