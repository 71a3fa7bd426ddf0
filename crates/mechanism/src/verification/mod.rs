//! Verification that nobody can check, paid for: peer prediction with flags.
//!
//! Source: Zhao, Chen and Zhou, "It Takes Two: A Peer-Prediction Solution for Blockchain Verifier's
//! Dilemma". Numbers in brackets are theirs. A task has one of m types, `Honest, F1..Fk, Dishonest`
//! (m = k + 2); a verifier observes one, at a cost, and reports one; it is paid `T[mine, peer's]`,
//! on average over its peers. All money is in one unit.
//!
//! ```text
//! q = pi O   J = O' diag(pi) O   B[x,z] = J[x,z] / q[x]   W[x,r] = B[x] . T[r]   L[r] = q . T[r]
//! delta-incentive-aligned: W[x,x] >= c[x] + delta  W[x,r] <= c[x] - delta (r != x)  L[r] <= -delta
//! compactness alpha = delta / max |T|
//! ```
//!
//! [`VerificationGame::design`] gives the aligned matrix of the smallest entries, canonical so that
//! everybody gets the same one; [`VerificationGame::audit`] checks any matrix with one product and
//! solves nothing.
//!
//! ```
//! use muster_mechanism::verification::VerificationGame;
//! let coin = VerificationGame::new(
//!     vec![0.5, 0.5],
//!     vec![vec![0.9, 0.1], vec![0.2, 0.8]],
//!     vec![1.0, 1.0],
//! )?;
//! let design = coin.design(0.1)?;
//! assert!((design.matrix.bound() - 3.063265306).abs() < 1e-9);
//! assert!((coin.audit(&design.matrix)?.margin - 0.1).abs() < 1e-12);
//! # Ok::<(), muster_mechanism::verification::VerificationError>(())
//! ```

mod audit;
mod baseline;
mod collusion;
mod decision;
mod design;
mod frontier;
mod game;
mod linear;
mod metrics;
mod robustness;
mod simplex;

pub use audit::{Audit, Constraint};
pub use baseline::{AffineScore, Baseline, Dmi};
pub use collusion::{SharedObservation, StrongCollusion, SybilReturn};
pub use decision::{Decision, DecisionRule, ErrorRates, Verifier};
pub use design::Design;
pub use frontier::{DesignChoice, DesignGrid, ProtocolModel};
pub use game::{ScoringMatrix, TYPES_MAX, VerificationGame};
pub use metrics::Metrics;
pub use robustness::{Robustness, TheoreticalBound};

/// Why a verification game, a matrix or a request was refused. Types count from 0 = Honest.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum VerificationError {
    /// Fewer than two or more than [`TYPES_MAX`] types.
    #[error("{types} types: a verification game has from 2 to {max}")]
    Types {
        /// The number found.
        types: usize,
        /// [`TYPES_MAX`].
        max: usize,
    },
    /// A list or a row has the wrong length.
    #[error("{field} has {found} entries but there are {wanted} types")]
    Length {
        /// The field of the input.
        field: String,
        /// The length found.
        found: usize,
        /// The length needed.
        wanted: usize,
    },
    /// A number is NaN or outside its range.
    #[error("{field} is {value}: {wanted}")]
    Number {
        /// The field of the input, with indices.
        field: String,
        /// What stood there.
        value: f64,
        /// What may stand there.
        wanted: &'static str,
    },
    /// A distribution does not sum to 1 within 1e-9.
    #[error("{field} sums to {sum}: it must sum to 1 within 1e-9")]
    NotADistribution {
        /// The field of the input, with the row.
        field: String,
        /// The sum found.
        sum: f64,
    },
    /// No type, not even one of prior 0, gives this observation.
    #[error(
        "observation {observation} is impossible: no type leads to it, so there is no belief to score it by"
    )]
    ImpossibleObservation {
        /// The observation.
        observation: usize,
    },
    /// No matrix has this margin.
    #[error("no scoring matrix reaches margin {margin}; {largest}")]
    Infeasible {
        /// The margin asked for.
        margin: f64,
        /// The largest feasible one, in words.
        largest: LargestMargin,
    },
    /// A compactness that no margin reaches.
    #[error("no margin reaches compactness {wanted}: the largest is {largest}")]
    Compactness {
        /// The compactness asked for.
        wanted: f64,
        /// The largest that exists.
        largest: f64,
    },
    /// The baseline cannot be made aligned by any a S + b with a > 0.
    #[error("{baseline} cannot be aligned at margin {margin} by any a > 0 and b")]
    BaselineInfeasible {
        /// Its name.
        baseline: &'static str,
        /// The margin asked for.
        margin: f64,
    },
    /// Fewer than two verifiers.
    #[error("{verifiers} verifiers: scores compare with peers, so at least 2 are needed")]
    Verifiers {
        /// The number found.
        verifiers: usize,
    },
    /// The program was not solved within its limit of steps: the input is too ill-conditioned.
    #[error(
        "the program of report {report} was not solved in {steps} steps: the beliefs are too close to singular"
    )]
    NotSolved {
        /// The report whose row it was.
        report: usize,
        /// Steps made.
        steps: usize,
    },
    /// No point of a design grid meets the wishes.
    #[error("no point of the grid reaches compactness {compactness} and detection {detection}")]
    EmptyFrontier {
        /// The compactness asked for.
        compactness: f64,
        /// The detection probability asked for.
        detection: f64,
    },
}

/// The largest margin that some matrix reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LargestMargin {
    /// It is this.
    AtMost(f64),
    /// Not even a margin of 0 is feasible.
    None,
}

impl core::fmt::Display for LargestMargin {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::AtMost(margin) => write!(formatter, "the largest feasible margin is {margin}"),
            Self::None => write!(
                formatter,
                "not even margin 0 is feasible: two observations lead to the same belief"
            ),
        }
    }
}
