//! Sends strangers away who publish what only members of the committee may.
//!
//! The engine takes messages from whoever is connected, and whatever comes costs processor time
//! before it is found to be worth nothing: a tenth of a core for some five hundred a second. What
//! does not fit into its queues of ten is lost, honest messages too. Nobody but a member has a
//! reason to publish votes or parts of proposals, so whoever goes on doing so without having proved
//! a member's key is disconnected; for a while the engine takes no connection from their address.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use malachitebft_app_channel::app::engine::network::{Msg, NetworkEvent, NetworkRef};
use malachitebft_network::PeerIdExt;
use malachitebft_network::validator_proof::ProofVerificationResult;
use malachitebft_peer::PeerId;
use muster_ledger::crypto::PublicKey;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr};

use crate::config::Gossip;
use muster_chain::consensus::Inlet;
use muster_chain::consensus::context::MusterContext;

/// How many messages of a connection are overlooked before the engine is asked whose it is: some of
/// a member's may come before the proof of its key does.
const OVERLOOKED: u32 = 16;

/// How long the engine's network may take to say who is connected.
const PATIENCE: Duration = Duration::from_secs(5);

/// Watches what comes in.
pub struct Doorkeeper {
    network: NetworkRef<MusterContext>,
    inlet: Arc<Inlet>,
    gossip: Gossip,
}

impl Doorkeeper {
    /// Begins to watch a network, until that ends.
    ///
    /// # Errors
    /// When the engine's network takes nothing any more.
    pub async fn begin(
        network: NetworkRef<MusterContext>,
        inlet: Arc<Inlet>,
        gossip: Gossip,
    ) -> Result<(), SpawnErr> {
        Actor::spawn(None, Self { network, inlet, gossip }, ()).await.map(|_| ())
    }
}

impl Doorkeeper {
    /// The key that somebody has proved to the engine. The proofs themselves pass by here too, but
    /// some come before anybody listens, or before it is said that their sender is connected.
    async fn proved(&self, peer: &PeerId) -> Option<PublicKey> {
        let CallResult::Success(Some(network)) =
            self.network.call(Msg::DumpState, Some(PATIENCE)).await.ok()?
        else {
            return None;
        };
        let key = network.peers.get(&peer.to_libp2p())?.consensus_public_key.as_ref()?;
        key.as_slice().try_into().ok().map(PublicKey)
    }
}

#[ractor::async_trait]
impl Actor for Doorkeeper {
    type Msg = NetworkEvent<MusterContext>;
    type State = Guests;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<Guests, ActorProcessingErr> {
        self.network.cast(Msg::Subscribe(Box::new(myself)))?;
        Ok(Guests::new(self.gossip))
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        event: Self::Msg,
        guests: &mut Guests,
    ) -> Result<(), ActorProcessingErr> {
        let is_member = |key: &PublicKey| self.inlet.lock().is_member(key);
        if let Some(peer_id) = guests.hear(&event, is_member) {
            if let Some(key) = self.proved(&peer_id).await.filter(is_member) {
                guests.remember(&peer_id, key);
                return Ok(());
            }
            tracing::debug!(%peer_id, "a stranger who publishes what only members may is sent away");
            self.inlet.count_sent_away();
            // The one verdict of ours upon which the engine closes a connection.
            let result = ProofVerificationResult::Invalid;
            let verdict = Msg::ValidatorProofVerified { peer_id, result, public_key: None };
            if self.network.cast(verdict).is_err() {
                myself.stop(None);
            }
        }
        Ok(())
    }
}

/// Who is connected now.
pub struct Guests {
    gossip: Gossip,
    guests: HashMap<PeerId, Guest>,
}

#[derive(Default)]
struct Guest {
    /// The member's key that it has proved to the engine.
    key: Option<PublicKey>,
    /// Messages that it had no reason to publish.
    astray: u32,
}

impl Guests {
    fn new(gossip: Gossip) -> Self {
        Self { gossip, guests: HashMap::new() }
    }

    /// Remembers whose key somebody has proved.
    fn remember(&mut self, peer: &PeerId, key: PublicKey) {
        if let Some(guest) = self.guests.get_mut(peer) {
            guest.key = Some(key);
        }
    }

    /// Hears of an event; who is to be sent away, unless they have proved a member's key.
    ///
    /// Parts name their publisher. Votes and certificates come from their publisher where messages
    /// are not passed on; where they are, from anybody, who cannot be blamed.
    fn hear(
        &mut self,
        event: &NetworkEvent<MusterContext>,
        is_member: impl Fn(&PublicKey) -> bool,
    ) -> Option<PeerId> {
        let (publisher, author) = match event {
            NetworkEvent::PeerConnected(peer) => {
                self.guests.entry(*peer).or_default();
                return None;
            }
            NetworkEvent::PeerDisconnected(peer) => {
                self.guests.remove(peer);
                return None;
            }
            NetworkEvent::ProposalPart(_, Some(publisher), _) => (publisher, None),
            _ if self.gossip == Gossip::Relay => return None,
            NetworkEvent::Vote(from, vote) => (from, Some(vote.address.0)),
            NetworkEvent::Proposal(from, proposal) => (from, Some(proposal.address.0)),
            NetworkEvent::PolkaCertificate(from, _) | NetworkEvent::RoundCertificate(from, _) => {
                (from, None)
            }
            _ => return None,
        };
        let guest = self.guests.get_mut(publisher)?;
        let own = |key: &PublicKey| author.is_none_or(|author| author == *key);
        if guest.key.as_ref().is_some_and(|key| own(key) && is_member(key)) {
            return None;
        }
        guest.astray += 1;
        (guest.astray > OVERLOOKED).then(|| {
            guest.astray = 0;
            *publisher
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
    use malachitebft_core_types::{NilOrVal, Round, SignedMessage, VoteType};
    use muster_ledger::crypto::Signature;

    use super::*;
    use muster_chain::consensus::context::{Address, EngineSignature, Height, Vote};

    const MEMBER: PublicKey = PublicKey([1; 32]);
    const OTHER: PublicKey = PublicKey([2; 32]);

    fn is_member(key: &PublicKey) -> bool {
        *key == MEMBER
    }

    fn signature() -> EngineSignature {
        EngineSignature(Signature([5; 64]))
    }

    /// An identity, as libp2p writes that of an Ed25519 key.
    fn identity(number: u8) -> PeerId {
        let bytes = [&[0, 36, 8, 1, 18, 32][..], &[number; 32]].concat();
        PeerId::from_bytes(&bytes).expect("an identity")
    }

    fn part(publisher: Option<PeerId>) -> NetworkEvent<MusterContext> {
        let note = StreamMessage::new(StreamId::new(Bytes::new()), 0, StreamContent::Fin);
        NetworkEvent::ProposalPart(identity(0), publisher, note)
    }

    fn vote(from: PeerId, author: PublicKey) -> NetworkEvent<MusterContext> {
        let (kind, round, value) = (VoteType::Prevote, Round::new(0), NilOrVal::Nil);
        let vote = Vote { kind, height: Height(1), round, value, address: Address(author) };
        NetworkEvent::Vote(from, SignedMessage::new(vote, signature()))
    }

    /// Guests of whom one is connected, with the key that it proved, if any.
    fn guests(gossip: Gossip, peer: PeerId, key: Option<PublicKey>) -> Guests {
        let mut guests = Guests::new(gossip);
        assert_eq!(guests.hear(&NetworkEvent::PeerConnected(peer), is_member), None);
        if let Some(key) = key {
            guests.remember(&peer, key);
        }
        guests
    }

    /// How often somebody is sent away in so many of the same messages.
    fn sent_away(
        guests: &mut Guests,
        event: &NetworkEvent<MusterContext>,
        whom: PeerId,
        times: u32,
    ) -> usize {
        let away = (0..times).filter_map(|_| guests.hear(event, is_member));
        away.inspect(|peer| assert_eq!(*peer, whom)).count()
    }

    #[test]
    fn who_publishes_parts_without_a_members_key_is_sent_away() {
        let peer = identity(1);
        for gossip in [Gossip::Broadcast, Gossip::Relay] {
            for key in [None, Some(OTHER)] {
                let mut guests = guests(gossip, peer, key);
                assert_eq!(sent_away(&mut guests, &part(Some(peer)), peer, OVERLOOKED), 0);
                assert_eq!(sent_away(&mut guests, &part(Some(peer)), peer, OVERLOOKED + 1), 1);
            }
            let mut guests = guests(gossip, peer, Some(MEMBER));
            assert_eq!(sent_away(&mut guests, &part(Some(peer)), peer, 10_000), 0);
            // Who is not connected cannot be sent away, and nothing is kept of them.
            let absent = identity(2);
            assert_eq!(sent_away(&mut guests, &part(Some(absent)), absent, 10_000), 0);
            assert_eq!(sent_away(&mut guests, &part(None), absent, 10_000), 0);
            assert_eq!(guests.guests.len(), 1);
        }
    }

    #[test]
    fn votes_in_others_names_count_where_nobody_passes_them_on() {
        let peer = identity(1);
        let times = OVERLOOKED + 1;
        let away = |gossip, key, author| {
            let mut guests = guests(gossip, peer, key);
            sent_away(&mut guests, &vote(peer, author), peer, times)
        };
        assert_eq!(away(Gossip::Broadcast, Some(MEMBER), MEMBER), 0);
        assert_eq!(away(Gossip::Broadcast, Some(MEMBER), OTHER), 1);
        assert_eq!(away(Gossip::Broadcast, Some(OTHER), OTHER), 1);
        assert_eq!(away(Gossip::Broadcast, Some(OTHER), MEMBER), 1);
        assert_eq!(away(Gossip::Broadcast, None, MEMBER), 1);
        assert_eq!(away(Gossip::Relay, None, MEMBER), 0);
    }

    #[test]
    fn who_left_and_came_again_begins_anew() {
        let peer = identity(1);
        let mut guests = guests(Gossip::Relay, peer, None);
        assert_eq!(sent_away(&mut guests, &part(Some(peer)), peer, OVERLOOKED), 0);
        assert_eq!(guests.hear(&NetworkEvent::PeerDisconnected(peer), is_member), None);
        assert!(guests.guests.is_empty());
        assert_eq!(guests.hear(&NetworkEvent::PeerConnected(peer), is_member), None);
        assert_eq!(sent_away(&mut guests, &part(Some(peer)), peer, OVERLOOKED), 0);
    }
}
