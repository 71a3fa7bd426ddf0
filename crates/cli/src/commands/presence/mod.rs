//! `muster presence`: rounds on a running network that tell a crowd whether enough of it is there,
//! beside the calculators that need none.
//!
//! Whoever takes part signs each solution with a key of its own, which the wallet derives from the
//! chain, the round and a count: the keys say nothing of each other or of their owner, and the
//! wallet's words are enough to claim the prize.

mod join;
mod round;
mod show;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use muster_api::Address;
use muster_api::presence as api;
use muster_ledger::money::Grains;
use muster_ledger::presence::{Deadlines, Design};
use muster_ledger::transaction::account;
use muster_ledger::transaction::presence::{Action, Unlocks};
use muster_ledger::types::RoundId;
use muster_presence::KEYS;

use crate::calculator;
use crate::keyring::{Keyring, Signer};
use crate::meant::meant;
use crate::network::Network;
use crate::output;
use crate::perform::{Decision, decide, perform};
use crate::unlocks;

pub use self::show::{mean, quantile, verdict};

use self::round::{key_name, seconds};

/// Arguments of `muster presence`.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    #[command(flatten)]
    Compute(calculator::presence::Verb),
    #[command(flatten)]
    Round(Round),
}

/// Verbs on a running network.
#[derive(Subcommand)]
enum Round {
    /// Open a round on a running network, for a deposit that comes back when it is over
    Open {
        /// Its design, a JSON document (docs/mechanisms/presence.md shows one); `-` reads standard
        /// input
        file: PathBuf,
        /// What the first to solve it can claim (MST)
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        prize: Grains,
        /// What is paid to --pay-to once it is solved in time, and held until then (MST)
        #[arg(long, value_name = "AMOUNT", requires = "pay_to")]
        pay: Option<Grains>,
        /// Whom that is paid to: an address, or the name of a key in the wallet
        #[arg(long, value_name = "ADDRESS", requires = "pay")]
        pay_to: Option<String>,
        /// What is done in the signer's name once it is solved in time: a file that the command
        /// which does it writes with --for-round; what it may spend is held until then
        #[arg(long, value_name = "FILE", conflicts_with = "pay")]
        unlocks: Option<PathBuf>,
        /// The most that may be asked as a deposit: each open round makes the next dearer (MST)
        #[arg(long, value_name = "AMOUNT", default_value = "10")]
        deposit_max: Grains,
        #[command(flatten)]
        signer: Signer,
        #[command(flatten)]
        network: Network,
    },
    /// Take part in a round of a running network: work until it is over
    Join {
        /// The round's number
        round: u64,
        /// How many cores work [default: all]
        #[arg(long)]
        cores: Option<NonZeroUsize>,
        #[command(flatten)]
        keyring: Keyring,
        #[command(flatten)]
        network: Network,
    },
    /// Claim the prize of a round that this wallet was the first to solve
    Claim {
        /// The round's number
        round: u64,
        /// Who receives it: an address, or the name of a key in the wallet
        #[arg(long, value_name = "ADDRESS", default_value = "user")]
        to: String,
        #[command(flatten)]
        keyring: Keyring,
        #[command(flatten)]
        network: Network,
    },
    /// Show the rounds of a running network
    List {
        #[command(flatten)]
        network: Network,
    },
    /// Show one round: its clock, its deadlines, and what is believed of the number present
    Show {
        /// The round's number
        round: u64,
        #[command(flatten)]
        network: Network,
    },
}

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    match options.verb {
        Verb::Compute(verb) => calculator::presence::run(&verb),
        Verb::Round(verb) => super::block_on(on_network(verb)),
    }
}

async fn on_network(verb: Round) -> Result<()> {
    match verb {
        Round::Open { file, prize, pay, pay_to, unlocks, deposit_max, signer, network } => {
            let design = read(&file)?;
            let unlocks = match (pay.zip(pay_to), unlocks) {
                (Some((amount, to)), _) => {
                    let to = signer.keyring.account(&to, Some(&network))?;
                    Some(Unlocks::Account(account::Action::Transfer { to, amount }))
                }
                (None, Some(file)) => Some(unlocks::read(&file)?),
                (None, None) => None,
            };
            let action = Action::Open { design: Box::new(design), unlocks, prize, deposit_max };
            open(&network, &signer, action).await
        }
        Round::Join { round, cores, keyring, network } => {
            let cores = cores.map_or_else(std::thread::available_parallelism, Ok)?;
            join::run(&network, &keyring, round, cores).await
        }
        Round::Claim { round, to, keyring, network } => claim(&network, keyring, round, &to).await,
        Round::List { network } => show::list(&network).await,
        Round::Show { round, network } => show::one(&network, round).await,
    }
}

fn read(file: &std::path::Path) -> Result<Design> {
    let text = calculator::document::read(file)?;
    let shown = file.display();
    let design: api::Design =
        serde_json::from_str(&text).with_context(|| format!("{shown} is no design of a round"))?;
    let design = Design::try_from(&design).with_context(|| format!("{shown} is refused"))?;
    design.check_form().with_context(|| format!("{shown} is refused"))?;
    Ok(design)
}

/// What opening a round came to, for scripts.
#[derive(serde::Serialize)]
struct Opened {
    #[serde(flatten)]
    decision: Decision,
    round: u64,
    deadline_ms: u64,
    best_ms: u64,
    largest_ms: u64,
    acting_probability: f64,
}

/// Opens a round. What the ledger would refuse for a fee is refused here for nothing.
async fn open(network: &Network, signer: &Signer, action: Action) -> Result<()> {
    let Action::Open { design, .. } = &action else { bail!("this opens no round") };
    let client = network.client()?;
    let parameters = client.parameters().await?.parameters;
    let Deadlines { chosen_ms, best_ms, largest_ms } =
        design
            .deadlines(parameters.block_time_ms)
            .context("the ledger would refuse this design")?;
    let acting_probability = design.outlook(chosen_ms, None)?.acting_probability;
    let decision = decide(network, signer, action.into()).await?;
    if decision.height.is_none() {
        return decision.print(network, "handed in");
    }
    let rounds = client.rounds().await?.rounds;
    let own = |round: &&api::Round| {
        round.opener.to_string() == decision.signer && round.phase == api::Phase::Open
    };
    let round = rounds.iter().find(own).context("the round is over already")?.id;
    if network.json {
        let opened = Opened {
            decision,
            round,
            deadline_ms: chosen_ms,
            best_ms,
            largest_ms,
            acting_probability,
        };
        return output::print_json(&opened);
    }
    let done = format!(
        "opened round {round}: to be solved within {} (T° {}, T* {}), which happens with a \
         probability of {:.1}%\ntake part with `muster presence join {round}`",
        seconds(chosen_ms),
        seconds(best_ms),
        seconds(largest_ms),
        100.0 * acting_probability,
    );
    decision.print(network, &done)
}

/// Claims a prize with whichever of the wallet's keys solved the round first.
async fn claim(network: &Network, keyring: Keyring, round: u64, to: &str) -> Result<()> {
    let client = network.client()?;
    let (_, only) = keyring.key("user", Some(network))?;
    let chain = meant(network, &client, only).await?.chain;
    let found = client.round(round).await?.round;
    let to = keyring.account(to, Some(network))?;
    let first = found.solutions.first();
    let solver = first.with_context(|| format!("nobody has solved round {round}"))?.solver;
    for count in 0..KEYS {
        let name = key_name(&chain, round, count);
        let (key, _) = keyring.key(&name, Some(network))?;
        if Address(key.public()) == solver {
            let signer = Signer {
                keyring,
                key: name,
                key_file: None,
                tip: Grains::ZERO,
                no_wait: false,
                for_round: None,
            };
            let action = Action::Claim { round: RoundId(round), to };
            let amount = Grains(found.prize.grains());
            let done = format!("claimed {amount} for solving round {round}, paid to {to}");
            return perform(network, &signer, action.into(), &done).await;
        }
    }
    bail!("round {round} was first solved by {solver}, which is no key of this wallet")
}
