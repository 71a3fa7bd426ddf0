//! `muster proposal`: votes on the network's parameters.

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use muster_ledger::change::Change;
use muster_ledger::parameters::{FIELDS, ParameterChange};
use muster_ledger::protocol::{Switch, Version};
use muster_ledger::transaction::governance;
use muster_ledger::types::Height;

use crate::keyring::Signer;
use crate::network::Network;
use crate::output::{self, Align, Table, mst, nearest};
use crate::perform::perform;

/// Arguments of `muster proposal`.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    network: Network,
}

#[derive(Subcommand)]
enum Verb {
    /// Show the open proposals, what was agreed and is to come, and the quorum
    List,
    /// Propose a value for a parameter (see `muster query parameters`), for a deposit
    Submit {
        /// The parameter's name
        name: String,
        /// Its new value: a number; grains for money, 0 or 1 for switches
        value: u64,
        #[command(flatten)]
        signer: Signer,
    },
    /// Propose that blocks be executed by the next protocol version from a height on
    Upgrade {
        /// The version: one more than `muster query status` says
        version: u32,
        /// The first block by its rules; every validator must run a program that knows them by then
        height: u64,
        #[command(flatten)]
        signer: Signer,
    },
    /// Vote on a proposal; stake that was there before it counts
    Vote {
        /// The proposal's number
        proposal: u64,
        /// For or against it
        choice: Choice,
        #[command(flatten)]
        signer: Signer,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// For it
    Yes,
    /// Against it
    No,
}

/// Runs the command.
pub async fn run(options: Options) -> Result<()> {
    let network = &options.network;
    match options.verb {
        Verb::List => list(network).await,
        Verb::Submit { name, value, signer } => {
            if !FIELDS.iter().any(|field| field.name == name) {
                let near = nearest(&name, FIELDS.iter().map(|field| field.name));
                let hint = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                return Err(anyhow::anyhow!("see `muster query parameters`"))
                    .with_context(|| format!("no parameter is called `{name}`: {hint}"));
            }
            propose(network, &signer, Change::Parameter(ParameterChange { name, value })).await
        }
        Verb::Upgrade { version, height, signer } => {
            let switch = Switch { version: Version(version), height: Height(height) };
            propose(network, &signer, Change::Upgrade(switch)).await
        }
        Verb::Vote { proposal, choice, signer } => {
            let approve = matches!(choice, Choice::Yes);
            let done =
                format!("voted {} proposal {proposal}", if approve { "for" } else { "against" });
            let action = governance::Action::Vote { proposal, approve };
            perform(network, &signer, action.into(), &done).await
        }
    }
}

async fn propose(network: &Network, signer: &Signer, change: Change) -> Result<()> {
    let done = format!("proposed {change}");
    perform(network, signer, governance::Action::Propose { change }.into(), &done).await
}

async fn list(network: &Network) -> Result<()> {
    let proposals = network.client()?.proposals().await?;
    if network.json {
        return output::print_json(&proposals);
    }
    if !proposals.proposals.is_empty() {
        let mut table = Table::new(&[
            ("id", Align::Right),
            ("change", Align::Left),
            ("for (MST)", Align::Right),
            ("against (MST)", Align::Right),
            ("votes", Align::Right),
            ("decided by block", Align::Right),
        ]);
        for proposal in &proposals.proposals {
            table.row(vec![
                proposal.id.to_string(),
                proposal.change.clone(),
                mst(proposal.approving.grains()),
                mst(proposal.rejecting.grains()),
                proposal.votes.to_string(),
                proposal.closes.to_string(),
            ]);
        }
        table.print()?;
    }
    if !proposals.agreed.is_empty() {
        let mut table = Table::new(&[
            ("id", Align::Right),
            ("agreed", Align::Left),
            ("from block", Align::Right),
        ]);
        for agreed in &proposals.agreed {
            table.row(vec![
                agreed.id.to_string(),
                agreed.change.clone(),
                agreed.effect.to_string(),
            ]);
        }
        table.print()?;
    }
    let quorum = mst(proposals.quorum.grains());
    output::print(&format!(
        "accepted is what more stake is for than against, {quorum} MST or more of it for"
    ))
}
