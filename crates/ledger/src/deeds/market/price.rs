//! What an epoch is worth: the market's scores, what peers accrue, where it goes, and who may be
//! displaced next.
//!
//! The market itself is `muster_mechanism::market` (the first market paper, Sections 2 to 5, and
//! the median rules). Scores are strict f64 there and are rounded to the grid of 10^-9 here, where
//! they enter the state.

use std::sync::Arc;

use muster_mechanism::market::{self, CREDIBLE_FROM, Config, Connectivity, Rule, Walk, Weights};

use crate::money::{BILLION, Grains};
use crate::outcome::market::Event;
use crate::parameters::{MarketRule, Parameters};
use crate::state::chain::Supply;
use crate::state::market::{self as entries, MarketReport, Peer};
use crate::state::{Read, State};
use crate::transition::Transition;
use crate::types::{Epoch, PeerId, Row, Score, Share};

/// Finds a peer's index by its number: by a table where few numbers have gone out of use.
struct Places<'a> {
    ids: &'a [PeerId],
    table: Vec<u32>,
}

impl<'a> Places<'a> {
    fn new(ids: &'a [PeerId]) -> Self {
        let highest = ids.last().map_or(0, |id| id.0 as usize);
        let mut table = Vec::new();
        if highest <= 8 * ids.len() + 1_024 {
            table.resize(highest + 1, u32::MAX);
            for (index, id) in (0..).zip(ids) {
                table[id.0 as usize] = index;
            }
        }
        Self { ids, table }
    }

    fn find(&self, id: PeerId) -> Option<u32> {
        if self.table.is_empty() {
            return self.ids.binary_search(&id).ok().and_then(|index| u32::try_from(index).ok());
        }
        self.table.get(id.0 as usize).copied().filter(|index| *index != u32::MAX)
    }
}

/// All peers with their weights, indexed 0 to n - 1 in the order of their numbers.
struct Graph {
    ids: Vec<PeerId>,
    peers: Vec<Arc<Peer>>,
    weights: Weights,
}

impl Graph {
    /// Reads the graph; rows that name peers which are gone are rewritten without them.
    fn read(transition: &mut Transition, state: &State) -> Result<Self, String> {
        let ids: Vec<PeerId> = state.peers().map(|(id, _)| id).collect();
        let peers: Vec<Arc<Peer>> =
            ids.iter().filter_map(|id| Read::peer(state, *id).cloned()).collect();
        let places = Places::new(&ids);
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for id in &ids {
            let Some(row) = state.entry(entries::weights(*id)) else {
                offsets.push(columns.len());
                continue;
            };
            let start = columns.len();
            for (peer, share) in row.iter() {
                if let Some(index) = places.find(*peer) {
                    columns.push(index);
                    values.push(share.to_f64());
                }
            }
            if columns.len() - start < row.len() {
                let row = row.only(|peer| places.find(peer).is_some());
                transition.put(entries::weights(*id), Arc::new(row));
            }
            offsets.push(columns.len());
        }
        let weights =
            Weights::from_csr(offsets, columns, values).map_err(|error| error.to_string())?;
        Ok(Self { ids, peers, weights })
    }

    fn staked(&self) -> Grains {
        let sum: Option<Grains> = self.peers.iter().map(|peer| peer.pool.grains).sum();
        sum.expect("the supply counts all stake in u64")
    }
}

/// Runs the market: scores, accruals, payout rows, and who may be displaced next.
pub(crate) fn end_epoch(
    transition: &mut Transition,
    state: &State,
    epoch: Epoch,
) -> Result<(), String> {
    let parameters = state.parameters();
    let graph = Graph::read(transition, state)?;
    let staked = graph.staked();
    let inflation_ppb = inflation(&state.supply(), parameters);
    let mut report = MarketReport {
        epoch,
        height: state.height(),
        rule: parameters.market_rule,
        loss: Score(0),
        minting: false,
        staked,
        peers: u32::try_from(graph.ids.len()).map_err(|error| error.to_string())?,
        accrued: Grains::ZERO,
        inflation_ppb,
    };
    let mut peers = graph.peers.clone();
    if !staked.is_zero() {
        run_market(transition, state, &graph, &mut peers, &mut report)?;
    }
    let displaceable = displaceable(&graph.ids, &peers, parameters, epoch);
    for (id, peer) in graph.ids.iter().zip(peers) {
        transition.put(entries::peer(*id), peer);
    }
    transition.set(entries::displaceable(), Arc::new(displaceable));
    let MarketReport { accrued, minting, .. } = report;
    transition.event(Event::EpochClosed { epoch, accrued, minting });
    transition.set(entries::report(), Arc::new(report));
    Ok(())
}

fn run_market(
    transition: &mut Transition,
    state: &State,
    graph: &Graph,
    peers: &mut [Arc<Peer>],
    report: &mut MarketReport,
) -> Result<(), String> {
    let parameters = state.parameters();
    let stake: Vec<f64> = graph.peers.iter().map(|peer| peer.pool.grains.0 as f64).collect();
    let scaling: Vec<f64> =
        graph.peers.iter().map(|peer| peer.scaling.to_f64().clamp(0.0, 1.0)).collect();
    let config = config(parameters);
    let outcome = market::epoch(&graph.weights, &stake, Some(&scaling), &config)
        .map_err(|error| error.to_string())?;
    let score = |value: f64| Score::from_f64(value).ok_or("the market gave no finite score");
    report.loss = score(outcome.loss)?;
    report.minting = config.rule != Rule::Paper || outcome.loss < 0.0;
    let idle_max = parameters.accrual_epochs_max.saturating_mul(parameters.epoch_blocks);
    let mut accrued = 0_u128;
    for (index, peer) in peers.iter_mut().enumerate() {
        let mut scored = peer.as_ref().clone();
        let due = scored.emitted.after(idle_max) >= state.height();
        if report.minting && due {
            let amount = accrual(&scored, report.inflation_ppb);
            accrued += u128::from(amount.0);
            scored.accrued = Grains(scored.accrued.0.saturating_add(amount.0));
        }
        scored.rank = score(outcome.ranks[index])?;
        scored.trust = score(outcome.trust[index])?;
        scored.incentive = score(outcome.incentive[index])?;
        scored.scaling = score(outcome.scaling[index])?;
        *peer = Arc::new(scored);
    }
    report.accrued = Grains(u64::try_from(accrued).unwrap_or(u64::MAX));
    let length_max = usize::try_from(parameters.payouts_max).unwrap_or(usize::MAX);
    for (index, id) in graph.ids.iter().enumerate() {
        let row = outcome.payout_row(&graph.weights, index);
        let row = row.map(|(to, part)| (graph.ids[to], parts_floor(part))).collect();
        let row = Row::bounded(row, length_max);
        if row.is_empty() {
            transition.remove(entries::payout(*id));
        } else {
            transition.put(entries::payout(*id), Arc::new(row));
        }
    }
    Ok(())
}

/// Parts per billion, rounded down, so that a row never pays more than it has.
fn parts_floor(part: f64) -> Share {
    Share((part.clamp(0.0, 1.0) * BILLION as f64).floor() as u32)
}

/// `tau a_i S_i`, rounded down.
fn accrual(peer: &Peer, inflation_ppb: u64) -> Grains {
    let billion = u128::from(BILLION);
    let scaling = u128::try_from(peer.scaling.0).unwrap_or(0).min(billion);
    let counted = u128::from(peer.pool.grains.0) * scaling / billion;
    let amount = counted * u128::from(inflation_ppb) / billion;
    Grains(u64::try_from(amount).unwrap_or(u64::MAX))
}

/// The issue of an epoch as a part of all stake: the parameter, halved once for each time that
/// half of what was left to mint has been minted.
fn inflation(supply: &Supply, parameters: &Parameters) -> u64 {
    let cap = parameters.issuance_max.0;
    let left = cap.saturating_sub(supply.minted.0);
    let halvings = (1..64).take_while(|halvings| left <= cap >> halvings).count();
    parameters.inflation_ppb >> halvings
}

/// Peers that newcomers may displace in the next epoch: beyond their immunity, lowest incentive
/// first, then least stake, then the older.
fn displaceable(
    ids: &[PeerId],
    peers: &[Arc<Peer>],
    parameters: &Parameters,
    epoch: Epoch,
) -> Vec<PeerId> {
    // By work and by burning.
    let count = parameters.registrations_max.saturating_mul(2);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut candidates: Vec<(Score, Grains, PeerId)> = ids
        .iter()
        .zip(peers)
        .filter(|(_, peer)| peer.registered_epoch.after(parameters.immunity_epochs) <= epoch)
        .map(|(id, peer)| (peer.incentive, peer.pool.grains, *id))
        .collect();
    if candidates.len() > count {
        candidates.select_nth_unstable(count);
        candidates.truncate(count);
    }
    candidates.sort_unstable();
    candidates.into_iter().map(|(_, _, id)| id).collect()
}

/// The market's configuration, from parameters that passed their ranges.
fn config(parameters: &Parameters) -> Config {
    let ppb = |value: u64| value as f64 / BILLION as f64;
    let depth = |steps: u64| u32::try_from(steps).unwrap_or(u32::MAX);
    let walk = if parameters.market_restart {
        Walk::Restart(ppb(parameters.market_restart_ppb))
    } else {
        Walk::Depth(depth(parameters.market_walk_depth))
    };
    let opinions = usize::try_from(parameters.market_opinions_max).ok();
    let truncation = ppb(parameters.market_truncation_ppb);
    let rule = match parameters.market_rule {
        MarketRule::Paper => Rule::Paper,
        MarketRule::Median => Rule::Median,
        MarketRule::ConnectedMedian => Rule::ConnectedMedian { walk, opinions, truncation },
        MarketRule::CredibleMedian => {
            Rule::CredibleMedian { walk, opinions, truncation, threshold: CREDIBLE_FROM }
        }
    };
    Config {
        rule,
        connectivity: Connectivity {
            depth: depth(parameters.market_depth),
            cutoff: ppb(parameters.market_cutoff_ppb),
            temperature: parameters.market_temperature_milli as f64 / 1_000.0,
            ..Connectivity::default()
        },
        inflation: ppb(parameters.inflation_ppb),
        learning_rate: ppb(parameters.market_scaling_rate_ppb),
        gated: true,
    }
}
