#![allow(clippy::print_stdout, reason = "the report is the result")]
//! What grows with the network in the ledger alone: state and blocks by accounts, epochs by peers
//! and rows, certificates by committee, and the largest markets that the parameters allow.
//!
//! `cargo run --release -p muster-ledger --example growth -- accounts|epochs|committees|limits`
//! prints a table for docs/scale.md; each row of the first two is measured in a process of its own.
//! Times are of the processor, over all threads, the median of several. Memory is what the process
//! holds more after than before.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use cpu_time::ProcessTime;
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Version as TreeVersion};
use muster_ledger::block::{Block, Header};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{PublicKey, SecretKey, hash};
use muster_ledger::encoding::encode;
use muster_ledger::execute::{Execution, execute_verified, propose};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::light::Follower;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{MarketRule, Parameters};
use muster_ledger::protocol::Version;
use muster_ledger::state::State;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account, market};
use muster_ledger::tree;
use muster_ledger::types::{Endpoint, Height, Modality, PeerId, Row, Share};
use muster_ledger::vote::{Certificate, VOTE_DOMAIN, VoteKind, vote_bytes};
use rayon::prelude::*;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Transfers of a block.
const TRANSFERS: u64 = 10_000;
/// How many times what is short is measured.
const TIMES: usize = 5;
/// Blocks that set the weights of an epoch; the next one ends it.
const ROW_BLOCKS: u64 = 8;

fn key(index: u64) -> SecretKey {
    SecretKey::from_seed(hash("scale key", &[&index.to_le_bytes()]).0)
}

fn keys(count: u64) -> Vec<SecretKey> {
    (0..count).into_par_iter().map(key).collect()
}

fn validator(index: u64) -> SecretKey {
    key((1 << 40) + index)
}

/// Bytes of memory that the process holds.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// Processor time of some work, the median of several, and what it gave last.
fn time<T>(times: usize, mut work: impl FnMut() -> T) -> (Duration, T) {
    let mut once = || {
        let began = ProcessTime::now();
        let result = work();
        (began.elapsed(), result)
    };
    let (first, mut result) = once();
    let mut taken = vec![first];
    for _ in 1..times {
        let (duration, last) = once();
        taken.push(duration);
        result = last;
    }
    taken.sort_unstable();
    (taken[taken.len() / 2], result)
}

fn micros(duration: Duration, count: u64) -> f64 {
    duration.as_secs_f64() * 1e6 / count as f64
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The newest version of the state's tree.
#[derive(Default)]
struct Nodes(HashMap<NodeKey, Node>);

impl Nodes {
    fn write(&mut self, batch: &TreeUpdateBatch) {
        let nodes = batch.node_batch.nodes().iter();
        self.0.extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
        for stale in &batch.stale_node_index_batch {
            self.0.remove(&stale.node_key);
        }
    }
}

impl TreeReader for Nodes {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.0.get(key).cloned())
    }

    fn get_value_option(&self, _: TreeVersion, _: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        anyhow::bail!("no update asks for a value")
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("only a restore asks for it")
    }
}

fn genesis(parameters: Parameters, validators: u64) -> Genesis {
    let validator =
        |index| Validator { name: format!("validator-{index}"), key: validator(index).public() };
    Genesis {
        version: Version::NEWEST,
        name: "scale".into(),
        time_ms: 1,
        parameters,
        validators: (0..validators).map(validator).collect(),
        accounts: Vec::new(),
        peers: Vec::new(),
    }
}

fn proposer() -> PublicKey {
    validator(0).public()
}

fn sign(state: &State, key: &SecretKey, action: Action) -> SignedTransaction {
    let signer = key.public();
    let nonce = state.account(&signer).nonce;
    let (chain, expires, tip) = (state.chain(), Height(100), Grains(0));
    SignedTransaction::sign(Transaction { chain, signer, nonce, expires, tip, action }, key)
}

/// A chain of which only the newest state is kept.
struct Chain {
    state: State,
    header: Header,
    nodes: Nodes,
}

impl Chain {
    fn begin(genesis: &Genesis, state: State) -> Self {
        let mut nodes = Nodes::default();
        let (root, batch) =
            tree::update(&nodes, Height(0), &tree::all_entries(&state)).expect("in memory");
        nodes.write(&batch);
        Self { state, header: genesis.header(root), nodes }
    }

    fn propose(&self, candidates: Vec<SignedTransaction>) -> (Vec<SignedTransaction>, Execution) {
        let time_ms = self.header.time_ms + 1_000;
        propose(&self.state, &self.header, time_ms, proposer(), candidates.into_iter())
            .expect("the header is of the chain")
    }

    fn apply(&mut self, included: Vec<SignedTransaction>, execution: Execution) {
        let height = execution.state.height();
        let (root, batch) =
            tree::update(&self.nodes, height, &execution.changes).expect("in memory");
        self.nodes.write(&batch);
        self.header = execution.block(&self.header, proposer(), included, root).header;
        self.state = execution.state;
    }
}

/// A block of 10,000 transfers between accounts that lie far apart, by how many there are.
fn accounts(count: u64) {
    assert!(count >= TRANSFERS, "each transfer has a sender of its own");
    let parameters = Parameters {
        block_cost_max: 10_000_000,
        timeout_propose_ms: 10_000,
        ..Parameters::default()
    };
    let keys = keys(count);
    let mut genesis = genesis(parameters, 1);
    let balance = |key: &SecretKey| (key.public(), Grains(1_000_000_000));
    genesis.accounts = keys.iter().map(balance).collect();
    let before = resident();
    let state = State::genesis(&genesis).expect("possible");
    let state_bytes = resident().saturating_sub(before);
    let chain = Chain::begin(&genesis, state);
    let step = count / TRANSFERS;
    let candidates = (0..TRANSFERS)
        .into_par_iter()
        .map(|index| {
            let to = keys[((index * step + count / 2) % count) as usize].public();
            let action = Action::Account(account::Action::Transfer { to, amount: Grains(1) });
            sign(&chain.state, &keys[(index * step) as usize], action)
        })
        .collect();
    let (included, proposed) = chain.propose(candidates);
    assert_eq!(included.len() as u64, TRANSFERS);
    let (tree_time, (root, batch)) = time(TIMES, || {
        tree::update(&chain.nodes, Height(1), &proposed.changes).expect("in memory")
    });
    let block = proposed.block(&chain.header, proposer(), included, root);
    let bytes = block.encode();
    let limits = chain.state.limits();
    let (decode, decoded) = time(TIMES, || Block::decode(&bytes, &limits));
    assert!(decoded.is_ok());
    let (signatures, invalid) = time(TIMES, || block.invalid_signature());
    assert_eq!(invalid, None);
    let (execute, _) = time(TIMES, || {
        execute_verified(&chain.state, &chain.header, &block).expect("a good block")
    });
    let each = |duration| micros(duration, TRANSFERS);
    println!(
        "| {count} | {} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
        state_bytes / count,
        bytes.len() as f64 / TRANSFERS as f64,
        each(decode),
        each(signatures),
        each(execute),
        each(tree_time),
        batch.node_batch.nodes().len() as f64 / TRANSFERS as f64,
    );
}

/// The parameters of a market with places for so many peers and rows so long.
fn market_of(peers: u64, row: u64) -> Parameters {
    Parameters {
        peers_max: peers,
        row_length_max: row,
        block_bytes_max: 64 << 20,
        transaction_bytes_max: 1 << 20,
        block_transactions_max: 1_000_000,
        block_cost_max: 60_000_000,
        timeout_propose_ms: 60_000,
        epoch_blocks: ROW_BLOCKS + 1,
        ..Parameters::default()
    }
}

/// A row for a peer, whose others lie all over the market.
fn row(peer: u64, peers: u64, length: u64) -> Row {
    let stride = (peers / length).max(1);
    let mut targets: Vec<u64> =
        (0..length).map(|step| (peer * 7_919 + step * stride + step) % peers).collect();
    targets.sort_unstable();
    targets.dedup();
    let share = Share(1_000_000_000 / targets.len() as u32);
    Row::new(targets.iter().map(|target| (PeerId(*target as u32), share)).collect())
        .expect("sorted, and no more than one")
}

/// The end of an epoch in a full market in which every peer has a full row.
fn epochs(peers: u64, length: u64) {
    let keys = keys(peers);
    let mut genesis = genesis(market_of(peers, length), 1);
    let balance = |key: &SecretKey| (key.public(), Grains(1_000_000_000_000));
    genesis.accounts = keys.iter().map(balance).collect();
    let endpoint = Endpoint { url: "https://peer.example:8700".into(), modality: Modality::Text };
    let peer = |key: &SecretKey| GenesisPeer {
        hot: key.public(),
        cold: key.public(),
        endpoint: endpoint.clone(),
        stake: Grains(100_000_000_000),
    };
    genesis.peers = keys.iter().map(peer).collect();
    let state = State::genesis(&genesis).expect("possible");
    let mut chain = Chain::begin(&genesis, state);
    let (mut set, mut set_bytes) = (Duration::ZERO, 0);
    for part in 0..ROW_BLOCKS {
        let (start, end) = (peers * part / ROW_BLOCKS, peers * (part + 1) / ROW_BLOCKS);
        let rows: Vec<SignedTransaction> = (start..end)
            .into_par_iter()
            .map(|peer| {
                let weights = row(peer, peers, length);
                let action = Action::Market(market::Action::SetWeights { weights });
                sign(&chain.state, &keys[peer as usize], action)
            })
            .collect();
        set_bytes += rows.iter().map(|row| row.encode().len()).sum::<usize>();
        let count = rows.len();
        let (taken, (included, execution)) = time(1, || chain.propose(rows.clone()));
        assert_eq!(included.len(), count, "every row is taken");
        set += taken;
        chain.apply(included, execution);
    }
    let times = if peers > 5_000 { 1 } else { TIMES };
    let (epoch, (_, execution)) = time(times, || chain.propose(Vec::new()));
    assert_eq!(execution.state.clock().epoch.0, 1, "the epoch has ended");
    let height = execution.state.height();
    let (updated, _) =
        time(times, || tree::update(&chain.nodes, height, &execution.changes).expect("in memory"));
    let units = chain.state.parameters().epoch_units();
    println!(
        "| {peers} | {length} | {} | {:.0} | {:.1} | {:.1} | {} | {:.0} | {:.2} |",
        set_bytes as u64 / peers,
        micros(set, peers),
        millis(epoch),
        millis(updated),
        execution.changes.len(),
        units as f64 / 1e3,
        millis(epoch) / (units as f64 / 1e3),
    );
}

/// What a certificate of a committee takes.
fn committee(members: u64) {
    let genesis = genesis(Parameters { committee_max: 256, ..Parameters::default() }, members);
    let follower = Follower::new(&genesis).expect("possible");
    let header = Header { height: Height(1), ..genesis.header(hash("root", &[])) };
    let (chain, block, height, round) = (header.chain, header.hash(), header.height, 0);
    let bytes = vote_bytes(&chain, VoteKind::Precommit, height, round, Some(&block));
    let quorum = members * 2 / 3 + 1;
    let signatures = (0..quorum)
        .map(|index| (validator(index).public(), validator(index).sign(VOTE_DOMAIN, &bytes)))
        .collect();
    let certificate = Certificate { height, round, block, signatures };
    let checks = 200;
    let (checked, ()) = time(TIMES, || {
        for _ in 0..checks {
            follower.check(&header, &certificate).expect("certified");
        }
    });
    let (signer, signature) = certificate.signatures[0];
    let (verified, ()) = time(TIMES, || {
        for _ in 0..checks {
            assert!(muster_ledger::crypto::verify(&signer, VOTE_DOMAIN, &bytes, &signature));
        }
    });
    let encoded = 8 + 4 + 32 + 4 + quorum * (32 + 64);
    println!(
        "| {members} | {quorum} | {} | {encoded} | {:.0} | {} | {:.1} |",
        encode(&header).len(),
        micros(checked, checks),
        encode(&follower).len(),
        // A prevote and a precommit of each member reach each node that follows.
        millis(verified) / checks as f64 * 2.0 * members as f64,
    );
}

/// The most peers with full rows that the parameters allow.
fn largest(row: u64, cost: u64, market_rule: MarketRule) -> u64 {
    let possible = |peers: u64| {
        let timeout_propose_ms = (cost / 1_000).max(2_000);
        let block_cost_max = cost;
        let market = market_of(peers, row);
        Parameters { market_rule, block_cost_max, timeout_propose_ms, ..market }.validate().is_ok()
    };
    (1..=65_536).rev().step_by(64).find(|peers| possible(*peers)).unwrap_or(0)
}

fn limits() {
    for cost in [1_000_000, 4_000_000, 60_000_000] {
        for row in [32, 256, 1_024] {
            println!(
                "| {} | {row} | {} | {} |",
                cost as f64 / 1e6,
                largest(row, cost, MarketRule::ConnectedMedian),
                largest(row, cost, MarketRule::Median),
            );
        }
    }
}

/// Runs this program again, for one row of a table.
fn alone(arguments: &[&str]) {
    let program = std::env::current_exe().expect("known");
    let status = Command::new(program).args(arguments).status().expect("starts");
    assert!(status.success(), "{arguments:?} failed");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match words.as_slice() {
        ["accounts"] => {
            println!(
                "| accounts | bytes of memory an account | bytes a transfer | us to decode | \
                 us for its signature | us to execute | us for the tree | nodes written |"
            );
            println!("|---|---|---|---|---|---|---|---|");
            ["10000", "100000", "1000000"].iter().for_each(|count| alone(&["accounts", count]));
        }
        ["accounts", count] => accounts(number(count)),
        ["epochs"] => {
            println!(
                "| peers | weights of a row | bytes to set a row | us to set it | ms for the \
                 epoch's end | ms for the tree | entries changed | thousand units | ms of each |"
            );
            println!("|---|---|---|---|---|---|---|---|---|");
            for peers in ["100", "1000", "10000", "40000"] {
                alone(&["epochs", peers, "32"]);
            }
            for peers in ["1000", "4000", "10000"] {
                alone(&["epochs", peers, "256"]);
            }
        }
        ["epochs", peers, row] => epochs(number(peers), number(row)),
        ["committees"] => {
            println!(
                "| members | that must sign | bytes of a header | bytes of a certificate | us to \
                 check both | bytes of a follower | ms for all votes of a height |"
            );
            println!("|---|---|---|---|---|---|---|");
            [4, 16, 64, 256].into_iter().for_each(committee);
        }
        ["limits"] => {
            println!("| million units a block | weights of a row | connected-median | median |");
            println!("|---|---|---|---|");
            limits();
        }
        _ => {
            eprintln!("name one of: accounts, epochs, committees, limits");
            std::process::exit(2);
        }
    }
}
