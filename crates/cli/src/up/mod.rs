//! `muster up`: a whole market on this machine, every validator and peer a process of its own.

mod configuration;
mod engine;
mod home;
mod ports;
mod reader;
mod rounds;
pub mod scenario;
pub mod screen;
mod summary;
mod supervisor;
mod view;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use muster_peer::Behaviour;

use scenario::{PEERS_MAX, Scenario, group};

/// Arguments of `muster up`.
#[derive(Args, Debug)]
pub struct Options {
    /// A scenario file (TOML); - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["peers", "cabal"])]
    scenario: Option<PathBuf>,
    /// Number of validators [default: 4]
    #[arg(long, value_name = "N")]
    validators: Option<usize>,
    /// Number of honest peers [default: 6]
    #[arg(long, value_name = "N")]
    peers: Option<usize>,
    /// Number of peers that answer noise and praise each other, beside the honest ones [default: 0]
    #[arg(long, value_name = "N")]
    cabal: Option<usize>,
    /// A text to learn from; may be repeated [default: the project's documents and sources]
    #[arg(long, value_name = "FILE")]
    text: Vec<PathBuf>,
    /// Where the market lives; the same home goes on [default: in the user's data folder, one for
    /// each choice of the other flags]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Seed of everything random but keys [default: a random one, printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End after this long and print a summary, such as 120s or 2h [default: run until ended]
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Train no control beside each peer: half the work, but nothing to compare with
    #[arg(long)]
    no_control: bool,
    /// Print the summary as one JSON document
    #[arg(long)]
    json: bool,
}

impl Options {
    /// The scenario that the flags ask for, over a base where no scenario file is named.
    fn scenario(&self, base: Scenario) -> Result<Scenario> {
        let mut scenario = match &self.scenario {
            Some(path) => reader::read(path)?,
            None => base,
        };
        if let Some(validators) = self.validators {
            scenario.validators = validators;
        }
        let counts = [(self.peers, Behaviour::Honest), (self.cabal, Behaviour::Cabal)];
        for (count, behaviour) in counts {
            if let Some(count) = count {
                ensure!(count <= PEERS_MAX, "{count} peers: at most {PEERS_MAX} on one machine");
                set_group(&mut scenario, behaviour, count);
            }
        }
        if !self.text.is_empty() {
            scenario.text.clone_from(&self.text);
        }
        scenario.seed = self.seed.or(scenario.seed);
        scenario.duration = self.duration.or(scenario.duration);
        scenario.control &= !self.no_control;
        ensure!(
            scenario.duration.is_none_or(|duration| duration >= Duration::from_secs(1)),
            "the market would end before it began: run it for at least 1s"
        );
        scenario.validate()?;
        Ok(scenario)
    }
}

/// Sets the number of peers of a behaviour.
fn set_group(scenario: &mut Scenario, behaviour: Behaviour, count: usize) {
    let groups = &mut scenario.groups;
    match groups.iter_mut().find(|group| group.behaviour == behaviour) {
        Some(group) => group.count = count,
        None => groups.push(group(count, behaviour)),
    }
    groups.retain(|group| group.count > 0);
}

/// Runs a market until it is ended; the exit code of the program.
pub async fn run(options: Options) -> Result<()> {
    // Another market is another home, and the same command finds the same one again.
    let (home, base) = match &options.home {
        Some(home) => (home.clone(), stored(home)?),
        None => {
            let wanted = options.scenario(Scenario::default())?;
            let home = default_home(&wanted)?;
            let base = stored(&home)?;
            (home, base)
        }
    };
    let wanted = options.scenario(base.unwrap_or_default())?;
    home::check_texts(&wanted)?;
    let home = home::Home::open(&home, &wanted)?;
    engine::run(home, &wanted, options.json).await
}

/// The scenario of a home that is there already.
fn stored(home: &Path) -> Result<Option<Scenario>> {
    let path = home.join("market.toml");
    if path.exists() { reader::read(&path).map(Some) } else { Ok(None) }
}

/// The home of a scenario in the user's data folder.
fn default_home(scenario: &Scenario) -> Result<PathBuf> {
    let mut lasting = scenario.clone();
    for text in &mut lasting.text {
        *text = std::fs::canonicalize(&*text)
            .with_context(|| format!("cannot read the text {}", text.display()))?;
    }
    let digest = muster_ledger::crypto::hash("muster home", &[lasting.to_toml()?.as_bytes()]);
    let name = hex::encode(&digest.0[..4]);
    Ok(home::markets_folder()?.join(name))
}
