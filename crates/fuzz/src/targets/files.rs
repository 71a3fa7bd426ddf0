//! What people hand to a program: configurations, scenarios, the genesis, keys, words, amounts.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;

use muster_api::{Address, Amount, Digest, HexBytes, SignatureHex};
use muster_keys::{Mnemonic, decrypt, derive, encrypt, read_key, read_passphrase};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::state::State;
use muster_node::NodeConfig;
use muster_peer::PeerConfig;

use super::{choose, chosen};
use crate::up::reader;
use crate::{Target, support};

/// Files and words of people.
pub const TARGET: Target = Target {
    name: "files",
    about: "node.toml, peer.toml, scenarios, genesis, key files, mnemonics, paths, addresses",
    bytes_max: 8 << 10,
    run,
    seeds,
};

/// The most scrypt work of an encrypted file that is tried: each step of it doubles the time.
const WORK_MAX: u32 = 6;
const PASSPHRASE: &str = "fuzz";

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 9) else { return };
    match kind {
        0 => in_file(bytes, |path| {
            let Ok(config) = NodeConfig::read(path) else { return };
            let _ = config.validate();
            let written = toml::to_string(&config).expect("a configuration is written");
            let again: NodeConfig = toml::from_str(&written).expect("and read");
            assert_eq!(again, config);
        }),
        1 => in_file(bytes, |path| {
            let _ = PeerConfig::read(path);
        }),
        2 => scenario(bytes),
        3 => in_file(bytes, genesis),
        4 => in_file(bytes, |path| {
            if let Ok(key) = read_key(path) {
                let text = String::from_utf8_lossy(bytes);
                let again: String = key.seed().iter().map(|byte| format!("{byte:02x}")).collect();
                assert_eq!(text.trim(), again);
            }
        }),
        5 => in_file(bytes, |path| {
            let _ = read_passphrase(path);
        }),
        6 => sealed(bytes),
        7 => words(bytes),
        _ => scalars(bytes),
    }
}

/// Runs with the input in a file that only its owner may read.
fn in_file(bytes: &[u8], run: impl FnOnce(&Path)) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("input");
    fs::write(&path, bytes).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("allowed");
    run(&path);
}

/// What was read of a scenario is written so that it is read as the same.
fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(scenario) = reader::parse(text, "input", Path::new("/")) else { return };
    let _ = scenario.peers();
    let _ = scenario.peculiarities();
    let written = scenario.to_toml().expect("a scenario is written");
    let again = reader::parse(&written, "input", Path::new("/"));
    let again = again.expect("and read").to_toml().expect("and written");
    assert_eq!(again, written, "another scenario");
}

/// A genesis that is found possible begins a chain.
fn genesis(path: &Path) {
    let config = NodeConfig { genesis: path.to_path_buf(), ..node_config() };
    let Ok(genesis) = config.read_genesis() else { return };
    let state = State::genesis(&genesis).expect("it was found possible");
    state.audit().expect("money adds up");
    let written = serde_json::to_vec(&genesis).expect("a genesis is written");
    let again: muster_ledger::genesis::Genesis =
        serde_json::from_slice(&written).expect("and read");
    assert_eq!(again.chain_id(), genesis.chain_id(), "another chain");
}

/// An encrypted file of little work.
fn sealed(bytes: &[u8]) {
    let work = bytes.split(|byte| *byte == b'\n').find_map(|line| {
        let words = std::str::from_utf8(line).ok()?.strip_prefix("-> scrypt ")?;
        words.split(' ').nth(1)?.trim().parse::<u32>().ok()
    });
    if work.is_none_or(|work| work <= WORK_MAX) {
        let _ = decrypt(PASSPHRASE, bytes);
    }
}

fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(mnemonic) = Mnemonic::from_str(text) {
        let words = mnemonic.words();
        let again = Mnemonic::from_str(&words).expect("our own words").words();
        assert_eq!(*again, *words);
    }
    let _ = derive(&[1; 64], text);
}

fn scalars(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    same::<Amount>(text);
    same::<Address>(text);
    same::<Digest>(text);
    same::<SignatureHex>(text);
    same::<HexBytes>(text);
    same::<Grains>(text);
}

/// What is read is shown as what is read as the same.
fn same<T: FromStr + ToString + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>();
        assert!(again.is_ok_and(|again| again == value), "`{text}` is shown as something else");
    }
}

fn node_config() -> NodeConfig {
    let text = r#"
        name = "node"
        home = "home"
        genesis = "genesis.json"
        key = "validator.key"
        listen = "127.0.0.1:27700"
        api = "127.0.0.1:7700"
    "#;
    toml::from_str(text).expect("a configuration")
}

fn seeds() -> Vec<Vec<u8>> {
    let node = NodeConfig {
        peers: vec!["localhost:27701".into()],
        api_peers: vec!["http://127.0.0.1:7701".into()],
        ..node_config()
    };
    let peer = r#"
name = "peer"
home = "home"
hot_key = "hot.key"
listen = "127.0.0.1:8700"
endpoint = "https://127.0.0.1:8700"
node_urls = ["http://127.0.0.1:7700"]
behaviour = "honest"
text = ["text.txt"]
share = [0, 2]
self_loop = 0.05
[model]
width = 48
"#;
    let scenario = r#"
seed = 7
duration = "10m"
text = ["book.txt"]
[network]
validators = 4
block_time = "1s"
fee_flat = "0.001 MST"
[[peer]]
count = 3
behaviour = "honest"
[[peer]]
count = 2
name = "cabal"
behaviour = "cabal"
stake = "2000 MST"
[[fault]]
at = "1m"
kill = "validator-3"
"#;
    let genesis = support::genesis(2, Parameters::default());
    let key = support::key("alice");
    let digits: String = key.seed().iter().map(|byte| format!("{byte:02x}")).collect();
    let mnemonic = Mnemonic::from_entropy(&[5; 32]);
    let encrypted = encrypt(PASSPHRASE, b"secret", 1).expect("encrypts");
    let address = support::address("alice").to_string();
    vec![
        choose(0, toml::to_string(&node).expect("written")),
        choose(1, peer),
        choose(2, scenario),
        choose(3, serde_json::to_vec(&genesis).expect("written")),
        choose(4, format!("{digits}\n")),
        choose(5, "a passphrase\n"),
        choose(6, encrypted),
        choose(7, mnemonic.words().as_bytes()),
        choose(7, "m/44'/0'"),
        choose(7, "cold/peer-0"),
        choose(8, address),
        choose(8, "12.5 MST"),
        choose(8, "12500000000"),
        choose(8, digits),
    ]
}
