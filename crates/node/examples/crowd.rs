#![allow(clippy::print_stdout, reason = "the report is the result")]
//! What those who only read cost a node: streams of events, light clients that follow the chain
//! from its genesis, and peers that read the list of all peers.
//!
//! `cargo run --release -p muster-node --example crowd -- streams|followers|directory` starts four
//! validators and a node that does not validate, which everybody asks, and prints a table for
//! docs/scale.md. Processor times are differences to a time without the crowd.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use muster_api::Peers;
use muster_ledger::light::Follower;
use muster_ledger::money::Grains;
use muster_ledger::state::account;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, market};
use muster_ledger::types::{Height, PeerId, Row, Share};
use muster_node::Gossip;
use tokio::task::JoinSet;

#[path = "shared/mod.rs"]
#[allow(dead_code, reason = "other examples use the rest")]
mod shared;

use shared::{Network, Plan, Usage, argument, user};

const VALIDATORS: usize = 4;
/// The node that is asked, which does not validate.
const ASKED: usize = VALIDATORS;
/// How long each row of a table is measured, seconds.
const WINDOW: u64 = 20;

fn plan(accounts: usize, peers: (usize, u64)) -> Plan {
    let nodes = VALIDATORS + 1;
    let validators = Plan::of_validators(nodes, accounts, 1_000, Gossip::Relay);
    Plan { validators: VALIDATORS, peers, ..validators }
}

fn processor(network: &Network) -> f64 {
    network.usage(ASKED).processor
}

/// Streams of events while so many transactions a second are decided.
async fn streams() {
    let rate = argument("--rate", 1_000);
    let mut network = Network::start(&plan(1_000, (0, 0)));
    network.wait_height(2).await;
    println!(
        "| streams | transactions a second | KiB a second and stream | events a second and stream \
         | % of a core for all | us of a core an event sent | MiB that the node holds |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut alone = 0.0;
    for count in [0, 16, 64, 128] {
        let (bytes, events) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut readers = JoinSet::new();
        for _ in 0..count {
            let url = format!("{}/v1/events", network.urls[ASKED]);
            readers.spawn(read(url, bytes.clone(), events.clone()));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = (bytes.load(Ordering::Relaxed), events.load(Ordering::Relaxed));
        let (began, used) = (Instant::now(), processor(&network));
        network.load(rate, WINDOW).await;
        let seconds = began.elapsed().as_secs_f64();
        let share = (processor(&network) - used) / seconds;
        let each =
            |now: u64, before: u64| (now - before) as f64 / seconds / f64::from(count.max(1));
        let told = each(events.load(Ordering::Relaxed), before.1);
        if count == 0 {
            alone = share;
        }
        println!(
            "| {count} | {rate} | {:.0} | {told:.0} | {:.1} | {:.2} | {:.0} |",
            each(bytes.load(Ordering::Relaxed), before.0) / 1_024.0,
            share * 100.0,
            (share - alone) * 1e6 / (told * f64::from(count)).max(1.0),
            network.usage(ASKED).resident,
        );
        assert_eq!(readers.len(), count as usize, "no stream has ended");
    }
}

/// Reads a stream of events until it ends.
async fn read(url: String, bytes: Arc<AtomicU64>, events: Arc<AtomicU64>) {
    let answer = reqwest::get(url).await.expect("the stream opens");
    let mut stream = answer.bytes_stream();
    while let Some(Ok(piece)) = stream.next().await {
        bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
        // Each event has one line that begins so.
        let found = piece.windows(4).filter(|window| window == b"id: ").count();
        events.fetch_add(found as u64, Ordering::Relaxed);
    }
}

/// Light clients as tasks of this process: each follows the committees from the genesis, and has an
/// account of its own proved again and again.
async fn followers() {
    let asks = argument("--asks", 100.0);
    let network = Network::start(&plan(1_000, (0, 0)));
    network.wait_height(2).await;
    println!(
        "| followers | proofs a second | each after | bytes of a proof | ms of a core a proof, \
         node | ms of a core a proof, follower | KiB a follower holds | a proof takes, median | \
         999 of 1,000 within |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let client = network.client(ASKED);
    for count in [100, 1_000, 10_000] {
        let (held, me) = (Usage::of(std::process::id()).resident, std::process::id());
        let period = Duration::from_secs_f64(f64::from(count) / asks);
        let seconds = WINDOW.max(2 * period.as_secs());
        let mut tasks = JoinSet::new();
        let until = Instant::now() + Duration::from_secs(seconds);
        let (used, own) = (processor(&network), Usage::of(me).processor);
        for index in 0..count {
            let follower = Follower::new(&network.genesis).expect("possible");
            let first = Instant::now() + period.mul_f64(f64::from(index) / f64::from(count));
            tasks.spawn(follow(
                client.clone(),
                follower,
                index as usize % 1_000,
                first,
                period,
                until,
            ));
        }
        let memory = async {
            tokio::time::sleep(Duration::from_secs(seconds / 2)).await;
            Usage::of(me).resident
        };
        let (resident, results) = tokio::join!(memory, tasks.join_all());
        let mut taken: Vec<Duration> = results.into_iter().flatten().collect();
        taken.sort_unstable();
        let proofs = taken.len() as f64;
        let at = |part: f64| taken[(part * (proofs - 1.0)) as usize].as_secs_f64() * 1e3;
        println!(
            "| {count} | {:.0} | {:.2} s | {} | {:.2} | {:.2} | {:.1} | {:.1} ms | {:.0} ms |",
            proofs / seconds as f64,
            period.as_secs_f64(),
            proof_bytes(&network).await,
            (processor(&network) - used) * 1e3 / proofs,
            (Usage::of(me).processor - own) * 1e3 / proofs,
            (resident - held) * 1_024.0 / f64::from(count),
            at(0.5),
            at(0.999),
        );
    }
}

/// Has a proof checked, from `first` on in each period; how long each took to come and be checked.
async fn follow(
    client: muster_api::Client,
    mut follower: Follower,
    account: usize,
    first: Instant,
    period: Duration,
    until: Instant,
) -> Vec<Duration> {
    let key = user(account).public();
    let wanted = account::Key::Account(key).into();
    let mut taken = Vec::new();
    let mut next = first;
    while next < until {
        tokio::time::sleep_until(next.into()).await;
        let began = Instant::now();
        let proof = client.prove_account(&key).await.expect("the node proves");
        let value = client.check_proof(&mut follower, &proof, &wanted).await.expect("it holds");
        assert!(value.is_some(), "the account is there");
        taken.push(began.elapsed());
        next += period;
    }
    taken
}

async fn proof_bytes(network: &Network) -> usize {
    let url = format!("{}/v1/proofs/account/{}", network.urls[ASKED], user(0).public());
    reqwest::get(url).await.expect("an answer").bytes().await.expect("whole").len()
}

/// The list of all peers with their weights, which every peer reads twice a block.
async fn directory() {
    println!(
        "| peers | weights of a row | KiB of the list | pages | ms of a core to write it, node | \
         ms of a core to read it, peer | s until it is there |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (peers, row) in [(100, 32), (1_000, 32), (10_000, 32), (1_000, 256)] {
        let network = Network::start(&plan(peers, (peers, row)));
        network.wait_height(1).await;
        weigh(&network, peers as u64, row).await;
        let me = std::process::id();
        let (mut bytes, mut pages, mut taken) = (0, 0, Duration::ZERO);
        let (mut written, mut read) = (0.0, 0.0);
        let times = 5;
        for _ in 0..times {
            // A list that was made for this block already would cost nothing.
            let height = network.client(ASKED).status().await.expect("answers").height;
            network.wait_height(height + 1).await;
            let (used, own, began) = (processor(&network), Usage::of(me).processor, Instant::now());
            (bytes, pages) = list(&network.urls[ASKED], peers).await;
            taken += began.elapsed();
            written += processor(&network) - used;
            read += Usage::of(me).processor - own;
        }
        println!(
            "| {peers} | {row} | {:.0} | {pages} | {:.0} | {:.0} | {:.2} |",
            bytes as f64 / 1_024.0,
            written * 1e3 / f64::from(times),
            read * 1e3 / f64::from(times),
            taken.as_secs_f64() / f64::from(times),
        );
    }
}

/// Has every peer set a full row.
async fn weigh(network: &Network, peers: u64, length: u64) {
    let chain = network.genesis.chain_id();
    let row = |peer: u64| {
        let stride = (peers / length).max(1);
        let target = |step| ((peer * 7_919 + step * stride + step) % peers) as u32;
        let mut targets: Vec<u32> = (0..length).map(target).collect();
        targets.sort_unstable();
        targets.dedup();
        let share = Share(1_000_000_000 / targets.len() as u32);
        Row::new(targets.iter().map(|target| (PeerId(*target), share)).collect()).expect("sorted")
    };
    let sign = |peer: u64| {
        let key = user(peer as usize);
        let action = Action::Market(market::Action::SetWeights { weights: row(peer) });
        let (signer, expires, tip) = (key.public(), Height(900), Grains(0));
        SignedTransaction::sign(Transaction { chain, signer, nonce: 0, expires, tip, action }, &key)
    };
    let rows: Vec<SignedTransaction> = (0..peers).map(sign).collect();
    let client = network.client(0);
    for batch in rows.chunks(500) {
        let answer = client.submit_batch(batch).await.expect("taken");
        assert_eq!(answer.refused, 0, "{:?}", answer.reason);
    }
    for row in &rows {
        client.wait(&row.hash().into(), Duration::from_secs(120)).await.expect("decided");
    }
}

/// Reads all pages of the list of peers: how many bytes, and how many pages.
async fn list(url: &str, peers: usize) -> (usize, usize) {
    let http = reqwest::Client::new();
    let (mut bytes, mut pages, mut found) = (0, 0, 0);
    let mut after = String::new();
    loop {
        let answer = http.get(format!("{url}/v1/peers{after}")).send().await.expect("an answer");
        let page = answer.bytes().await.expect("whole");
        let list: Peers = serde_json::from_slice(&page).expect("a page");
        (bytes, pages, found) = (bytes + page.len(), pages + 1, found + list.peers.len());
        let Some(next) = list.next else { break };
        after = format!("?after={next}");
    }
    assert_eq!(found, peers);
    (bytes, pages)
}

fn main() {
    if shared::be_a_node_if_told() {
        return;
    }
    let what = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    // Whoever is first in the process installs the provider; that another was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match what.as_str() {
        "streams" => runtime.block_on(streams()),
        "followers" => runtime.block_on(followers()),
        "directory" => runtime.block_on(directory()),
        _ => {
            eprintln!("name one of: streams, followers, directory");
            std::process::exit(2);
        }
    }
}
