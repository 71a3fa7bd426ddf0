//! `muster query`: questions to a running network.

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use muster_api::{Client, Proof};
use muster_ledger::block::Header;
use muster_ledger::committee::Validator;
use muster_ledger::encoding::decode;
use muster_ledger::light;
use muster_ledger::state::{Key, Value, account as accounts, market};
use muster_ledger::tree;

use crate::keyring::Keyring;
use crate::network::Network;
use crate::output::{self, Align, Table, mst, number};

/// Longest entry or header of a proof that is read.
const ENTRY_BYTES_MAX: usize = 16 << 20;

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

/// Asks for a proof and checks all of it here: value against state root, root against header,
/// header against the committee's signatures. The committee is the one that this node names, not
/// one followed from the genesis, and the answer says so.
async fn proof(client: &Client, of: ProofOf, network: &Network) -> Result<()> {
    let (proof, wanted) = match of {
        ProofOf::Account { address, keyring } => {
            let key = keyring.account(&address, Some(network))?;
            (client.prove_account(&key).await?, accounts::Key::Account(key).into())
        }
        ProofOf::Peer { id } => {
            let id = muster_ledger::types::PeerId(id);
            (client.prove_peer(id.0).await?, market::Key::Peer(id).into())
        }
    };
    let value = check_proof(client, &proof, &wanted).await?;
    if network.json {
        return output::print_json(&proof);
    }
    let what = match value {
        Some(value) => format!("{value:?}"),
        None => "no such entry (and that is proved)".into(),
    };
    output::print(&format!(
        "proved at height {}, certified by {} validators of the committee that this node names:\n\
         {what}",
        proof.height,
        proof.certificate.signatures.len()
    ))
}

/// The entry that a proof shows, checked against the committee that the node names.
async fn check_proof(client: &Client, proof: &Proof, wanted: &Key) -> Result<Option<Value>> {
    let key: Key = decode("the proof's key", &proof.key.0, ENTRY_BYTES_MAX)?;
    ensure!(key == *wanted, "the node proved another entry than asked for");
    let value: Option<Value> = match &proof.value {
        Some(bytes) => Some(decode("the proof's value", &bytes.0, ENTRY_BYTES_MAX)?),
        None => None,
    };
    let header: Header = decode("the proof's header", &proof.header.0, ENTRY_BYTES_MAX)?;
    let merkle = tree::Proof::decode(&proof.proof.0).context("the proof")?;
    let committee = client.committee().await?.validators;
    let members = committee
        .iter()
        .map(|one| Validator { name: one.name.clone(), key: one.address.0 })
        .collect::<Vec<_>>();
    light::verify_committee(&header, &members)
        .context("the committee changed at this block: ask again")?;
    light::verify(&header, &(&proof.certificate).into(), &members)
        .and_then(|()| light::verify_entry(&header, &key, value.as_ref(), &merkle))
        .context("do not trust this node")?;
    ensure!(header.height.0 == proof.height, "the proof is of another height than it says");
    Ok(value)
}
