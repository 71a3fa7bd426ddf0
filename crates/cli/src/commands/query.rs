//! `muster query`: questions to a running network.

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use muster_api::{Client, FollowError, Proof};
use muster_ledger::state::{account as accounts, market, presence};

use crate::keyring::Keyring;
use crate::meant::{self, meant};
use crate::network::Network;
use crate::output::{self, Align, Table, mst, number};

/// Arguments of `muster query`.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    question: Question,
    #[command(flatten)]
    network: Network,
}

#[derive(Subcommand)]
enum Question {
    /// How the network is
    Status,
    /// A block, or the latest ones
    Block {
        /// Its height [default: the latest ten]
        height: Option<u64>,
    },
    /// An account
    Account {
        /// Its address, or the name of a key in the wallet
        address: String,
        #[command(flatten)]
        keyring: Keyring,
    },
    /// All peers
    Peers,
    /// One peer
    Peer {
        /// Its number
        id: u32,
    },
    /// A transaction
    Transaction {
        /// Its hash
        hash: String,
    },
    /// The money supply
    Supply,
    /// The parameters in force
    Parameters,
    /// The last closed epoch of the market
    Market,
    /// Who decides the next block
    Committee,
    /// Prove an entry of the state against a certified block, and check the proof here
    Proof {
        #[command(subcommand)]
        of: ProofOf,
    },
}

#[derive(Subcommand)]
enum ProofOf {
    /// Prove an account
    Account {
        /// Its address, or the name of a key in the wallet
        address: String,
        #[command(flatten)]
        keyring: Keyring,
    },
    /// Prove a peer
    Peer {
        /// Its number
        id: u32,
    },
    /// Prove a presence round, with its solutions
    Round {
        /// Its number
        id: u64,
    },
}

/// Runs the command.
pub async fn run(options: Options) -> Result<()> {
    let client = options.network.client()?;
    let json = options.network.json;
    match options.question {
        Question::Status => status(&client, json).await,
        Question::Block { height } => block(&client, height, json).await,
        Question::Account { address, keyring } => {
            let key = keyring.account(&address, Some(&options.network))?;
            fields(&client.account(&key).await?, json)
        }
        Question::Peers => peers(&client, json).await,
        Question::Peer { id } => fields(&client.peer(id).await?, json),
        Question::Transaction { hash } => {
            let hash = hash.parse().with_context(|| format!("`{hash}` is not a hash"))?;
            fields(&client.transaction(&hash).await?, json)
        }
        Question::Supply => fields(&client.supply().await?, json),
        Question::Parameters => parameters(&client, json).await,
        Question::Market => fields(&client.market().await?, json),
        Question::Committee => {
            let committee = client.committee().await?;
            if json {
                return output::print_json(&committee);
            }
            validators(&committee.validators).print()
        }
        Question::Proof { of } => proof(&client, of, &options.network).await,
    }
}

/// A document as it is, or one line for each of its fields.
fn fields(document: &impl serde::Serialize, json: bool) -> Result<()> {
    if json {
        return output::print_json(document);
    }
    let mut table = Table::new(&[("field", Align::Left), ("value", Align::Left)]);
    flatten("", &serde_json::to_value(document)?, &mut table);
    table.print()
}

fn flatten(name: &str, value: &serde_json::Value, table: &mut Table) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, value, table);
            }
        }
        serde_json::Value::String(text) => table.row(vec![name.into(), text.clone()]),
        other => table.row(vec![name.into(), other.to_string()]),
    }
}

async fn status(client: &Client, json: bool) -> Result<()> {
    let status = client.status().await?;
    if json {
        return output::print_json(&status);
    }
    output::print(&format!(
        "network {} (chain {})\nheight {}, {:.2} blocks/s, epoch {}, {} peers, {} transactions\n\
         supply {} MST = {} at genesis + {} minted − {} burned\nstate root {}\n",
        status.network,
        status.chain,
        status.height,
        status.blocks_per_second,
        status.epoch,
        status.peers,
        status.transactions,
        mst(status.supply.total.grains()),
        mst(status.supply.genesis.grains()),
        mst(status.supply.minted.grains()),
        mst(status.supply.burned.grains()),
        status.state_root,
    ))?;
    validators(&status.validators).print()
}

fn validators(list: &[muster_api::ValidatorStatus]) -> Table {
    let mut table =
        Table::new(&[("validator", Align::Left), ("votes", Align::Left), ("address", Align::Left)]);
    for one in list {
        let votes = match one.online {
            Some(true) => "yes",
            Some(false) => "no",
            None => "–",
        };
        table.row(vec![one.name.clone(), votes.into(), one.address.to_string()]);
    }
    table
}

async fn block(client: &Client, height: Option<u64>, json: bool) -> Result<()> {
    if let Some(height) = height {
        return fields(&client.block(height).await?, json);
    }
    let blocks = client.blocks(None, Some(10)).await?;
    if json {
        return output::print_json(&blocks);
    }
    let mut table = Table::new(&[
        ("height", Align::Right),
        ("proposer", Align::Left),
        ("transactions", Align::Right),
        ("size", Align::Right),
        ("hash", Align::Left),
    ]);
    for block in &blocks.blocks {
        table.row(vec![
            block.height.to_string(),
            block.proposer_name.clone().unwrap_or_else(|| block.proposer.to_string()),
            block.transactions.to_string(),
            output::bytes(block.bytes),
            block.hash.to_string(),
        ]);
    }
    table.print()
}

async fn peers(client: &Client, json: bool) -> Result<()> {
    let peers = client.peers().await?;
    if json {
        return output::print_json(&peers);
    }
    let mut table = Table::new(&[
        ("id", Align::Right),
        ("name", Align::Left),
        ("stake", Align::Right),
        ("rank", Align::Right),
        ("trust", Align::Right),
        ("incentive", Align::Right),
        ("steps", Align::Right),
        ("loss", Align::Right),
        ("endpoint", Align::Left),
    ]);
    for peer in &peers.peers {
        let telemetry = peer.telemetry.as_ref();
        table.row(vec![
            peer.id.to_string(),
            peer.name.clone().unwrap_or_else(|| "–".into()),
            mst(peer.stake.grains()),
            number(Some(peer.rank), 4),
            number(Some(peer.trust), 3),
            number(Some(peer.incentive), 4),
            telemetry.map_or_else(|| "–".into(), |telemetry| telemetry.steps.to_string()),
            number(telemetry.and_then(|telemetry| telemetry.loss_with_network), 4),
            peer.endpoint.url.clone(),
        ]);
    }
    table.print()
}

async fn parameters(client: &Client, json: bool) -> Result<()> {
    let found = client.parameters().await?;
    if json {
        return output::print_json(&found);
    }
    let mut table = Table::new(&[
        ("parameter", Align::Left),
        ("value", Align::Right),
        ("what it is", Align::Left),
    ]);
    // As the genesis spells them; fields and names come from one declaration.
    let values = serde_json::to_value(&found.parameters)?;
    for field in muster_ledger::parameters::FIELDS {
        let value = match &values[field.name] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        table.row(vec![field.name.into(), value, field.about.trim().into()]);
    }
    if !found.unknown.is_empty() {
        let names = found.unknown.join(", ");
        output::say(&format!("this node has parameters that this program does not know: {names}"));
    }
    table.print()
}

/// What a proof came to, for scripts.
#[derive(serde::Serialize)]
struct Proved<'a> {
    /// Whether it is known to be so; otherwise it is only consistent.
    proved: bool,
    chain: String,
    #[serde(flatten)]
    proof: &'a Proof,
}

/// Asks for a proof and checks all of it here: value against state root, root against header,
/// header against the signatures of a committee that was followed from the genesis.
async fn proof(client: &Client, of: ProofOf, network: &Network) -> Result<()> {
    let meant = meant(network, client, None).await?;
    let (proof, wanted) = match of {
        ProofOf::Account { address, keyring } => {
            let key = keyring.account(&address, Some(network))?;
            (client.prove_account(&key).await?, accounts::Key::Account(key).into())
        }
        ProofOf::Peer { id } => {
            let id = muster_ledger::types::PeerId(id);
            (client.prove_peer(id.0).await?, market::Key::Peer(id).into())
        }
        ProofOf::Round { id } => {
            let id = muster_ledger::types::RoundId(id);
            (client.prove_round(id.0).await?, presence::Key::Round(id).into())
        }
    };
    let mut follower = meant.follower(client).await.context("nothing is proved")?;
    let checked = client.check_proof(&mut follower, &proof, &wanted).await;
    // What was followed so far holds, whatever came after it.
    meant::keep(&follower)?;
    let value = checked.map_err(|error| match error {
        FollowError::Client(_) | FollowError::Behind { .. } => {
            anyhow::Error::from(error).context("nothing is proved")
        }
        lie => anyhow::Error::from(lie).context("nothing is proved, do not trust this node"),
    })?;
    let (proved, chain) = (!meant.is_new, meant.chain.to_string());
    if network.json {
        return output::print_json(&Proved { proved, chain, proof: &proof });
    }
    let what = match value {
        Some(value) => format!("{value:?}"),
        None => "no such entry".into(),
    };
    let height = proof.height;
    output::print(&if proved {
        format!(
            "proved at height {height}: certified by {} validators of the committee that follows \
             from the genesis of chain {chain}\n{what}",
            proof.certificate.signatures.len(),
        )
    } else {
        format!(
            "not proved, but consistent at height {height}: that chain {chain} is meant is known \
             from this node alone, and since now; name the network's --genesis\n{what}"
        )
    })
}
