#![allow(clippy::print_stdout, reason = "the report is the result")]
//! Starts a network of node processes on this machine, loads it with transfers, and says what was
//! decided: transactions a second, block times, memory, processor time.
//!
//! `cargo run --release -p muster-node --example load -- --nodes 4 --rate 10000 --seconds 20`
//! With `--rate 0` the blocks are empty; `--gossip broadcast` chooses the other transport.

use std::time::{Duration, Instant};

#[path = "shared/mod.rs"]
#[allow(dead_code, reason = "other examples use the rest")]
mod shared;

use shared::{Network, Plan, argument};

async fn report(network: &Network, first: u64, seconds: f64) {
    let client = network.client(0);
    let blocks = client.blocks(None, Some(200)).await.expect("answers").blocks;
    let blocks: Vec<_> = blocks.into_iter().filter(|block| block.height > first).collect();
    let transactions: u64 = blocks.iter().map(|block| block.transactions).sum();
    let bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    let rounds: u32 = blocks.iter().map(|block| block.round).sum();
    let (newest, oldest) = (&blocks[0], &blocks[blocks.len() - 1]);
    let span = (newest.time_ms - oldest.time_ms) as f64 / 1_000.0;
    println!(
        "{} blocks in {span:.1} s ({:.1} ms a block, {} beyond round 0), {:.0} KiB a block",
        blocks.len(),
        span * 1_000.0 / (blocks.len() - 1).max(1) as f64,
        rounds,
        bytes as f64 / 1_024.0 / blocks.len() as f64,
    );
    println!(
        "{transactions} transactions decided; {:.0} a second between the first and last block",
        (transactions - oldest.transactions) as f64 / span
    );
    let mut cpu = 0.0;
    for index in 0..network.urls.len() {
        let usage = network.usage(index);
        cpu += usage.processor;
        println!(
            "node {index}: {:.0} MiB resident (peak {:.0}), {:.1} s of processor",
            usage.resident, usage.peak, usage.processor
        );
    }
    println!("{cpu:.1} s of processor for {seconds:.1} s");
    let counters = network.metrics(0).await;
    for name in ["build", "execute", "apply", "decide"] {
        let value = |suffix: &str| counters.sum(&format!("muster_{name}_seconds_{suffix}"));
        println!("{name}: {:.2} ms on average", value("sum") * 1_000.0 / value("count").max(1.0));
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn run(plan: Plan, rate: usize, seconds: u64) {
    let start = Instant::now();
    let mut network = Network::start(&plan);
    network.wait_height(1).await;
    println!("first block {:.1} s after the start", start.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let first = network.client(0).status().await.expect("answers").height;
    let sent = network.load(rate, seconds).await;
    println!("{sent} transactions sent in {seconds} s");
    tokio::time::sleep(Duration::from_millis(2 * plan.block_ms)).await;
    report(&network, first, start.elapsed().as_secs_f64()).await;
    if argument("--hold", 0) == 1 {
        println!("home {}, urls {:?}", network.directory.display(), network.urls);
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
}

fn main() {
    if shared::be_a_node_if_told() {
        return;
    }
    let (nodes, accounts) = (argument("--nodes", 4), argument("--accounts", 1_000));
    let plan =
        Plan::of_validators(nodes, accounts, argument("--block-ms", 1_000), shared::gossip());
    run(plan, argument("--rate", 1_000), argument("--seconds", 10));
}
