//! Proof-of-presence: how many are here, told by how fast a puzzle is solved.
//!
//! Source: Brandenburger and Steverson, "Using Proof-of-Presence to Coordinate". Symbols are the
//! paper's: `p[i]` (i = 1..m) and `q[j]` (j = 0..n) are the beliefs of a present player, `W(i)` the
//! payoff of acting when i act, `W*` that of staying, `lambda` the solutions per second of one
//! machine, `T` the deadline in seconds.
//!
//! With `r[k] = sum_i p[i] q[k-i]`, `V(k) = E[W(i) | k]` and `P(s, x)` the regularised lower
//! incomplete gamma function,
//!
//! ```text
//! E_T W = sum_k r[k] P(s, lambda k T) V(k) / sum_k r[k] P(s, lambda k T)      s = 1 is the paper
//! ```
//!
//! falls strictly in T (Proposition 1) from `E_0` to `E_inf`; where it crosses `W*` lies the
//! largest deadline `T*` at which acting upon a solution is a Nash equilibrium (Proposition 2).
//!
//! Invariants: beliefs are distributions with full support, the malicious one strictly log-concave;
//! payoffs rise strictly; every value that exists was checked. No function returns NaN.
//!
//! ```
//! use muster_mechanism::presence::{Beliefs, Game, Outcome, Payoffs, Rate};
//! let beliefs = Beliefs::new(vec![0.2, 0.3, 0.5], vec![0.6, 0.3, 0.1])?;
//! let payoffs = Payoffs::new(vec![0.0, 1.0, 3.0], 1.9)?;
//! let game = Game::new(beliefs, payoffs, Rate::per_second(0.05)?)?;
//! let Outcome::Deadline { maximum, best, .. } = game.solve() else {
//!     panic!("W* lies between E_inf and E_0")
//! };
//! assert!(best.get() < maximum.get());
//! assert!((game.payoff_at(maximum) - 1.9).abs() < 1e-12);
//! # Ok::<(), muster_mechanism::presence::PresenceError>(())
//! ```

mod beliefs;
mod calibrate;
mod core;
mod deadline;
mod erlang;
mod game;
mod joint;
mod kernel;
mod prize;
mod race;
mod rates;
#[cfg(test)]
mod tests;
mod tilted;
mod units;

pub use beliefs::{Beliefs, Payoffs};
pub use calibrate::RateEstimate;
pub use erlang::gamma_lower_regularised;
pub use game::{Game, Outcome, SOLUTIONS_MAX};
pub use joint::JointBeliefs;
pub use race::{RaceEstimate, RaceSettings};
pub use rates::{Crossing, RateBelief, UnequalGame};
pub use units::{Rate, Seconds};

/// Why a presence game was refused. Indices count as the paper's do: players from 1, malicious
/// units from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PresenceError {
    /// A list has no entries.
    #[error("{field} is empty: give at least one number")]
    Empty {
        /// The field of the input.
        field: &'static str,
    },
    /// A number is NaN, infinite, or outside its range.
    #[error("{field}[{index}] is {value}: {wanted}")]
    Number {
        /// The field of the input.
        field: &'static str,
        /// The index in the paper's counting.
        index: usize,
        /// What stood there.
        value: f64,
        /// What may stand there.
        wanted: &'static str,
    },
    /// A single value is NaN, infinite, or outside its range.
    #[error("{field} is {value}: {wanted}")]
    Value {
        /// The field of the input.
        field: &'static str,
        /// What stood there.
        value: f64,
        /// What may stand there.
        wanted: &'static str,
    },
    /// A belief does not sum to 1 within 1e-9.
    #[error("{field} sums to {sum}: a belief must sum to 1 within 1e-9")]
    NotADistribution {
        /// The field of the input.
        field: &'static str,
        /// The sum found.
        sum: f64,
    },
    /// Two lists that must have the same length do not.
    #[error("{field} has {found} entries but {wanted} are needed, one per number of players")]
    Length {
        /// The field of the input.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The length needed.
        wanted: usize,
    },
    /// The malicious belief is not strictly log-concave at j = `index`.
    #[error(
        "malicious is not log-concave at index {index}: q[{index}+1]/q[{index}] = {after:e} must be below q[{index}]/q[{index}-1] = {before:e}"
    )]
    NotLogConcave {
        /// j with `q[j+1]/q[j] >= q[j]/q[j-1]`.
        index: usize,
        /// `q[j]/q[j-1]`.
        before: f64,
        /// `q[j+1]/q[j]`.
        after: f64,
    },
    /// W does not rise strictly.
    #[error(
        "payoff does not rise at {index} players: W({index}) = {value} but W({index} - 1) = {before}"
    )]
    NotIncreasing {
        /// i with W(i) <= W(i-1).
        index: usize,
        /// W(i-1).
        before: f64,
        /// W(i).
        value: f64,
    },
    /// W(1) >= W*: a player would act alone and needs nobody.
    #[error(
        "payoff W(1) = {alone} is not below the null payoff {null}: such a player acts alone and needs no headcount"
    )]
    ActsAlone {
        /// W(1).
        alone: f64,
        /// W*.
        null: f64,
    },
    /// A joint belief in which more computing power does not mean more players.
    #[error(
        "the belief about players does not rise with the headcount: given k = {lower} the chance of more than {players} players is {tail_lower}, given k = {upper} only {tail_upper}; a fast solution would be bad news, so the mechanism is refused"
    )]
    NoDominance {
        /// The smaller headcount.
        lower: usize,
        /// The larger headcount, where dominance fails.
        upper: usize,
        /// The number of players at which it fails.
        players: usize,
        /// P(more than `players` | `lower`).
        tail_lower: f64,
        /// P(more than `players` | `upper`).
        tail_upper: f64,
    },
}
