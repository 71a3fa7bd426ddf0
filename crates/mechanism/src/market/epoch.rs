//! One epoch, from weights and stake to new stake.

use rayon::prelude::*;

use super::clip::{Clipped, Opinions, clip};
use super::connectivity::Links;
use super::opinions::{connected_median, credibility};
use super::parts::{PARTS_ROWS, row_dot, scatter};
use super::{Config, Error, OPINIONS_DEFAULT, PayoutRow, Payouts, Rule, Weights};

/// What an epoch comes to. Vectors have one entry per peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Standing `s_i = a_i S_i / sum S`, in `[0, 1]`.
    pub standing: Vec<f64>,
    /// Ranks `R = W^T s` (Eq. 1).
    pub ranks: Vec<f64>,
    /// Trust `T = sigmoid(temperature * x)`, in `[0, 1]`.
    pub trust: Vec<f64>,
    /// Incentive, by the configured rule; not normalised.
    pub incentive: Vec<f64>,
    /// Loss `L = -R . (T - 1/2)`.
    pub loss: f64,
    /// The derivative of the loss in each scaling factor.
    pub gradient: Vec<f64>,
    /// The scaling `A` for the next epoch: the one given, or a step down the gradient from it.
    pub scaling: Vec<f64>,
    /// What was minted, in the unit of the stake.
    pub minted: f64,
    /// Stake after minting, in the unit of the stake.
    pub stake: Vec<f64>,
    /// What one unit of a peer's emission pays to others.
    pub payouts: Payouts,
}

impl Epoch {
    /// What one unit of emission of peer `i` pays, given the weights of this epoch. Under
    /// [`Rule::ConnectedMedian`] and [`Rule::CredibleMedian`] a peer whose opinion was not computed
    /// pays nobody.
    ///
    /// ```
    /// use muster_mechanism::market::{Config, Weights, epoch};
    /// let triplets = [(0, 1, 1.0), (1, 0, 1.0), (2, 0, 0.5), (2, 1, 0.5)];
    /// let weights = Weights::from_triplets(3, triplets)?;
    /// let found = epoch(&weights, &[40.0, 40.0, 20.0], None, &Config::default())?;
    /// let paid: f64 = found.payout_row(&weights, 0).map(|(_, share)| share).sum();
    /// assert!(paid > 0.0 && paid <= 1.0);
    /// # Ok::<(), muster_mechanism::market::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `weights` is of another size, or `i` is not below its number of peers.
    pub fn payout_row<'a>(&'a self, weights: &'a Weights, i: usize) -> PayoutRow<'a> {
        assert_eq!(weights.peers(), self.ranks.len(), "the weights of another epoch");
        self.payouts.row(weights, &self.trust, i)
    }
}

/// One epoch of the market.
///
/// `stake` is in any unit; `scaling` is each peer's `a_i`, 1 for all if `None`. While the loss is
/// not negative, [`Rule::Paper`] steps the scaling down the gradient, and mints nothing unless
/// `config.gated` is off. The other rules mint in every epoch and leave the scaling alone: their
/// loss is only reported, and stepping it in a graph too sparse for the paper's cutoff would
/// scale everybody to nothing.
///
/// ```
/// use muster_mechanism::market::{Config, Weights, epoch};
/// // Two peers value each other; the third values them, and nobody values it.
/// let weights = Weights::from_triplets(3, [(0, 1, 1.0), (1, 0, 1.0), (2, 0, 0.5), (2, 1, 0.5)])?;
/// let found = epoch(&weights, &[40.0, 40.0, 20.0], None, &Config::default())?;
/// assert_eq!(found.incentive[2], 0.0);
/// assert!((found.minted - 0.01 * 100.0).abs() < 1e-9);
/// # Ok::<(), muster_mechanism::market::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`], [`Error::Length`], [`Error::EntryInvalid`], [`Error::NoStake`].
pub fn epoch(
    weights: &Weights,
    stake: &[f64],
    scaling: Option<&[f64]>,
    config: &Config,
) -> Result<Epoch, Error> {
    config.check()?;
    let ones;
    let scaling = match scaling {
        Some(scaling) => scaling,
        None => {
            ones = vec![1.0; weights.peers()];
            &ones
        }
    };
    let total = check_vectors(weights, stake, scaling)?;
    let standing: Vec<f64> = scaling.iter().zip(stake).map(|(&a, &s)| a * (s / total)).collect();

    let links = Links::find(weights, &standing, &config.connectivity);
    let ranks = ranks(weights, &standing);
    let trust = trust(&links, &standing, config.connectivity.temperature);
    let loss = -dot(&ranks, trust.iter().map(|t| t - 0.5));
    let temperature = config.connectivity.temperature;
    let gradient = gradient(weights, &links, &ranks, &trust, stake, total, temperature);

    let (incentive, payouts) = match config.rule {
        Rule::Paper => {
            let incentive = ranks.iter().zip(&trust).map(|(r, t)| r * t).collect();
            (incentive, Payouts::Trusted)
        }
        Rule::Median => median(weights, &standing),
        Rule::ConnectedMedian { walk, opinions, truncation } => {
            let count = opinions.unwrap_or(OPINIONS_DEFAULT).min(weights.peers());
            connected_median(weights, &standing, walk, count, truncation)
        }
        Rule::CredibleMedian { walk, opinions, truncation, threshold } => {
            let count = opinions.unwrap_or(OPINIONS_DEFAULT).min(weights.peers());
            let pass =
                |weights: &Weights| connected_median(weights, &standing, walk, count, truncation);
            let (incentive, payouts) = pass(weights);
            match credibility(&payouts, &standing, threshold) {
                Some(credibility) => pass(&weights.scaled(&credibility)),
                None => (incentive, payouts),
            }
        }
    };
    let open = loss < 0.0;
    let steps = config.rule == Rule::Paper && !open;
    let scaling = if steps {
        let step = |(a, g): (&f64, &f64)| (a - config.learning_rate * g).clamp(0.0, 1.0);
        scaling.iter().zip(&gradient).map(step).collect()
    } else {
        scaling.to_vec()
    };
    let mints = open || config.rule != Rule::Paper || !config.gated;
    let (stake, minted) =
        mint(stake, total, &incentive, if mints { config.inflation } else { 0.0 });
    Ok(Epoch { standing, ranks, trust, incentive, loss, gradient, scaling, minted, stake, payouts })
}

/// Checks lengths and ranges; returns the sum of all stake.
fn check_vectors(weights: &Weights, stake: &[f64], scaling: &[f64]) -> Result<f64, Error> {
    let expected = weights.peers();
    for (what, vector) in [("the stake", stake), ("the scaling", scaling)] {
        if vector.len() != expected {
            return Err(Error::Length { what, found: vector.len(), expected });
        }
    }
    for (peer, &value) in stake.iter().enumerate() {
        if !(value.is_finite() && value >= 0.0) {
            let range = "at 0 or above, and be finite";
            return Err(Error::EntryInvalid { what: "the stake", peer, value, range });
        }
    }
    for (peer, &value) in scaling.iter().enumerate() {
        if !(0.0..=1.0).contains(&value) {
            let range = "between 0 and 1";
            return Err(Error::EntryInvalid { what: "the scaling", peer, value, range });
        }
    }
    let total: f64 = stake.iter().sum();
    if total > 0.0 && total.is_finite() { Ok(total) } else { Err(Error::NoStake) }
}

/// `R = W^T s` (Eq. 1).
fn ranks(weights: &Weights, standing: &[f64]) -> Vec<f64> {
    scatter(weights.offsets(), weights.peers(), |i, ranks: &mut [f64]| {
        let s = standing[i];
        if s > 0.0 {
            let (columns, values) = weights.row(i);
            for (&j, &w) in columns.iter().zip(values) {
                ranks[j as usize] += s * w;
            }
        }
    })
}

/// `T = sigmoid(temperature * x)` with `x = C^T s`.
fn trust(links: &Links, standing: &[f64], temperature: f64) -> Vec<f64> {
    let x = links.reach(standing);
    x.par_iter().with_min_len(1_024).map(|x| sigmoid(temperature * x)).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn dot(left: &[f64], right: impl Iterator<Item = f64>) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// `dL/da_i = -(S_i / |S|) [sum_k w_ik (T_k - 1/2) + sum_k c_ik R_k t T_k (1 - T_k)]`, `t` the
/// temperature: the derivative of the loss (the paper's Figure 7 prints other signs).
fn gradient(
    weights: &Weights,
    links: &Links,
    ranks: &[f64],
    trust: &[f64],
    stake: &[f64],
    total: f64,
    temperature: f64,
) -> Vec<f64> {
    let slope: Vec<f64> =
        ranks.iter().zip(trust).map(|(r, t)| r * temperature * t * (1.0 - t)).collect();
    let all: f64 = slope.iter().sum();
    let above_half: Vec<f64> = trust.iter().map(|t| t - 0.5).collect();
    (0..weights.peers())
        .into_par_iter()
        .with_min_len(PARTS_ROWS)
        .map(|i| {
            let (columns, values) = weights.row(i);
            let sum = row_dot(columns, values, &above_half);
            -(stake[i] / total) * (sum + links.row_times(i, &slope, all))
        })
        .collect()
}

fn median(weights: &Weights, standing: &[f64]) -> (Vec<f64>, Payouts) {
    let opinions = Opinions {
        offsets: weights.offsets(),
        columns: weights.columns(),
        values: weights.values(),
        standing,
    };
    let Clipped { ceiling, incentive } = clip(&opinions, weights.peers());
    (incentive, Payouts::Clipped { ceiling })
}

/// New stake and what was minted: `inflation` of all stake in proportion to incentive.
fn mint(stake: &[f64], total: f64, incentive: &[f64], inflation: f64) -> (Vec<f64>, f64) {
    let all: f64 = incentive.iter().sum();
    let minted = inflation * total;
    if all <= 0.0 || minted <= 0.0 {
        return (stake.to_vec(), 0.0);
    }
    (stake.iter().zip(incentive).map(|(s, i)| s + minted * (i / all)).collect(), minted)
}
