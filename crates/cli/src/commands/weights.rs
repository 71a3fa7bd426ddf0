//! `muster weights`: who scores whom.

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use muster_ledger::transaction::market;
use muster_ledger::types::{PeerId, Row, Share};

use crate::keyring::Signer;
use crate::network::Network;
use crate::output::{self, Align, Table};
use crate::perform::perform;

/// Arguments of `muster weights`.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    network: Network,
}

#[derive(Subcommand)]
enum Verb {
    /// Show all weights, or a peer's
    Show {
        /// The peer's number
        peer: Option<u32>,
    },
    /// Set the weights of the peer whose hot key signs (name it with --key or --key-file)
    Set {
        /// Peer and share of the row, such as 3=0.5 4=0.25; they sum to at most 1
        #[arg(required = true, value_name = "PEER=SHARE")]
        weights: Vec<String>,
        #[command(flatten)]
        signer: Signer,
    },
}

/// Runs the command.
pub async fn run(options: Options) -> Result<()> {
    match options.verb {
        Verb::Show { peer } => show(&options.network, peer).await,
        Verb::Set { weights, signer } => {
            let row = row(&weights)?;
            let done = format!("set {} weights", row.len());
            let action = market::Action::SetWeights { weights: row }.into();
            perform(&options.network, &signer, action, &done).await
        }
    }
}

async fn show(network: &Network, peer: Option<u32>) -> Result<()> {
    let mut weights = network.client()?.weights().await?;
    weights.edges.retain(|(from, _, _)| peer.is_none_or(|peer| *from == peer));
    if network.json {
        return output::print_json(&weights);
    }
    let mut table =
        Table::new(&[("from", Align::Right), ("to", Align::Right), ("weight", Align::Right)]);
    for (from, to, weight) in &weights.edges {
        table.row(vec![from.to_string(), to.to_string(), format!("{weight:.6}")]);
    }
    table.print()
}

fn row(items: &[String]) -> Result<Row> {
    let mut row = Vec::new();
    let mut sum = 0_u64;
    for item in items {
        let parts = item.split_once('=');
        let (peer, number) = parts.with_context(|| format!("`{item}`: write PEER=SHARE"))?;
        let peer = peer.parse().with_context(|| format!("`{peer}` is not a peer's number"))?;
        let share = Share::from_f64(share(number)?)
            .with_context(|| format!("`{number}` is not a share from 0 to 1"))?;
        sum += u64::from(share.0);
        row.push((PeerId(peer), share));
    }
    row.sort_by_key(|(peer, _)| peer.0);
    ensure!(
        row.windows(2).all(|pair| pair[0].0 != pair[1].0),
        "a peer stands in the row twice: name each once"
    );
    ensure!(
        sum <= u64::from(Share::ONE.0),
        "the shares sum to {}: at most 1 may be given away",
        sum as f64 / f64::from(Share::ONE.0)
    );
    Ok(Row::new(row)?)
}

/// A share of a row of weights: a number from 0 to 1.
fn share(text: &str) -> Result<f64> {
    let number: f64 = text.parse().with_context(|| format!("`{text}` is not a number"))?;
    ensure!((0.0..=1.0).contains(&number), "`{text}` is not a number from 0 to 1");
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_checked() {
        let read =
            |items: &[&str]| row(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>());
        let found = read(&["4=0.25", "3=0.5"]).expect("it is right");
        let expected = vec![(PeerId(3), Share(500_000_000)), (PeerId(4), Share(250_000_000))];
        assert_eq!(found, Row::new(expected).expect("it is a row"));
        for (items, complaint) in [
            (&["3"][..], "write PEER=SHARE"),
            (&["x=1"], "not a peer's number"),
            (&["3=0"], "leave it out"),
            (&["3=2"], "not a number from 0 to 1"),
            (&["3=NaN"], "not a number from 0 to 1"),
            (&["3=0.6", "4=0.6"], "sum to 1.2"),
            (&["3=0.1", "3=0.1"], "twice"),
        ] {
            let error = format!("{:#}", read(items).expect_err("refused"));
            assert!(error.contains(complaint), "{items:?}: {error}");
        }
    }
}
