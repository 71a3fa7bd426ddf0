//! A board: what is known of a round, each thing once, and nothing that was not checked.
//!
//! It is bounded whatever arrives: an opening and a word of each validator, and as many solutions
//! as solve the round. What is cheap to check is checked first: the form; for a solution its work,
//! which costs one hash where there is none; then signatures, of which each is checked once.

use std::sync::Arc;

use muster_ledger::encoding::{decode, encode};

use crate::{MESSAGE_BYTES_MAX, Message, Plan, Solved, Statement};

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It stands on the board now.
    New,
    /// It did, or there is enough of its kind.
    Known,
}

/// Why a message is not put onto a board.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a message.
    #[error("it is no message: {0}")]
    Form(String),
    /// The round is not open by this machine's clock.
    #[error(
        "the round opens in {in_ms} ms by this machine's clock, more than the tolerance of {tolerance_ms} ms: is the clock right?"
    )]
    Early {
        /// When it opens.
        in_ms: u64,
        /// How far clocks may be apart.
        tolerance_ms: u64,
    },
    /// No such validator.
    #[error("there is no validator {0}")]
    Validator(u16),
    /// A signature that does not fit.
    #[error("the signature is not validator {0}'s")]
    Signature(u16),
    /// Not as many openings as work is bound to, or one twice, or in disorder.
    #[error("a solution names the openings of {wanted} validators, each once and in order")]
    Openings {
        /// How many.
        wanted: usize,
    },
    /// No solution.
    #[error("{0}")]
    Work(#[from] muster_puzzle::Refusal),
}

/// What is known of a round.
pub struct Board {
    plan: Arc<Plan>,
    openings: Vec<Option<Statement>>,
    in_time: Vec<Option<Statement>>,
    solved: Vec<Solved>,
    solved_ms: Option<u64>,
    /// All messages, as they came.
    log: Vec<Arc<[u8]>>,
}

impl Board {
    /// An empty one.
    pub fn new(plan: Arc<Plan>) -> Self {
        let nothing = || vec![None; plan.validators()];
        let (openings, in_time) = (nothing(), nothing());
        Self { plan, openings, in_time, solved: Vec::new(), solved_ms: None, log: Vec::new() }
    }

    /// Takes a message, if it is one and there is room for it.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn offer(&mut self, bytes: &[u8], now_ms: u64) -> Result<Offer, Refusal> {
        let in_ms = self.plan.opens_ms().saturating_sub(now_ms);
        let tolerance_ms = self.plan.tolerance_ms;
        if in_ms > tolerance_ms {
            return Err(Refusal::Early { in_ms, tolerance_ms });
        }
        let message = decode::<Message>("message", bytes, MESSAGE_BYTES_MAX)
            .map_err(|error| Refusal::Form(error.to_string()))?;
        let offer = match message {
            Message::Opening(statement) => self.open(statement)?,
            Message::InTime(statement) => self.hear(statement)?,
            Message::Solved(solved) => self.solve(solved, now_ms)?,
        };
        if offer == Offer::New {
            self.log.push(bytes.into());
        }
        Ok(offer)
    }

    fn open(&mut self, statement: Statement) -> Result<Offer, Refusal> {
        let place = self.place(&statement)?;
        if self.openings[place].is_some() {
            return Ok(Offer::Known);
        }
        if !self.plan.is_opening(&statement) {
            return Err(Refusal::Signature(statement.validator));
        }
        self.openings[place] = Some(statement);
        Ok(Offer::New)
    }

    fn hear(&mut self, statement: Statement) -> Result<Offer, Refusal> {
        let place = self.place(&statement)?;
        if self.in_time[place].is_some() {
            return Ok(Offer::Known);
        }
        if !self.plan.is_in_time(&statement) {
            return Err(Refusal::Signature(statement.validator));
        }
        self.in_time[place] = Some(statement);
        Ok(Offer::New)
    }

    fn solve(&mut self, solved: Solved, now_ms: u64) -> Result<Offer, Refusal> {
        if self.solved_ms.is_some() || self.solved.contains(&solved) {
            return Ok(Offer::Known);
        }
        let wanted = self.plan.openings();
        let ordered = solved.openings.is_sorted_by(|one, next| one.validator < next.validator);
        if solved.openings.len() != wanted || !ordered {
            return Err(Refusal::Openings { wanted });
        }
        let work = self.plan.work_of(&solved).ok_or(muster_puzzle::Refusal::NoDifficulty)?;
        work.check(&solved.solution)?;
        for opening in &solved.openings {
            let place = self.place(opening)?;
            let known = self.openings[place].as_ref() == Some(opening);
            if !known && !self.plan.is_opening(opening) {
                return Err(Refusal::Signature(opening.validator));
            }
        }
        self.solved.push(solved);
        if self.solved.len() == self.plan.solutions() {
            self.solved_ms = Some(now_ms);
        }
        Ok(Offer::New)
    }

    fn place(&self, statement: &Statement) -> Result<usize, Refusal> {
        let place = usize::from(statement.validator);
        if place < self.plan.validators() {
            return Ok(place);
        }
        Err(Refusal::Validator(statement.validator))
    }

    /// What work is bound to: the openings of as many validators as are needed, the first in the
    /// order of the genesis; nothing while there are fewer.
    pub fn openings(&self) -> Option<Vec<Statement>> {
        let known: Vec<Statement> = self.openings.iter().flatten().copied().collect();
        known.get(..self.plan.openings()).map(<[Statement]>::to_vec)
    }

    /// How many validators have opened the round.
    pub fn opened(&self) -> usize {
        self.openings.iter().flatten().count()
    }

    /// Whether a validator's opening is here.
    pub fn has_opened(&self, validator: u16) -> bool {
        matches!(self.openings.get(usize::from(validator)), Some(Some(_)))
    }

    /// Whether a validator's word that it was solved in time is here.
    pub fn has_said_in_time(&self, validator: u16) -> bool {
        matches!(self.in_time.get(usize::from(validator)), Some(Some(_)))
    }

    /// How many solutions there are.
    pub fn solutions(&self) -> usize {
        self.solved.len()
    }

    /// When the last of the solutions that were needed came, by this machine's clock.
    pub fn solved_ms(&self) -> Option<u64> {
        self.solved_ms
    }

    /// Whether they came by the deadline, by this machine's clock.
    pub fn solved_in_time(&self) -> bool {
        self.solved_ms.is_some_and(|solved| solved <= self.plan.deadline_ms())
    }

    /// How many validators say that they came in time.
    pub fn in_time(&self) -> usize {
        self.in_time.iter().flatten().count()
    }

    /// Whether more than two thirds of the validators say so.
    pub fn launched(&self) -> bool {
        self.in_time() >= self.plan.quorum()
    }

    /// All messages, as they came: what is left after the first of them is what somebody who has
    /// those lacks.
    pub fn messages(&self) -> &[Arc<[u8]>] {
        &self.log
    }

    /// A message, as it goes onto a board.
    pub fn write(message: &Message) -> Vec<u8> {
        encode(message)
    }
}
