//! `siege`: holds a siege of a market on this machine, or lets one run for long, and says whether
//! it worked.
#![allow(clippy::print_stdout, reason = "what it finds is its result")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use muster_node::Gossip;
use muster_siege::attack::{self, Attack, Orders};
use muster_siege::error::SiegeError;
use muster_siege::lan;
use muster_siege::market::{Plan, program};
use muster_siege::process::Ground;
use muster_siege::report::{report, verdicts};
use muster_siege::siege::{Wanted, hold, prepare};
use muster_siege::soak;

/// Less than that says nothing of growth.
const SOAK_MIN: Duration = Duration::from_secs(120);

/// Attacks a market of real processes in all known ways at once.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set a market in peace beside the same market under siege, and say whether it works.
    Siege(Siege),
    /// Let a market run for long, with attackers, load and faults, and see whether anything grows.
    Soak(Soak),
    /// Attack, as a file says; started by a siege.
    #[command(hide = true)]
    Attack {
        /// The orders.
        orders: PathBuf,
        /// End when this process, the parent, does.
        #[arg(long)]
        supervised: i32,
    },
}

/// What every market here is made of.
#[derive(Args)]
struct Made {
    /// Number of validators.
    #[arg(long, default_value_t = 4)]
    validators: usize,
    /// Number of peers that learn.
    #[arg(long, default_value_t = 6)]
    peers: usize,
    /// Seed of all keys.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How consensus messages travel: `relay`, as in the market of `muster up`, or `broadcast`.
    #[arg(long, default_value_t)]
    gossip: Gossip,
    /// Where everything lies, an empty folder; it stays [default: a new one, which goes if all is
    /// well].
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// Attack only so; may be repeated.
    #[arg(long = "attack", value_name = "NAME")]
    attacks: Vec<Attack>,
    /// How much of an attack, instead of the usual; may be repeated.
    #[arg(long = "rate", value_name = "NAME=NUMBER", value_parser = rate)]
    rates: Vec<(Attack, f64)>,
}

#[derive(Args)]
struct Siege {
    #[command(flatten)]
    made: Made,
    /// How long each phase lasts, seconds.
    #[arg(long, default_value_t = 120)]
    phase: u64,
    /// Writes all numbers into a file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct Soak {
    #[command(flatten)]
    made: Made,
    /// How long, such as 2h or 20m.
    #[arg(long = "for", value_name = "DURATION", default_value = "20m", value_parser = duration)]
    duration: Duration,
    /// Nobody attacks.
    #[arg(long, conflicts_with_all = ["attacks", "rates"])]
    in_peace: bool,
    /// Where the figure goes, a file that ends with .svg or .png.
    #[arg(long, value_name = "FILE", default_value = "soak.svg")]
    figure: PathBuf,
}

fn duration(text: &str) -> Result<Duration, String> {
    let found = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match found >= SOAK_MIN {
        true => Ok(found),
        false => Err(format!("it must be at least {} s", SOAK_MIN.as_secs())),
    }
}

fn rate(text: &str) -> Result<(Attack, f64), String> {
    use clap::ValueEnum;
    let (name, number) = text.split_once('=').ok_or("it must be NAME=NUMBER")?;
    let number: f64 = number.parse().map_err(|_| format!("`{number}` is no number"))?;
    if !(number > 0.0 && number.is_finite()) {
        return Err(format!("`{number}` must be above 0"));
    }
    Ok((Attack::from_str(name, false)?, number))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Command::Attack { orders, supervised } = &arguments.command else {
        if !lan::is_inside() {
            return fail(&lan::enter());
        }
        return run(arguments.command);
    };
    match attack(orders, *supervised) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Siege(siege) => block_on(until_interrupted(besiege(&siege))),
        Command::Soak(soak) => block_on(let_run(&soak)),
        Command::Attack { .. } => Ok(true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => fail(&error),
    }
}

fn fail(error: &SiegeError) -> ExitCode {
    eprintln!("siege: {error}");
    ExitCode::from(1)
}

/// Runs something until it ends or somebody presses Ctrl-C: then the processes go with what holds
/// them, and what is on the disk stays.
async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, SiegeError>>,
) -> Result<T, SiegeError> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Err(SiegeError::Interrupted),
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, SiegeError>>) -> Result<T, SiegeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(SiegeError::system("cannot start"))?;
    runtime.block_on(work)
}

async fn let_run(soak: &Soak) -> Result<bool, SiegeError> {
    let (plan, ours) = soak.made.plan()?;
    let rates = if soak.in_peace { BTreeMap::new() } else { soak.made.rates() };
    let figure = soak.figure.clone();
    let wanted = soak::Wanted { plan, rates, duration: soak.duration, figure };
    prepare(&wanted.plan)?;
    let summary = soak::run(&wanted).await?;
    println!("{}", summary.report());
    let grows = summary.grows();
    if grows {
        println!("Something grows: see the table.");
    }
    leave(&wanted.plan.home, ours && !grows)?;
    Ok(!grows)
}

/// Removes the market's folder, or says where it is.
fn leave(home: &Path, remove: bool) -> Result<(), SiegeError> {
    if remove {
        let fault = SiegeError::system(format!("cannot remove {}", home.display()));
        return std::fs::remove_dir_all(home).map_err(fault);
    }
    eprintln!("==> the market's folder, with all logs, stays: {}", home.display());
    Ok(())
}

async fn besiege(siege: &Siege) -> Result<bool, SiegeError> {
    let (plan, ours) = siege.made.plan()?;
    let phase = Duration::from_secs(siege.phase.max(10));
    let wanted = Wanted { plan, rates: siege.made.rates(), phase };
    prepare(&wanted.plan)?;
    let outcome = hold(&wanted).await?;
    println!("{}", report(&outcome));
    if let Some(path) = &siege.json {
        let text = serde_json::to_string_pretty(&outcome).expect("numbers are JSON");
        let fault = SiegeError::system(format!("cannot write {}", path.display()));
        std::fs::write(path, text).map_err(fault)?;
    }
    let held = verdicts(&outcome).iter().all(|verdict| verdict.held);
    leave(&wanted.plan.home, held && ours)?;
    Ok(held)
}

impl Made {
    /// The market, and whether its folder is ours to remove.
    fn plan(&self) -> Result<(Plan, bool), SiegeError> {
        let name = format!("muster-siege-{}", std::process::id());
        let home = self.home.clone().unwrap_or_else(|| std::env::temp_dir().join(name));
        let shown = home.display().to_string();
        std::fs::create_dir_all(&home)
            .map_err(SiegeError::system(format!("cannot make {shown}")))?;
        let mut entries =
            std::fs::read_dir(&home).map_err(SiegeError::system(format!("cannot read {shown}")))?;
        if entries.next().is_some() {
            return Err(SiegeError::Wrong(format!("{shown} is not empty: name another --home")));
        }
        if !(1..=32).contains(&self.validators) || !(1..=64).contains(&self.peers) {
            let what = "there must be 1 to 32 validators and 1 to 64 peers";
            return Err(SiegeError::Wrong(what.into()));
        }
        let plan = Plan {
            seed: self.seed,
            validators: self.validators,
            peers: self.peers,
            block_time_ms: 1_000,
            gossip: self.gossip,
            program: program()?,
            home: std::fs::canonicalize(&home)
                .map_err(SiegeError::system(format!("cannot find {shown}")))?,
            ground: Ground::Lan,
        };
        Ok((plan, self.home.is_none()))
    }

    fn rates(&self) -> BTreeMap<Attack, f64> {
        use clap::ValueEnum;
        let all = Attack::value_variants();
        let chosen = if self.attacks.is_empty() { all } else { &self.attacks[..] };
        let mut rates: BTreeMap<Attack, f64> =
            chosen.iter().map(|attack| (*attack, attack.usual_rate())).collect();
        for (attack, rate) in &self.rates {
            rates.entry(*attack).and_modify(|usual| *usual = *rate);
        }
        rates
    }
}

/// Attacks until the supervisor ends.
fn attack(path: &Path, supervisor: i32) -> Result<(), SiegeError> {
    let signal = nix::sys::signal::Signal::SIGKILL;
    nix::sys::prctl::set_pdeathsig(signal)
        .map_err(|error| SiegeError::system("cannot ask to end with the siege")(error.into()))?;
    // The supervisor may have ended before the request was in force.
    if nix::unistd::getppid().as_raw() != supervisor {
        return Err(SiegeError::Interrupted);
    }
    let _ = muster_files::raise_open_files_max();
    // On machines of their own they would take nothing from those whom they attack; behind peers,
    // which take all that is left, they would not get to work.
    rustix::process::nice(2)
        .map_err(|error| SiegeError::system("cannot yield to validators")(error.into()))?;
    let shown = path.display();
    let text = std::fs::read(path).map_err(SiegeError::system(format!("cannot read {shown}")))?;
    let orders: Orders = serde_json::from_slice(&text)
        .map_err(|error| SiegeError::Wrong(format!("{shown}: {error}")))?;
    block_on(attack::run(orders))
}
