//! The presence rounds of a scenario: opened when their time has come, followed until they are
//! over, told of at the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use muster_api::Client;
use muster_api::presence::{Phase, Round, RoundReport, Unlocked, Unlocks as Said};
use muster_ledger::crypto::PublicKey;
use muster_ledger::money::Grains;
use muster_ledger::presence::Design;
use muster_ledger::transaction::account;
use muster_ledger::transaction::presence::{Action, Unlocks};
use muster_peer::Behaviour;
use muster_peer::presence::Part;
use muster_presence::solver_keys;
use serde::Serialize;
use tokio::sync::mpsc;

use super::home::Home;
use super::scenario::PresenceRound;
use crate::commands::presence::{mean, verdict};
use crate::wallet::WalletFile;

/// Blocks within which a round must be opened, and how long that is waited for.
const EXPIRY_BLOCKS: u64 = 50;
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a round is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A round of the summary. Times are seconds.
#[derive(Debug, Serialize)]
pub struct RoundSummary {
    /// When it was to be opened, from the start of the run.
    pub at: f64,
    /// Its number; absent where the ledger refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How many peers were there by the scenario, each as one machine.
    pub present: usize,
    /// How many validators were, each as one machine.
    pub validators: usize,
    /// Machines of farms by the scenario.
    pub farmed: u32,
    /// How it went.
    #[serde(flatten)]
    pub course: Option<Course>,
}

/// How a round went.
#[derive(Debug, Serialize)]
pub struct Course {
    /// By when it had to be solved, after its beginning.
    pub deadline: f64,
    /// When it was solved, after its beginning.
    pub solved_at: Option<f64>,
    /// Whether it was solved in time, so that what it unlocks happened.
    pub acted: bool,
    /// What was paid because of it, grains; absent where it unlocks no payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlocked: Option<u64>,
    /// With what probability it was expected to be solved in time.
    pub acting_probability: f64,
    /// How many players were expected before it.
    pub expected_before: f64,
    /// How many are, knowing when it was solved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_after: Option<f64>,
    /// Solutions by peer.
    pub solutions: BTreeMap<String, usize>,
    /// Whom the prize was paid to, by the key that claimed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prize_of: Option<String>,
}

/// What is known of a round that was to be opened.
struct Record {
    wanted: PresenceRound,
    refused: Option<String>,
    report: Option<RoundReport>,
}

/// The rounds of a run.
pub struct Rounds {
    /// Those that are still to be opened, by their time.
    due: Vec<PresenceRound>,
    opener: Arc<Opener>,
    records: Arc<Mutex<Vec<Record>>>,
}

/// What opens rounds, one after another, with the money of the market's user.
struct Opener {
    client: Client,
    wallet: PathBuf,
    notes: mpsc::UnboundedSender<String>,
    /// The peers by name and hot key.
    peers: Vec<(String, PublicKey)>,
    turn: tokio::sync::Mutex<()>,
}

impl Rounds {
    /// Those that a scenario asks for.
    pub fn new(
        home: &Home,
        urls: Vec<String>,
        wanted: &[PresenceRound],
        notes: mpsc::UnboundedSender<String>,
    ) -> Result<Self> {
        let client = Client::new(urls)?;
        client.pin(home.genesis.chain_id())?;
        let peers = home.peers.iter().zip(&home.genesis.peers);
        let peers = peers.map(|(peer, entry)| (peer.name.clone(), entry.hot)).collect();
        let mut due = wanted.to_vec();
        due.sort_by_key(|round| round.at);
        let wallet = home.path.join("wallet.age");
        let opener = Opener { client, wallet, notes, peers, turn: tokio::sync::Mutex::new(()) };
        Ok(Self { due, opener: Arc::new(opener), records: Arc::default() })
    }

    /// Opens those whose time has come.
    pub fn open_due(&mut self, now: Duration) {
        while self.due.first().is_some_and(|round| round.at <= now) {
            let wanted = self.due.remove(0);
            let (opener, records) = (self.opener.clone(), self.records.clone());
            let place = {
                let mut records = lock(&records);
                records.push(Record { wanted: wanted.clone(), refused: None, report: None });
                records.len() - 1
            };
            tokio::spawn(async move {
                if let Err(error) = opener.open_and_follow(&wanted, &records, place).await {
                    let reason = format!("{error:#}");
                    let at = humantime::format_duration(wanted.at);
                    let note = format!("the presence round at {at} was not opened: {reason}");
                    // Nobody reads notes any more once the run has ended.
                    opener.notes.send(note).ok();
                    lock(&records)[place].refused = Some(reason);
                }
            });
        }
    }

    /// How they went, and what each peer earned, in the order of the peers.
    pub async fn told(&self, home: &Home) -> Result<(Vec<RoundSummary>, Vec<u64>)> {
        // Peers first, so that places are those of the peers.
        let peers = home.peers.iter().map(|peer| (peer.name.clone(), "hot.key"));
        let validators = home.validators().into_iter().map(|name| (name, "key"));
        let present = peers
            .chain(validators)
            .map(|(name, file)| {
                let secret = muster_keys::read_key(&home.folder(&name).join(file))?;
                Ok((name, secret))
            })
            .collect::<Result<Vec<_>>>()?;
        let ids: Vec<Option<u64>> = lock(&self.records).iter().map(Record::id).collect();
        for (place, id) in ids.iter().enumerate() {
            let Some(id) = id else { continue };
            if let Ok(report) = self.opener.client.round(*id).await {
                lock(&self.records)[place].report = Some(report);
            }
        }
        let mut earned = vec![0u64; home.peers.len()];
        let chain = home.genesis.chain_id();
        let mut rounds = Vec::new();
        for record in lock(&self.records).iter() {
            let mut summary = record.summary(home);
            if let (Some(report), Some(course)) = (&record.report, &mut summary.course) {
                for (place, (name, secret)) in present.iter().enumerate() {
                    let keys = solver_keys(secret, &chain, report.round.id);
                    let own = |solver: &PublicKey| keys.iter().any(|key| key.public() == *solver);
                    let solvers = report.round.solutions.iter().map(|one| one.solver.0);
                    let count = solvers.clone().filter(own).count();
                    if count > 0 {
                        course.solutions.insert(name.clone(), count);
                    }
                    // What was claimed is no longer there, and only the first could claim it.
                    let claimed = record.wanted.prize > Grains::ZERO
                        && report.round.prize.grains() == 0
                        && solvers.clone().next().as_ref().is_some_and(own);
                    if claimed {
                        course.prize_of = Some(name.clone());
                        if let Some(earned) = earned.get_mut(place) {
                            *earned = earned.saturating_add(record.wanted.prize.0);
                        }
                    }
                }
            }
            rounds.push(summary);
        }
        Ok((rounds, earned))
    }
}

fn lock(records: &Mutex<Vec<Record>>) -> MutexGuard<'_, Vec<Record>> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Opener {
    async fn open_and_follow(
        &self,
        wanted: &PresenceRound,
        records: &Mutex<Vec<Record>>,
        place: usize,
    ) -> Result<()> {
        let id = self.open(wanted).await?;
        let mut told = None;
        loop {
            if let Ok(report) = self.client.round(id).await {
                let phase = report.round.phase;
                if told != Some(phase) {
                    told = Some(phase);
                    // Nobody reads notes any more once the run has ended.
                    self.notes.send(verdict(&report)).ok();
                }
                lock(records)[place].report = Some(report);
                if phase != Phase::Open {
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Opens a round; its number.
    async fn open(&self, wanted: &PresenceRound) -> Result<u64> {
        // One at a time: each takes the next nonce of one account.
        let _turn = self.turn.lock().await;
        let file = WalletFile { wallet: Some(self.wallet.clone()) };
        let wallet = tokio::task::spawn_blocking(move || file.open());
        let key = wallet.await.context("the wallet was not opened")??.key("user")?;
        let unlocks = match &wanted.pay {
            Some((name, amount)) => {
                let found = self.peers.iter().find(|(peer, _)| peer == name);
                let (_, to) = *found.with_context(|| format!("there is no peer `{name}`"))?;
                Some(Unlocks::Account(account::Action::Transfer { to, amount: *amount }))
            }
            None => None,
        };
        let design = Box::new(Design::try_from(&wanted.design)?);
        let balance = self.client.account(&key.public()).await?.balance.grains();
        let paid = wanted.pay.as_ref().map_or(0, |(_, amount)| amount.0);
        let held = wanted.prize.0.saturating_add(paid);
        // What is left, but for the fee.
        let deposit_max = Grains(balance.saturating_sub(held) / 2);
        let action = Action::Open { design, unlocks, prize: wanted.prize, deposit_max };
        let signed = self.client.prepare(&key, action.into(), Grains::ZERO, EXPIRY_BLOCKS).await?;
        let hash = self.client.submit(&signed).await?;
        if let Err(reason) = self.client.wait(&hash, PATIENCE).await?.result {
            bail!("{reason}");
        }
        let own = |round: &&Round| round.opener.0 == key.public();
        let rounds = self.client.rounds().await?.rounds;
        Ok(rounds.iter().rev().find(own).context("it was forgotten at once")?.id)
    }
}

impl Record {
    fn id(&self) -> Option<u64> {
        self.report.as_ref().map(|report| report.round.id)
    }

    fn summary(&self, home: &Home) -> RoundSummary {
        let (mut present, mut farmed) = (0, 0);
        for peer in &home.peers {
            match peer.behaviour.part(peer.power) {
                Part::Machines(_) if peer.behaviour != Behaviour::Farm => present += 1,
                Part::Machines(count) => farmed += count,
                Part::Absent | Part::Thief | Part::Flooder => {}
            }
        }
        RoundSummary {
            at: self.wanted.at.as_secs_f64(),
            id: self.id(),
            refused: self.refused.clone(),
            present,
            validators: if home.scenario.validators_present { home.scenario.validators } else { 0 },
            farmed,
            course: self.report.as_ref().map(course),
        }
    }
}

fn course(report: &RoundReport) -> Course {
    let round = &report.round;
    let seconds = |ms: u64| ms as f64 / 1_000.0;
    let acted = round.phase == Phase::Acted;
    Course {
        deadline: seconds(round.deadline_ms),
        solved_at: round.solutions.last().filter(|_| acted).map(|last| seconds(last.after_ms)),
        acted,
        unlocked: match &round.unlocks {
            Some(Unlocked {
                action: Said::Account(muster_api::account::Action::Transfer { amount, .. }),
                carried_out: Some(true),
                ..
            }) => Some(amount.grains()),
            _ => None,
        },
        acting_probability: report.acting_probability,
        expected_before: mean(&report.prior),
        expected_after: report.posterior.as_deref().map(mean),
        solutions: BTreeMap::new(),
        prize_of: None,
    }
}

impl RoundSummary {
    /// The round in a sentence.
    pub fn sentence(&self) -> String {
        let at = self.at;
        let Some(course) = &self.course else {
            let why = self.refused.as_deref().unwrap_or("the run ended before");
            return format!("presence round at {at} s: not opened: {why}");
        };
        let id = self.id.unwrap_or_default();
        let machines = [
            (self.present, "peers"),
            (self.validators, "validators"),
            (self.farmed as usize, "machines of farms"),
        ];
        let machines = machines.iter().filter(|(count, _)| *count > 0);
        let machines = machines.map(|(count, what)| format!("{count} {what}"));
        let machines = match machines.collect::<Vec<_>>().as_slice() {
            [] => "nobody was there".to_owned(),
            there => format!("{} were there", there.join(" and ")),
        };
        let Course { deadline, expected_before, .. } = course;
        let outcome = match (course.solved_at, course.expected_after) {
            (Some(solved), Some(after)) => format!(
                "solved after {solved:.1} of {deadline:.1} s: {after:.1} players expected now, \
                 {expected_before:.1} before"
            ),
            _ => format!(
                "not solved within {deadline:.1} s: nobody acts; {expected_before:.1} players \
                 were expected"
            ),
        };
        let by = course.solutions.iter().map(|(name, count)| format!("{count} by {name}"));
        let by = by.collect::<Vec<_>>().join(", ");
        let by = if by.is_empty() { String::new() } else { format!("; solutions: {by}") };
        let prize = course.prize_of.as_ref();
        let prize = prize.map_or_else(String::new, |name| format!("; the prize went to {name}"));
        format!("presence round {id} at {at} s: {machines}; {outcome}{by}{prize}")
    }
}
