//! The entries of accounts.

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Slot, entries};
use crate::crypto::PublicKey;
use crate::genesis::Genesis;
use crate::money::Grains;

entries! {
    /// A key's money and how often it signed.
    account: Account(key: PublicKey) => Account, holds |account| account.balance;
}

/// A key's money and how often it signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Account {
    /// What it holds, free to spend.
    pub balance: Grains,
    /// Transactions of it that were included; the nonce of the next.
    pub nonce: u64,
}

/// The accounts before the first block.
pub(super) fn genesis(genesis: &Genesis) -> Vec<(Key, Value)> {
    let entry = |(key, balance): &(PublicKey, Grains)| {
        (Key::Account(*key), Value::Account(Account { balance: *balance, nonce: 0 }))
    };
    genesis.accounts.iter().map(entry).collect()
}
