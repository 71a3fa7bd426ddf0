//! What is known of the running market at one moment: drawn by the screen, kept by the summary.

use std::path::PathBuf;
use std::time::Duration;

use muster_api::{Client, Peer, Status};
use muster_peer::Behaviour;

use super::supervisor::{Report, State};

/// How long a node may take to answer a question of the supervisor.
const PATIENCE: Duration = Duration::from_secs(2);

/// A validator's line.
#[derive(Clone, Debug)]
pub struct ValidatorView {
    /// Its name.
    pub name: String,
    /// Its process.
    pub report: Report,
    /// The last height it reported; absent while it does not answer.
    pub height: Option<u64>,
}

/// A peer's line.
#[derive(Clone, Debug)]
pub struct PeerView {
    /// Its name.
    pub name: String,
    /// How the scenario makes it behave.
    pub behaviour: Behaviour,
    /// Its process.
    pub report: Report,
    /// Its stake when this run began, in grains; absent until it is known.
    pub stake_start: Option<u64>,
    /// What the ledger and the peer itself say of it.
    pub peer: Option<Peer>,
}

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// Seed of the market.
    pub seed: u64,
    /// Where its files are.
    pub home: PathBuf,
    /// The dashboard.
    pub url: String,
    /// Time since the start of this run.
    pub elapsed: Duration,
    /// When it ends by itself.
    pub duration: Option<Duration>,
    /// What a node said of the chain last.
    pub status: Option<Status>,
    /// The height at which this run began; absent until a node answered.
    pub height_start: Option<u64>,
    /// The validators, in order.
    pub validators: Vec<ValidatorView>,
    /// The peers, in order.
    pub peers: Vec<PeerView>,
    /// What was worth saying, the latest last.
    pub notes: Vec<String>,
}

/// Answers of the nodes to one round of questions.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// One for each validator.
    pub statuses: Vec<Option<Status>>,
    /// The peers as the highest node knows them; absent when none answered.
    pub peers: Option<Vec<Peer>>,
}

/// Asks every validator for its status, and for the peers; keeps of each peer the latest report
/// that any node holds, for a node that was started again has forgotten the earlier ones.
pub async fn ask(clients: &[Client]) -> Answers {
    let statuses =
        futures::future::join_all(clients.iter().map(|client| async {
            tokio::time::timeout(PATIENCE, client.status()).await.ok()?.ok()
        }))
        .await;
    let all = futures::future::join_all(clients.iter().zip(&statuses).map(
        |(client, status)| async move {
            let height = status.as_ref()?.height;
            let answer = tokio::time::timeout(PATIENCE, client.peers()).await.ok()?.ok()?;
            Some((height, answer.peers))
        },
    ))
    .await;
    let mut answers = all.into_iter().flatten().collect::<Vec<_>>();
    answers.sort_by_key(|(height, _)| std::cmp::Reverse(*height));
    let mut answers = answers.into_iter();
    let peers = answers.next().map(|(_, mut peers)| {
        for other in answers.flat_map(|(_, peers)| peers) {
            let known = peers.iter_mut().find(|peer| peer.id == other.id);
            if let (Some(known), Some(theirs)) = (known, other.telemetry)
                && known.telemetry.as_ref().is_none_or(|ours| ours.at_ms < theirs.at_ms)
            {
                known.telemetry = Some(theirs);
            }
        }
        peers
    });
    Answers { statuses, peers }
}

impl View {
    /// Takes in what the nodes answered. `address` of each peer tells who is who.
    pub fn update(&mut self, answers: Answers, addresses: &[String]) {
        for (validator, status) in self.validators.iter_mut().zip(&answers.statuses) {
            validator.height = status.as_ref().map(|status| status.height);
        }
        if let Some(highest) =
            answers.statuses.into_iter().flatten().max_by_key(|status| status.height)
        {
            self.height_start.get_or_insert(highest.height);
            let behind = self.status.as_ref().is_some_and(|known| known.height > highest.height);
            if !behind {
                self.status = Some(highest);
            }
        }
        let Some(peers) = answers.peers else { return };
        for (view, address) in self.peers.iter_mut().zip(addresses) {
            let found = peers.iter().find(|peer| peer.address.to_string() == *address);
            if let Some(found) = found {
                view.stake_start.get_or_insert(found.stake.grains());
                view.peer = Some(found.clone());
            }
        }
    }

    /// Whether a process is as it should be.
    pub fn healthy(report: &Report) -> bool {
        report.state == State::Running
    }

    /// One line of progress for logs.
    pub fn line(&self) -> String {
        let seconds = self.elapsed.as_secs();
        let up = |reports: &mut dyn Iterator<Item = &Report>| {
            let (mut running, mut all) = (0, 0);
            for report in reports {
                all += 1;
                running += usize::from(Self::healthy(report));
            }
            format!("{running}/{all}")
        };
        let validators = up(&mut self.validators.iter().map(|one| &one.report));
        let peers = up(&mut self.peers.iter().map(|one| &one.report));
        let telemetry =
            || self.peers.iter().filter_map(|one| one.peer.as_ref()?.telemetry.as_ref());
        let steps = telemetry().map(|telemetry| telemetry.steps).sum::<u64>();
        let gains = telemetry()
            .filter_map(|telemetry| Some(telemetry.loss_alone? - telemetry.loss_with_network?))
            .collect::<Vec<_>>();
        let height = self.status.as_ref().map_or(0, |status| status.height);
        let rate = self.status.as_ref().map_or(0.0, |status| status.blocks_per_second);
        let mut line = format!(
            "{seconds:>4} s  height {height} ({rate:.2} blocks/s)  validators {validators}  \
             peers {peers}  {steps} steps"
        );
        if !gains.is_empty() {
            let mean = gains.iter().sum::<f64>() / gains.len() as f64;
            line.push_str(&format!("  the network gains {mean:.4} nats/byte"));
        }
        line
    }
}
