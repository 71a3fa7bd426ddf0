//! What a run came to: one JSON document for scripts, tables for people.
//!
//! Fields of parts that this version does not have (verification, reputation, the modes of the
//! chain) are absent, not zero.

use anyhow::Result;
use muster_api::Client;
use serde::Serialize;

use super::rounds::RoundSummary;
use super::view::{PeerView, View};
use crate::output::{self, Align, Table, mst, number};

/// What a peer earned, in grains.
#[derive(Debug, Serialize)]
pub struct Earned {
    /// From the market.
    pub market: u64,
    /// Prizes of the presence rounds of this run, paid to its hot key.
    pub presence: u64,
}

/// One peer of the summary. Losses are nats a byte on held-out text, self-reported.
#[derive(Debug, Serialize)]
pub struct PeerSummary {
    /// Its name.
    pub name: String,
    /// How the scenario made it behave.
    pub behaviour: &'static str,
    /// Its hot key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Stake when the run began, grains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake_start: Option<u64>,
    /// Stake at the end, grains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stake: Option<u64>,
    /// Rank of the last epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<f64>,
    /// Trust of the last epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<f64>,
    /// Incentive of the last epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incentive: Option<f64>,
    /// What it earned since it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earned: Option<Earned>,
    /// Learning steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Loss of the control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_alone: Option<f64>,
    /// Loss with the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_with_network: Option<f64>,
    /// Loss of the student.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_student: Option<f64>,
    /// Standard error of the difference of the first two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_standard_error: Option<f64>,
    /// How often its process was started again in this run.
    pub restarts: u32,
}

/// The money supply, grains.
#[derive(Debug, Serialize)]
pub struct SupplySummary {
    /// At genesis.
    pub genesis: u64,
    /// Minted since.
    pub minted: u64,
    /// Burned since.
    pub burned: u64,
    /// In all balances, stakes and pools.
    pub total: u64,
}

/// A validator's process.
#[derive(Debug, Serialize)]
pub struct ValidatorSummary {
    /// Its name.
    pub name: String,
    /// The height it had reached; absent where it did not answer at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// How often its process was started again in this run.
    pub restarts: u32,
}

/// The whole document.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Seed of the market.
    pub seed: u64,
    /// Blocks decided during this run.
    pub blocks: u64,
    /// Height at the end.
    pub height: u64,
    /// Digest of the genesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// State root after the last block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_root: Option<String>,
    /// Names of those who decide the next block.
    pub committee: Vec<String>,
    /// Decided heights on which two processes differ.
    pub conflicts: u64,
    /// The validators' processes.
    pub validators: Vec<ValidatorSummary>,
    /// The peers.
    pub peers: Vec<PeerSummary>,
    /// The presence rounds that the scenario asked for.
    pub presence: Vec<RoundSummary>,
    /// Compute of a step relative to the control's, mean over the peers that report it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_relative_to_control: Option<f64>,
    /// The money supply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supply: Option<SupplySummary>,
    /// Transactions decided since genesis.
    pub transactions: u64,
    /// Duration of the run.
    pub seconds: f64,
    /// What was not as it should be.
    pub warnings: Vec<String>,
}

/// Draws the summary up from the last view of the run.
pub fn summarise(
    view: &View,
    conflicts: u64,
    presence: Vec<RoundSummary>,
    earned: &[u64],
    warnings: Vec<String>,
) -> Summary {
    let status = view.status.as_ref();
    let height = status.map_or(0, |status| status.height);
    let costs = view
        .peers
        .iter()
        .filter_map(|one| one.peer.as_ref()?.telemetry.as_ref()?.compute_relative_to_control)
        .collect::<Vec<_>>();
    Summary {
        seed: view.seed,
        blocks: height - view.height_start.unwrap_or(height).min(height),
        height,
        chain: status.map(|status| status.chain.to_string()),
        state_root: status.map(|status| status.state_root.to_string()),
        committee: status.map_or_else(Vec::new, |status| {
            status.validators.iter().map(|validator| validator.name.clone()).collect()
        }),
        conflicts,
        validators: view
            .validators
            .iter()
            .map(|one| ValidatorSummary {
                name: one.name.clone(),
                height: one.height,
                restarts: one.report.restarts,
            })
            .collect(),
        peers: view.peers.iter().zip(earned).map(peer_summary).collect(),
        presence,
        compute_relative_to_control: (!costs.is_empty())
            .then(|| costs.iter().sum::<f64>() / costs.len() as f64),
        supply: status.map(|status| SupplySummary {
            genesis: status.supply.genesis.grains(),
            minted: status.supply.minted.grains(),
            burned: status.supply.burned.grains(),
            total: status.supply.total.grains(),
        }),
        transactions: status.map_or(0, |status| status.transactions),
        seconds: (view.elapsed.as_secs_f64() * 1e3).round() / 1e3,
        warnings,
    }
}

fn peer_summary((one, presence): (&PeerView, &u64)) -> PeerSummary {
    let peer = one.peer.as_ref();
    let telemetry = peer.and_then(|peer| peer.telemetry.as_ref());
    PeerSummary {
        name: one.name.clone(),
        behaviour: one.behaviour.name(),
        address: peer.map(|peer| peer.address.to_string()),
        stake_start: one.stake_start,
        stake: peer.map(|peer| peer.stake.grains()),
        rank: peer.map(|peer| peer.rank),
        trust: peer.map(|peer| peer.trust),
        incentive: peer.map(|peer| peer.incentive),
        earned: peer
            .map(|peer| Earned { market: peer.earned.market.grains(), presence: *presence }),
        steps: telemetry.map(|telemetry| telemetry.steps),
        loss_alone: telemetry.and_then(|telemetry| telemetry.loss_alone),
        loss_with_network: telemetry.and_then(|telemetry| telemetry.loss_with_network),
        loss_student: telemetry.and_then(|telemetry| telemetry.loss_student),
        loss_standard_error: telemetry.and_then(|telemetry| telemetry.loss_standard_error),
        restarts: one.report.restarts,
    }
}

/// Counts the decided heights on which two nodes differ. Blocks name their predecessors, so equal
/// hashes at one height mean equal chains below it; where they differ, the first difference is
/// searched by halving. Says in words what could not be compared.
pub async fn conflicts(clients: &[(String, Client)]) -> (u64, Vec<String>) {
    let mut notes = Vec::new();
    let mut answering = Vec::new();
    for (name, client) in clients {
        match client.status().await {
            Ok(status) => answering.push((name, client, status.height)),
            Err(error) => notes.push(format!(
                "{name} did not answer at the end, so its blocks were not compared: {error}"
            )),
        }
    }
    let mut most = 0;
    for (index, (name, client, height)) in answering.iter().enumerate() {
        for (other_name, other, other_height) in answering.iter().skip(index + 1) {
            match differing(client, other, *height.min(other_height)).await {
                Ok(0) => {}
                Ok(count) => {
                    notes
                        .push(format!("{name} and {other_name} differ on {count} decided heights"));
                    most = most.max(count);
                }
                Err(error) => {
                    notes.push(format!("{name} and {other_name} were not compared: {error}"));
                }
            }
        }
    }
    (most, notes)
}

/// On how many of the heights up to `height` two nodes differ.
async fn differing(
    one: &Client,
    other: &Client,
    height: u64,
) -> Result<u64, muster_api::ClientError> {
    if height == 0 || same(one, other, height).await? {
        return Ok(0);
    }
    // They agree on `low` (genesis at least) and differ on `high`.
    let (mut low, mut high) = (0, height);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if same(one, other, middle).await? { low = middle } else { high = middle }
    }
    Ok(height - low)
}

async fn same(one: &Client, other: &Client, height: u64) -> Result<bool, muster_api::ClientError> {
    let (one, other) = futures::try_join!(one.block(height), other.block(height))?;
    Ok(one.summary.hash == other.summary.hash)
}

impl Summary {
    /// Prints the summary for people.
    pub fn print(&self) -> Result<()> {
        let mut lines = vec![format!(
            "seed {}: {} blocks in {:.0} s, height {}, {} transactions, conflicts {}",
            self.seed, self.blocks, self.seconds, self.height, self.transactions, self.conflicts
        )];
        if let Some(root) = &self.state_root {
            lines.push(format!("state root {root}"));
        }
        if let Some(supply) = &self.supply {
            lines.push(format!(
                "supply {} MST = {} at genesis + {} minted − {} burned",
                mst(supply.total),
                mst(supply.genesis),
                mst(supply.minted),
                mst(supply.burned)
            ));
        }
        if let Some(cost) = self.compute_relative_to_control {
            lines.push(format!("a step computes {cost:.2} times what the control's does"));
        }
        lines.extend(self.presence.iter().map(RoundSummary::sentence));
        output::print(&lines.join("\n"))?;
        if !self.peers.is_empty() {
            output::print("")?;
            self.peer_table().print()?;
        }
        if !self.warnings.is_empty() {
            let warnings = self.warnings.iter().map(|warning| format!("\nwarning: {warning}"));
            output::print(&warnings.collect::<String>())?;
        }
        Ok(())
    }

    fn peer_table(&self) -> Table {
        let mut table = Table::new(&[
            ("peer", Align::Left),
            ("behaviour", Align::Left),
            ("steps", Align::Right),
            ("loss alone", Align::Right),
            ("with network", Align::Right),
            ("student", Align::Right),
            ("gain", Align::Right),
            ("±2 se", Align::Right),
            ("stake", Align::Right),
            ("change", Align::Right),
            ("trust", Align::Right),
            ("incentive", Align::Right),
        ]);
        for peer in &self.peers {
            let (stake, start) = (peer.stake, peer.stake_start);
            let change = stake.zip(start).map(|(now, start)| {
                if now >= start {
                    format!("+{}", mst(now - start))
                } else {
                    format!("−{}", mst(start - now))
                }
            });
            let gain =
                peer.loss_alone.zip(peer.loss_with_network).map(|(alone, with)| alone - with);
            let dash = || "–".to_owned();
            table.row(vec![
                peer.name.clone(),
                peer.behaviour.into(),
                peer.steps.map_or_else(dash, |steps| steps.to_string()),
                number(peer.loss_alone, 4),
                number(peer.loss_with_network, 4),
                number(peer.loss_student, 4),
                number(gain, 4),
                number(peer.loss_standard_error.map(|error| 2.0 * error), 4),
                stake.map_or_else(dash, mst),
                change.unwrap_or_else(dash),
                number(peer.trust, 3),
                number(peer.incentive, 4),
            ]);
        }
        table
    }
}
