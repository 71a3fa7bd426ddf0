//! What a transaction does, as JSON.

use muster_ledger::money::Grains;
use muster_ledger::outcome::Rejection;
use muster_ledger::transaction::{self as ledger, SignedTransaction};
use muster_ledger::types::{PeerId, Share};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chain::{Transaction, TransactionState};
use crate::market::Endpoint;
use crate::scalar::{Address, Amount, Digest};

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Moves money.
    Transfer {
        /// The receiver.
        to: Address,
        /// Grains.
        amount: Amount,
    },
    /// Stakes on a peer: one's own or another's.
    Stake {
        /// The peer.
        peer: u32,
        /// Grains.
        amount: Amount,
    },
    /// Takes stake back, after the unbonding delay.
    Unstake {
        /// The peer.
        peer: u32,
        /// Grains.
        amount: Amount,
    },
    /// Registers a peer.
    Register {
        /// Its hot key.
        hot: Address,
        /// Its cold key.
        cold: Address,
        /// Where it serves.
        endpoint: Endpoint,
        /// How the place is paid for: "work" or "burn".
        payment: Payment,
    },
    /// Says where a peer serves.
    SetEndpoint {
        /// The endpoint.
        endpoint: Endpoint,
    },
    /// Commits to a row of weights.
    CommitWeights {
        /// The commitment.
        commitment: Digest,
    },
    /// Reveals a committed row.
    RevealWeights {
        /// (peer, share of 1).
        weights: Vec<(u32, f64)>,
    },
    /// Sets a row of weights directly.
    SetWeights {
        /// (peer, share of 1).
        weights: Vec<(u32, f64)>,
    },
    /// Pays out what a peer accrued.
    Emit,
    /// Proposes to change a parameter.
    Propose {
        /// The change in words.
        change: String,
    },
    /// Votes on a proposal.
    Vote {
        /// The proposal.
        proposal: u64,
        /// For or against.
        approve: bool,
    },
}

/// How a registration is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// By proof of work.
    Work,
    /// By burning the price.
    Burn,
}

/// A row of the ledger as (peer, share of 1).
#[must_use]
pub fn row_to_json(row: &[(PeerId, Share)]) -> Vec<(u32, f64)> {
    row.iter().map(|(peer, share)| (peer.0, share.to_f64())).collect()
}

impl From<&muster_ledger::types::Endpoint> for Endpoint {
    fn from(endpoint: &muster_ledger::types::Endpoint) -> Self {
        Self { url: endpoint.url.clone(), modality: endpoint.modality }
    }
}

impl From<&ledger::Action> for Action {
    fn from(action: &ledger::Action) -> Self {
        match action {
            ledger::Action::Account(ledger::account::Action::Transfer { to, amount }) => {
                Self::Transfer { to: (*to).into(), amount: (*amount).into() }
            }
            ledger::Action::Stake(ledger::stake::Action::Stake { peer, amount }) => {
                Self::Stake { peer: peer.0, amount: (*amount).into() }
            }
            ledger::Action::Stake(ledger::stake::Action::Unstake { peer, amount }) => {
                Self::Unstake { peer: peer.0, amount: (*amount).into() }
            }
            ledger::Action::Market(ledger::market::Action::Register { registration }) => {
                Self::Register {
                    hot: registration.hot.into(),
                    cold: registration.cold.into(),
                    endpoint: (&registration.endpoint).into(),
                    payment: match registration.payment {
                        ledger::market::Payment::Work { .. } => Payment::Work,
                        ledger::market::Payment::Burn { .. } => Payment::Burn,
                    },
                }
            }
            ledger::Action::Market(ledger::market::Action::SetEndpoint { endpoint }) => {
                Self::SetEndpoint { endpoint: endpoint.into() }
            }
            ledger::Action::Market(ledger::market::Action::CommitWeights { commitment }) => {
                Self::CommitWeights { commitment: (*commitment).into() }
            }
            ledger::Action::Market(ledger::market::Action::RevealWeights { weights, .. }) => {
                Self::RevealWeights { weights: row_to_json(weights) }
            }
            ledger::Action::Market(ledger::market::Action::SetWeights { weights }) => {
                Self::SetWeights { weights: row_to_json(weights) }
            }
            ledger::Action::Market(ledger::market::Action::Emit) => Self::Emit,
            ledger::Action::Governance(ledger::governance::Action::Propose { change }) => {
                Self::Propose { change: change.to_string() }
            }
            ledger::Action::Governance(ledger::governance::Action::Vote { proposal, approve }) => {
                Self::Vote { proposal: *proposal, approve: *approve }
            }
        }
    }
}

impl Transaction {
    /// A transaction that waits in a mempool.
    #[must_use]
    pub fn pending(signed: &SignedTransaction) -> Self {
        let transaction = &signed.transaction;
        Self {
            hash: signed.hash().into(),
            state: TransactionState::Pending,
            height: None,
            index: None,
            fee: None,
            rejection: None,
            signer: transaction.signer.into(),
            nonce: transaction.nonce,
            expires: transaction.expires.0,
            tip: transaction.tip.into(),
            action: (&transaction.action).into(),
        }
    }

    /// A transaction at position `index` of the block at `height`, with the fee that it paid and
    /// why it had no effect, if so.
    #[must_use]
    pub fn decided(
        signed: &SignedTransaction,
        height: u64,
        index: u32,
        fee: Grains,
        result: &Result<(), Rejection>,
    ) -> Self {
        let (state, rejection) = match result {
            Ok(()) => (TransactionState::Applied, None),
            Err(rejection) => (TransactionState::Rejected, Some(rejection.to_string())),
        };
        Self {
            state,
            height: Some(height),
            index: Some(index),
            fee: Some(fee.into()),
            rejection,
            ..Self::pending(signed)
        }
    }
}
