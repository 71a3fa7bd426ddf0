//! Reads of the market.

use std::sync::Arc;

use super::{KEY_MIN, Read};
use crate::crypto::PublicKey;
use crate::state::map::State;
use crate::state::market::{self, Key, MarketReport, Peer, Places, RegistrationTerms};
use crate::types::{Epoch, PeerId, Share};

impl State {
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
        let (first, last) = (PeerId(0), PeerId(u32::MAX));
        self.scan(market::peer(first), market::peer(last)).filter_map(|(key, peer)| match key {
            Key::Peer(id) => Some((id, peer.as_ref())),
            _ => None,
        })
    }

    /// The weights that a peer gives, rising by peer; may name peers that are gone, which count
    /// for nothing and are cleared at the end of the epoch.
    pub fn weights(&self, id: PeerId) -> &[(PeerId, Share)] {
        self.entry(market::weights(id)).map_or(&[], |row| row)
    }

    /// Where a peer's emission goes: parts of what it accrued, fixed at the end of the last epoch.
    pub fn payout(&self, id: PeerId) -> &[(PeerId, Share)] {
        self.entry(market::payout(id)).map_or(&[], |row| row)
    }

    /// What the market did at the end of the last epoch.
    pub fn market(&self) -> &MarketReport {
        self.the(market::report()).as_ref()
    }

    /// What registration takes now.
    pub fn registration(&self) -> &RegistrationTerms {
        self.the(market::registration()).as_ref()
    }

    /// The hot keys that registered by work before an epoch and are still remembered.
    pub(crate) fn worked_before(&self, epoch: Epoch) -> impl Iterator<Item = (Epoch, PublicKey)> {
        let first = market::worked(Epoch(0), KEY_MIN);
        let last = market::worked(epoch, KEY_MIN);
        self.scan(first, last).filter_map(|(key, ())| match key {
            Key::Worked(epoch, hot) => Some((epoch, hot)),
            _ => None,
        })
    }

    /// How many places were given and are taken.
    pub fn places(&self) -> Places {
        *self.the(market::places())
    }
}
