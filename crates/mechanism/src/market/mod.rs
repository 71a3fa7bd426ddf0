//! Peers price each other: one epoch of the market.
//!
//! Source: "BitTensor: A Peer-to-Peer Intelligence Market" (its first version), Sections 2 to 5;
//! `I`, `T`, `R`, `W`, `S`, `A` below are the paper's symbols. With stake `S`, weights `W` and
//! scaling `A` in `[0, 1]`, every peer has the *standing* `s_i = a_i S_i / sum S`, and
//!
//! - ranks `R = W^T s` (Eq. 1),
//! - connectivity `c_ij = +1` where a walk from `i` is expected to visit `j` often enough, else
//!   `-1` ([`Connectivity`]), and `x = C^T s`,
//! - trust `T = sigmoid(temperature * x)` (Section 3),
//! - loss `L = -R . (T - 1/2)` with its gradient in `A` (Section 4, Figure 7),
//! - incentive `I` by one of four [`Rule`]s; minting is in proportion to it (Eq. 5).
//!
//! Nothing is ever dense: the work grows with the weights, not with the square of the peers.
//! All sums are taken in an order that depends on the input alone, so the result is the same bit
//! for bit for any number of threads.
//!
//! ```
//! use muster_mechanism::market::{epoch, Config, Rule, Weights};
//!
//! // Two honest peers that rank each other, and a smaller cabal of two.
//! let weights = Weights::from_triplets(4, [(0, 1, 1.0), (1, 0, 1.0), (2, 3, 1.0), (3, 2, 1.0)])?;
//! let config = Config { rule: Rule::Paper, ..Config::default() };
//! let after = epoch(&weights, &[30.0, 30.0, 20.0, 20.0], None, &config)?;
//! assert!(after.loss < 0.0 && after.minted > 0.0);
//! assert!(after.incentive[0] > 2.0 * after.incentive[2]);
//! # Ok::<(), muster_mechanism::market::Error>(())
//! ```

mod clip;
mod connectivity;
mod core;
mod epoch;
mod opinions;
mod panel;
mod parts;
mod payouts;
pub mod simulation;
mod votes;
mod walk;
mod weights;

pub use epoch::{Epoch, epoch};
pub use payouts::{PayoutRow, Payouts};
pub use weights::{ROW_SUM_TOLERANCE, Weights};

/// How incentive is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The paper's: `I_j = R_j T_j` (Eq. 4). Minting waits until the loss is negative.
    Paper,
    /// `I_j = sum_i s_i min(w_ij, q_j)`, `q_j` the largest `v` such that peers with at least half
    /// of all standing have `w_ij >= v`.
    Median,
    /// `I_j = sum_i s_i min(V_ij, q_j)` where `V_ij` are the expected visits of walks, see
    /// [`Walk`]; `q_j` as under [`Rule::Median`], with `V` in place of `W`.
    ConnectedMedian {
        /// How far opinions travel.
        walk: Walk,
        /// The number of peers whose opinions count, those of most standing (ties: the lower
        /// index). `None`: all, up to [`OPINIONS_DEFAULT`]. "Half of all standing" is half of the
        /// standing of these peers.
        opinions: Option<usize>,
        /// Mass of at most this much that stands at a peer is not walked on from there; what it
        /// would have reached is paid to nobody. 0 walks all of it.
        truncation: f64,
    },
    /// [`Rule::ConnectedMedian`] twice. With `l_i = sum_j min(V_ij, q_j)`, what the first pass
    /// leaves of the opinion of `i`, and `m` what it leaves to the peer in the middle: the largest
    /// `v` such that peers with at least half of all standing have `l_i >= v`. The weights of `i`
    /// count in the second pass times its *credibility* `min(1, l_i / (threshold m))`; 0 for whose
    /// opinion does not count. Where `m` is 0, the first pass is all.
    ///
    /// Members of a cabal are left little by the first pass, so that walks end where they enter
    /// it (`docs/mechanisms/market.md`).
    CredibleMedian {
        /// As under [`Rule::ConnectedMedian`].
        walk: Walk,
        /// As under [`Rule::ConnectedMedian`].
        opinions: Option<usize>,
        /// As under [`Rule::ConnectedMedian`].
        truncation: f64,
        /// The share of what is left to the peer in the middle from which on a peer counts in
        /// full, between 0.01 and 1. Usually [`CREDIBLE_FROM`].
        threshold: f64,
    },
}

/// The share of what is left to the peer in the middle from which on a peer counts in full under
/// [`Rule::CredibleMedian`]: honest communities keep it, cabals do not.
pub const CREDIBLE_FROM: f64 = 0.7;

/// The number of peers whose opinions are computed under [`Rule::ConnectedMedian`] by default.
pub const OPINIONS_DEFAULT: usize = 1_024;

/// The expected visits `V_ij` to `j` of a random walk from `i` along the weights. A row of `W` that
/// sums to less than one ends the walk with what is missing. Rows of `V` sum to at most one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Walk {
    /// The mean of `W, W^2, .., W^d`.
    Depth(u32),
    /// `a W (I - (1 - a) W)^-1`: the walk goes home with probability `a` before each step but the
    /// first.
    Restart(f64),
}

/// Who reaches whom, for the paper's trust.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connectivity {
    /// Steps `d` of the walk, 1 to [`DEPTH_MAX`]. Default 3.
    pub depth: u32,
    /// The cutoff `kappa`: `c_ij = +1` where the expected visits in steps 1 to `d` exceed it.
    /// At least 0. Default 1/32.
    pub cutoff: f64,
    /// What `x` is multiplied by before the sigmoid. Default 10.
    pub temperature: f64,
    /// Whether `c_ii = +1` without a walk, as in the paper's listing. Default true.
    pub self_connected: bool,
    /// Mass is not walked on from where it could add at most this much to any one peer's visits.
    /// 0, the default, is exact; the cutoff itself follows only mass that could alone lift a peer
    /// over it.
    pub truncation: f64,
    /// The smooth form: `c_ij = tanh((visits - kappa) / width)`. `None`, the default: the hard
    /// cutoff.
    pub width: Option<f64>,
}

impl Default for Connectivity {
    fn default() -> Self {
        Self {
            depth: 3,
            cutoff: 1.0 / 32.0,
            temperature: 10.0,
            self_connected: true,
            truncation: 0.0,
            width: None,
        }
    }
}

/// The parameters of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How incentive is computed. Default: [`Rule::ConnectedMedian`] with walks of 5 steps, which
    /// holds best over all graphs of the cabal map (`docs/mechanisms/market.md`).
    pub rule: Rule,
    /// Who reaches whom. Ranks, trust and loss are reported under every rule.
    pub connectivity: Connectivity,
    /// `tau`: what is minted in an epoch, as a share of all stake. Default 0.01.
    pub inflation: f64,
    /// The step of the scaling against the gradient of the loss, taken under [`Rule::Paper`] while
    /// the loss is not negative. Default 0.05.
    pub learning_rate: f64,
    /// Whether a loss that is not negative stops minting under [`Rule::Paper`] (Section 4).
    /// Without the gate, Eq. (5) is applied whatever the loss. Default true.
    pub gated: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rule: Rule::ConnectedMedian { walk: Walk::Depth(5), opinions: None, truncation: 0.0 },
            connectivity: Connectivity::default(),
            inflation: 0.01,
            learning_rate: 0.05,
            gated: true,
        }
    }
}

/// The deepest walk.
pub const DEPTH_MAX: u32 = 64;

/// The smallest restart: below it a walk is so long that its work has no useful bound.
pub const RESTART_MIN: f64 = 0.01;

/// What is wrong with the input of an epoch.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// More peers than 32-bit indices can name.
    #[error("{peers} peers are more than {} can be numbered", u32::MAX)]
    TooManyPeers {
        /// How many there are.
        peers: usize,
    },
    /// An index outside the matrix.
    #[error("there is no peer {peer}: peers are numbered from 0 to one below {peers}")]
    PeerOutOfRange {
        /// The index.
        peer: usize,
        /// How many peers there are.
        peers: usize,
    },
    /// A weight that is negative, infinite or not a number.
    #[error("the weight from peer {row} to peer {column} is {weight}: it must be at least 0")]
    WeightInvalid {
        /// Who gives.
        row: usize,
        /// Who is given.
        column: usize,
        /// The weight.
        weight: f64,
    },
    /// The same pair twice.
    #[error("the weight from peer {row} to peer {column} is given twice")]
    WeightTwice {
        /// Who gives.
        row: usize,
        /// Who is given.
        column: usize,
    },
    /// A row that gives more than everything.
    #[error("the weights of peer {row} sum to {sum}: a row sums to at most 1")]
    RowTooLarge {
        /// Who gives.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// Compressed-sparse-row arrays that do not fit each other.
    #[error("the compressed rows are malformed at {at}: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where: a row, or a length.
        at: usize,
    },
    /// A vector of the wrong length.
    #[error("{what} has {found} entries, one for each of {expected} peers is needed")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The number of peers.
        expected: usize,
    },
    /// An entry of a vector outside its range.
    #[error("{what} of peer {peer} is {value}: it must lie {range}")]
    EntryInvalid {
        /// Which vector.
        what: &'static str,
        /// Whose.
        peer: usize,
        /// The value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// No stake at all: shares of it are undefined.
    #[error("the stake of all peers is 0 or overflows: there is nothing to take shares of")]
    NoStake,
    /// A parameter outside its range.
    #[error("the parameter `{name}` is {value}: it must lie {range}")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
}

impl Config {
    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// [`Error::Parameter`], naming the first that is out of range.
    pub fn check(&self) -> Result<(), Error> {
        let within = |name, value: f64, low: f64, high: f64, range| {
            if value >= low && value <= high {
                Ok(())
            } else {
                Err(Error::Parameter { name, value, range })
            }
        };
        let depth = |name, value: u32| {
            within(name, f64::from(value), 1.0, f64::from(DEPTH_MAX), "between 1 and 64")
        };
        let share = "between 0 and 1";
        depth("depth", self.connectivity.depth)?;
        within("cutoff", self.connectivity.cutoff, 0.0, 1e6, "between 0 and 1e6")?;
        within("temperature", self.connectivity.temperature, 0.0, 1e6, "between 0 and 1e6")?;
        within("truncation", self.connectivity.truncation, 0.0, 1.0, share)?;
        if let Some(width) = self.connectivity.width {
            within("width", width, 1e-9, 1e6, "between 1e-9 and 1e6")?;
        }
        within("inflation", self.inflation, 0.0, 1.0, share)?;
        within("learning_rate", self.learning_rate, 0.0, 1e6, "between 0 and 1e6")?;
        if let Rule::CredibleMedian { threshold, .. } = self.rule {
            within("threshold", threshold, 0.01, 1.0, "between 0.01 and 1")?;
        }
        if let Rule::ConnectedMedian { walk, opinions, truncation }
        | Rule::CredibleMedian { walk, opinions, truncation, .. } = self.rule
        {
            within("truncation", truncation, 0.0, 1.0, share)?;
            match walk {
                Walk::Depth(steps) => depth("depth", steps)?,
                Walk::Restart(a) => {
                    within("restart", a, RESTART_MIN, 1.0, "between 0.01 and 1")?;
                }
            }
            if opinions == Some(0) {
                let range = "at 1 or above";
                return Err(Error::Parameter { name: "opinions", value: 0.0, range });
            }
        }
        Ok(())
    }
}
