//! The map of all entries.

use imbl::OrdMap;

use super::entry::{Key, Part, Value, always};
use super::slot::Slot;
use super::{account, chain, governance, market, stake};
use crate::genesis::{Genesis, GenesisError};

/// Why entries are not a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The genesis is not possible.
    #[error("genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// An entry that every state has is not there.
    #[error("the state has no entry {0:?}")]
    Missing(Key),
    /// A value of another kind than its key says.
    #[error("the entry {0:?} holds a value of another kind")]
    Kind(Key),
    /// The same key twice.
    #[error("the entry {0:?} appears twice")]
    Duplicate(Key),
    /// The entries do not hold as much money as the supply says.
    #[error("the state holds {held} grains, its supply says {expected}")]
    Supply {
        /// What the entries sum to.
        held: u128,
        /// genesis + minted - burned.
        expected: u128,
    },
}

/// The state after some block. Cloning is O(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    entries: OrdMap<Key, Value>,
}

impl State {
    /// The state before the first block.
    ///
    /// # Errors
    /// What [`Genesis::validate`] finds.
    pub fn genesis(genesis: &Genesis) -> Result<Self, StateError> {
        genesis.validate()?;
        fn whole<P: Part>(entries: Vec<(P::Key, P)>) -> impl Iterator<Item = (Key, Value)> {
            entries.into_iter().map(|(key, value)| (key.into(), value.close()))
        }
        let entries = whole(chain::genesis(genesis)?)
            .chain(whole(account::genesis(genesis)))
            .chain(whole(stake::genesis(genesis)?))
            .chain(whole(market::genesis(genesis)?))
            .chain(whole(governance::genesis()));
        Self::from_entries(entries)
    }

    /// The state that these entries are, in any order; what [`State::entries`] gave comes back as
    /// the same state.
    ///
    /// # Errors
    /// Entries twice, of the wrong kind or missing, and money that does not add up.
    pub fn from_entries(entries: impl Iterator<Item = (Key, Value)>) -> Result<Self, StateError> {
        let mut map = OrdMap::new();
        for (key, value) in entries {
            if !value.fits(&key) {
                return Err(StateError::Kind(key));
            }
            if map.insert(key, value).is_some() {
                return Err(StateError::Duplicate(key));
            }
        }
        let state = Self { entries: map };
        if let Some(key) = always().find(|key| state.get(key).is_none()) {
            return Err(StateError::Missing(key));
        }
        state.audit()?;
        Ok(state)
    }

    /// Every entry, in the order of keys.
    pub fn entries(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.entries.iter()
    }

    /// The value under a key.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key)
    }

    /// Number of entries.
    #[allow(clippy::len_without_is_empty, reason = "a state has at least its clock")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sums all money that entries hold and compares it with the supply; O(entries).
    ///
    /// # Errors
    /// They differ.
    pub fn audit(&self) -> Result<(), StateError> {
        let held: u128 = self.entries.values().map(Value::money).sum();
        let Some(Value::Chain(chain::Value::Supply(supply))) = self.get(&chain::Key::Supply.into())
        else {
            return Err(StateError::Missing(chain::Key::Supply.into()));
        };
        let expected = (u128::from(supply.genesis.0) + u128::from(supply.minted.0))
            .checked_sub(u128::from(supply.burned.0));
        match expected {
            Some(expected) if expected == held && u64::try_from(held).is_ok() => Ok(()),
            _ => Err(StateError::Supply { held, expected: expected.unwrap_or(0) }),
        }
    }

    /// This state with entries changed; `None` removes one.
    pub(crate) fn apply<'a>(
        &mut self,
        changes: impl Iterator<Item = (&'a Key, &'a Option<Value>)>,
    ) {
        for (key, value) in changes {
            match value {
                Some(value) => self.entries.insert(*key, value.clone()),
                None => self.entries.remove(key),
            };
        }
    }

    /// The entries from one place to another of the same kind, both included, rising by key.
    pub(crate) fn scan<P: Part + 'static, T: 'static>(
        &self,
        first: Slot<P::Key, P, T>,
        last: Slot<P::Key, P, T>,
    ) -> impl Iterator<Item = (P::Key, &T)> {
        let range = first.key.into()..=last.key.into();
        self.entries.range(range).filter_map(move |(key, value)| {
            Some((*P::key(key)?, P::open(value).and_then(first.open)?))
        })
    }
}
