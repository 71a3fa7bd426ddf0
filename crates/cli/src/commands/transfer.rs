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
    /// How much, in MST; an account that is not there yet is opened by it, for a deposit that is
    /// held while it is there
    #[arg(required_unless_present = "close")]
    amount: Option<Grains>,
    /// Close the account: send all that it has, with its deposit
    #[arg(long, conflicts_with = "amount")]
    close: bool,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    signer: Signer,
}

/// Runs the command.
pub async fn run(options: Options) -> Result<()> {
    let to = options.signer.keyring.account(&options.to, Some(&options.network))?;
    let (action, done) = match options.amount {
        Some(amount) => {
            (account::Action::Transfer { to, amount }, format!("sent {amount} to {to}"))
        }
        None => (account::Action::Close { to }, format!("closed the account: all went to {to}")),
    };
    perform(&options.network, &options.signer, action.into(), &done).await
}
