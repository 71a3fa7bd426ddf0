//! The running market: processes, faults, questions, the screen, and the end in order.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use muster_api::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::configuration::{self, Addresses};
use super::home::Home;
use super::ports::Ports;
use super::rounds::Rounds;
use super::scenario::{Fault, FaultAction, Scenario};
use super::screen::Screen;
use super::summary::{self, Summary};
use super::supervisor::{State, Supervised, Task};
use super::view::{self, Answers, PeerView, ValidatorView, View};
use crate::output;
use crate::wallet::write_whole;

/// How often the nodes are asked.
const QUESTION_PERIOD: Duration = Duration::from_millis(700);
/// How often the screen is drawn.
const DRAW_PERIOD: Duration = Duration::from_millis(250);
/// How often a line is written where there is no screen.
const LINE_PERIOD: Duration = Duration::from_secs(10);
/// How long a peer may take to write its checkpoint.
const PEER_PATIENCE: Duration = Duration::from_secs(15);
/// How long a validator may take to end.
const VALIDATOR_PATIENCE: Duration = Duration::from_secs(10);
/// Most notes that are kept.
const NOTES_MAX: usize = 200;

/// Runs the market in a home until its time is over or somebody ends it.
pub async fn run(home: Home, wanted: &Scenario, json: bool) -> Result<()> {
    let market = Market::start(home, wanted)?;
    let summary = market.run().await?;
    if json {
        output::print_json(&summary)?;
    } else {
        summary.print()?;
    }
    if summary.conflicts > 0 {
        bail!("validators decided different blocks at {} heights", summary.conflicts);
    }
    Ok(())
}

struct Market {
    home: Home,
    validators: Vec<Supervised>,
    peers: Vec<Supervised>,
    faults: Vec<Fault>,
    rounds: Rounds,
    resumes: Vec<(Duration, String)>,
    clients: Vec<Client>,
    hot_addresses: Vec<String>,
    view: View,
    notes: mpsc::UnboundedReceiver<String>,
    start: Instant,
    screen: Option<Screen>,
}

/// What made the market stop.
enum End {
    Time,
    Asked(&'static str),
}

impl Market {
    /// Writes the configuration and starts all processes.
    fn start(home: Home, wanted: &Scenario) -> Result<Self> {
        let mut ports = Ports::default();
        let addresses = Addresses::find(&home, &mut ports)?;
        configuration::write(&home, &addresses, &home.parts()?)?;
        let urls = addresses.urls();
        let (sender, notes) = mpsc::unbounded_channel();
        let mut words = ports.words();
        words.extend(wanted.peculiarities()?);
        for note in words {
            sender.send(note).ok();
        }
        let start = Instant::now();
        let task = |kind: &str, name: &str, file: &str, log: &str, patience| Task {
            name: name.to_owned(),
            arguments: vec![
                kind.into(),
                "--config".into(),
                home.folder(name).join(file).into(),
                "--supervised".into(),
                std::process::id().to_string().into(),
            ],
            log: home.folder(name).join(log),
            patience,
        };
        let supervise = |task| Supervised::start(task, sender.clone());
        let validators = home
            .validators()
            .iter()
            .map(|name| task("node", name, "node.toml", "node.log", VALIDATOR_PATIENCE))
            .map(supervise)
            .collect::<Vec<_>>();
        let peers = home
            .peers
            .iter()
            .map(|peer| task("peer", &peer.name, "peer.toml", "peer.log", PEER_PATIENCE))
            .map(supervise)
            .collect::<Vec<_>>();
        let clients = urls
            .iter()
            .map(|url| Client::new(vec![url.clone()]).map_err(anyhow::Error::from))
            .collect::<Result<Vec<_>>>()?;
        write_running(&home, &addresses)?;
        let mut faults = wanted.faults.clone();
        faults.sort_by_key(|fault| fault.at);
        let rounds = Rounds::new(&home, urls.clone(), &wanted.rounds, sender)?;
        let view = first_view(&home, &urls, wanted.duration, &validators, &peers);
        let hot_addresses = home.genesis.peers.iter().map(|peer| peer.hot.to_string()).collect();
        Ok(Self {
            home,
            validators,
            peers,
            faults,
            rounds,
            resumes: Vec::new(),
            clients,
            hot_addresses,
            view,
            notes,
            start,
            screen: None,
        })
    }

    /// Runs until the end, ends everything, draws up the summary.
    async fn run(mut self) -> Result<Summary> {
        self.say_hello();
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot hear Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
        let (answers, receiver) = watch::channel(Answers::default());
        let asking = tokio::spawn(keep_asking(self.clients.clone(), answers));
        let mut keys = None;
        if Screen::possible() {
            match Screen::open() {
                Ok((screen, receiver)) => {
                    self.screen = Some(screen);
                    keys = Some(receiver);
                }
                Err(error) => self.note(format!("no screen, lines instead: {error:#}")),
            }
        }
        let end = self.watch(receiver, &mut interrupt, &mut terminate, &mut keys).await;
        asking.abort();
        // The terminal is given back before the last words.
        self.screen = None;
        match end? {
            End::Time => {}
            End::Asked(how) => output::say(&format!("{how}: ending the market")),
        }
        let second = second_interrupt(interrupt, terminate, keys);
        tokio::select! {
            summary = self.finish() => summary,
            () = second => bail!("ended at once, as asked twice; all processes were killed"),
        }
    }

    fn say_hello(&self) {
        let verb = if self.home.resumed { "going on with" } else { "started" };
        let (validators, peers) = (self.validators.len(), self.peers.len());
        output::say(&format!(
            "{verb} a market of {validators} validators and {peers} peers, seed {}, in {}",
            self.view.seed,
            self.home.path.display()
        ));
        output::say(&format!("dashboard: {}", self.view.url));
    }

    /// Waits for the end, keeping the view, the screen and the faults up to date.
    async fn watch(
        &mut self,
        mut answers: watch::Receiver<Answers>,
        interrupt: &mut Signal,
        terminate: &mut Signal,
        keys: &mut Option<mpsc::UnboundedReceiver<()>>,
    ) -> Result<End> {
        let mut draw = tokio::time::interval(DRAW_PERIOD);
        let mut line = tokio::time::interval(LINE_PERIOD);
        line.tick().await;
        loop {
            let key = async {
                match keys.as_mut() {
                    Some(keys) => keys.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => return Ok(End::Asked("Ctrl-C")),
                _ = terminate.recv() => return Ok(End::Asked("SIGTERM")),
                _ = key => return Ok(End::Asked("as asked")),
                Some(note) = self.notes.recv() => self.note(note),
                Ok(()) = answers.changed() => {
                    let latest = answers.borrow_and_update().clone();
                    self.view.update(latest, &self.hot_addresses);
                }
                _ = line.tick(), if self.screen.is_none() => {
                    self.refresh();
                    output::say(&self.view.line());
                }
                _ = draw.tick() => {
                    self.refresh();
                    self.inject_faults();
                    self.rounds.open_due(self.view.elapsed);
                    if let Some(Err(error)) = self.screen.as_mut().map(|one| one.draw(&self.view)) {
                        // The market matters more than its picture.
                        self.screen = None;
                        self.note(format!("no screen any more, lines instead: {error:#}"));
                    }
                    if self.view.duration.is_some_and(|duration| self.view.elapsed >= duration) {
                        return Ok(End::Time);
                    }
                }
            }
        }
    }

    fn note(&mut self, note: String) {
        if self.screen.is_none() {
            output::say(&note);
        }
        let seconds = self.start.elapsed().as_secs();
        self.view.notes.push(format!("{seconds} s: {note}"));
        if self.view.notes.len() > NOTES_MAX {
            self.view.notes.remove(0);
        }
    }

    fn refresh(&mut self) {
        self.view.elapsed = self.start.elapsed();
        for (view, process) in self.view.validators.iter_mut().zip(&self.validators) {
            view.report = process.report();
        }
        for (view, process) in self.view.peers.iter_mut().zip(&self.peers) {
            view.report = process.report();
        }
    }

    /// Lets happen what the scenario wants to happen by now.
    fn inject_faults(&mut self) {
        let now = self.view.elapsed;
        while self.faults.first().is_some_and(|fault| fault.at <= now) {
            let fault = self.faults.remove(0);
            let Some(process) = self.process(&fault.name) else {
                continue;
            };
            let words = match fault.action {
                FaultAction::Kill { restart_after } => {
                    process.kill(restart_after);
                    "killed, as the scenario asks"
                }
                FaultAction::Pause { duration } => {
                    process.pause();
                    if let Some(duration) = duration {
                        self.resumes.push((now + duration, fault.name.clone()));
                    }
                    "paused, as the scenario asks"
                }
            };
            self.note(format!("{} {words}", fault.name));
        }
        let (due, later) = std::mem::take(&mut self.resumes)
            .into_iter()
            .partition::<Vec<_>, _>(|(at, _)| *at <= now);
        self.resumes = later;
        for (_, name) in due {
            if let Some(process) = self.process(&name) {
                process.resume();
            }
            self.note(format!("{name} goes on"));
        }
    }

    fn process(&self, name: &str) -> Option<&Supervised> {
        self.validators.iter().chain(&self.peers).find(|process| process.name == name)
    }

    /// Peers first, so that they write their checkpoints while nodes still answer; then the last
    /// questions; then the validators.
    async fn finish(mut self) -> Result<Summary> {
        self.refresh();
        let elapsed = self.view.elapsed;
        for process in self.validators.iter().filter(|one| one.report().state == State::Paused) {
            process.resume();
        }
        self.peers.iter().for_each(Supervised::end);
        futures::future::join_all(self.peers.drain(..).map(Supervised::ended)).await;
        let answers = view::ask(&self.clients).await;
        self.view.update(answers, &self.hot_addresses);
        let (rounds, earned) = self.rounds.told(&self.home).await?;
        let named = self.home.validators().into_iter().zip(self.clients.iter().cloned());
        let (conflicts, mut warnings) = summary::conflicts(&named.collect::<Vec<_>>()).await;
        self.validators.iter().for_each(Supervised::end);
        futures::future::join_all(self.validators.drain(..).map(Supervised::ended)).await;
        std::fs::remove_file(self.home.path.join("running.toml")).ok();
        while let Ok(note) = self.notes.try_recv() {
            self.note(note);
        }
        self.view.elapsed = elapsed;
        warnings.extend(self.warnings());
        let mut notes = std::mem::take(&mut self.view.notes);
        notes.append(&mut warnings);
        Ok(summary::summarise(&self.view, conflicts, rounds, &earned, notes))
    }

    /// What is wrong with the state at the end.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(status) = &self.view.status else {
            warnings.push(format!(
                "no validator ever answered: see the logs in {}",
                self.home.path.display()
            ));
            return warnings;
        };
        let supply = &status.supply;
        let expected = i128::from(supply.genesis.grains()) + i128::from(supply.minted.grains())
            - i128::from(supply.burned.grains());
        if expected != i128::from(supply.total.grains()) {
            warnings.push(format!(
                "the supply is not conserved: genesis + minted − burned is {expected} grains, and \
                 the total {}",
                supply.total.grains()
            ));
        }
        warnings
    }
}

/// Asks the nodes over and over; slow answers hold nobody else up.
async fn keep_asking(clients: Vec<Client>, answers: watch::Sender<Answers>) {
    let mut period = tokio::time::interval(QUESTION_PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        if answers.send(view::ask(&clients).await).is_err() {
            return;
        }
    }
}

/// A second Ctrl-C while the market is being ended: whoever asks twice does not want to wait.
async fn second_interrupt(
    mut interrupt: Signal,
    mut terminate: Signal,
    keys: Option<mpsc::UnboundedReceiver<()>>,
) {
    drop(keys);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn first_view(
    home: &Home,
    urls: &[String],
    duration: Option<Duration>,
    validators: &[Supervised],
    peers: &[Supervised],
) -> View {
    View {
        seed: home.seed(),
        home: home.path.clone(),
        url: urls[0].clone(),
        elapsed: Duration::ZERO,
        duration,
        status: None,
        height_start: if home.resumed { None } else { Some(0) },
        validators: validators
            .iter()
            .map(|one| ValidatorView { name: one.name.clone(), report: one.report(), height: None })
            .collect(),
        peers: peers
            .iter()
            .zip(&home.peers)
            .map(|(process, peer)| PeerView {
                name: peer.name.clone(),
                behaviour: peer.behaviour,
                report: process.report(),
                stake_start: if home.resumed { None } else { Some(peer.stake.0) },
                peer: None,
            })
            .collect(),
        notes: Vec::new(),
    }
}

/// Tells other commands where the running market answers.
fn write_running(home: &Home, addresses: &Addresses) -> Result<()> {
    let urls = addresses.urls();
    let list = |texts: Vec<String>| {
        toml::Value::Array(texts.into_iter().map(toml::Value::String).collect())
    };
    let plain = |all: &[SocketAddr]| list(all.iter().map(SocketAddr::to_string).collect());
    let table = toml::Table::from_iter([
        ("url".into(), toml::Value::String(urls[0].clone())),
        ("urls".into(), list(urls)),
        ("consensus".into(), plain(&addresses.consensus)),
        ("peers".into(), plain(&addresses.peers)),
        ("process".into(), toml::Value::Integer(i64::from(std::process::id()))),
    ]);
    write_whole(&home.path.join("running.toml"), toml::to_string(&table)?.as_bytes())?;
    remember_home(&home.path);
    Ok(())
}

/// Remembers the market started last, so that other commands find it; without it they ask for
/// --home, so failing is harmless.
fn remember_home(home: &Path) {
    if let Ok(folder) = super::home::markets_folder() {
        write_whole(&folder.join("latest"), home.to_string_lossy().as_bytes()).ok();
    }
}
