//! Crowds of keys that cost nothing: what they hold is their own share, and registered peers are
//! served as before.

use crate::common::{PATIENCE, identity, limits, start, until};
use crate::hostile::{announcer, connect, sealed, served};
use muster_peer::exchange::counters::Reason;
use muster_peer::exchange::identity::Identity;
use muster_peer::exchange::proto::DescribeRequest;
use std::time::Duration;
use tokio::net::TcpStream;

/// A key that is on no ledger.
fn stranger(number: u8) -> Identity {
    Identity::from_seed([number; 32]).expect("any seed gives an identity")
}

#[tokio::test]
async fn strangers_and_silent_connections_keep_no_registered_peer_out() {
    let peer = start(1, &[1, 2], limits(), true).await;
    let (strangers, handshakes) = (peer.exchange.limits.strangers, peer.exchange.limits.handshakes);
    // Keys that cost nothing, four connections each, that only say that they are alive.
    let mut clients = Vec::new();
    for number in 100..164 {
        let key = stranger(number);
        for _ in 0..4 {
            let mut client = connect(&key, &peer).await;
            let (message, _) = sealed(DescribeRequest::default(), &key, peer.key());
            // The earlier ones of one network give way to the later.
            client.describe(message).await.expect("anybody may look");
            clients.push(client);
        }
    }
    assert!(peer.exchange.places.open()[0] <= strangers.connections.each);
    // And connections that never say anything.
    let address = peer.endpoint.trim_start_matches("https://").to_string();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(&address).await.expect("it listens"));
    }
    let honest = start(2, &[1, 2], limits(), false).await;
    served(&honest, &peer).await;
    assert!(peer.exchange.places.handshakes() <= handshakes.each);
    let [_, stakeless, staked] = peer.exchange.places.open();
    assert_eq!((stakeless, staked), (0, 1));
    served(&honest, &peer).await;
    // A stranger is let in as well: of its own kind, the idle give way.
    let key = stranger(99);
    let (message, _) = sealed(DescribeRequest::default(), &key, peer.key());
    connect(&key, &peer).await.describe(message).await.expect("anybody may look");
    drop((clients, silent));
}

#[tokio::test]
async fn what_is_announced_and_never_sent_takes_no_bytes_and_ends() {
    let peer = start(1, &[1, 2, 3], limits(), true).await;
    let honest = start(2, &[1, 2, 3], limits(), false).await;
    let mut requests = tokio::task::JoinSet::new();
    // From keys that cost nothing, and from a registered peer that may send a lot.
    for (key, length) in
        (100..109).map(|number| (stranger(number), 64 << 10)).chain([(identity(3), 16 << 20)])
    {
        let announcer = announcer(&key, &peer).await;
        for _ in 0..32 {
            let mut announcer = announcer.clone();
            requests.spawn(async move { announcer.announce(length).await });
        }
    }
    served(&honest, &peer).await;
    assert!(peer.exchange.bytes_in_flight() < 64 << 10, "only what came is reserved");
    let announced = requests.len();
    let mut ended = 0;
    while let Some(status) = requests.join_next().await {
        let status = status.expect("no panic");
        assert!(status.message().contains("did not arrive in time"), "{status}");
        ended += 1;
    }
    assert_eq!(ended, announced);
    assert_eq!(peer.exchange.counters.refused(Reason::Deadline), announced as u64);
    served(&honest, &peer).await;
}

#[tokio::test]
async fn requests_of_strangers_are_counted_by_where_they_come_from() {
    let mut bounds = limits();
    bounds.strangers.replay.each = 20;
    // None of them is forgotten while the test runs.
    bounds.clock_skew_max = Duration::from_secs(3600);
    let peer = start(1, &[1, 2], bounds, true).await;
    let honest = start(2, &[1, 2], limits(), false).await;
    let mut refused = 0;
    for number in 100..130 {
        let key = stranger(number);
        let (message, _) = sealed(DescribeRequest::default(), &key, peer.key());
        if let Err(status) = connect(&key, &peer).await.describe(message).await {
            assert!(status.message().contains("slow down"), "{status}");
            refused += 1;
        }
    }
    assert_eq!(refused, 10, "new keys are no new callers");
    served(&honest, &peer).await;
}

#[tokio::test]
async fn connections_on_which_nothing_is_asked_end() {
    let bounds = muster_peer::exchange::limits::Limits {
        idle_timeout: Duration::from_millis(100),
        ..limits()
    };
    let peer = start(1, &[1, 2], bounds, true).await;
    let honest = start(2, &[1, 2], limits(), false).await;
    let caller = honest.caller();
    caller.describe(&peer.callee(), PATIENCE).await.expect("described");
    let idle = announcer(&stranger(100), &peer).await;
    until("all connections end", || peer.exchange.places.open() == [0, 0, 0]).await;
    served(&honest, &peer).await;
    drop((idle, caller));
}
