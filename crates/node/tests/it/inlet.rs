//! What strangers and a member of the committee send does not keep the others from deciding blocks.

use std::fs;
use std::process::{Child, Command, Stdio};

use muster_node::Gossip;

use crate::hostile::{HOSTILE, Orders};
use crate::network::{Network, PATIENCE, user_key, validator_key};
use crate::ports::free_ports;

/// A running hostile node; it ends with the test.
struct Hostile {
    child: Child,
    sent: std::path::PathBuf,
}

impl Hostile {
    fn start(network: &Network, name: &str, seed: [u8; 32], targets: &[usize]) -> Self {
        let home = network.home().join(name);
        fs::create_dir_all(&home).expect("made");
        let sent = home.join("sent");
        let validators = &network.genesis.validators;
        let orders = Orders {
            seed,
            chain: network.chain().0,
            committee: validators.iter().map(|validator| validator.key.0).collect(),
            listen: ([127, 0, 0, 1], free_ports(1)[0]).into(),
            peers: targets.iter().map(|node| network.consensus_address(*node)).collect(),
            gossip: network.gossip,
            url: network.urls[0].clone(),
            home: home.clone(),
            sent: sent.clone(),
        };
        let path = home.join("orders.json");
        fs::write(&path, serde_json::to_vec(&orders).expect("serialises")).expect("written");
        let log = fs::File::create(home.join("node.log")).expect("made");
        let child = Command::new(std::env::current_exe().expect("known"))
            .args(["hostile::node", "--exact", "--nocapture", "--test-threads=1"])
            .env(HOSTILE, &path)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        Self { child, sent }
    }

    fn sent(&self) -> u64 {
        // It may be writing just now.
        fs::read_to_string(&self.sent).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a node has counted.
async fn counted(network: &Network, node: usize, what: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", network.urls[node])).await.expect("it answers");
    let text = text.text().await.expect("it is text");
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix("_total "));
    line.expect("it is counted").parse().expect("a number")
}

/// Parts that a node has refused.
async fn refused(network: &Network, node: usize) -> u64 {
    counted(network, node, "muster_parts_refused").await
}

/// Waits until each of these nodes has decided so many blocks more.
async fn goes_on(network: &Network, nodes: &[usize], blocks: u64) {
    for node in nodes {
        let height = network.wait_height(*node, 1).await.height;
        network.wait_height(*node, height + blocks).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_that_fill_every_stream_do_not_stop_the_chain() {
    let mut network = Network::new(4, 300, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 2).await;
    // All at one node: the others hear of them through it.
    let strangers: Vec<Hostile> = (0..4)
        .map(|index| {
            Hostile::start(&network, &format!("stranger-{index}"), [100 + index; 32], &[0])
        })
        .collect();
    // Together more than any node holds.
    for stranger in &strangers {
        let much = async || (stranger.sent() > 80).then_some(());
        network.wait("a stranger to send its junk", much).await;
    }
    for node in 0..4 {
        let some = async || (refused(&network, node).await > 20).then_some(());
        network.wait("the junk to arrive", some).await;
    }
    let before: u64 = strangers.iter().map(Hostile::sent).sum();
    goes_on(&network, &[0, 1, 2, 3], 5).await;
    let transfer = network.transfer(&user_key(0), 0, &user_key(1), 5);
    let client = network.client(3);
    let hash = client.submit(&transfer).await.expect("taken");
    client.wait(&hash, PATIENCE).await.expect("decided").result.expect("applied");
    goes_on(&network, &[0, 1, 2, 3], 3).await;
    // They are sent away and come again: they have not given up while the chain went on.
    let sent = || strangers.iter().map(Hostile::sent).sum::<u64>();
    let more = async || (sent() > before).then_some(());
    network.wait("the strangers to have gone on", more).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_that_publish_are_sent_away_and_members_are_not() {
    for gossip in [Gossip::Broadcast, Gossip::Relay] {
        let mut network = Network::new(4, 300, gossip);
        network.start_all();
        network.wait_height(0, 2).await;
        let _stranger = Hostile::start(&network, "stranger", [100; 32], &[0]);
        let away = "muster_strangers_sent_away";
        let twice = async || (counted(&network, 0, away).await > 1).then_some(());
        network
            .wait("the stranger to be sent away, to come again and to be sent away", twice)
            .await;
        goes_on(&network, &[0, 1, 2, 3], 3).await;
        // What the others heard of it they heard from members. Of these each may have to connect
        // once more, where its proof came before anybody listened for it.
        for node in 1..4 {
            assert!(counted(&network, node, away).await <= 3, "node {node}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_announces_what_it_likes_does_not_stop_the_others_and_is_seen() {
    let mut network = Network::new(4, 300, Gossip::Relay);
    (0..3).for_each(|node| network.start(node));
    network.wait_height(0, 1).await;
    let member = Hostile::start(&network, "member", *validator_key(3).seed(), &[0, 1, 2]);
    let many = async || (member.sent() > 100).then_some(());
    network.wait("the member to send its junk", many).await;
    for node in 0..3 {
        let some = async || (refused(&network, node).await > 20).then_some(());
        network.wait("the junk to arrive", some).await;
    }
    goes_on(&network, &[0, 1, 2], 6).await;
    for node in 0..3 {
        let client = network.client(node);
        let evidence = network
            .wait("the evidence", async || {
                let equivocations = client.status().await.ok()?.equivocations;
                equivocations.into_iter().find(|one| one.kind == "announcement")
            })
            .await;
        assert_eq!(evidence.address, validator_key(3).public().into());
        assert_eq!(evidence.messages.len(), 2);
        assert_ne!(evidence.messages[0], evidence.messages[1]);
    }
}
