//! `muster transfer`: money from one account to another.

use anyhow::Result;
use clap::Args;
use muster_ledger::money::Grains;
use muster_ledger::transaction::account;

use crate::keyring::Signer;
use crate::network::Network;
use crate::perform::perform;

/// Arguments of `muster transfer`.
#[derive(Args)]
pub struct Options {
    /// Who receives it: an address, or the name of a key in the wallet
    to: String,
    /// How much, in MST
    amount: Grains,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    signer: Signer,
}

/// Runs the command.
pub async fn run(options: Options) -> Result<()> {
    let to = options.signer.keyring.account(&options.to, Some(&options.network))?;
    let action = account::Action::Transfer { to, amount: options.amount }.into();
    let done = format!("sent {} to {to}", options.amount);
    perform(&options.network, &options.signer, action, &done).await
}
