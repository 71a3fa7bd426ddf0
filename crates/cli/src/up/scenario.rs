//! Scenario files: what a market on this machine is made of, and what befalls it.
//!
//! The file is TOML; `reader` beside this file reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use muster_api::presence::Design;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_peer::Behaviour;

use crate::output::nearest;

/// Validators in a market, at most: each is a process, and messages grow with their square.
pub const VALIDATORS_MAX: usize = 32;
/// Peers in a market of one machine, at most.
pub const PEERS_MAX: usize = 256;
/// Machines of a farm, at most.
pub const POWER_MAX: usize = 1_000;
/// Presence rounds of one run, at most.
pub const ROUNDS_MAX: usize = 100;
/// Grains that stand behind each peer at the start, unless a scenario says otherwise.
const STAKE: Grains = Grains(1_000 * 1_000_000_000);

/// Peers of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerGroup {
    /// How many.
    pub count: usize,
    /// What they are called; a number follows where there are several.
    pub name: Option<String>,
    /// How they behave.
    pub behaviour: Behaviour,
    /// What stands behind each at the start.
    pub stake: Grains,
    /// As how many machines each works in presence rounds, where they are farms.
    pub power: u32,
    /// What they learn from; empty: the market's texts.
    pub text: Vec<PathBuf>,
}

/// A presence round that is opened while the market runs, with the money of the market's user.
#[derive(Clone, Debug, PartialEq)]
pub struct PresenceRound {
    /// When, from the start of the run.
    pub at: Duration,
    /// What it is designed for.
    pub design: Design,
    /// What the first to solve it can claim.
    pub prize: Grains,
    /// The peer to whose hot key it pays something once it is solved in time, and how much.
    pub pay: Option<(String, Grains)>,
}

/// What befalls a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultAction {
    /// SIGKILL; started again at once, or after this long.
    Kill {
        /// The pause before it is started again.
        restart_after: Option<Duration>,
    },
    /// SIGSTOP; SIGCONT after this long, or never.
    Pause {
        /// How long it stands still.
        duration: Option<Duration>,
    },
}

/// Something that goes wrong on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, from the start of the run.
    pub at: Duration,
    /// The process.
    pub name: String,
    /// What befalls it.
    pub action: FaultAction,
}

/// A whole scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Seed of everything random; chosen at random where absent.
    pub seed: Option<u64>,
    /// How long it runs; until it is ended where absent.
    pub duration: Option<Duration>,
    /// Number of validators.
    pub validators: usize,
    /// Whether validators take part in presence rounds.
    pub validators_present: bool,
    /// Genesis parameters.
    pub parameters: Parameters,
    /// The peers.
    pub groups: Vec<PeerGroup>,
    /// What all peers learn from; empty: the project's own documents and sources.
    pub text: Vec<PathBuf>,
    /// Whether each peer trains a control beside it.
    pub control: bool,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// Presence rounds that are opened.
    pub rounds: Vec<PresenceRound>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: None,
            duration: None,
            validators: 4,
            validators_present: true,
            parameters: Parameters::default(),
            groups: vec![group(6, Behaviour::Honest)],
            text: Vec::new(),
            control: true,
            faults: Vec::new(),
            rounds: Vec::new(),
        }
    }
}

/// `count` peers of a behaviour, otherwise by default.
pub fn group(count: usize, behaviour: Behaviour) -> PeerGroup {
    PeerGroup { count, name: None, behaviour, stake: STAKE, power: 1, text: Vec::new() }
}

/// What peers of a behaviour are called: `peer-0`, `cabal-0`, ...
fn family(behaviour: Behaviour) -> &'static str {
    if behaviour == Behaviour::Honest { "peer" } else { behaviour.name() }
}

/// One peer of a resolved scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPeer {
    /// Unique in the market.
    pub name: String,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// What stands behind it at the start.
    pub stake: Grains,
    /// As how many machines it works in presence rounds, where it is a farm.
    pub power: u32,
    /// What it may learn from.
    pub text: Vec<PathBuf>,
}

impl Scenario {
    /// What is peculiar about a market, in words.
    pub fn peculiarities(&self) -> Result<Vec<String>> {
        let peers = self.peers()?;
        let cabal = peers.iter().filter(|peer| peer.behaviour == Behaviour::Cabal).count();
        let honest = peers.iter().filter(|peer| peer.behaviour == Behaviour::Honest).count();
        let mut notes = Vec::new();
        match peers.len() {
            0 => notes.push("no peers: validators agree on blocks, nobody learns".into()),
            1 => notes.push("one peer: it has nobody to learn from or to be paid by".into()),
            _ => {}
        }
        if cabal > honest {
            notes.push(format!(
                "the cabal ({cabal}) outnumbers the honest peers ({honest}): whoever holds most of \
                 the stake decides what is worth what"
            ));
        }
        if self.validators < 4 && self.validators > 0 {
            notes.push(format!(
                "{} validators: the network stops when one of them does; with 4, one may fail",
                self.validators
            ));
        }
        if self.validators > VALIDATORS_MAX / 2 {
            notes.push("that many validators on one machine will be slow".into());
        }
        if let Some(duration) = self.duration {
            for fault in self.faults.iter().filter(|fault| fault.at >= duration) {
                notes.push(format!("the fault of `{}` comes after the end of the run", fault.name));
            }
            for round in self.rounds.iter().filter(|round| round.at >= duration) {
                let at = humantime::format_duration(round.at);
                notes.push(format!("the presence round at {at} comes after the end of the run"));
            }
        }
        Ok(notes)
    }

    /// The peers by name, in order.
    pub fn peers(&self) -> Result<Vec<NamedPeer>> {
        let mut counters = BTreeMap::<String, usize>::new();
        let mut peers = Vec::<NamedPeer>::new();
        for group in &self.groups {
            let family = group.name.clone().unwrap_or_else(|| family(group.behaviour).into());
            for _ in 0..group.count {
                let counter = counters.entry(family.clone()).or_default();
                let name = if group.name.is_some() && group.count == 1 {
                    family.clone()
                } else {
                    format!("{family}-{counter}")
                };
                *counter += 1;
                let taken =
                    peers.iter().any(|peer| peer.name == name) || name.starts_with("validator-");
                ensure!(!taken, "two processes are called `{name}`: give the groups other names");
                let text = if group.text.is_empty() { &self.text } else { &group.text };
                peers.push(NamedPeer {
                    name,
                    behaviour: group.behaviour,
                    stake: group.stake,
                    power: group.power,
                    text: text.clone(),
                });
            }
        }
        Ok(peers)
    }

    /// Checks what no single key can say.
    pub fn validate(&self) -> Result<()> {
        ensure!(
            (1..=VALIDATORS_MAX).contains(&self.validators),
            "{} validators: a market needs at least 1 and, on one machine, at most {VALIDATORS_MAX}",
            self.validators
        );
        let peers = self.peers()?;
        ensure!(
            peers.len() <= PEERS_MAX,
            "{} peers: on one machine there may be at most {PEERS_MAX}",
            peers.len()
        );
        ensure!(
            self.rounds.len() <= ROUNDS_MAX,
            "{} presence rounds: in one run there may be at most {ROUNDS_MAX}",
            self.rounds.len()
        );
        for (name, _) in self.rounds.iter().filter_map(|round| round.pay.as_ref()) {
            if !peers.iter().any(|peer| peer.name == *name) {
                let near = nearest(name, peers.iter().map(|peer| peer.name.as_str()))
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                bail!("a presence round pays `{name}`, and there is no such peer{near}");
            }
        }
        let names = (0..self.validators)
            .map(|index| format!("validator-{index}"))
            .chain(peers.into_iter().map(|peer| peer.name))
            .collect::<Vec<_>>();
        for fault in &self.faults {
            if !names.contains(&fault.name) {
                let near = nearest(&fault.name, names.iter().map(String::as_str))
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                bail!("a fault names `{}`, and there is no such process{near}", fault.name);
            }
        }
        Ok(())
    }

    /// The scenario as a file that `reader::parse` reads back: what lasts, without the faults,
    /// the presence rounds and the duration of one run.
    pub fn to_toml(&self) -> Result<String> {
        let mut text = String::new();
        if let Some(seed) = self.seed {
            writeln!(text, "seed = {}", seed.cast_signed())?;
        }
        writeln!(text, "control = {}", self.control)?;
        writeln!(text, "text = {}", path_list(&self.text))?;
        writeln!(text, "\n[network]\nvalidators = {}", self.validators)?;
        writeln!(text, "validators_present = {}", self.validators_present)?;
        let parameters = serde_json::to_value(&self.parameters)?;
        let parameters: toml::Table = serde_json::from_value(parameters)?;
        let (tables, values): (Vec<_>, Vec<_>) =
            parameters.into_iter().partition(|(_, value)| value.is_table());
        for (key, value) in values.into_iter().chain(tables) {
            writeln!(text, "{key} = {value}")?;
        }
        for group in &self.groups {
            writeln!(text, "\n[[peer]]\ncount = {}", group.count)?;
            if let Some(name) = &group.name {
                writeln!(text, "name = {}", quoted(name))?;
            }
            writeln!(text, "behaviour = \"{}\"", group.behaviour.name())?;
            writeln!(text, "stake = \"{}\"", group.stake)?;
            if group.behaviour == Behaviour::Farm {
                writeln!(text, "power = {}", group.power)?;
            }
            writeln!(text, "text = {}", path_list(&group.text))?;
        }
        if self.groups.is_empty() {
            writeln!(text, "\n[[peer]]\ncount = 0")?;
        }
        Ok(text)
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}

fn path_list(paths: &[PathBuf]) -> String {
    let items = paths.iter().map(|path| quoted(&path.to_string_lossy())).collect::<Vec<_>>();
    format!("[{}]", items.join(", "))
}
