//! Typed reads, of a state and of a state that is being changed.

use std::sync::Arc;

use super::account::{self, Account};
use super::chain::{self, Clock, Supply};
use super::entry::{Key, Part, Value};
use super::map::State;
use super::market::{Peer, peer, peer_by_hot};
use super::slot::{Singleton, Slot};
use super::stake::{Delegation, Pool, delegation, retired};
use crate::crypto::{Hash, PublicKey};
use crate::money::{BILLION, Grains};
use crate::parameters::Parameters;
use crate::protocol::Version;
use crate::transaction::Limits;
use crate::types::{Height, PeerId};

mod governance;
mod market;
mod presence;
mod stake;

pub use stake::Unbonding;

const KEY_MIN: PublicKey = PublicKey([0; 32]);
const KEY_MAX: PublicKey = PublicKey([255; 32]);

/// Typed reads that a state and a state being changed have in common.
pub(crate) trait Read {
    fn get(&self, key: &Key) -> Option<&Value>;

    fn entry<P: Part + 'static, T: 'static>(&self, slot: Slot<P::Key, P, T>) -> Option<&T> {
        P::open(self.get(&slot.key.into())?).and_then(slot.open)
    }

    fn the<P: Part + 'static, T: 'static>(&self, singleton: Singleton<P::Key, P, T>) -> &T {
        self.entry(singleton.0).expect("every state has it, checked when it is made")
    }

    fn clock(&self) -> &Clock {
        self.the(chain::clock())
    }

    fn version(&self) -> Version {
        self.the(chain::protocol()).version
    }

    fn parameters(&self) -> &Arc<Parameters> {
        self.the(chain::parameters())
    }

    fn supply(&self) -> Supply {
        *self.the(chain::supply())
    }

    fn quorum(&self) -> Grains {
        let all = u128::from(self.supply().total().0);
        let part = all * u128::from(self.parameters().quorum_ppb);
        Grains(u64::try_from(part.div_ceil(u128::from(BILLION))).unwrap_or(u64::MAX))
    }

    fn account(&self, key: &PublicKey) -> Account {
        self.entry(account::account(*key)).copied().unwrap_or_default()
    }

    fn peer(&self, id: PeerId) -> Option<&Arc<Peer>> {
        self.entry(peer(id))
    }

    fn peer_id(&self, hot: &PublicKey) -> Option<PeerId> {
        self.entry(peer_by_hot(*hot)).copied()
    }

    fn shares(&self, peer: PeerId, owner: &PublicKey) -> u128 {
        self.entry(delegation(peer, *owner)).map_or(0, |delegation| delegation.shares)
    }

    fn delegation(&self, peer: PeerId, owner: &PublicKey) -> Delegation {
        self.entry(delegation(peer, *owner)).cloned().unwrap_or_default()
    }

    /// The pool of a peer, or of a displaced one whose stakes have not all been returned.
    fn pool(&self, id: PeerId) -> Option<Pool> {
        let displaced = || self.entry(retired(id)).copied();
        self.peer(id).map(|peer| peer.pool).or_else(displaced)
    }
}

impl Read for State {
    fn get(&self, key: &Key) -> Option<&Value> {
        self.get(key)
    }
}

impl State {
    /// The entry at a place, if there is one.
    pub fn entry<P: Part + 'static, T: 'static>(&self, slot: Slot<P::Key, P, T>) -> Option<&T> {
        Read::entry(self, slot)
    }

    /// An entry that every state has.
    pub fn the<P: Part + 'static, T: 'static>(&self, singleton: Singleton<P::Key, P, T>) -> &T {
        Read::the(self, singleton)
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

    /// What transactions and blocks may not exceed in the next block.
    pub fn limits(&self) -> Limits {
        let version = self.the(chain::protocol()).at(self.height().next());
        Limits::new(self.chain(), version, self.parameters())
    }

    /// Where money came from and went.
    pub fn supply(&self) -> Supply {
        Read::supply(self)
    }

    /// An account; a key without one has nothing.
    pub fn account(&self, key: &PublicKey) -> Account {
        Read::account(self, key)
    }

    /// Every account, rising by key.
    pub fn accounts(&self) -> impl Iterator<Item = (PublicKey, Account)> {
        let accounts = self.scan(account::account(KEY_MIN), account::account(KEY_MAX));
        accounts.map(|(account::Key::Account(key), account)| (key, *account))
    }
}
