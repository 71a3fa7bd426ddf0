//! What stands in the ledger's state, as JSON.

use muster_ledger::block::Header;
use muster_ledger::crypto::PublicKey;
use muster_ledger::state::State;
use muster_ledger::types::PeerId;

use crate::action::row_to_json;
use crate::chain::{Account, Delegation, Unbonding};
use crate::governance::{CastVote, Proposal, Proposals};
use crate::market::{Earned, HistoryEpoch, HistoryPeer, Market, Peer, Weights};
use crate::status::Supply;
use crate::telemetry::Telemetry;

impl Supply {
    /// The supply of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let supply = state.supply();
        Self {
            genesis: supply.genesis.into(),
            minted: supply.minted.into(),
            burned: supply.burned.into(),
            total: supply.total().into(),
        }
    }
}

impl Account {
    /// An account of a state; `nonce_pending` is known to the mempool.
    #[must_use]
    pub fn of(state: &State, key: &PublicKey, nonce_pending: u64) -> Self {
        let account = state.account(key);
        let delegations = state
            .delegations_of(key)
            .map(|(peer, amount)| Delegation { peer: peer.0, amount: amount.into() });
        let unbondings = state.unbondings_of(key).map(|unbonding| Unbonding {
            due: unbonding.due.0,
            peer: unbonding.peer.0,
            amount: unbonding.amount.into(),
        });
        let owns = state.peers().filter(|(_, peer)| peer.cold == *key).map(|(id, _)| id.0);
        Self {
            address: (*key).into(),
            balance: account.balance.into(),
            nonce: account.nonce,
            nonce_pending: nonce_pending.max(account.nonce),
            delegations: delegations.collect(),
            unbondings: unbondings.collect(),
            owns: owns.collect(),
            hot_of: state.peer_by_hot(key).map(|(id, _)| id.0),
        }
    }
}

impl Peer {
    /// A peer of a state, with what it last reported of itself.
    #[must_use]
    pub fn of(state: &State, id: PeerId, telemetry: Option<Telemetry>) -> Option<Self> {
        let peer = state.peer(id)?;
        Some(Self {
            id: id.0,
            name: telemetry.as_ref().map(|telemetry| telemetry.name.clone()),
            address: peer.hot.into(),
            owner: peer.cold.into(),
            endpoint: (&peer.endpoint).into(),
            stake: peer.pool.grains.into(),
            rank: peer.rank.to_f64(),
            trust: peer.trust.to_f64(),
            incentive: peer.incentive.to_f64(),
            scaling: peer.scaling.to_f64(),
            earned: Earned { market: peer.earned.into() },
            accrued: peer.accrued.into(),
            registered: peer.registered.0,
            weights_set: (peer.weights_set.0 > 0).then_some(peer.weights_set.0),
            weights: row_to_json(state.weights(id)),
            telemetry,
        })
    }
}

impl Weights {
    /// All weights of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let edges = state.peers().flat_map(|(from, _)| {
            state.weights(from).iter().map(move |(to, share)| (from.0, to.0, share.to_f64()))
        });
        Self { height: state.height().0, edges: edges.collect() }
    }
}

impl Market {
    /// The last closed epoch of a state, and what registration takes now.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let (report, clock, registration) = (state.market(), state.clock(), state.registration());
        Self {
            epoch: clock.epoch.0,
            height: report.height.0,
            rule: report.rule,
            loss: (clock.epoch.0 > 0).then_some(report.loss.to_f64()),
            minting: report.minting,
            staked: report.staked.into(),
            accrued: report.accrued.into(),
            inflation: report.inflation_ppb as f64 / 1e9,
            epoch_end: clock.epoch_end.0,
            registration_price: registration.price.into(),
            registration_difficulty: registration.difficulty,
            registration_challenge: registration.challenge.into(),
        }
    }
}

impl HistoryEpoch {
    /// The point of an epoch, from the state after the block that closed it.
    #[must_use]
    pub fn of(state: &State, header: &Header) -> Self {
        let peers = state.peers().map(|(id, peer)| HistoryPeer {
            id: id.0,
            stake: peer.pool.grains.into(),
            trust: peer.trust.to_f64(),
            incentive: peer.incentive.to_f64(),
            rank: peer.rank.to_f64(),
        });
        Self {
            epoch: state.clock().epoch.0,
            height: header.height.0,
            time_ms: header.time_ms,
            loss: state.market().loss.to_f64(),
            minted: state.supply().minted.into(),
            peers: peers.collect(),
        }
    }
}

impl Proposals {
    /// The open proposals of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let stake_of = |key: &PublicKey| {
            let grains: u128 =
                state.delegations_of(key).map(|(_, worth)| u128::from(worth.0)).sum();
            muster_ledger::money::Grains(u64::try_from(grains).unwrap_or(u64::MAX)).into()
        };
        let proposals = state.proposals().map(|(id, proposal)| {
            let cast = |wanted: bool| {
                let votes = state.votes(id).filter(|(_, approve)| *approve == wanted);
                votes
                    .map(|(key, _)| CastVote { address: key.into(), stake: stake_of(&key) })
                    .collect()
            };
            Proposal {
                id,
                proposer: proposal.proposer.into(),
                change: proposal.change.to_string(),
                epoch: proposal.epoch.0,
                expires_epoch: proposal.expires_epoch.0,
                approve: cast(true),
                reject: cast(false),
            }
        });
        Self { proposals: proposals.collect() }
    }
}
