//! Presence rounds: what they were designed for, how they stand.

use muster_ledger::presence as ledger;
use muster_ledger::state::State;
use muster_ledger::state::chain::clock;
use muster_ledger::state::presence::{
    Phase as LedgerPhase, Round as LedgerRound, Unlocked as LedgerUnlocked,
};
use muster_ledger::types::{Real, RoundId};
use muster_ledger::{outcome, transaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount, Digest, HexBytes};
use crate::{account, governance, market, stake};

/// A belief about a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Belief {
    /// The probability of each number from the least on.
    Listed(Vec<f64>),
    /// Poisson's, cut off.
    Poisson {
        /// The mean before it is cut off.
        mean: f64,
        /// The largest number.
        largest: u32,
    },
}

/// What acting is worth, by the number of players from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Payoff {
    /// One by one.
    Listed(Vec<f64>),
    /// On a line.
    Linear {
        /// What it is worth to one alone.
        alone: f64,
        /// What each further player adds.
        step: f64,
    },
}

/// A puzzle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Puzzle {
    /// SHA-256.
    Sha256,
    /// Equihash with n = 120 and k = 5, bound by memory.
    Equihash,
}

impl From<ledger::Puzzle> for Puzzle {
    fn from(puzzle: ledger::Puzzle) -> Self {
        match puzzle {
            ledger::Puzzle::Sha256 => Self::Sha256,
            ledger::Puzzle::Equihash => Self::Equihash,
        }
    }
}

impl From<Puzzle> for ledger::Puzzle {
    fn from(puzzle: Puzzle) -> Self {
        match puzzle {
            Puzzle::Sha256 => Self::Sha256,
            Puzzle::Equihash => Self::Equihash,
        }
    }
}

/// What a round is opened with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// What a present player believes about the number of players, from 1.
    pub players: Belief,
    /// What a present player believes about units of malicious computing power, from 0.
    pub malicious: Belief,
    /// What acting is worth.
    pub payoff: Payoff,
    /// What not acting is worth.
    pub null_payoff: f64,
    /// What must be solved.
    pub puzzle: Puzzle,
    /// How many tries a solution takes on average.
    pub difficulty: u64,
    /// How many tries a second a machine makes.
    pub tries_per_second: f64,
    /// How many solutions count as solved, 1 to 32.
    pub solutions: u8,
    /// The deadline, milliseconds; the best where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// A number of a design is infinite or none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {value}: it must be a finite number")]
pub struct NumberError {
    /// The field.
    pub field: &'static str,
    /// What stood there.
    pub value: f64,
}

impl TryFrom<&Design> for ledger::Design {
    type Error = NumberError;

    fn try_from(design: &Design) -> Result<Self, NumberError> {
        let belief = |field, belief: &Belief| {
            Ok(match belief {
                Belief::Listed(numbers) => ledger::Belief::Listed(reals(field, numbers)?),
                Belief::Poisson { mean, largest } => {
                    ledger::Belief::Poisson { mean: real(field, *mean)?, largest: *largest }
                }
            })
        };
        let payoff = match &design.payoff {
            Payoff::Listed(numbers) => ledger::Payoff::Listed(reals("payoff", numbers)?),
            Payoff::Linear { alone, step } => {
                let (alone, step) = (real("payoff.alone", *alone)?, real("payoff.step", *step)?);
                ledger::Payoff::Linear { alone, step }
            }
        };
        Ok(Self {
            players: belief("players", &design.players)?,
            malicious: belief("malicious", &design.malicious)?,
            payoff,
            null_payoff: real("null_payoff", design.null_payoff)?,
            puzzle: design.puzzle.into(),
            difficulty: design.difficulty,
            tries_per_second: real("tries_per_second", design.tries_per_second)?,
            solutions: design.solutions,
            deadline_ms: design.deadline_ms,
        })
    }
}

impl From<&ledger::Design> for Design {
    fn from(design: &ledger::Design) -> Self {
        let numbers = |reals: &[Real]| reals.iter().map(|real| real.get()).collect();
        let belief = |belief: &ledger::Belief| match belief {
            ledger::Belief::Listed(reals) => Belief::Listed(numbers(reals)),
            ledger::Belief::Poisson { mean, largest } => {
                Belief::Poisson { mean: mean.get(), largest: *largest }
            }
        };
        Self {
            players: belief(&design.players),
            malicious: belief(&design.malicious),
            payoff: match &design.payoff {
                ledger::Payoff::Listed(reals) => Payoff::Listed(numbers(reals)),
                ledger::Payoff::Linear { alone, step } => {
                    Payoff::Linear { alone: alone.get(), step: step.get() }
                }
            },
            null_payoff: design.null_payoff.get(),
            puzzle: design.puzzle.into(),
            difficulty: design.difficulty,
            tries_per_second: design.tries_per_second.get(),
            solutions: design.solutions,
            deadline_ms: design.deadline_ms,
        }
    }
}

fn real(field: &'static str, value: f64) -> Result<Real, NumberError> {
    Real::new(value).ok_or(NumberError { field, value })
}

fn reals(field: &'static str, values: &[f64]) -> Result<Vec<Real>, NumberError> {
    values.iter().map(|value| real(field, *value)).collect()
}

/// How a round stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It is open.
    Open,
    /// It was solved in time.
    Acted,
    /// Its deadline passed.
    Lapsed,
}

/// A solution of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Solution {
    /// The key that it was signed with.
    pub solver: Address,
    /// Milliseconds after the round began.
    pub after_ms: u64,
}

/// `GET /v1/rounds`: rounds that are not forgotten, rising by number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rounds {
    /// The height of the state.
    pub height: u64,
    /// The time of its block, milliseconds since 1970: the rounds' clock.
    pub time_ms: u64,
    /// The rounds.
    pub rounds: Vec<Round>,
    /// Where the next page begins, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// `GET /v1/rounds/{id}`: a round, what it was designed for, and what follows from both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RoundReport {
    /// The height of the state.
    pub height: u64,
    /// The time of its block, milliseconds since 1970: the round's clock.
    pub time_ms: u64,
    /// The round.
    pub round: Round,
    /// What it was designed for.
    pub design: Design,
    /// With what probability it is solved by its deadline, as a present player believed.
    pub acting_probability: f64,
    /// What a present player believed about the number of players, from 1.
    pub prior: Vec<f64>,
    /// The same of who knows when it was solved; none as long as it is not.
    pub posterior: Option<Vec<f64>>,
}

impl RoundReport {
    /// What is known of a round in a state; `None` where there is none.
    #[must_use]
    pub fn of(state: &State, id: RoundId) -> Option<Self> {
        let (round, design) = state.round(id)?;
        let solved = round.solutions.last().filter(|_| round.phase == LedgerPhase::Acted);
        let after_ms = solved.map(|last| last.after_ms);
        // A design that is no game was refused when it was to be opened.
        let outlook = design.outlook(round.deadlines.chosen_ms, after_ms).ok()?;
        let clock = state.the(clock());
        Some(Self {
            height: clock.height.0,
            time_ms: clock.time_ms,
            round: Round::of(id, round, design),
            design: design.into(),
            acting_probability: outlook.acting_probability,
            prior: outlook.prior,
            posterior: outlook.posterior,
        })
    }
}

/// A presence round as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Round {
    /// Its number.
    pub id: u64,
    /// Who opened it.
    pub opener: Address,
    /// How it stands.
    pub phase: Phase,
    /// By when it must be solved, milliseconds after it began.
    pub deadline_ms: u64,
    /// T°: the deadline of the highest welfare.
    pub best_ms: u64,
    /// T*: the largest deadline at which acting upon a solution is an equilibrium.
    pub largest_ms: u64,
    /// What happens once it is solved in time; none where the fact is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlocks: Option<Unlocked>,
    /// What the first solver can still claim, grains.
    pub prize: Amount,
    /// What the opener gets back when it is over, grains.
    pub deposit: Amount,
    /// What must be solved.
    pub puzzle: Puzzle,
    /// How many tries a solution takes on average.
    pub difficulty: u64,
    /// How many tries a second the round reckons with that a machine makes.
    pub tries_per_second: f64,
    /// How many solutions count as solved.
    pub solutions_wanted: u8,
    /// What its puzzle is made from; none before it began.
    pub challenge: Option<Digest>,
    /// When it began, milliseconds since 1970.
    pub began_ms: Option<u64>,
    /// Who solved it, in this order.
    pub solutions: Vec<Solution>,
}

impl Round {
    /// A round of a state.
    #[must_use]
    pub fn of(id: RoundId, round: &LedgerRound, design: &ledger::Design) -> Self {
        Self {
            id: id.0,
            opener: round.opener.into(),
            phase: match round.phase {
                LedgerPhase::Open => Phase::Open,
                LedgerPhase::Acted => Phase::Acted,
                LedgerPhase::Lapsed => Phase::Lapsed,
            },
            deadline_ms: round.deadlines.chosen_ms,
            best_ms: round.deadlines.best_ms,
            largest_ms: round.deadlines.largest_ms,
            unlocks: round.unlocks.as_ref().map(Into::into),
            prize: round.prize.into(),
            deposit: round.deposit.into(),
            puzzle: design.puzzle.into(),
            difficulty: design.difficulty,
            tries_per_second: design.tries_per_second.get(),
            solutions_wanted: design.solutions,
            challenge: round.beginning.map(|beginning| beginning.challenge.into()),
            began_ms: round.beginning.map(|beginning| beginning.time_ms),
            solutions: round
                .solutions
                .iter()
                .map(|one| Solution { solver: one.solver.into(), after_ms: one.after_ms })
                .collect(),
        }
    }
}

/// What a round unlocks, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unlocked {
    /// What is carried out in the opener's name once it is solved in time.
    pub action: Unlocks,
    /// The most that it may spend, held while the round is open, grains.
    pub held: Amount,
    /// Whether it was carried out, once the round has acted.
    pub carried_out: Option<bool>,
}

impl From<&LedgerUnlocked> for Unlocked {
    fn from(unlocked: &LedgerUnlocked) -> Self {
        let LedgerUnlocked { action, held, carried_out } = unlocked;
        Self { action: action.into(), held: (*held).into(), carried_out: *carried_out }
    }
}

/// An action of another mechanism that a round unlocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "not an action that a round can unlock")]
pub enum Unlocks {
    /// With an account's money.
    Account(account::Action),
    /// With the money behind peers.
    Stake(stake::Action),
    /// In the market.
    Market(market::Action),
    /// About the parameters.
    Governance(governance::Action),
}

impl From<&transaction::presence::Unlocks> for Unlocks {
    fn from(unlocks: &transaction::presence::Unlocks) -> Self {
        use transaction::presence::Unlocks as U;
        match unlocks {
            U::Account(action) => Self::Account(action.into()),
            U::Stake(action) => Self::Stake(action.into()),
            U::Market(action) => Self::Market(action.into()),
            U::Governance(action) => Self::Governance(action.into()),
        }
    }
}

/// What somebody does about rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PresenceAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Opens a round.
    OpenRound {
        /// What it is designed for.
        design: Box<Design>,
        /// What happens once it is solved in time; none where the fact is all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unlocks: Option<Unlocks>,
        /// What the first solution earns, grains.
        prize: Amount,
        /// The most that the signer is willing to deposit, grains.
        deposit_max: Amount,
    },
    /// Solves a round.
    SolveRound {
        /// The round.
        round: u64,
        /// The number that solves it.
        nonce: u64,
        /// What shows that it does; none where the number itself does.
        #[serde(default, skip_serializing_if = "HexBytes::is_empty")]
        proof: HexBytes,
    },
    /// Takes the prize of the first solution.
    ClaimPrize {
        /// The round.
        round: u64,
        /// Who receives it.
        to: Address,
    },
}

impl From<&transaction::presence::Action> for Action {
    fn from(action: &transaction::presence::Action) -> Self {
        use transaction::presence::Action as A;
        match action {
            A::Open { design, unlocks, prize, deposit_max } => Self::OpenRound {
                design: Box::new(design.as_ref().into()),
                unlocks: unlocks.as_ref().map(Into::into),
                prize: (*prize).into(),
                deposit_max: (*deposit_max).into(),
            },
            A::Solve { round, solution } => Self::SolveRound {
                round: round.0,
                nonce: solution.nonce,
                proof: HexBytes(solution.proof.clone()),
            },
            A::Claim { round, to } => Self::ClaimPrize { round: round.0, to: (*to).into() },
        }
    }
}

/// What happened to rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PresenceEvent)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// A round was opened, to be solved by `deadline_ms` after its beginning; `held` is for what
    /// it unlocks.
    RoundOpened {
        round: u64,
        opener: Address,
        deadline_ms: u64,
        held: Amount,
        prize: Amount,
        deposit: Amount,
    },
    /// A round began; milliseconds since 1970.
    RoundBegun { round: u64, challenge: Digest, time_ms: u64, until_ms: u64 },
    /// A solution came in; `missing` more are needed.
    RoundSolved { round: u64, solver: Address, after_ms: u64, missing: u8 },
    /// A round was solved in time: those who are present act.
    RoundActed { round: u64 },
    /// What a round unlocks was carried out.
    RoundUnlocked { round: u64 },
    /// What a round unlocks was refused when it was solved, and left nothing.
    RoundNotUnlocked { round: u64, reason: String },
    /// A round's deadline passed before it was solved.
    RoundLapsed { round: u64, solutions: u8 },
    /// The first solver took the prize.
    PrizeClaimed { round: u64, solver: Address, to: Address, amount: Amount },
    /// A round was forgotten; what nobody had claimed went back to its opener.
    RoundForgotten { round: u64, returned: Amount },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::RoundOpened { .. } => "round_opened",
            Self::RoundBegun { .. } => "round_begun",
            Self::RoundSolved { .. } => "round_solved",
            Self::RoundActed { .. } => "round_acted",
            Self::RoundUnlocked { .. } => "round_unlocked",
            Self::RoundNotUnlocked { .. } => "round_not_unlocked",
            Self::RoundLapsed { .. } => "round_lapsed",
            Self::PrizeClaimed { .. } => "prize_claimed",
            Self::RoundForgotten { .. } => "round_forgotten",
        }
    }
}

impl From<&outcome::presence::Event> for Event {
    fn from(event: &outcome::presence::Event) -> Self {
        use outcome::presence::Event as E;
        match *event {
            E::Opened { round, opener, deadlines, held, prize, deposit } => Self::RoundOpened {
                round: round.0,
                opener: opener.into(),
                deadline_ms: deadlines.chosen_ms,
                held: held.into(),
                prize: prize.into(),
                deposit: deposit.into(),
            },
            E::Begun { round, challenge, time_ms, until_ms } => {
                Self::RoundBegun { round: round.0, challenge: challenge.into(), time_ms, until_ms }
            }
            E::Solved { round, solver, after_ms, missing } => {
                Self::RoundSolved { round: round.0, solver: solver.into(), after_ms, missing }
            }
            E::Acted { round } => Self::RoundActed { round: round.0 },
            E::Unlocked { round } => Self::RoundUnlocked { round: round.0 },
            E::NotUnlocked { round, ref reason } => {
                Self::RoundNotUnlocked { round: round.0, reason: reason.clone() }
            }
            E::Lapsed { round, solutions } => Self::RoundLapsed { round: round.0, solutions },
            E::Claimed { round, solver, to, amount } => Self::PrizeClaimed {
                round: round.0,
                solver: solver.into(),
                to: to.into(),
                amount: amount.into(),
            },
            E::Forgotten { round, returned } => {
                Self::RoundForgotten { round: round.0, returned: returned.into() }
            }
        }
    }
}
