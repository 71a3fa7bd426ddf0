//! `muster launch`: a network begins, if enough of it is there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use muster_launch::{Evidence, Plan, Specification};
use muster_ledger::crypto::Hash;
use muster_node::NodeConfig;
use muster_node::launch::{End, Known, Settings, launch};

use super::presence::{mean, quantile};
use super::{asked_to_end, block_on_all_cores, follow_supervisor, start_log};
use crate::output;
use crate::wallet::write_whole;

/// Arguments of `muster launch`.
#[derive(Args)]
pub struct Options {
    /// The specification that everybody holds (`muster genesis specify` makes one)
    #[arg(value_name = "SPEC")]
    file: PathBuf,
    /// The node's configuration (`muster node init` makes one); its genesis is written when the
    /// network begins
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where this machine's board listens
    #[arg(long, value_name = "HOST:PORT", default_value = "0.0.0.0:7701")]
    board: SocketAddr,
    /// A board beside those that the specification names, as a URL; may be repeated
    #[arg(long = "other", value_name = "URL")]
    others: Vec<String>,
    /// End when this process, the parent, does
    #[arg(long, hide = true)]
    supervised: Option<i32>,
}

/// How long nothing is said of what changes all the time, milliseconds.
const PAUSE_MS: u64 = 1_000;

/// The network does not begin: too few are there, or too few agree.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotLaunched(String);

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    follow_supervisor(options.supervised)?;
    start_log();
    let (specification, plan) = read_plan(&options.file)?;
    let config = NodeConfig::read(&options.config)?;
    let key = muster_keys::read_key(&config.key)?;
    let genesis = config.genesis.clone();
    if genesis.exists() {
        let found = config.read_genesis()?.chain_id();
        ensure!(
            found == plan.genesis.chain_id(),
            "{} begins another chain, {found}: move it away",
            genesis.display()
        );
    }
    let mut solver = Hash::default();
    getrandom::fill(&mut solver.0).context("the system gives no randomness")?;
    let validator = plan.validator(&key.public());
    let mut story = Story::begin(&plan, validator)?;
    let mut boards = specification.boards;
    boards.extend(options.others);
    let settings = Settings {
        plan: plan.clone(),
        boards,
        listen: options.board,
        key: validator.map(|_| Arc::new(key)),
        solver,
    };
    block_on_all_cores(async {
        let end = launch(settings, |known| story.tell(known), asked_to_end()).await?;
        match end {
            End::Asked => Ok(()),
            End::NotSolved => Err(NotLaunched(story.not_solved()).into()),
            End::NotAgreed => Err(NotLaunched(story.not_agreed()).into()),
            End::Launched(messages) => {
                begin(&plan, &config, &messages)?;
                output::say("launched: the node starts");
                Ok(muster_node::run(config, asked_to_end()).await?)
            }
        }
    })
}

/// Reads a specification, and what follows from it.
pub fn read_plan(file: &Path) -> Result<(Specification, Plan)> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let specification = Specification::parse(&text).with_context(|| format!("{shown}"))?;
    let plan = Plan::new(&specification);
    Ok((specification, plan.with_context(|| format!("{shown} cannot launch a network"))?))
}

/// Writes what the node begins with, and what shows that it may.
fn begin(plan: &Plan, config: &NodeConfig, messages: &[Arc<[u8]>]) -> Result<()> {
    if !config.genesis.exists() {
        write_whole(&config.genesis, serde_json::to_string_pretty(&plan.genesis)?.as_bytes())?;
    }
    let evidence = Evidence::new(plan, messages);
    std::fs::create_dir_all(&config.home)
        .with_context(|| format!("cannot make {}", config.home.display()))?;
    let path: &Path = &config.home.join("launch.json");
    write_whole(path, serde_json::to_string_pretty(&evidence)?.as_bytes())
}

/// What is said as the round goes on.
struct Story {
    plan: Plan,
    /// Until when nothing more is said of what changes all the time.
    quiet_ms: u64,
    told: Option<Known>,
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1e3)
}

impl Story {
    /// Says what the round is, and what is believed before it.
    fn begin(plan: &Plan, validator: Option<u16>) -> Result<Self> {
        let Plan { genesis, design, deadlines, .. } = plan;
        let outlook = plan.outlook(None)?;
        output::say(&format!(
            "network {}: chain {}, {} validators; this machine is {}",
            genesis.name,
            genesis.chain_id(),
            plan.validators(),
            validator.map_or_else(
                || "none of them".to_owned(),
                |place| format!("validator {}", genesis.validators[usize::from(place)].name)
            ),
        ));
        output::say(&format!(
            "the round: {} solutions of {} by T = {} (T° {}, T* {}); a machine finds one in {} on \
             average; before it {:.1} players are expected, and a launch with {:.1}%",
            design.solutions,
            design.puzzle.name(),
            seconds(deadlines.chosen_ms),
            seconds(deadlines.best_ms),
            seconds(deadlines.largest_ms),
            seconds((1e3 * design.difficulty as f64 / design.tries_per_second.get()) as u64),
            mean(&outlook.prior),
            100.0 * outlook.acting_probability,
        ));
        Ok(Self { plan: plan.clone(), quiet_ms: 0, told: None })
    }

    /// Says what has changed.
    fn tell(&mut self, known: &Known) {
        let plan = &self.plan;
        let before = self.told.replace(*known);
        let changed = |of: fn(&Known) -> usize| before.map(|before| of(&before)) != Some(of(known));
        let clock = || match known.now_ms.checked_sub(plan.opens_ms()) {
            Some(after) => format!("{} after the opening", seconds(after)),
            None => format!("{} before the opening", seconds(plan.opens_ms() - known.now_ms)),
        };
        if before.is_none() {
            output::say(&format!("it is {}", clock()));
        }
        let due = known.now_ms >= self.quiet_ms;
        let need = plan.openings();
        if changed(|known| known.opened) && known.opened > 0 && (due || known.opened == need) {
            self.quiet_ms = known.now_ms + PAUSE_MS;
            output::say(&format!(
                "{}: {} of {} validators have opened the round, {need} are needed",
                clock(),
                known.opened,
                plan.validators(),
            ));
        }
        if known.searching && before.is_none_or(|before| !before.searching) {
            let rate = plan.design.tries_per_second;
            output::say(&format!("{}: this machine searches, {rate} tries a second", clock()));
        }
        if changed(|known| known.solutions) && known.solutions > 0 && due {
            self.quiet_ms = known.now_ms + PAUSE_MS;
            let wanted = plan.solutions();
            output::say(&format!("{}: {} of {wanted} solutions", clock(), known.solutions));
        }
        if known.solved_ms.is_some() && before.is_none_or(|before| before.solved_ms.is_none()) {
            self.tell_posterior(known);
        }
        let enough = known.in_time >= plan.quorum();
        if changed(|known| known.in_time) && known.in_time > 0 && (due || enough) {
            self.quiet_ms = known.now_ms + PAUSE_MS;
            output::say(&format!(
                "{}: {} of {} validators say that it was solved in time, {} are needed",
                clock(),
                known.in_time,
                plan.validators(),
                plan.quorum()
            ));
        }
    }

    /// What the time of the solution says of how many are there.
    fn tell_posterior(&self, known: &Known) {
        let Some(posterior) = self.plan.outlook(known.solved_ms).ok().and_then(|it| it.posterior)
        else {
            return;
        };
        let after = known.solved_ms.unwrap_or_default().saturating_sub(self.plan.opens_ms());
        let (low, high) = (quantile(&posterior, 0.025), quantile(&posterior, 0.975));
        output::say(&format!(
            "solved {} after the opening: {:.1} players are expected now, {low} to {high} with 95%",
            seconds(after),
            mean(&posterior)
        ));
    }

    fn solutions(&self) -> (usize, usize) {
        (self.told.map_or(0, |known| known.solutions), self.plan.solutions())
    }

    fn not_solved(&self) -> String {
        let (found, wanted) = self.solutions();
        let opened = self.told.map_or(0, |known| known.opened);
        let need = self.plan.openings();
        let why = if opened < need {
            format!("{opened} validators opened the round, {need} are needed")
        } else {
            format!("{found} of {wanted} solutions were found by the deadline")
        };
        format!(
            "the network does not begin: too few are there ({why}); agree on another opening time, \
             or start this again if others say that it began"
        )
    }

    fn not_agreed(&self) -> String {
        let said = self.told.map_or(0, |known| known.in_time);
        format!(
            "the network does not begin: the round was solved, but only {said} of the {} validators \
             that are needed say that it was in time; start this again if others say that it began",
            self.plan.quorum()
        )
    }
}
