//! Bad homes, keys, files and requests: one clear sentence each, nothing lost, nothing panics.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_chain::store::Store;
use muster_ledger::crypto::SecretKey;
use muster_ledger::encoding::encode;
use muster_ledger::money::Grains;
use muster_node::http::tls::TlsFiles;
use muster_node::{Gossip, NodeConfig, NodeError, audit, run};
use proptest::prelude::*;

use crate::network::{Network, PATIENCE, genesis, user_key, validator_key, write_key, write_tls};
use crate::ports::free_ports;

/// A home with a database at genesis.
fn home(directory: &Path) -> NodeConfig {
    let ports = free_ports(2);
    let genesis = genesis(1, 100);
    let path = directory.join("genesis.json");
    fs::write(&path, serde_json::to_vec(&genesis).expect("serialises")).expect("written");
    write_key(&directory.join("key"), &validator_key(0));
    NodeConfig {
        name: "validator-0".to_string(),
        home: directory.to_path_buf(),
        genesis: path,
        key: directory.join("key"),
        listen: ([127, 0, 0, 1], ports[0]).into(),
        api: ([127, 0, 0, 1], ports[1]).into(),
        peers: Vec::new(),
        api_peers: Vec::new(),
        public_api: false,
        api_proxies: Vec::new(),
        gossip: Gossip::Relay,
        forward_hops: 1,
        cache_mib: 4,
        keep_blocks: None,
        snapshot_blocks: 0,
        presence_cores: 0.0,
        protocol_version_max: muster_ledger::protocol::Version::NEWEST,
        tls: None,
    }
}

fn open(config: &NodeConfig, key: &SecretKey) -> Result<(), NodeError> {
    let genesis = config.read_genesis()?;
    Store::open(&config.database(), 4 << 20, &genesis, &key.public())?;
    Ok(())
}

/// What a person reads when the node is started.
async fn refusal(config: &NodeConfig) -> String {
    let node = run(config.clone(), std::future::pending());
    match tokio::time::timeout(PATIENCE, node).await {
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(())) => panic!("it ended without an error"),
        Err(_) => panic!("it runs although it should not"),
    }
}

fn check(text: &str, expected: &[&str]) {
    for part in expected {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
    assert!(!text.contains('\n'), "{text:?} has more than one line");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = home(directory.path());

    let config = NodeConfig { genesis: directory.path().join("none.json"), ..good.clone() };
    check(&refusal(&config).await, &["none.json", "cannot be read"]);

    let broken = directory.path().join("broken.json");
    fs::write(&broken, "{\"name\": \"x\", \"time_ms\": 1, \"validators\": []}").expect("written");
    let config = NodeConfig { genesis: broken.clone(), ..good.clone() };
    check(&refusal(&config).await, &["broken.json", "0 validators"]);
    fs::write(&broken, "{\"name\": 7}").expect("written");
    check(&refusal(&config).await, &["broken.json", "line 1"]);

    let config = NodeConfig { key: directory.path().join("none"), ..good.clone() };
    check(&refusal(&config).await, &["none", "64 hexadecimal digits"]);
    let key = directory.path().join("short");
    write_key(&key, &validator_key(0));
    fs::write(&key, "abc").expect("written");
    let config = NodeConfig { key: key.clone(), ..good.clone() };
    check(&refusal(&config).await, &["short", "64 hexadecimal digits"]);
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    check(&refusal(&config).await, &["short", "chmod 600"]);

    let config = NodeConfig { api: ([192, 0, 2, 1], 80).into(), ..good.clone() };
    check(&refusal(&config).await, &["public_api"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let config = NodeConfig { api: address, ..good.clone() };
    check(&refusal(&config).await, &["the API", &address.to_string()]);
    let config = NodeConfig { listen: address, ..good.clone() };
    check(&refusal(&config).await, &["consensus", &address.to_string()]);
    let config = NodeConfig { peers: vec!["nowhere".to_string()], ..good.clone() };
    check(&refusal(&config).await, &["peers", "host:port"]);
    let config = NodeConfig { keep_blocks: Some(999), ..good.clone() };
    check(&refusal(&config).await, &["keep_blocks", "at least 1000"]);
    let config = NodeConfig { presence_cores: 1.5, ..good.clone() };
    check(&refusal(&config).await, &["presence_cores", "a part of one core"]);
    let config = NodeConfig { snapshot_blocks: 99, ..good.clone() };
    check(&refusal(&config).await, &["snapshot_blocks", "at least 100"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_served_over_tls_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let (certificate, key) = (directory.path().join("tls.pem"), directory.path().join("tls.key"));
    let tls = TlsFiles { certificate: certificate.clone(), key: key.clone() };
    let config = NodeConfig { tls: Some(tls), ..home(directory.path()) };
    check(&refusal(&config).await, &["tls.pem", "[tls]"]);
    let pair = || rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
    let (one, other) = (pair(), pair());
    write_tls(directory.path(), "nothing", "nothing");
    check(&refusal(&config).await, &["tls.pem", "BEGIN CERTIFICATE"]);
    write_tls(directory.path(), &one.cert.pem(), "nothing");
    check(&refusal(&config).await, &["tls.key", "no private key in PEM"]);
    write_tls(directory.path(), &one.cert.pem(), &other.signing_key.serialize_pem());
    check(&refusal(&config).await, &["tls.pem", "tls.key", "cannot be served with"]);
    write_tls(directory.path(), &one.cert.pem(), &one.signing_key.serialize_pem());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    check(&refusal(&config).await, &["tls.key", "chmod 600"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_belongs_to_one_chain_one_key_and_one_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = home(directory.path());
    open(&config, &validator_key(0)).expect("made");

    let mut other = genesis(1, 100);
    other.name = "another".to_string();
    fs::write(&config.genesis, serde_json::to_vec(&other).expect("serialises")).expect("written");
    check(&refusal(&config).await, &["belongs to chain", "another home"]);
    let first = genesis(1, 100);
    fs::write(&config.genesis, serde_json::to_vec(&first).expect("serialises")).expect("written");

    write_key(&config.key, &validator_key(1));
    check(&refusal(&config).await, &["a home belongs to one key"]);
    write_key(&config.key, &validator_key(0));

    let genesis = config.read_genesis().expect("read");
    let held = Store::open(&config.database(), 4 << 20, &genesis, &validator_key(0).public());
    check(&refusal(&config).await, &["in use by another process"]);
    drop(held);
    open(&config, &validator_key(0)).expect("nothing was lost");
}

#[test]
fn a_damaged_database_is_named_never_a_panic() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = home(directory.path());
    open(&config, &validator_key(0)).expect("made");
    let path: PathBuf = config.database();
    let whole = fs::read(&path).expect("read");
    let length = whole.len();
    for kept in [1, 100, 511, 4_096, length / 3, length / 2, length - 4_096, length - 1] {
        fs::write(&path, &whole[..kept]).expect("written");
        let error = open(&config, &validator_key(0)).expect_err("truncated").to_string();
        check(&error, &["ledger.redb"]);
    }
    fs::write(&path, b"this is no database, whatever its name says").expect("written");
    let error = open(&config, &validator_key(0)).expect_err("no database").to_string();
    check(&error, &["damaged or no database"]);
    fs::write(&path, &whole).expect("written");
    open(&config, &validator_key(0)).expect("whole again");
}

/// The nonce of an account holds no money, and the stored tree knows nothing of the entry beside
/// it: only who builds the tree once more sees that it changed.
#[test]
fn an_audit_finds_what_opening_does_not() {
    use muster_ledger::state::{Key, Value, account};
    let directory = tempfile::tempdir().expect("a directory");
    let config = home(directory.path());
    check(&audit(config.clone()).expect_err("none").to_string(), &["it holds no database yet"]);
    open(&config, &validator_key(0)).expect("made");
    let found = audit(config.clone()).expect("whole");
    assert_eq!((found.height.0, found.money.0), (0, 4_000_000_000_000));
    let owner = user_key(0).public();
    let entry = account::Account {
        balance: Grains(1_000_000_000_000),
        nonce: 1,
        ..account::Account::default()
    };
    let key: Key = account::Key::Account(owner).into();
    let value = Value::Account(account::Value::Account(entry));
    let database = redb::Database::open(config.database()).expect("it is there");
    let change = database.begin_write().expect("begun");
    {
        let state = redb::TableDefinition::<&[u8], &[u8]>::new("state");
        let mut state = change.open_table(state).expect("it has it");
        let (key, value) = (encode(&key), encode(&value));
        assert!(state.insert(key.as_slice(), value.as_slice()).expect("written").is_some());
    }
    change.commit().expect("committed");
    drop(database);
    open(&config, &validator_key(0)).expect("nothing to see");
    check(&audit(config).expect_err("changed").to_string(), &["its entries give state root"]);
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = home(directory.path());
    open(&config, &validator_key(0)).expect("made");
    let path = config.database();
    let whole = fs::read(&path).expect("read");
    let mut state = 17u64;
    for _ in 0..60 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let position = (state >> 20) as usize % whole.len();
        let mut damaged = whole.clone();
        damaged[position] ^= 1 << (state % 8);
        fs::write(&path, &damaged).expect("written");
        // Either it does not matter (an unused page) or it is an error; a panic fails the test.
        let _ = open(&config, &validator_key(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_and_loses_nothing() {
    let mut network = Network::new(1, 50, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 2).await;
    network.kill(0);
    let database = network.configs[0].with_file_name("ledger.redb");
    let kib = fs::metadata(&database).expect("it is there").len().div_ceil(1_024);
    network.start_with_disk(0, kib);
    let before = network.wait_height(0, 3).await;
    let (alice, bob) = (user_key(0), user_key(1));
    'fill: for first in (0..).step_by(500) {
        let transfers: Vec<_> =
            (first..first + 500).map(|nonce| network.transfer(&alice, nonce, &bob, 1)).collect();
        // Sooner or later nobody answers any more.
        let Ok(answer) = network.client(0).submit_batch(&transfers).await else { break };
        assert!(first < 50_000, "the disk never gets full");
        assert_eq!(answer.refused, 0, "{:?}", answer.reason);
        let last = transfers.last().expect("five hundred").hash().into();
        while network.client(0).wait(&last, Duration::from_secs(1)).await.is_err() {
            if network.has_ended(0) {
                break 'fill;
            }
        }
    }
    assert!(!network.wait_end(0).await, "it ended as if all were well");
    check(&network.last_words(0), &["no space left", "ledger.redb", "make room"]);

    network.start(0);
    let after = network.wait_height(0, before.height + 2).await;
    assert!(after.height > before.height);
    let block = network.client(0).block(before.height).await.expect("still there");
    assert_eq!((block.summary.hash, block.summary.state_root), (before.block, before.state_root));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_all_kinds_get_an_answer() {
    let mut network = Network::new(1, 100, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let url = network.urls[0].clone();
    // After a body that is too long the node hangs up: every request has its own connection.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let get = async |path: &str| {
        let answer = http.get(format!("{url}{path}")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    for (path, status) in [
        ("/v1/blocks/1", 200),
        ("/v1/blocks/99999999", 404),
        ("/v1/blocks/-1", 400),
        ("/v1/blocks/x", 400),
        ("/v1/blocks?limit=x", 400),
        ("/v1/blocks?other=1", 400),
        ("/v1/transactions/00", 400),
        (&format!("/v1/transactions/{}", "0".repeat(64)), 404),
        ("/v1/accounts/nobody", 400),
        ("/v1/peers/0", 404),
        ("/v1/proofs/account/x", 400),
        ("/v1/proofs/other/1", 404),
        ("/v1/proofs/peer/7", 200),
        ("/v1/proofs/round/7", 200),
        ("/v1/proofs/round/x", 400),
        ("/v1/rounds", 200),
        ("/v1/rounds?limit=x", 400),
        ("/v1/rounds/7", 404),
        ("/v1/rounds/-1", 400),
        ("/v1/nothing", 404),
        ("/nothing", 404),
        ("/", 200),
        ("/health", 200),
        ("/ready", 200),
        ("/openapi.json", 200),
    ] {
        let (found, body) = get(path).await;
        assert_eq!(found, status, "{path}: {body}");
        assert!(status != 405 || body.contains("see /openapi.json"), "{body}");
        if found >= 400 {
            let problem: muster_api::Problem = serde_json::from_str(&body).expect("a problem");
            assert_eq!(problem.status, status);
            assert!(!problem.detail.is_empty());
        }
    }
    let (_, metrics) = get("/metrics").await;
    assert!(metrics.contains("muster_height "), "{metrics}");
    assert!(metrics.contains("muster_apply_seconds_bucket"), "{metrics}");
    for (path, bytes, media_type, status) in [
        ("/v1/transactions", vec![], "application/octet-stream", 400),
        ("/v1/transactions", vec![7; 100], "application/octet-stream", 400),
        ("/v1/transactions", vec![7; 2 << 20], "application/octet-stream", 413),
        ("/v1/transactions", vec![7; 100], "text/plain", 415),
        ("/v1/mempool", vec![255; 100], "application/octet-stream", 400),
        ("/v1/mempool", vec![0; 4], "application/octet-stream", 202),
        ("/v1/telemetry", vec![b'{'], "application/json", 400),
        ("/v1/telemetry", vec![b' '; 1 << 20], "application/json", 413),
        ("/v1/status", vec![], "application/json", 405),
    ] {
        let request = http.post(format!("{url}{path}")).header("content-type", media_type);
        let long = bytes.len() > 64 << 10;
        let answer = match request.body(bytes).send().await {
            Ok(answer) => answer,
            // The node answers and hangs up before it was all sent; some clients then see only
            // that.
            Err(error) if long && error.is_request() => continue,
            Err(error) => panic!("{path}: {error}"),
        };
        let found = answer.status().as_u16();
        let body = answer.text().await.expect("a body");
        assert_eq!(found, status, "{path}: {body}");
        if found >= 400 {
            serde_json::from_str::<muster_api::Problem>(&body).expect("a problem");
        }
    }
    assert_eq!(get("/v1/status").await.0, 200, "the node goes on");
}

/// What clients rely on: a path that goes away or is renamed is no accident.
const PATHS: [&str; 30] = [
    "/health",
    "/metrics",
    "/openapi.json",
    "/ready",
    "/v1/accounts/{address}",
    "/v1/blocks",
    "/v1/blocks/{height}",
    "/v1/committee",
    "/v1/committees",
    "/v1/events",
    "/v1/genesis",
    "/v1/history",
    "/v1/market",
    "/v1/mempool",
    "/v1/parameters",
    "/v1/peers",
    "/v1/peers/{id}",
    "/v1/proofs/{kind}/{id}",
    "/v1/proposals",
    "/v1/rounds",
    "/v1/rounds/{id}",
    "/v1/snapshots",
    "/v1/snapshots/{height}",
    "/v1/snapshots/{height}/chunks/{number}",
    "/v1/status",
    "/v1/supply",
    "/v1/telemetry",
    "/v1/transactions",
    "/v1/transactions/{hash}",
    "/v1/weights",
];

#[test]
fn every_route_is_documented() {
    let document: serde_json::Value =
        serde_json::from_str(&muster_node::http::openapi_json()).expect("JSON");
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));
    let paths = document["paths"].as_object().expect("paths");
    let mut found: Vec<&str> = paths.keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, PATHS);
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().expect("a name");
        assert!(schemas.contains_key(name), "the schema {name} is missing");
    }
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            assert!(
                operation["responses"].as_object().is_some_and(|r| !r.is_empty()),
                "{method} {path}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_configuration_panics(text in "\\PC{0,200}") {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("node.toml");
        fs::write(&path, text).expect("written");
        prop_assert!(NodeConfig::read(&path).is_err());
    }
}
