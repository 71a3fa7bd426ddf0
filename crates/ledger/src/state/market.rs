//! The entries of the market: peers, their weights and pay, and what registration takes.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use super::slot::{Singleton, Slot, entries, nothing};
use super::stake::Pool;
use crate::crypto::{Hash, PublicKey};
use crate::genesis::{Genesis, GenesisError};
use crate::money::Grains;
use crate::parameters::MarketRule;
use crate::sealed::Sealed;
use crate::types::{Endpoint, Epoch, Height, PeerId, Row, Score};

entries! {
    /// What the market did at the end of the last epoch.
    report: Report => Arc<MarketReport>, holds nothing;
    /// What registration takes now.
    registration: Registration => Arc<RegistrationTerms>, holds nothing;
    /// Peers that newcomers may displace in this epoch, the first first.
    displaceable: Displaceable => Arc<Vec<PeerId>>, holds nothing;
    /// How many places were given and are taken.
    places: Places => Places, holds nothing;
    /// A peer.
    peer: Peer(id: PeerId) => Arc<Peer>, holds |peer| peer.pool.grains;
    /// The peer of a hot key.
    peer_by_hot: PeerByHot(hot: PublicKey) => PeerId, holds nothing;
    /// The weights that a peer gives.
    weights: Weights(id: PeerId) => Arc<Row>, holds nothing;
    /// The weights that a peer committed to.
    commitment: Commitment(id: PeerId) => Sealed, holds nothing;
    /// Where a peer's emission goes, since the last epoch.
    payout: Payout(id: PeerId) => Arc<Row>, holds nothing;
    /// When a peer's hot key was last replaced.
    hot_key_set: HotKeySet(id: PeerId) => Height, holds nothing;
    /// That a hot key registered by work in an epoch, while its challenge counts.
    worked: Worked(epoch: Epoch, hot: PublicKey) => (), holds nothing;
}

/// A place in the market.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Peer {
    /// The key that signs for it.
    pub hot: PublicKey,
    /// The key that owns it.
    pub cold: PublicKey,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// When it came.
    pub registered: Height,
    /// In which epoch it came.
    pub registered_epoch: Epoch,
    /// The stake behind it.
    pub pool: Pool,
    /// How much of its stake counts (the paper's a_i), 0 to 1.
    pub scaling: Score,
    /// Its rank R at the last epoch.
    pub rank: Score,
    /// Its trust T at the last epoch.
    pub trust: Score,
    /// Its incentive I at the last epoch.
    pub incentive: Score,
    /// What it may pay out when it next emits.
    pub accrued: Grains,
    /// When it last emitted (or came).
    pub emitted: Height,
    /// When its weights were last set; 0 for never.
    pub weights_set: Height,
    /// All that others' emission and its own have paid it.
    pub earned: Grains,
}

impl Peer {
    /// A newcomer: full scaling, no scores yet.
    pub(crate) fn new(
        hot: PublicKey,
        cold: PublicKey,
        endpoint: Endpoint,
        registered: Height,
        registered_epoch: Epoch,
        pool: Pool,
    ) -> Self {
        Self {
            hot,
            cold,
            endpoint,
            registered,
            registered_epoch,
            pool,
            scaling: Score::ONE,
            rank: Score(0),
            trust: Score(0),
            incentive: Score(0),
            accrued: Grains::ZERO,
            emitted: registered,
            weights_set: Height(0),
            earned: Grains::ZERO,
        }
    }
}

/// What the market did at the end of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MarketReport {
    /// The epoch that ended, counted from 1; 0 before any has.
    pub epoch: Epoch,
    /// The block that ended it.
    pub height: Height,
    /// The rule used.
    pub rule: MarketRule,
    /// The loss L = -R . (T - 1/2).
    pub loss: Score,
    /// Whether peers accrued emission in it.
    pub minting: bool,
    /// All stake of peers.
    pub staked: Grains,
    /// Peers.
    pub peers: u32,
    /// What all peers together accrued, a bound on what will be minted for it.
    pub accrued: Grains,
    /// The issue of the epoch as a part of all stake, after halvings, ppb.
    pub inflation_ppb: u64,
}

/// What registration takes now.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RegistrationTerms {
    /// The price that the next burns.
    pub price: Grains,
    /// The difficulty of the next's work, in expected hashes.
    pub difficulty: u64,
    /// The challenge to work on.
    pub challenge: Hash,
    /// The one before, which counts as well, so that an epoch's end voids nobody's work.
    pub challenge_before: Hash,
    /// Registrations by work in this epoch.
    pub by_work: u64,
    /// Registrations by burning in this epoch.
    pub by_burn: u64,
}

/// How many places were given and are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Places {
    /// The number of the next peer.
    pub next: PeerId,
    /// Peers that there are.
    pub taken: u32,
}

/// The market before the first block.
pub(super) fn genesis(genesis: &Genesis) -> Result<Vec<(Key, Value)>, GenesisError> {
    let parameters = &genesis.parameters;
    let chain = genesis.chain_id();
    let taken = u32::try_from(genesis.peers.len()).expect("bounded by peers_max");
    let stakes = genesis.peers.iter().map(|peer| peer.stake);
    let report = MarketReport {
        epoch: Epoch(0),
        height: Height(0),
        rule: parameters.market_rule,
        loss: Score(0),
        minting: false,
        staked: stakes.sum::<Option<Grains>>().ok_or(GenesisError::Supply)?,
        peers: taken,
        accrued: Grains::ZERO,
        inflation_ppb: parameters.inflation_ppb,
    };
    let terms = RegistrationTerms {
        price: parameters.registration_price,
        difficulty: parameters.registration_difficulty,
        challenge: chain,
        challenge_before: chain,
        by_work: 0,
        by_burn: 0,
    };
    let places = Places { next: PeerId(taken), taken };
    let mut entries = vec![
        (Key::Report, Value::Report(Arc::new(report))),
        (Key::Registration, Value::Registration(Arc::new(terms))),
        (Key::Displaceable, Value::Displaceable(Arc::default())),
        (Key::Places, Value::Places(places)),
    ];
    for (id, peer) in (0_u32..).map(PeerId).zip(&genesis.peers) {
        let shares = Pool::default().shares_for(peer.stake).ok_or(GenesisError::Supply)?;
        let pool = Pool { grains: peer.stake, shares };
        let place =
            Peer::new(peer.hot, peer.cold, peer.endpoint.clone(), Height(0), Epoch(0), pool);
        entries.push((Key::Peer(id), Value::Peer(Arc::new(place))));
        entries.push((Key::PeerByHot(peer.hot), Value::PeerByHot(id)));
    }
    Ok(entries)
}
