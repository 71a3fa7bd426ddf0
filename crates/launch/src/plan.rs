//! A specification that was checked, and what follows from it.

use muster_api::presence::NumberError;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash, verify};
use muster_ledger::encoding::encode;
use muster_ledger::genesis::{Genesis, GenesisError};
use muster_ledger::presence::{Deadlines, Design, DesignError, Outlook};
use muster_puzzle::Work;

use crate::{Solved, Specification, Statement};

/// What work is done on begins with this, so that it is good for nothing else.
const WORK_DOMAIN: &[u8; 32] = b"muster network launch, version 1";
const OPENING_DOMAIN: &str = "launch opening";
const IN_TIME_DOMAIN: &str = "launch in time";
/// How long, beyond the deadline and the tolerance, signatures are waited for, milliseconds.
const SETTLING_MS: u64 = 10_000;

/// Why nothing can be launched by a specification.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The genesis is none.
    #[error("the genesis cannot begin a network: {0}")]
    Genesis(#[from] GenesisError),
    /// A number of the round is none.
    #[error("the round: {0}")]
    Number(#[from] NumberError),
    /// The round cannot be.
    #[error("the round: {0}")]
    Design(#[from] DesignError),
    /// Clocks that tell nothing.
    #[error(
        "a tolerance of {tolerance_ms} ms is more than half the deadline, {deadline_ms} ms: clocks that are so far apart cannot tell whether it was met"
    )]
    Tolerance {
        /// The tolerance.
        tolerance_ms: u64,
        /// T.
        deadline_ms: u64,
    },
    /// Beyond what a clock tells.
    #[error("the round opens so late that its end cannot be written down")]
    Time,
}

/// What a launch goes by.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the chain begins.
    pub genesis: Genesis,
    /// The round.
    pub design: Design,
    /// T°, T* and T.
    pub deadlines: Deadlines,
    /// How far clocks may be apart, milliseconds.
    pub tolerance_ms: u64,
    /// What is launched, of all networks.
    pub id: Hash,
}

impl Plan {
    /// Checks a specification.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(specification: &Specification) -> Result<Self, PlanError> {
        let Specification { genesis, round, tolerance_ms, .. } = specification;
        genesis.validate()?;
        let design = Design::try_from(round)?;
        design.check_form()?;
        let deadlines = design.deadlines(genesis.parameters.block_time_ms)?;
        let (tolerance_ms, deadline_ms) = (*tolerance_ms, deadlines.chosen_ms);
        if tolerance_ms > deadline_ms / 2 {
            return Err(PlanError::Tolerance { tolerance_ms, deadline_ms });
        }
        let lasts = deadline_ms.checked_add(tolerance_ms + SETTLING_MS);
        lasts.and_then(|lasts| lasts.checked_add(genesis.time_ms)).ok_or(PlanError::Time)?;
        let chain = genesis.chain_id();
        let id = hash(
            "launch specification",
            &[&chain.0, &encode(&design), &tolerance_ms.to_le_bytes()],
        );
        Ok(Self { genesis: genesis.clone(), design, deadlines, tolerance_ms, id })
    }

    /// When the round opens, milliseconds since 1970.
    pub fn opens_ms(&self) -> u64 {
        self.genesis.time_ms
    }

    /// By when it must be solved.
    pub fn deadline_ms(&self) -> u64 {
        self.opens_ms() + self.deadlines.chosen_ms
    }

    /// Until when a machine whose clock is late may still think that it was solved in time.
    pub fn late_ms(&self) -> u64 {
        self.deadline_ms() + self.tolerance_ms
    }

    /// When nobody waits for signatures any more.
    pub fn ends_ms(&self) -> u64 {
        self.late_ms() + SETTLING_MS
    }

    /// How many solutions solve the round.
    pub fn solutions(&self) -> usize {
        usize::from(self.design.solutions)
    }

    /// How many validators there are.
    pub fn validators(&self) -> usize {
        self.genesis.validators.len()
    }

    /// How many must have opened the round: more than a third, so that an honest one is among them.
    pub fn openings(&self) -> usize {
        self.validators() / 3 + 1
    }

    /// How many must say that it was solved in time: more than two thirds, as for a block.
    pub fn quorum(&self) -> usize {
        2 * self.validators() / 3 + 1
    }

    /// What a present player believes, once it is known when it was solved.
    ///
    /// # Errors
    /// None that the design did not have when it was checked.
    pub fn outlook(&self, solved_ms: Option<u64>) -> Result<Outlook, DesignError> {
        let after = solved_ms.map(|solved| solved.saturating_sub(self.opens_ms()));
        self.design.outlook(self.deadlines.chosen_ms, after)
    }

    /// The work that some openings, in order, make of a round for a solver.
    pub fn work(&self, openings: &[Statement], solver: &Hash) -> Option<Work> {
        let challenge = hash("launch challenge", &[&self.id.0, &encode(openings)]);
        let Design { puzzle, difficulty, .. } = self.design;
        Work::new(puzzle, difficulty, *WORK_DOMAIN, challenge.0, solver.0).ok()
    }

    /// The work that a solution is one of.
    pub fn work_of(&self, solved: &Solved) -> Option<Work> {
        self.work(&solved.openings, &solved.solver)
    }

    /// The place of a key among the validators.
    pub fn validator(&self, key: &PublicKey) -> Option<u16> {
        let place = self.genesis.validators.iter().position(|validator| validator.key == *key)?;
        u16::try_from(place).ok()
    }

    /// Says that the round is open. Only when it is: whoever says so earlier lets others begin.
    pub fn open(&self, validator: u16, key: &SecretKey) -> Statement {
        Statement { validator, signature: key.sign(OPENING_DOMAIN, &self.id.0) }
    }

    /// Says that the round was solved in time.
    pub fn say_in_time(&self, validator: u16, key: &SecretKey) -> Statement {
        Statement { validator, signature: key.sign(IN_TIME_DOMAIN, &self.id.0) }
    }

    /// Whether a validator said that the round is open.
    pub fn is_opening(&self, statement: &Statement) -> bool {
        self.is_signed(OPENING_DOMAIN, statement)
    }

    /// Whether a validator said that it was solved in time.
    pub fn is_in_time(&self, statement: &Statement) -> bool {
        self.is_signed(IN_TIME_DOMAIN, statement)
    }

    fn is_signed(&self, domain: &str, statement: &Statement) -> bool {
        let validator = self.genesis.validators.get(usize::from(statement.validator));
        validator.is_some_and(|validator| {
            verify(&validator.key, domain, &self.id.0, &statement.signature)
        })
    }
}
