//! The entries of the whole state: those of each mechanism, under one key and one value.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{account, chain, governance, market, presence, stake};

/// Where an entry stands. The order of keys is the order of scans.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum Key {
    /// Of the chain itself.
    Chain(chain::Key),
    /// Of accounts.
    Account(account::Key),
    /// Of stake.
    Stake(stake::Key),
    /// Of the market.
    Market(market::Key),
    /// Of governance.
    Governance(governance::Key),
    /// Of presence.
    Presence(presence::Key),
}

/// What stands under a key of the same mechanism and name.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Value {
    /// Of the chain itself.
    Chain(chain::Value),
    /// Of accounts.
    Account(account::Value),
    /// Of stake.
    Stake(stake::Value),
    /// Of the market.
    Market(market::Value),
    /// Of governance.
    Governance(governance::Value),
    /// Of presence.
    Presence(presence::Value),
}

/// The values of one mechanism, seen from the whole state.
pub trait Part: Sized {
    /// The keys of the mechanism.
    type Key: Copy + Into<Key>;

    /// As a value of the whole state.
    fn close(self) -> Value;

    /// From a value of the whole state, if it is of this mechanism.
    fn open(value: &Value) -> Option<&Self>;

    /// The mechanism's key in a key of the whole state, if it is one.
    fn key(key: &Key) -> Option<&Self::Key>;
}

/// Makes the keys and values of a mechanism part of the whole.
macro_rules! parts {
    ($( $part:ident: $module:ident, )*) => {
        $(
            impl From<$module::Key> for Key {
                fn from(key: $module::Key) -> Self {
                    Self::$part(key)
                }
            }

            impl Part for $module::Value {
                type Key = $module::Key;

                fn close(self) -> Value {
                    Value::$part(self)
                }

                fn open(value: &Value) -> Option<&Self> {
                    match value {
                        Value::$part(value) => Some(value),
                        _ => None,
                    }
                }

                fn key(key: &Key) -> Option<&Self::Key> {
                    match key {
                        Key::$part(key) => Some(key),
                        _ => None,
                    }
                }
            }
        )*

        impl Value {
            /// Whether a value of this kind may stand under the key.
            pub(super) fn fits(&self, key: &Key) -> bool {
                match (self, key) {
                    $( (Self::$part(value), Key::$part(key)) => value.fits(key), )*
                    _ => false,
                }
            }

            /// The money that the entry holds, in grains.
            pub fn money(&self) -> u128 {
                match self {
                    $( Self::$part(value) => value.money(), )*
                }
            }
        }

        /// The keys of the entries that every state has.
        pub(super) fn always() -> impl Iterator<Item = Key> {
            let keys: Vec<Vec<Key>> =
                vec![$( $module::always().into_iter().map(Key::from).collect(), )*];
            keys.into_iter().flatten()
        }
    };
}

parts! {
    Chain: chain,
    Account: account,
    Stake: stake,
    Market: market,
    Governance: governance,
    Presence: presence,
}
