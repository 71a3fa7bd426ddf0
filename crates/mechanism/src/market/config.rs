//! The parameters of an epoch and their ranges.

use super::Error;

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
