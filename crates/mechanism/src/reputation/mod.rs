//! Reputation: trust distilled from endorsements.
//!
//! Source: Drineas, Nema, Ostrovsky and Zikas, "Game of Trust". n users endorse users and servers;
//! each active user's row is a distribution `[Q R]`; servers endorse nobody.
//!
//! ```text
//! Designated PageRank  pi = (1 - alpha) pi T + alpha [1/n .. 1/n, 0 .. 0]  |pi| = 1  (Section 4.1)
//! reputation           rho[j] = pi(server j) / sum over servers                    (Eq. 1)
//! contribution         C = (1 - alpha) (I - (1 - alpha) Q)^-1 R
//!                      omega[i,j] = C[i,j] / sum_i C[i,j]
//! payoff of user i     sum_j H[j] omega[i,j]                                       (Section 4.1.1)
//! ```
//!
//! T sends the walk from a server to a uniformly random active user; teleport lands on active users
//! only. For the contributions servers *absorb* the walk: only then is a contribution proportional
//! to the endorsement, as the paper's Eqs. (2) and (3) need. [`ServerExit::Restart`] keeps the
//! literal form for comparison.
//!
//! A user is *active* if some endorsement of it leads to a server or to an active user.
//! Endorsements of inactive users are dropped, and the rest of the row counts in full.
//!
//! Invariants: every vector is solved to a certified residual; sums have a fixed order, so that
//! results are equal to the bit for any number of threads; nothing is NaN.
//!
//! ```
//! use muster_mechanism::reputation::{EndorsementGraph, RankSettings};
//! // Users 0 and 1, servers 2 and 3: user 0 trusts user 1, who endorses the servers 3 to 1.
//! let graph = EndorsementGraph::new(2, 2, [(0, 1, 1.0), (1, 2, 3.0), (1, 3, 1.0)].into_iter())?;
//! let ranking = graph.rank(&RankSettings::default())?;
//! assert!((ranking.reputation[0] - 0.75).abs() < 1e-12);
//! assert!(ranking.residual <= 1e-12);
//! # Ok::<(), muster_mechanism::reputation::ReputationError>(())
//! ```

mod acceleration;
mod committee;
mod contributions;
mod deviation;
mod game;
mod graph;
mod incremental;
mod misinformed;
mod rank;
mod repeated;

pub use committee::{
    HonestMajority, committee_size, honest_counts, honest_majority, lottery, top_committee,
};
pub use contributions::{ContributionSettings, Contributions, ServerExit};
pub use deviation::Deviation;
pub use game::{
    BestResponse, Dynamics, Profile, Regret, best_response, equilibrium, noisy_decoding_bound,
    noisy_regret, noisy_regret_bound,
};
pub use graph::EndorsementGraph;
pub use incremental::{IncrementalRank, Refresh};
pub use misinformed::{Distortion, Misinformation, distortion};
pub use rank::{RankSettings, Ranking, Teleport};
pub use repeated::{RepeatedGame, Round};

/// Why a graph, a profile or a request was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ReputationError {
    /// No users or no servers.
    #[error("there are {users} users and {servers} servers: at least one of each is needed")]
    Empty {
        /// n.
        users: usize,
        /// m.
        servers: usize,
    },
    /// More nodes or edges than 32-bit indices hold.
    #[error("{count} {what} do not fit: at most {max} do")]
    TooLarge {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many may be.
        max: usize,
    },
    /// An edge names a node that does not exist.
    #[error("edge {edge}: {field} {node} is out of range: it must be below {limit}")]
    Node {
        /// The position of the edge.
        edge: usize,
        /// source or target.
        field: &'static str,
        /// The node named.
        node: u32,
        /// The number of such nodes.
        limit: usize,
    },
    /// A weight is negative, NaN, infinite, or so small or large that sums and quotients of such
    /// weights leave the range of a double.
    #[error("edge {edge}: weight {weight:e} must be 0, or from 1e-300 to 1e300")]
    Weight {
        /// The position of the edge.
        edge: usize,
        /// The weight.
        weight: f64,
    },
    /// Nobody endorses a server.
    #[error("no user endorses any server, so there is no reputation to distil")]
    NoEndorsement,
    /// A parameter is outside its range.
    #[error("{field} is {value}: {wanted}")]
    Parameter {
        /// The parameter.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
    /// A vector has the wrong length.
    #[error("{field} has {found} entries but {wanted} are needed")]
    Length {
        /// The field.
        field: &'static str,
        /// The length found.
        found: usize,
        /// The length needed.
        wanted: usize,
    },
    /// An entry of a vector is outside its range.
    #[error("{field}[{index}] is {value}: {wanted}")]
    Entry {
        /// The field.
        field: &'static str,
        /// The index.
        index: usize,
        /// The value.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
    /// A row of a profile does not sum to 1 within 1e-9.
    #[error("the strategy of user {user} sums to {sum}: it must sum to 1 within 1e-9")]
    NotAStrategy {
        /// The user.
        user: usize,
        /// The sum.
        sum: f64,
    },
    /// The residual asked for was not reached.
    #[error(
        "residual {residual:e} after {sweeps} sweeps is above the tolerance {tolerance:e}: allow more or ask for less"
    )]
    NotConverged {
        /// The residual reached.
        residual: f64,
        /// Sweeps made.
        sweeps: usize,
        /// The tolerance.
        tolerance: f64,
    },
    /// Too few servers can be drawn.
    #[error("{able} servers have a positive reputation but the committee needs {size}")]
    Committee {
        /// Servers that can be drawn.
        able: usize,
        /// Members wanted.
        size: usize,
    },
}

fn check_length(field: &'static str, found: usize, wanted: usize) -> Result<(), ReputationError> {
    if found == wanted {
        return Ok(());
    }
    Err(ReputationError::Length { field, found, wanted })
}

/// Every entry a probability.
fn check_probabilities(field: &'static str, list: &[f64]) -> Result<(), ReputationError> {
    match list.iter().position(|p| !(0.0..=1.0).contains(p)) {
        None => Ok(()),
        Some(index) => Err(ReputationError::Entry {
            field,
            index,
            value: list[index],
            wanted: "a probability must lie between 0 and 1",
        }),
    }
}

fn check_between(
    field: &'static str,
    value: f64,
    low: f64,
    high: f64,
    wanted: &'static str,
) -> Result<(), ReputationError> {
    if value > low && value < high {
        return Ok(());
    }
    Err(ReputationError::Parameter { field, value, wanted })
}
