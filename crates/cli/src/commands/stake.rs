//! `muster stake`: money behind peers.

use anyhow::Result;
use clap::{Args, Subcommand};
use muster_ledger::money::Grains;
use muster_ledger::transaction::stake;
use muster_ledger::types::PeerId;

use crate::keyring::Signer;
use crate::network::Network;
use crate::output::{self, Align, Table, mst};
use crate::perform::perform;

/// Arguments of `muster stake`.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    network: Network,
}

#[derive(Subcommand)]
enum Verb {
    /// Put money behind a peer: one's own, or another's (delegation)
    Add(Change),
    /// Take money back; it arrives after the unbonding delay
    Remove(Change),
    /// Show an account's stakes, and the money on its way back
    List {
        /// The account: an address, or the name of a key in the wallet [default: the key that
        /// would sign]
        address: Option<String>,
        #[command(flatten)]
        signer: Signer,
    },
}

#[derive(Args)]
struct Change {
    /// The peer's number
    peer: u32,
    /// How much, in MST
    amount: Grains,
    #[command(flatten)]
    signer: Signer,
}

/// Runs the command.
pub async fn run(options: Options) -> Result<()> {
    let network = &options.network;
    match options.verb {
        Verb::Add(Change { peer, amount, signer }) => {
            let action = stake::Action::Stake { peer: PeerId(peer), amount }.into();
            perform(network, &signer, action, &format!("staked {amount} on peer {peer}")).await
        }
        Verb::Remove(Change { peer, amount, signer }) => {
            let action = stake::Action::Unstake { peer: PeerId(peer), amount }.into();
            perform(network, &signer, action, &format!("took {amount} back from peer {peer}")).await
        }
        Verb::List { address, signer } => {
            let key = match address {
                Some(address) => signer.keyring.account(&address, Some(network))?,
                None => signer.key(network)?.0.public(),
            };
            list(network, &key).await
        }
    }
}

async fn list(network: &Network, key: &muster_ledger::crypto::PublicKey) -> Result<()> {
    let account = network.client()?.account(key).await?;
    if network.json {
        return output::print_json(&account);
    }
    let mut table = Table::new(&[("what", Align::Left), ("MST", Align::Right)]);
    table.row(vec!["balance".into(), mst(account.balance.grains())]);
    table.row(vec!["deposit of the account".into(), mst(account.deposit.grains())]);
    for stake in &account.delegations {
        table.row(vec![format!("behind peer {}", stake.peer), mst(stake.amount.grains())]);
    }
    for back in &account.unbondings {
        table.row(vec![format!("arrives at height {}", back.due), mst(back.amount.grains())]);
    }
    table.print()
}
