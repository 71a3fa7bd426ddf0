//! The entries of accounts.

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Slot, entries};
use crate::crypto::PublicKey;
use crate::genesis::Genesis;
use crate::money::Grains;
use crate::types::Height;

/// Blocks for which new accounts begin with the same nonce.
const PERIOD_BLOCKS: u64 = 64;
/// By how much that nonce grows from one such period to the next: more than an account can sign in
/// one, unless it alone fills the chain.
const PERIOD_NONCES: u64 = 1 << 20;

entries! {
    /// A key's money, and the nonce of its next transaction.
    account: Account(key: PublicKey) => Account, holds |account| account.held();
}

/// A key's money, and the nonce of its next transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// What it holds, free to spend.
    pub balance: Grains,
    /// The nonce of its next transaction. Each that is included counts it up; an account does not
    /// begin at 0 but above every nonce that the key used before (`Account::open`).
    pub nonce: u64,
    /// Held for as long as the account is there, and given back when it is closed. Nothing for
    /// accounts of the genesis.
    pub deposit: Grains,
}

impl Account {
    /// The account that money opens which comes to a key without one at a height: up to the deposit
    /// is held, the rest is free.
    pub(crate) fn open(height: Height, amount: Grains, deposit: Grains) -> Self {
        let deposit = deposit.min(amount);
        let balance = amount.checked_sub(deposit).expect("at most the amount is held");
        Self { balance, nonce: Self::first_nonce(height), deposit }
    }

    /// The nonce with which accounts begin that are opened at a height.
    fn first_nonce(height: Height) -> u64 {
        (height.0 / PERIOD_BLOCKS).saturating_mul(PERIOD_NONCES)
    }

    /// From which height on the account may be closed: one that is opened again then begins above
    /// every nonce used so far, so that no transaction of the old one can be used again.
    pub fn closes_from(&self) -> Height {
        Height(self.nonce.div_ceil(PERIOD_NONCES).saturating_mul(PERIOD_BLOCKS))
    }

    /// All that it holds, in grains.
    fn held(&self) -> u128 {
        u128::from(self.balance) + u128::from(self.deposit)
    }

    /// All that it holds.
    pub fn total(&self) -> Grains {
        let total = u64::try_from(self.held());
        Grains(total.expect("the supply counts all that entries hold in u64"))
    }
}

/// The accounts before the first block.
pub(super) fn genesis(genesis: &Genesis) -> Vec<(Key, Value)> {
    let entry = |(key, balance): &(PublicKey, Grains)| {
        (Key::Account(*key), Value::Account(Account { balance: *balance, ..Account::default() }))
    };
    genesis.accounts.iter().map(entry).collect()
}
