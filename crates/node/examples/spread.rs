#![allow(clippy::print_stdout, reason = "the report is the result")]
//! What it costs that messages reach everybody, by how many neighbours a node has: counters of
//! real nodes, each connected to a few others, while blocks are empty and while they are not.
//!
//! `cargo run --release -p muster-node --example spread -- --nodes 16 --validators 4 --links 2`
//! prints a row of a table for docs/scale.md (`--head 1`: its head as well). A node is connected to
//! those 1, 2, 4, ... places before and behind it in a ring, so many of them as `--links` says, or,
//! with 0, to all.

use std::collections::BTreeSet;
use std::time::Duration;

#[path = "shared/mod.rs"]
#[allow(dead_code, reason = "other examples use the rest")]
mod shared;

use shared::{Network, Plan, argument};

/// The neighbours of a node in a ring with chords; 0 links are all others.
fn neighbours(node: usize, nodes: usize, links: u32) -> Vec<usize> {
    if links == 0 {
        return (0..nodes).filter(|other| *other != node).collect();
    }
    let offsets = (0..links).map(|link| 1usize << link).filter(|offset| *offset < nodes);
    let both = offsets.flat_map(|offset| [node + offset, node + nodes - offset]);
    let found: BTreeSet<usize> = both.map(|other| other % nodes).collect();
    found.into_iter().filter(|other| *other != node).collect()
}

/// How many steps it is from a node to the farthest one.
fn diameter(nodes: usize, links: u32) -> u8 {
    let mut reached = BTreeSet::from([0]);
    let mut steps = 0;
    while reached.len() < nodes {
        let next: BTreeSet<usize> =
            reached.iter().flat_map(|node| neighbours(*node, nodes, links)).collect();
        reached.extend(next);
        steps += 1;
    }
    steps
}

/// What all nodes together have counted.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Messages of consensus that arrived, copies included.
    received: f64,
    /// The same, each once a node.
    distinct: f64,
    /// Bytes of messages of consensus that were sent.
    sent_bytes: f64,
    /// Bytes that went over connections of consensus.
    wire_bytes: f64,
    /// Transactions that a node took.
    accepted: f64,
    /// Transactions that a node had already.
    known: f64,
    /// Of one node: blocks, and their bytes.
    height: f64,
    block_bytes: f64,
    processor: f64,
}

impl Sums {
    async fn now(network: &Network) -> Self {
        let mut sums = Self::default();
        for node in 0..network.urls.len() {
            let counters = network.metrics(node).await;
            let gossip = |name: &str| counters.ending(&format!("topic_msg_{name}_total"));
            sums.received += gossip("recv_counts_unfiltered");
            sums.distinct += gossip("recv_counts");
            sums.sent_bytes += gossip("sent_bytes");
            sums.wire_bytes += counters.ending("libp2p_bandwidth_bytes_total");
            sums.accepted += counters.sum("muster_mempool_accepted_total");
            sums.known += counters.sum("muster_mempool_known_total");
            sums.processor += network.usage(node).processor;
            if node == 0 {
                sums.height = counters.sum("muster_height");
                sums.block_bytes = counters.sum("muster_block_bytes_total");
            }
        }
        sums
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received - before.received,
            distinct: self.distinct - before.distinct,
            sent_bytes: self.sent_bytes - before.sent_bytes,
            wire_bytes: self.wire_bytes - before.wire_bytes,
            accepted: self.accepted - before.accepted,
            known: self.known - before.known,
            height: self.height - before.height,
            block_bytes: self.block_bytes - before.block_bytes,
            processor: self.processor - before.processor,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(plan: Plan, steps: u8, rate: usize, seconds: u64) {
    let mut network = Network::start(&plan);
    network.wait_height(2).await;
    // Meshes form within some heartbeats of a second.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let began = Sums::now(&network).await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let quiet = Sums::now(&network).await;
    network.load(rate, seconds).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let loaded = Sums::now(&network).await;

    let nodes = plan.nodes as f64;
    let (idle, busy) = (quiet.since(&began), loaded.since(&quiet));
    let per_block = |value: f64| value / idle.height / nodes;
    // What empty blocks would have sent in the same number of heights is not the transactions'.
    let extra = busy.sent_bytes - idle.sent_bytes / idle.height * busy.height;
    println!(
        "| {} | {} | {} | {steps} | {:.0} | {:.2} | {:.1} | {:.1} | {:.2} | {:.2} | {:.0} |",
        plan.nodes,
        plan.validators,
        (plan.neighbours)(0).len(),
        per_block(idle.distinct),
        idle.received / idle.distinct,
        per_block(idle.sent_bytes) / 1_024.0,
        per_block(idle.wire_bytes) / 1_024.0,
        (busy.accepted + busy.known) / busy.accepted,
        extra / (busy.block_bytes * nodes),
        per_block(idle.processor) * 1e3,
    );
}

fn main() {
    if shared::be_a_node_if_told() {
        return;
    }
    if argument("--head", 0) == 1 {
        println!(
            "| nodes | of them validators | neighbours | steps to the farthest | messages of an \
             empty block that a node gets | copies of each | KiB of them sent | KiB on the wire, \
             both ways | copies of a transaction that a node gets | times a node sends a block | \
             ms of processor an empty block |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
    }
    let (nodes, links) = (argument("--nodes", 16), argument("--links", 2u32));
    let steps = diameter(nodes, links);
    let plan = Plan {
        nodes,
        validators: argument("--validators", 4),
        accounts: argument("--accounts", 1_000),
        peers: (0, 0),
        block_ms: argument("--block-ms", 1_000),
        gossip: shared::gossip(),
        neighbours: Box::new(move |node| neighbours(node, nodes, links)),
        hops: steps,
    };
    run(plan, steps, argument("--rate", 500), argument("--seconds", 20));
}
