//! `muster proposal`: votes on the network's parameters.

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use muster_ledger::change::Change;
use muster_ledger::parameters::{FIELDS, ParameterChange};
use muster_ledger::transaction::{Action, governance};

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
    /// Show the open proposals
    List,
    /// Propose a value for a parameter (see `muster query parameters`)
    Submit {
        /// The parameter's name
        name: String,
        /// Its new value: a number; grains for money, 0 or 1 for switches
        value: u64,
        #[command(flatten)]
        signer: Signer,
    },
    /// Vote on a proposal; stake counts
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
            let change = ParameterChange { name, value };
            let done = format!("proposed {change}");
            perform(
                network,
                &signer,
                Action::Governance(governance::Action::Propose {
                    change: Change::Parameter(change),
                }),
                &done,
            )
            .await
        }
        Verb::Vote { proposal, choice, signer } => {
            let approve = matches!(choice, Choice::Yes);
            let done =
                format!("voted {} proposal {proposal}", if approve { "for" } else { "against" });
            perform(
                network,
                &signer,
                Action::Governance(governance::Action::Vote { proposal, approve }),
                &done,
            )
            .await
        }
    }
}

async fn list(network: &Network) -> Result<()> {
    let proposals = network.client()?.proposals().await?;
    if network.json {
        return output::print_json(&proposals);
    }
    let mut table = Table::new(&[
        ("id", Align::Right),
        ("change", Align::Left),
        ("for (MST)", Align::Right),
        ("against (MST)", Align::Right),
        ("until epoch", Align::Right),
    ]);
    for proposal in &proposals.proposals {
        let sum = |votes: &[muster_api::CastVote]| {
            mst(votes.iter().map(|vote| vote.stake.grains()).sum())
        };
        table.row(vec![
            proposal.id.to_string(),
            proposal.change.clone(),
            sum(&proposal.approve),
            sum(&proposal.reject),
            proposal.expires_epoch.to_string(),
        ]);
    }
    table.print()
}
