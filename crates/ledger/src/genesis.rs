//! How a chain begins. The one JSON document that this crate knows.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::block::{Header, transactions_root};
use crate::committee::{NAME_BYTES_MAX, Validator, committee_hash};
use crate::crypto::{Hash, PublicKey, hash};
use crate::encoding::encode;
use crate::money::Grains;
use crate::parameters::{ParameterError, Parameters};
use crate::protocol::Version;
use crate::types::{Endpoint, EndpointError, Height};

/// A peer that is there from the start; it has the number of its place in the list.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisPeer {
    /// The key that signs for the peer.
    pub hot: PublicKey,
    /// The key that owns it and its stake.
    pub cold: PublicKey,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// Its stake, in addition to the accounts.
    pub stake: Grains,
}

/// How a chain begins.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The rules that the chain begins with; those of the first version where it names none.
    #[serde(default = "first_version")]
    pub version: Version,
    /// The chain's name.
    pub name: String,
    /// When it begins, in milliseconds since 1970.
    pub time_ms: u64,
    /// The parameters to start with; those left out have their default.
    #[serde(default)]
    pub parameters: Parameters,
    /// Who decides on blocks.
    pub validators: Vec<Validator>,
    /// Balances, each account once.
    #[serde(default)]
    pub accounts: Vec<(PublicKey, Grains)>,
    /// Peers.
    #[serde(default)]
    pub peers: Vec<GenesisPeer>,
}

/// Why a genesis is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A name is empty or too long.
    #[error("the name \"{0}\" must have 1 to 64 bytes")]
    Name(String),
    /// A version that this program does not know.
    #[error(
        "the genesis is for protocol version {version}, this program knows versions 1 to {newest}"
    )]
    Version {
        /// The genesis' version.
        version: Version,
        /// The newest known.
        newest: Version,
    },
    /// A parameter is out of range.
    #[error("parameters: {0}")]
    Parameters(#[from] ParameterError),
    /// Nobody to decide, or too many.
    #[error("there are {count} validators, there must be from 1 to committee_max ({count_max})")]
    Validators {
        /// How many there are.
        count: usize,
        /// The most allowed.
        count_max: u64,
    },
    /// A key appears twice where it must not.
    #[error("{key} appears twice among the {list}")]
    Duplicate {
        /// The key.
        key: PublicKey,
        /// The list.
        list: &'static str,
    },
    /// Not a key.
    #[error("{key} among the {list} is not an Ed25519 key that somebody can hold")]
    Key {
        /// The bytes.
        key: PublicKey,
        /// The list.
        list: &'static str,
    },
    /// A peer's endpoint is not possible.
    #[error("peer {index}: {reason}")]
    Endpoint {
        /// Its place in the list.
        index: usize,
        /// What is wrong.
        reason: EndpointError,
    },
    /// A peer's stake is neither nothing nor enough.
    #[error("peer {index}: the stake of {stake} is below the least stake, {minimum}")]
    Stake {
        /// Its place in the list.
        index: usize,
        /// Its stake.
        stake: Grains,
        /// The parameter `stake_min`.
        minimum: Grains,
    },
    /// More peers than places.
    #[error("there are {count} peers, peers_max is {count_max}")]
    Peers {
        /// How many there are.
        count: usize,
        /// The most allowed.
        count_max: u64,
    },
    /// More money than can be counted, together with what may be minted.
    #[error("accounts, stakes and issuance_max sum to more than 18446744073.709551615 MST")]
    Supply,
}

fn first_version() -> Version {
    Version::FIRST
}

impl Genesis {
    /// The chain's identity: the hash of everything in here.
    pub fn chain_id(&self) -> Hash {
        hash("genesis", &[&encode(self)])
    }

    /// Checks everything; [`crate::state::State::genesis`] does so first.
    pub fn validate(&self) -> Result<(), GenesisError> {
        let (version, newest) = (self.version, Version::NEWEST);
        if version < Version::FIRST || version > newest {
            return Err(GenesisError::Version { version, newest });
        }
        check_name(&self.name)?;
        self.parameters.validate()?;
        self.parameters.check_version(version)?;
        let count = self.validators.len();
        let count_max = self.parameters.committee_max;
        if count == 0 || count as u64 > count_max {
            return Err(GenesisError::Validators { count, count_max });
        }
        for validator in &self.validators {
            check_name(&validator.name)?;
        }
        check_keys("validators", self.validators.iter().map(|validator| &validator.key))?;
        check_keys("accounts", self.accounts.iter().map(|(key, _)| key))?;
        check_keys("hot keys", self.peers.iter().map(|peer| &peer.hot))?;
        self.check_peers()?;
        self.check_supply()
    }

    fn check_peers(&self) -> Result<(), GenesisError> {
        let (count, count_max) = (self.peers.len(), self.parameters.peers_max);
        if count as u64 > count_max {
            return Err(GenesisError::Peers { count, count_max });
        }
        let minimum = self.parameters.stake_min;
        for (index, peer) in self.peers.iter().enumerate() {
            if !peer.cold.is_valid() {
                return Err(GenesisError::Key { key: peer.cold, list: "cold keys" });
            }
            peer.endpoint.check().map_err(|reason| GenesisError::Endpoint { index, reason })?;
            if !peer.stake.is_zero() && peer.stake < minimum {
                return Err(GenesisError::Stake { index, stake: peer.stake, minimum });
            }
        }
        Ok(())
    }

    /// All the money there is at the start.
    pub fn supply(&self) -> Result<Grains, GenesisError> {
        let balances = self.accounts.iter().map(|(_, balance)| *balance);
        let stakes = self.peers.iter().map(|peer| peer.stake);
        balances.chain(stakes).sum::<Option<Grains>>().ok_or(GenesisError::Supply)
    }

    fn check_supply(&self) -> Result<(), GenesisError> {
        let issuance = self.parameters.issuance_max;
        self.supply()?.checked_add(issuance).map(|_| ()).ok_or(GenesisError::Supply)
    }

    /// The committee of block 1: the validators in canonical order (rising by key).
    pub fn committee(&self) -> Vec<Validator> {
        let mut committee = self.validators.clone();
        committee.sort_by_key(|validator| validator.key);
        committee
    }

    /// The header that block 1 builds on, given the root of the genesis state's tree (version 0).
    pub fn header(&self, state_root: Hash) -> Header {
        Header {
            version: self.version,
            chain: self.chain_id(),
            height: Height(0),
            time_ms: self.time_ms,
            previous: Hash([0; 32]),
            state_root,
            transactions_root: transactions_root(&[]),
            next_committee: committee_hash(&self.committee()),
            // Nobody: these bytes are no valid key.
            proposer: PublicKey([0; 32]),
        }
    }
}

fn check_name(name: &str) -> Result<(), GenesisError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(GenesisError::Name(name.chars().take(80).collect()));
    }
    Ok(())
}

fn check_keys<'a>(
    list: &'static str,
    keys: impl Iterator<Item = &'a PublicKey>,
) -> Result<(), GenesisError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !key.is_valid() {
            return Err(GenesisError::Key { key: *key, list });
        }
        if !seen.insert(key) {
            return Err(GenesisError::Duplicate { key: *key, list });
        }
    }
    Ok(())
}
