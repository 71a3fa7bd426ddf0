//! What strangers do to the HTTP interface of a real node, and what it is to everybody else
//! meanwhile: connections that say nothing, heads that never end, answers that nobody reads,
//! streams of events by the hundred, one address that asks for all.

use std::time::Duration;

use futures::StreamExt;
use muster_ledger::money::Grains;
use muster_node::Gossip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::network::{Network, PATIENCE, genesis, genesis_peers, user_key};

/// A number out of what a node counts, as soon as it answers whoever asked so much before.
async fn count(network: &Network, name: &str) -> f64 {
    let url = format!("{}/metrics", network.urls[0]);
    let asked = network.wait("the node to answer", async || {
        let answer = reqwest::get(&url).await.ok()?;
        if answer.status().is_success() { answer.text().await.ok() } else { None }
    });
    let text = asked.await;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("{name} is not counted")).parse().expect("a number")
}

fn address(network: &Network) -> String {
    network.urls[0].trim_start_matches("http://").to_string()
}

/// A transfer, handed in over a new connection, is decided.
async fn decide(network: &Network, nonce: u64) {
    let (alice, bob) = (user_key(0), user_key(1));
    let client = network.client(0);
    let hash = client.submit(&network.transfer(&alice, nonce, &bob, 5)).await.expect("taken");
    let receipt = client.wait(&hash, PATIENCE).await.expect("decided");
    assert_eq!(receipt.result, Ok(()));
}

/// Waits until the other end hangs up.
async fn hung_up(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    // Closed or reset: what it wrote before may still have been on its way.
    let _ = ended.expect("the node hangs up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_connections_take_nobody_off_the_air() {
    let _ = muster_files::raise_open_files_max();
    let mut network = Network::new(1, 200, Gossip::Relay);
    // Far fewer descriptors than connections, as most systems give unless asked for more.
    network.start_with_descriptors(0, 700);
    network.wait_height(0, 1).await;
    let api = address(&network);
    let mut trickle = TcpStream::connect(&api).await.expect("accepted");
    trickle.write_all(b"GET /v1/status HTTP/1.1\r\nx-slow: a").await.expect("sent");
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(TcpStream::connect(&api).await.expect("accepted"));
    }
    decide(&network, 0).await;
    let held = count(&network, "muster_http_connections").await;
    assert!((1.0..=188.0).contains(&held), "{held}");

    // Whoever speaks consensus is heard: it is agreed on the protocol of what follows.
    let hello = b"\x13/multistream/1.0.0\n";
    let mut consensus = TcpStream::connect(network.consensus(0)).await.expect("accepted");
    consensus.write_all(hello).await.expect("sent");
    let mut answer = vec![0; hello.len()];
    let heard = tokio::time::timeout(PATIENCE, consensus.read_exact(&mut answer)).await;
    heard.expect("an answer").expect("whole");
    assert_eq!(answer, hello);

    // The oldest gave way, the head that never ends first of all.
    for stream in std::iter::once(&mut trickle).chain(&mut idle[..800]) {
        hung_up(stream).await;
    }
    let before = network.wait_height(0, 1).await.height;
    network.wait_height(0, before + 3).await;
    decide(&network, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_are_bounded_and_dropped() {
    let _ = muster_files::raise_open_files_max();
    let mut genesis = genesis(1, 200);
    genesis.peers = genesis_peers(1_000);
    let mut network = Network::of(genesis, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let api = address(&network);
    let (mut readers, mut most) = (Vec::new(), 0.0f64);
    for index in 0..400 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 << 10).expect("set");
        let mut stream = socket.connect(api.parse().expect("an address")).await.expect("accepted");
        let question = b"GET /v1/peers HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20);
        // The node may have enough of it before it has said all.
        let _ = stream.write_all(&question).await;
        readers.push(stream);
        // How many are held, and how many refused by the rate, depends on how fast all of this
        // goes: so it is looked at on the way, from when far fewer have asked than the rate allows.
        if index % 20 == 19 {
            most = most.max(held(&network).await);
        }
    }
    assert!(most >= 1.0, "nothing was held: {most} MiB");
    // Small answers are sent whatever the readers leave unread.
    decide(&network, 0).await;
    network
        .wait("what nobody reads to be dropped", async || {
            // This question's own answer is being sent.
            (held(&network).await < 1.0).then_some(())
        })
        .await;
    for stream in &mut readers {
        hung_up(stream).await;
    }
    assert_eq!(network.client(0).peers().await.expect("all pages").peers.len(), 1_000);
}

/// MiB of answers that a node holds for whoever does not read them: never too many.
async fn held(network: &Network) -> f64 {
    let held = count(network, "muster_http_answer_bytes").await / f64::from(1 << 20);
    assert!(held <= 80.0, "{held}");
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_never_ends_is_given_up() {
    let mut network = Network::new(1, 200, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let mut trickle = TcpStream::connect(address(&network)).await.expect("accepted");
    trickle.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.expect("sent");
    let (mut reading, mut writing) = trickle.split();
    let mut byte = [0];
    let ended = async {
        loop {
            tokio::select! {
                // The end, or word that there is none; nothing else is ever said.
                _ = reading.read(&mut byte) => break,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    // A byte now and then keeps nothing alive.
                    let _ = writing.write_all(b"a").await;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("the node hangs up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_opens_streams_by_the_hundred_loses_the_oldest() {
    let _ = muster_files::raise_open_files_max();
    let mut network = Network::new(1, 200, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let mut streams = Vec::new();
    for _ in 0..160 {
        streams.push(Box::pin(network.client(0).events(None).await.expect("opens")));
    }
    assert!(count(&network, "muster_http_streams").await <= 128.0);
    // The newest goes on, the oldest ends.
    for stream in &mut streams[155..] {
        stream.next().await.expect("goes on").expect("an event");
    }
    for stream in &mut streams[..30] {
        let ended = tokio::time::timeout(PATIENCE, async {
            while let Some(Ok(_)) = stream.next().await {}
        });
        ended.await.expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_greedy_address_leaves_the_others_theirs() {
    let mut network = Network::new(1, 200, Gossip::Relay);
    network.change(0, |config| config.api_proxies = vec![[127, 0, 0, 1].into()]);
    network.start_all();
    network.wait_height(0, 1).await;
    // A connection for each: on a busy machine the node may just be closing one that was idle.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let ask = async |whom: &str| {
        let request = http.get(format!("{}/v1/status", network.urls[0]));
        request.header("x-forwarded-for", whom).send().await.expect("an answer").status().as_u16()
    };
    // The whole of a /64, in one go.
    let mut limited = false;
    for index in 0..5_000 {
        limited |= ask(&format!("2001:db8:1:2::{index:x}")).await == 429;
        if limited {
            break;
        }
    }
    assert!(limited, "nobody stopped it");
    assert_eq!(ask("2001:db8:2:2::1").await, 200);
    assert_eq!(ask("192.0.2.1").await, 200);
    // What it wrote itself before the proxy's word is not believed.
    for whom in ["192.0.2.7", "2001:db8:7::1"] {
        assert_eq!(ask(&format!("{whom}, 192.0.2.1")).await, 200);
    }
    assert!(count(&network, "muster_http_limited_total").await > 0.0);

    // Signatures that are wrong are work that nobody pays for: one batch of them is enough, unless
    // the machine is so busy that its debt is paid before the next arrives.
    let (alice, bob) = (user_key(0), user_key(1));
    let forge = |amount| {
        let mut forged = network.transfer(&alice, 0, &bob, amount);
        forged.transaction.tip = Grains(1);
        forged
    };
    let forged: Vec<_> = (1..=1_000).map(forge).collect();
    let body = borsh::to_vec(&forged).expect("encodes");
    let hand_in = async |whom: &str| {
        let request = http.post(format!("{}/v1/mempool", network.urls[0])).body(body.clone());
        let request = request.header("content-type", "application/octet-stream");
        let answer = request.header("x-forwarded-for", whom).send().await.expect("an answer");
        answer.status().as_u16()
    };
    let (mut limited, mut taken) = (false, 0);
    while !limited && taken < 20 {
        match hand_in("198.51.100.1").await {
            429 => limited = true,
            status => assert_eq!(status, 202),
        }
        taken += 1;
    }
    assert!(limited && taken > 1, "{taken} batches");
    assert_eq!(ask("198.51.100.2").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_announced_and_no_longer_than_it_may_be() {
    let mut network = Network::new(1, 200, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let head = "POST /v1/mempool HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n";
    for (rest, status) in [
        ("transfer-encoding: chunked\r\n\r\n4\r\n\0\0\0\0\r\n0\r\n\r\n".to_string(), "411"),
        (format!("content-length: {}\r\n\r\n", 1 << 30), "413"),
        ("content-length: 4\r\n\r\n\0\0\0\0".to_string(), "202"),
        (format!("x-long: {}\r\n\r\n", "x".repeat(64 << 10)), "431"),
    ] {
        let mut stream = TcpStream::connect(address(&network)).await.expect("accepted");
        // Of a head that is too long the node does not read the end.
        let _ = stream.write_all(format!("{head}{rest}").as_bytes()).await;
        let mut answer = [0; 12];
        let heard = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await;
        heard.expect("an answer").expect("a line");
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
    // Bodies that never come take nobody's place.
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address(&network)).await.expect("accepted");
        stream
            .write_all(format!("{head}content-length: 99\r\n\r\n").as_bytes())
            .await
            .expect("sent");
        slow.push(stream);
    }
    network
        .wait("the bodies to be waited for", async || {
            (count(&network, "muster_http_request_bytes").await >= 9_900.0).then_some(())
        })
        .await;
    decide(&network, 0).await;
    for stream in &mut slow {
        hung_up_with(stream, "HTTP/1.1 408").await;
    }
    network
        .wait("the budget to be free again", async || {
            (count(&network, "muster_http_request_bytes").await == 0.0).then_some(())
        })
        .await;
    // Nor do long ones, which are announced to take all that there is.
    let mut long = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(address(&network)).await.expect("accepted");
        let head = format!("{head}content-length: {}\r\n\r\n", 1 << 20);
        stream.write_all(head.as_bytes()).await.expect("sent");
        long.push(stream);
    }
    network
        .wait("the long bodies to be waited for", async || {
            let all = 32.0 * f64::from(1 << 20);
            (count(&network, "muster_http_request_bytes").await >= all).then_some(())
        })
        .await;
    decide(&network, 1).await;
    for stream in &mut long {
        hung_up_with(stream, "HTTP/1.1 408").await;
    }
}

async fn hung_up_with(stream: &mut TcpStream, expected: &str) {
    let mut answer = vec![0; expected.len()];
    let heard = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    heard.expect("an answer").expect("a line");
    assert_eq!(String::from_utf8_lossy(&answer), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_whole_while_blocks_pass() {
    let mut genesis = genesis(1, 100);
    genesis.peers = genesis_peers(1_000);
    let mut network = Network::of(genesis, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let client = network.client(0);
    let (alice, bob) = (user_key(0), user_key(1));
    let transfers: Vec<_> =
        (0..1_000).map(|nonce| network.transfer(&alice, nonce, &bob, 1)).collect();
    let taken = client.submit_batch(&transfers).await.expect("taken");
    assert_eq!(taken.accepted, 1_000, "{:?}", taken.reason);

    let peers = client.peers().await.expect("all pages").peers;
    let ids: Vec<u32> = peers.iter().map(|peer| peer.id).collect();
    assert_eq!(ids, (0..1_000).collect::<Vec<u32>>());
    // Page by page, blocks apart.
    let http = reqwest::Client::new();
    let (mut after, mut pages, mut seen) = (None, 0, Vec::new());
    loop {
        let height = network.wait_height(0, 1).await.height;
        let query = after.map_or(String::new(), |after: u64| format!("&after={after}"));
        let url = format!("{}/v1/peers?limit=300{query}", network.urls[0]);
        let bytes = http.get(url).send().await.expect("an answer").bytes().await.expect("whole");
        assert!(bytes.len() <= 300 << 10, "{} bytes", bytes.len());
        let page: muster_api::Peers = serde_json::from_slice(&bytes).expect("a page");
        assert!(page.height >= height && page.peers.len() <= 300);
        seen.extend(page.peers.iter().map(|peer| peer.id));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
        network.wait_height(0, height + 1).await;
    }
    assert!(pages >= 4, "{pages} pages");
    assert_eq!(seen, ids);

    let last = transfers.last().expect("a thousand").hash().into();
    let decided = client.wait(&last, PATIENCE).await.expect("decided").height;
    let mut hashes = Vec::new();
    for height in 1..=decided {
        let block = client.block(height).await.expect("decided");
        assert_eq!(block.items.len() as u64, block.summary.transactions);
        assert_eq!(block.next, None);
        hashes.extend(block.items.iter().map(|item| item.hash.0));
    }
    assert_eq!(hashes, transfers.iter().map(|transfer| transfer.hash()).collect::<Vec<_>>());
    let answer = http.get(format!("{}/v1/peers?limit=x", network.urls[0])).send().await;
    assert_eq!(answer.expect("an answer").status().as_u16(), 400);
}

/// How long a connection to a node that serves over TLS may be silent in the test below.
const SILENCE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interface_is_served_over_tls() {
    let mut network = Network::new(1, 200, Gossip::Relay);
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).expect("made");
    let pem = made.cert.pem();
    network.serve_over_tls(0, &pem, &made.signing_key.serialize_pem());
    network.start_all();
    let root = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
    let http = reqwest::Client::builder().tls_certs_only([root]).build().expect("a client");
    let url = network.urls[0].replace("http://127.0.0.1", "https://localhost");
    let status = network
        .wait("the node to answer over TLS", async || {
            // One that never shakes hands holds up nobody.
            let mut silent = TcpStream::connect(address(&network)).await.ok()?;
            let quiet = tokio::time::timeout(SILENCE, silent.read_u8()).await;
            assert!(quiet.is_err(), "it said something to somebody who does not speak TLS");
            http.get(format!("{url}/v1/status"))
                .send()
                .await
                .ok()?
                .json::<muster_api::Status>()
                .await
                .ok()
        })
        .await;
    assert_eq!(status.network, "test");
    assert!(reqwest::get(format!("{}/v1/status", network.urls[0])).await.is_err(), "in clear");
}
