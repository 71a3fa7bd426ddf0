//! Presence rounds: opened by anybody who deposits, solved by anybody who works.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms, check_amount, check_key};
use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::{Rejection, presence};
use crate::parameters::Parameters;
use crate::presence::{Design, Puzzle, Solution, Unlocks};
use crate::protocol::Version;
use crate::types::RoundId;

/// What a solution takes: a signature, the check of the puzzle that is the dearest to check (nine
/// microseconds), two entries.
const SOLVE_UNITS: u64 = 90;

/// What one can do about rounds; from protocol version 3 on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Opens a round, for a deposit that comes back when it is over. It begins with the next block.
    Open {
        /// What it is designed for; boxed, because it is longer than any other action.
        design: Box<Design>,
        /// What happens once it is solved in time.
        unlocks: Unlocks,
        /// What the first solution earns.
        prize: Grains,
        /// The most that the signer is willing to deposit: each open round makes the next dearer.
        deposit_max: Grains,
    },
    /// Solves a round for the key that signs, which needs no account: one made for this alone says
    /// nothing of who worked, and nobody else can claim what it solved.
    Solve {
        /// The round.
        round: RoundId,
        /// What solves the key's work ([`crate::presence::work`]).
        solution: Solution,
    },
    /// Takes the prize that the key which signs has earned; no account is needed.
    Claim {
        /// The round.
        round: RoundId,
        /// Who receives it.
        to: PublicKey,
    },
}

impl Form for Action {
    fn check(&self, _: &PublicKey, _: &Limits) -> Result<(), Rejection> {
        match self {
            Self::Open { design, unlocks, .. } => {
                design.check_form().map_err(|error| presence::Rejection::design(&error))?;
                match unlocks {
                    Unlocks::Nothing => Ok(()),
                    Unlocks::Payment { to, amount } => check_key(to).and(check_amount(*amount)),
                }
            }
            Self::Solve { solution, .. } => check_proof(&solution.proof),
            Self::Claim { to, .. } => check_key(to),
        }
    }

    fn claim(&self, _: &Hash) -> Option<Claim> {
        match self {
            Self::Open { .. } | Self::Solve { .. } | Self::Claim { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            // Each number that a design speaks of is looked at some hundred times; and what is
            // included for nothing later is paid for here.
            Self::Open { design, .. } => {
                let solutions = SOLVE_UNITS * u64::from(design.solutions);
                let units = 300 + design.headcount_max() as u64 / 4 + solutions;
                Terms { since: Version(3), ..Terms::new(Payer::Account, units) }
            }
            Self::Solve { .. } | Self::Claim { .. } => {
                Terms { since: Version(3), ..Terms::new(Payer::Work, SOLVE_UNITS) }
            }
        }
    }

    fn spends(&self, _: &Parameters) -> Grains {
        match self {
            Self::Open { unlocks, prize, deposit_max, .. } => {
                let held = prize.0.saturating_add(deposit_max.0);
                Grains(held.saturating_add(unlocks.amount().0))
            }
            Self::Solve { .. } | Self::Claim { .. } => Grains::ZERO,
        }
    }
}

/// Whether a proof is as long as those of any puzzle: which one it must be, the round says.
fn check_proof(proof: &[u8]) -> Result<(), Rejection> {
    if Puzzle::ALL.iter().any(|puzzle| puzzle.proof_bytes() == proof.len()) {
        return Ok(());
    }
    Err(presence::Rejection::ProofOfNone { bytes: proof.len() as u64 }.into())
}
