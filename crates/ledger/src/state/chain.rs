//! The entries of the chain itself: clock, rules, money, committee, and what waits.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Singleton, Slot, entries, nothing};
use super::{governance, presence, stake};
use crate::committee::Validator;
use crate::crypto::{Hash, PublicKey};
use crate::genesis::{Genesis, GenesisError};
use crate::money::Grains;
use crate::parameters::Parameters;
use crate::protocol::Protocol;
use crate::types::{Epoch, EscrowId, Height, PeerId};

entries! {
    /// Where the chain is.
    clock: Clock => Clock, holds nothing;
    /// By which rules it runs.
    protocol: Protocol => Protocol, holds nothing;
    /// The numbers that it runs by.
    parameters: Parameters => Arc<Parameters>, holds nothing;
    /// Where money came from and went.
    supply: Supply => Supply, holds nothing;
    /// Numbers that only grow.
    counters: Counters => Counters, holds nothing;
    /// Who decides the next block.
    committee: Committee => Arc<Vec<Validator>>, holds nothing;
    /// From whom committees are drawn.
    validators: Validators => Arc<Vec<Validator>>, holds nothing;
    /// Money that belongs to an owner, but not yet.
    escrow: Escrow(id: EscrowId) => Arc<Escrow>, holds |escrow| escrow.amount;
    /// That the escrow is for the owner.
    escrow_for: EscrowFor(owner: PublicKey, id: EscrowId) => (), holds nothing;
    /// What falls due at a height, numbered.
    due: Due(height: Height, number: u64) => Due, holds nothing;
}

/// Where the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Clock {
    /// The chain.
    pub chain: Hash,
    /// Height of the last block executed.
    pub height: Height,
    /// Its time, in milliseconds since 1970.
    pub time_ms: u64,
    /// Epochs that ended.
    pub epoch: Epoch,
    /// The block that ends the current epoch.
    pub epoch_end: Height,
}

/// Where money came from and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Supply {
    /// What was there at the start.
    pub genesis: Grains,
    /// What was issued since.
    pub minted: Grains,
    /// What was destroyed since: fees and registration prices.
    pub burned: Grains,
}

impl Supply {
    /// What there is now.
    pub fn total(&self) -> Grains {
        let issued = u128::from(self.genesis.0) + u128::from(self.minted.0);
        let total = issued.saturating_sub(u128::from(self.burned.0));
        Grains(u64::try_from(total).expect("what is held is counted in u64 in every block"))
    }
}

/// Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counters {
    /// Transactions included since the start.
    pub transactions: u64,
    /// The number of the next escrow.
    pub next_escrow: EscrowId,
    /// The number of the next thing to fall due.
    pub next_due: u64,
}

/// Money that is held for somebody until something happens.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Escrow {
    /// Who receives it.
    pub owner: PublicKey,
    /// How much.
    pub amount: Grains,
    /// Why it is held.
    pub purpose: Purpose,
}

/// Why money is held.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Purpose {
    /// Stake on its way back.
    Unbonding {
        /// The peer that it was taken from.
        peer: PeerId,
        /// The block in which it arrives.
        due: Height,
    },
}

/// What falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Due {
    /// Something about stake.
    Stake(stake::Due),
    /// Something about a proposal.
    Governance(governance::Due),
    /// Something about a presence round.
    Presence(presence::Due),
}

/// The chain's entries before the first block.
pub(super) fn genesis(genesis: &Genesis) -> Result<Vec<(Key, Value)>, GenesisError> {
    let committee = Arc::new(genesis.committee());
    let clock = Clock {
        chain: genesis.chain_id(),
        height: Height(0),
        time_ms: genesis.time_ms,
        epoch: Epoch(0),
        epoch_end: Height(genesis.parameters.epoch_blocks),
    };
    let supply = Supply { genesis: genesis.supply()?, ..Supply::default() };
    Ok(vec![
        (Key::Clock, Value::Clock(clock)),
        (Key::Protocol, Value::Protocol(Protocol { version: genesis.version, next: None })),
        (Key::Parameters, Value::Parameters(Arc::new(genesis.parameters.clone()))),
        (Key::Supply, Value::Supply(supply)),
        (Key::Counters, Value::Counters(Counters::default())),
        (Key::Committee, Value::Committee(committee.clone())),
        (Key::Validators, Value::Validators(committee)),
    ])
}
