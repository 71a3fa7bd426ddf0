//! The state: a persistent ordered map from keys to values, with typed reads.
//!
//! Cloning is O(1) and shares structure. Every entry stands in the authenticated tree
//! ([`crate::tree`]) under the same key, so what can be read here can be proved there.
//! The invariant of money, checked in every block:
//! `genesis + minted - burned = balances + pools + retired pools + unbondings`.

mod entry;

use std::ops::RangeInclusive;
use std::sync::Arc;

use imbl::OrdMap;

pub use entry::{
    Account, Clock, Commitment, Counters, Key, MarketReport, Peer, Pool, Proposal,
    RegistrationState, Supply, Unbonding, Value,
};

use crate::committee::Validator;
use crate::crypto::{Hash, PublicKey};
use crate::genesis::{Genesis, GenesisError};
use crate::money::Grains;
use crate::parameters::Parameters;
use crate::transaction::Limits;
use crate::types::{Epoch, Height, PeerId, Row, Score, Share};

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

/// Typed reads that a state and a state being changed have in common.
pub(crate) trait Read {
    fn get(&self, key: &Key) -> Option<&Value>;

    fn clock(&self) -> &Clock {
        match self.get(&Key::Clock) {
            Some(Value::Clock(clock)) => clock,
            _ => unreachable!("every state has a clock, checked when it is made"),
        }
    }

    fn parameters(&self) -> &Arc<Parameters> {
        match self.get(&Key::Parameters) {
            Some(Value::Parameters(parameters)) => parameters,
            _ => unreachable!("every state has parameters, checked when it is made"),
        }
    }

    fn supply(&self) -> Supply {
        match self.get(&Key::Supply) {
            Some(Value::Supply(supply)) => *supply,
            _ => unreachable!("every state has a supply, checked when it is made"),
        }
    }

    fn counters(&self) -> Counters {
        match self.get(&Key::Counters) {
            Some(Value::Counters(counters)) => *counters,
            _ => unreachable!("every state has counters, checked when it is made"),
        }
    }

    fn registration(&self) -> &Arc<RegistrationState> {
        match self.get(&Key::Registration) {
            Some(Value::RegistrationState(registration)) => registration,
            _ => unreachable!("every state has a registration entry, checked when it is made"),
        }
    }

    fn account(&self, key: &PublicKey) -> Account {
        match self.get(&Key::Account(*key)) {
            Some(Value::Account(account)) => *account,
            _ => Account::default(),
        }
    }

    fn peer(&self, id: PeerId) -> Option<&Arc<Peer>> {
        match self.get(&Key::Peer(id)) {
            Some(Value::Peer(peer)) => Some(peer),
            _ => None,
        }
    }

    fn peer_id(&self, hot: &PublicKey) -> Option<PeerId> {
        match self.get(&Key::PeerByHot(*hot)) {
            Some(Value::PeerId(id)) => Some(*id),
            _ => None,
        }
    }

    fn row(&self, key: &Key) -> Option<&Arc<Row>> {
        match self.get(key) {
            Some(Value::Row(row)) => Some(row),
            _ => None,
        }
    }

    fn shares(&self, peer: PeerId, owner: &PublicKey) -> u128 {
        match self.get(&Key::Delegation(peer, *owner)) {
            Some(Value::Shares(shares)) => *shares,
            _ => 0,
        }
    }

    /// The pool of a peer, or of a displaced one whose stakes have not all been returned.
    fn pool(&self, id: PeerId) -> Option<Pool> {
        match (self.peer(id), self.get(&Key::Retired(id))) {
            (Some(peer), _) => Some(peer.pool),
            (None, Some(Value::Pool(pool))) => Some(*pool),
            _ => None,
        }
    }
}

/// The state after some block. Cloning is O(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    entries: OrdMap<Key, Value>,
}

impl Read for State {
    fn get(&self, key: &Key) -> Option<&Value> {
        self.entries.get(key)
    }
}

const KEY_MIN: PublicKey = PublicKey([0; 32]);
const KEY_MAX: PublicKey = PublicKey([255; 32]);

impl State {
    /// The state before the first block.
    ///
    /// # Errors
    /// What [`Genesis::validate`] finds.
    pub fn genesis(genesis: &Genesis) -> Result<Self, StateError> {
        genesis.validate()?;
        let mut entries = OrdMap::new();
        for (key, value) in singletons(genesis)? {
            entries.insert(key, value);
        }
        for (key, balance) in &genesis.accounts {
            let account = Account { balance: *balance, nonce: 0 };
            entries.insert(Key::Account(*key), Value::Account(account));
        }
        for (id, peer) in (0_u32..).map(PeerId).zip(&genesis.peers) {
            let empty = Pool::default();
            let shares = empty.shares_for(peer.stake).ok_or(GenesisError::Supply)?;
            let pool = Pool { grains: peer.stake, shares };
            let place =
                Peer::new(peer.hot, peer.cold, peer.endpoint.clone(), Height(0), Epoch(0), pool);
            entries.insert(Key::Peer(id), Value::Peer(Arc::new(place)));
            entries.insert(Key::PeerByHot(peer.hot), Value::PeerId(id));
            if shares > 0 {
                entries.insert(Key::Delegation(id, peer.cold), Value::Shares(shares));
                entries.insert(Key::DelegationOf(peer.cold, id), Value::Present);
            }
        }
        let state = Self { entries };
        state.audit()?;
        Ok(state)
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
        let singletons = [
            Key::Clock,
            Key::Parameters,
            Key::Supply,
            Key::Counters,
            Key::Committee,
            Key::Validators,
            Key::Market,
            Key::Registration,
            Key::Pruning,
        ];
        if let Some(key) = singletons.into_iter().find(|key| state.get(key).is_none()) {
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
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: a state has at least its clock.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sums all money that entries hold and compares it with the supply; O(entries).
    pub fn audit(&self) -> Result<(), StateError> {
        let held: u128 = self.entries.values().map(|value| u128::from(value.money().0)).sum();
        let supply = self.supply();
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

    pub(crate) fn scan(&self, range: RangeInclusive<Key>) -> impl Iterator<Item = (&Key, &Value)> {
        self.entries.range(range)
    }

    /// Height, time and epoch.
    pub fn clock(&self) -> &Clock {
        Read::clock(self)
    }

    /// Height of the last block executed.
    pub fn height(&self) -> Height {
        self.clock().height
    }

    /// The chain.
    pub fn chain(&self) -> Hash {
        self.clock().chain
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        Read::parameters(self)
    }

    /// What transactions and blocks may not exceed now.
    pub fn limits(&self) -> Limits {
        Limits::new(self.chain(), self.parameters())
    }

    /// Where money came from and went.
    pub fn supply(&self) -> Supply {
        Read::supply(self)
    }

    /// Numbers and counts.
    pub fn counters(&self) -> Counters {
        Read::counters(self)
    }

    /// An account; one that was never used has nothing.
    pub fn account(&self, key: &PublicKey) -> Account {
        Read::account(self, key)
    }

    /// Every account, rising by key.
    pub fn accounts(&self) -> impl Iterator<Item = (PublicKey, Account)> {
        self.scan(Key::Account(KEY_MIN)..=Key::Account(KEY_MAX)).filter_map(|(key, value)| {
            match (key, value) {
                (Key::Account(key), Value::Account(account)) => Some((*key, *account)),
                _ => None,
            }
        })
    }

    /// A peer.
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        Read::peer(self, id).map(Arc::as_ref)
    }

    /// The peer of a hot key.
    pub fn peer_by_hot(&self, hot: &PublicKey) -> Option<(PeerId, &Peer)> {
        let id = self.peer_id(hot)?;
        Some((id, self.peer(id)?))
    }

    /// Every peer, rising by number.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.scan(Key::Peer(PeerId(0))..=Key::Peer(PeerId(u32::MAX))).filter_map(|(key, value)| {
            match (key, value) {
                (Key::Peer(id), Value::Peer(peer)) => Some((*id, peer.as_ref())),
                _ => None,
            }
        })
    }

    /// The weights that a peer gives, rising by peer; may name peers that are gone, which count
    /// for nothing and are cleared at the end of the epoch.
    pub fn weights(&self, id: PeerId) -> &[(PeerId, Share)] {
        self.row(&Key::Weights(id)).map_or(&[], |row| row)
    }

    /// Where a peer's emission goes: parts of what it accrued, fixed at the end of the last epoch.
    pub fn payout(&self, id: PeerId) -> &[(PeerId, Share)] {
        self.row(&Key::Payout(id)).map_or(&[], |row| row)
    }

    /// A peer's commitment to weights that it has yet to reveal.
    pub fn commitment(&self, id: PeerId) -> Option<Commitment> {
        match self.get(&Key::Commitment(id)) {
            Some(Value::Commitment(commitment)) => Some(*commitment),
            _ => None,
        }
    }

    /// What an owner's shares in a peer's pool are worth now.
    pub fn stake(&self, peer: PeerId, owner: &PublicKey) -> Grains {
        self.pool(peer).map_or(Grains::ZERO, |pool| match self.shares(peer, owner) {
            0 => Grains::ZERO,
            shares => pool.worth(shares),
        })
    }

    /// Who has stake with a peer (displaced or not), with its worth, rising by key.
    pub fn delegations(&self, peer: PeerId) -> impl Iterator<Item = (PublicKey, Grains)> {
        let pool = self.pool(peer).unwrap_or_default();
        self.scan(Key::Delegation(peer, KEY_MIN)..=Key::Delegation(peer, KEY_MAX)).filter_map(
            move |(key, value)| match (key, value) {
                (Key::Delegation(_, owner), Value::Shares(shares)) => {
                    Some((*owner, pool.worth(*shares)))
                }
                _ => None,
            },
        )
    }

    /// Peers with which an owner has stake, with its worth, rising by number.
    pub fn delegations_of(&self, owner: &PublicKey) -> impl Iterator<Item = (PeerId, Grains)> {
        let owner = *owner;
        let (first, last) = (PeerId(0), PeerId(u32::MAX));
        self.scan(Key::DelegationOf(owner, first)..=Key::DelegationOf(owner, last)).filter_map(
            move |(key, _)| match key {
                Key::DelegationOf(_, peer) => Some((*peer, self.stake(*peer, &owner))),
                _ => None,
            },
        )
    }

    /// Stake on its way back to an owner: when it is due and how much, rising by height.
    pub fn unbondings_of(&self, owner: &PublicKey) -> impl Iterator<Item = (Height, &Unbonding)> {
        let (first, last) = (Height(0), Height(u64::MAX));
        let owner = *owner;
        self.scan(Key::UnbondingOf(owner, first, 0)..=Key::UnbondingOf(owner, last, u64::MAX))
            .filter_map(|(key, _)| match key {
                Key::UnbondingOf(_, due, number) => {
                    match self.get(&Key::Unbonding(*due, *number)) {
                        Some(Value::Unbonding(unbonding)) => Some((*due, unbonding.as_ref())),
                        _ => None,
                    }
                }
                _ => None,
            })
    }

    /// All stake on its way back, rising by height.
    pub fn unbondings(&self) -> impl Iterator<Item = (Height, &Unbonding)> {
        let range = Key::Unbonding(Height(0), 0)..=Key::Unbonding(Height(u64::MAX), u64::MAX);
        self.scan(range).filter_map(|(key, value)| match (key, value) {
            (Key::Unbonding(due, _), Value::Unbonding(unbonding)) => {
                Some((*due, unbonding.as_ref()))
            }
            _ => None,
        })
    }

    /// Who decides the block after this state: a pure function of it, rising by key, equal votes.
    pub fn committee(&self) -> &[Validator] {
        match self.get(&Key::Committee) {
            Some(Value::Committee(committee)) => committee,
            _ => unreachable!("every state has a committee, checked when it is made"),
        }
    }

    /// What the market did at the end of the last epoch.
    pub fn market(&self) -> &MarketReport {
        match self.get(&Key::Market) {
            Some(Value::Market(report)) => report,
            _ => unreachable!("every state has a market report, checked when it is made"),
        }
    }

    /// What registration takes now.
    pub fn registration(&self) -> &RegistrationState {
        Read::registration(self)
    }

    /// Open proposals, rising by number.
    pub fn proposals(&self) -> impl Iterator<Item = (u64, &Proposal)> {
        self.scan(Key::Proposal(0)..=Key::Proposal(u64::MAX)).filter_map(|(key, value)| {
            match (key, value) {
                (Key::Proposal(number), Value::Proposal(proposal)) => {
                    Some((*number, proposal.as_ref()))
                }
                _ => None,
            }
        })
    }

    /// Votes on a proposal, rising by key.
    pub fn votes(&self, proposal: u64) -> impl Iterator<Item = (PublicKey, bool)> {
        self.scan(Key::Vote(proposal, KEY_MIN)..=Key::Vote(proposal, KEY_MAX)).filter_map(
            |(key, value)| match (key, value) {
                (Key::Vote(_, owner), Value::Vote(approve)) => Some((*owner, *approve)),
                _ => None,
            },
        )
    }
}

/// The entries that every state has, at the start.
fn singletons(genesis: &Genesis) -> Result<[(Key, Value); 9], StateError> {
    let parameters = &genesis.parameters;
    let chain = genesis.chain_id();
    let committee = genesis.committee();
    let peers = u32::try_from(genesis.peers.len()).expect("bounded by peers_max");
    let clock = Clock {
        chain,
        height: Height(0),
        time_ms: genesis.time_ms,
        epoch: Epoch(0),
        epoch_end: Height(parameters.epoch_blocks),
    };
    let supply = Supply { genesis: genesis.supply()?, ..Supply::default() };
    let counters = Counters { next_peer: peers, peers, ..Counters::default() };
    let market = MarketReport {
        epoch: Epoch(0),
        height: Height(0),
        rule: parameters.market_rule,
        loss: Score(0),
        minting: false,
        staked: genesis
            .peers
            .iter()
            .map(|peer| peer.stake)
            .sum::<Option<Grains>>()
            .ok_or(GenesisError::Supply)?,
        peers,
        accrued: Grains::ZERO,
        inflation_ppb: parameters.inflation_ppb,
    };
    let registration = RegistrationState {
        price: parameters.registration_price,
        difficulty: parameters.registration_difficulty,
        challenge: chain,
        challenge_before: chain,
        difficulty_before: parameters.registration_difficulty,
        by_work: 0,
        by_burn: 0,
    };
    Ok([
        (Key::Clock, Value::Clock(clock)),
        (Key::Parameters, Value::Parameters(Arc::new(parameters.clone()))),
        (Key::Supply, Value::Supply(supply)),
        (Key::Counters, Value::Counters(counters)),
        (Key::Committee, Value::Committee(Arc::new(committee.clone()))),
        (Key::Validators, Value::Validators(Arc::new(committee))),
        (Key::Market, Value::Market(Arc::new(market))),
        (Key::Registration, Value::RegistrationState(Arc::new(registration))),
        (Key::Pruning, Value::Pruning(Arc::default())),
    ])
}
