//! Presence rounds: opened by anybody who deposits, solved by anybody who works.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms, check_key};
use super::{account, governance, market, stake};
use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::{Rejection, presence};
use crate::parameters::Parameters;
use crate::presence::{Design, Puzzle, Solution};
use crate::protocol::Version;
use crate::types::RoundId;

/// The version that brought rounds.
const SINCE: Version = Version(3);
/// What a solution takes: a signature, the check of the puzzle that is the dearest to check (nine
/// microseconds), two entries.
const SOLVE_UNITS: u64 = 90;

/// What a round unlocks: an action that is carried out in the name of whoever opened it, at the
/// moment at which it is solved. It is one of another mechanism, so that no round opens a round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Unlocks {
    /// On accounts.
    Account(account::Action),
    /// On stake.
    Stake(stake::Action),
    /// In the market.
    Market(market::Action),
    /// On the parameters and rules.
    Governance(governance::Action),
}

impl Unlocks {
    fn form(&self) -> &dyn Form {
        match self {
            Self::Account(action) => action,
            Self::Stake(action) => action,
            Self::Market(action) => action,
            Self::Governance(action) => action,
        }
    }

    /// The most that it takes from the account of whoever opened the round.
    pub fn spends(&self, parameters: &Parameters) -> Grains {
        self.form().spends(parameters)
    }

    /// That the opener's account pays for it, that the most it takes can be held, and its own form.
    fn check(&self, opener: &PublicKey, limits: &Limits) -> Result<(), Rejection> {
        let closes = matches!(self, Self::Account(account::Action::Close { .. }));
        if closes || self.form().terms().payer != Payer::Account {
            return Err(presence::Rejection::Unlocks.into());
        }
        self.form().check(opener, limits)
    }
}

/// What one can do about rounds; from protocol version 3 on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Opens a round, for a deposit that comes back when it is over. It begins with the next block.
    Open {
        /// What it is designed for; boxed, because it is longer than any other action.
        design: Box<Design>,
        /// What happens once it is solved in time, beyond that everybody knows it.
        unlocks: Option<Unlocks>,
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
    fn check(&self, signer: &PublicKey, limits: &Limits) -> Result<(), Rejection> {
        match self {
            Self::Open { design, unlocks, .. } => {
                design.check_form().map_err(|error| presence::Rejection::design(&error))?;
                unlocks.as_ref().map_or(Ok(()), |unlocks| unlocks.check(signer, limits))
            }
            Self::Solve { solution, .. } => check_proof(&solution.proof),
            Self::Claim { to, .. } => check_key(to),
        }
    }

    fn claim(&self, chain: &Hash) -> Option<Claim> {
        match self {
            Self::Open { unlocks, .. } => unlocks.as_ref()?.form().claim(chain),
            Self::Solve { .. } | Self::Claim { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            // Each number that a design speaks of is looked at some hundred times, and each time
            // the more often the more solutions are asked for; and what is included or carried out
            // for nothing later is paid for here.
            Self::Open { design, unlocks, .. } => {
                let solutions = SOLVE_UNITS * u64::from(design.solutions);
                let square = u64::from(design.solutions).pow(2).max(16);
                let headcount = design.headcount_max() as u64 * square / 64;
                let units = 300 + headcount + solutions;
                let unlocked = unlocks.as_ref().map(|unlocks| unlocks.form().terms());
                let (since, more) = unlocked.map_or((SINCE, 0), |terms| (terms.since, terms.units));
                Terms { since: SINCE.max(since), ..Terms::new(Payer::Account, units + more) }
            }
            Self::Solve { .. } | Self::Claim { .. } => {
                Terms { since: SINCE, ..Terms::new(Payer::Work, SOLVE_UNITS) }
            }
        }
    }

    fn spends(&self, parameters: &Parameters) -> Grains {
        match self {
            Self::Open { unlocks, prize, deposit_max, .. } => {
                let more = unlocks.as_ref().map_or(0, |unlocks| unlocks.spends(parameters).0);
                Grains(prize.0.saturating_add(deposit_max.0).saturating_add(more))
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
