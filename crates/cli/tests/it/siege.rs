//! A short siege: a market with everybody at its doors at once goes on deciding, learning and
//! answering.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use muster_node::Gossip;
use muster_siege::attack::{Attack, Orders, begin};
use muster_siege::honest::{People, crowd};
use muster_siege::market::{Market, Plan};
use muster_siege::process::Ground;
use muster_siege::watch::{Watch, steps};

/// How long anything may take before the test gives up. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// Blocks that are decided under siege.
const BLOCKS: u64 = 10;

/// Waits for something that must come, and fails with its name where it does not.
async fn until(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !there().await {
        assert!(start.elapsed() < PATIENCE, "still waiting for {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// All attacks, those that hold much with a part of it: this machine is everybody's.
fn rates() -> BTreeMap<Attack, f64> {
    use clap::ValueEnum;
    let usual = Attack::value_variants().iter().map(|attack| (*attack, attack.usual_rate()));
    usual.map(|(attack, rate)| (attack, if rate > 20.0 { rate / 10.0 } else { rate })).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_market_under_siege_goes_on() {
    let _ = muster_files::raise_open_files_max();
    let folder = tempfile::tempdir().expect("a folder");
    let plan = Plan {
        seed: 7,
        validators: 4,
        peers: 2,
        gossip: Gossip::Relay,
        block_time_ms: 500,
        program: env!("CARGO_BIN_EXE_muster").into(),
        home: folder.path().to_path_buf(),
        ground: Ground::Here,
    };
    let mut market = Market::start(plan).expect("it starts");
    market.wait_begin().await.expect("it begins");
    let watch = Watch::begin(&market).expect("it can be asked");
    crowd(&market).await.expect("taken");
    let people = People::begin(&market, &watch).expect("they begin");

    let assault = begin(Orders::new(&market, rates())).await.expect("they attack");
    until("every attack to be at work", async || {
        assault.tallies.all().all(|(_, tally)| tally.done() > 0)
    })
    .await;
    people.take();
    for validator in 0..4 {
        let client = market.client(validator).expect("a client");
        let height = async || client.status().await.map_or(0, |status| status.height);
        let before = height().await;
        until("blocks on every validator", async || height().await >= before + BLOCKS).await;
    }
    let client = market.client(3).expect("a client");
    let learned = steps(&client).await.expect("they report");
    assert_eq!(learned.len(), 2);
    until("every peer to go on learning", async || {
        let Ok(now) = steps(&client).await else { return false };
        learned.iter().all(|(peer, steps)| now.get(peer).is_some_and(|now| now > steps))
    })
    .await;
    let (mut decided, mut bought) = (0, 0);
    until("transfers to be decided and a continuation to come", async || {
        let lives = people.take();
        decided += lives.transfers.iter().filter(|transfer| transfer.decided.is_some()).count();
        bought += lives.bought.iter().filter(|bought| bought.failure.is_none()).count();
        decided >= 6 && bought >= 1
    })
    .await;
    market.check_all_run().expect("nothing has ended");
    market.end();
}
