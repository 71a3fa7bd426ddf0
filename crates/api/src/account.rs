//! Accounts and the money that moves between them.

use muster_ledger::crypto::PublicKey;
use muster_ledger::state::State;
use muster_ledger::{outcome, transaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, Amount};
use crate::stake::{Delegation, Unbonding};

/// Most unbondings in an answer: an owner may have any number, at a fee for each.
const UNBONDINGS_MAX: usize = 1_000;

/// `GET /v1/accounts/{address}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its key.
    pub address: Address,
    /// Spendable grains.
    pub balance: Amount,
    /// Grains held while the account is there; they come back when it is closed.
    pub deposit: Amount,
    /// The nonce that its next decided transaction must carry; 0 where there is no account.
    pub nonce: u64,
    /// The nonce after the transactions of this account that wait in this node's mempool.
    pub nonce_pending: u64,
    /// Stake in peers.
    pub delegations: Vec<Delegation>,
    /// Stake on its way out, the first 1,000 in the order in which it was taken.
    pub unbondings: Vec<Unbonding>,
    /// Peers whose cold key this is.
    pub owns: Vec<u32>,
    /// The peer whose hot key this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hot_of: Option<u32>,
}

impl Account {
    /// An account of a state; `nonce_pending` is known to the mempool.
    #[must_use]
    pub fn of(state: &State, key: &PublicKey, nonce_pending: u64) -> Self {
        let account = state.account(key);
        let delegations = state
            .delegations_of(key)
            .map(|(peer, amount)| Delegation { peer: peer.0, amount: amount.into() });
        let unbondings = state.unbondings_of(key).take(UNBONDINGS_MAX).map(|unbonding| Unbonding {
            due: unbonding.due.0,
            peer: unbonding.peer.0,
            amount: unbonding.amount.into(),
        });
        let owns = state.peers().filter(|(_, peer)| peer.cold == *key).map(|(id, _)| id.0);
        Self {
            address: (*key).into(),
            balance: account.balance.into(),
            deposit: account.deposit.into(),
            nonce: account.nonce,
            nonce_pending: nonce_pending.max(account.nonce),
            delegations: delegations.collect(),
            unbondings: unbondings.collect(),
            owns: owns.collect(),
            hot_of: state.peer_by_hot(key).map(|(id, _)| id.0),
        }
    }
}

/// What an account does with its money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AccountAction)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Moves money.
    Transfer {
        /// The receiver.
        to: Address,
        /// Grains.
        amount: Amount,
    },
    /// Ends the signer's account.
    Close {
        /// Who receives everything that it had.
        to: Address,
    },
}

impl From<&transaction::account::Action> for Action {
    fn from(action: &transaction::account::Action) -> Self {
        match action {
            transaction::account::Action::Transfer { to, amount } => {
                Self::Transfer { to: (*to).into(), amount: (*amount).into() }
            }
            transaction::account::Action::Close { to } => Self::Close { to: (*to).into() },
        }
    }
}

/// What happened to accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = AccountEvent)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// Money moved between accounts.
    Transferred { from: Address, to: Address, amount: Amount },
    /// An account was closed; everything that it had went to another.
    Closed { account: Address, to: Address, amount: Amount },
}

impl Event {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Transferred { .. } => "transferred",
            Self::Closed { .. } => "closed",
        }
    }
}

impl From<&outcome::account::Event> for Event {
    fn from(event: &outcome::account::Event) -> Self {
        match event {
            outcome::account::Event::Transferred { from, to, amount } => Self::Transferred {
                from: (*from).into(),
                to: (*to).into(),
                amount: (*amount).into(),
            },
            outcome::account::Event::Closed { account, to, amount } => Self::Closed {
                account: (*account).into(),
                to: (*to).into(),
                amount: (*amount).into(),
            },
        }
    }
}
