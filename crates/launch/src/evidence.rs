//! What shows that a network was launched: whoever has the specification can check it.

use std::sync::Arc;

use muster_api::{Digest, HexBytes};
use serde::{Deserialize, Serialize};

use crate::{Board, Plan, Refusal};

/// Longest document that is read, bytes: more than the messages of the largest board.
const BYTES_MAX: usize = 4 << 20;

/// What stood on a board when a network began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The chain that began.
    pub chain: Digest,
    /// All messages, as they were written onto the board.
    pub messages: Vec<HexBytes>,
    /// What was launched, of all networks: [`Plan::id`].
    pub specification: Digest,
}

/// Why something does not show that a network was launched.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Too long.
    #[error("it has {0} bytes, such a document has at most {BYTES_MAX}")]
    Length(usize),
    /// Not the document.
    #[error("it is not what `muster launch` writes: {0}")]
    Form(#[from] serde_json::Error),
    /// Of another launch.
    #[error("it is of the specification {found}, not of {wanted}")]
    Specification {
        /// What it names.
        found: Digest,
        /// What was to be shown.
        wanted: Digest,
    },
    /// Of another chain.
    #[error("it names the chain {found}, the specification begins {wanted}")]
    Chain {
        /// What it names.
        found: Digest,
        /// What the specification begins.
        wanted: Digest,
    },
    /// A message that no board takes.
    #[error("its message {index} is refused: {refusal}")]
    Message {
        /// Its place, from 0.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// Too few solutions.
    #[error("it holds {found} of {wanted} solutions: the round was not solved")]
    NotSolved {
        /// How many there are.
        found: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// Too few words.
    #[error("{found} validators say that the round was solved in time, {wanted} are needed")]
    NotAgreed {
        /// How many say so.
        found: usize,
        /// How many must.
        wanted: usize,
    },
}

impl Evidence {
    /// What a board shows.
    pub fn new(plan: &Plan, messages: &[Arc<[u8]>]) -> Self {
        Self {
            chain: plan.genesis.chain_id().into(),
            messages: messages.iter().map(|message| HexBytes(message.to_vec())).collect(),
            specification: plan.id.into(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`EvidenceError::Length`] and [`EvidenceError::Form`].
    pub fn parse(text: &str) -> Result<Self, EvidenceError> {
        if text.len() > BYTES_MAX {
            return Err(EvidenceError::Length(text.len()));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Checks that it shows a launch by a specification; the board that it makes.
    ///
    /// # Errors
    /// What is wrong or missing.
    pub fn check(&self, plan: &Arc<Plan>) -> Result<Board, EvidenceError> {
        let (found, wanted) = (self.specification, plan.id.into());
        if found != wanted {
            return Err(EvidenceError::Specification { found, wanted });
        }
        let (found, wanted) = (self.chain, plan.genesis.chain_id().into());
        if found != wanted {
            return Err(EvidenceError::Chain { found, wanted });
        }
        let mut board = Board::new(plan.clone());
        for (index, message) in self.messages.iter().enumerate() {
            let refused = |refusal| EvidenceError::Message { index, refusal };
            // When it was heard is nothing that it shows.
            board.offer(&message.0, plan.ends_ms()).map_err(refused)?;
        }
        let (found, wanted) = (board.solutions(), plan.solutions());
        if found < wanted {
            return Err(EvidenceError::NotSolved { found, wanted });
        }
        let (found, wanted) = (board.in_time(), plan.quorum());
        if found < wanted {
            return Err(EvidenceError::NotAgreed { found, wanted });
        }
        Ok(board)
    }
}
