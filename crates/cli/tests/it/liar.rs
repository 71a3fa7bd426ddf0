//! A node that says what a test tells it to: a small HTTP server in this process, and the parts of
//! a chain from which its answers are made.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, OwnedValue, Version as TreeVersion};
use muster_api::{
    Certificate, CommitSignature, CommitteeChange, HexBytes, Member, Proof, SignatureHex,
};
use muster_ledger::block::Header;
use muster_ledger::committee::{Validator, committee_hash};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use muster_ledger::encoding::encode;
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::state::{Key, State};
use muster_ledger::tree;
use muster_ledger::types::Height;
use muster_ledger::vote::{VOTE_DOMAIN, VoteKind, vote_bytes};
use serde_json::{Value, json};

/// The node. It answers what it was told to; anything else is not found.
pub struct Liar {
    pub url: String,
    answers: Arc<Mutex<HashMap<String, String>>>,
    posted: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Liar {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let node = Self { url, answers: Arc::default(), posted: Arc::default() };
        let (answers, posted) = (node.answers.clone(), node.posted.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away is no failure of the test.
                serve(&stream, &answers, &posted).ok();
            }
        });
        node
    }

    /// What it says from now on at a path.
    pub fn say(&self, path: &str, answer: &impl serde::Serialize) {
        let text = serde_json::to_string(answer).expect("JSON");
        self.answers.lock().expect("unpoisoned").insert(path.to_owned(), text);
    }

    /// It says nothing any more at a path.
    pub fn hush(&self, path: &str) {
        self.answers.lock().expect("unpoisoned").remove(path);
    }

    /// What was handed in.
    pub fn posted(&self) -> Vec<Vec<u8>> {
        self.posted.lock().expect("unpoisoned").clone()
    }
}

fn serve(
    mut stream: &TcpStream,
    answers: &Mutex<HashMap<String, String>>,
    posted: &Mutex<Vec<Vec<u8>>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    if method == "POST" {
        posted.lock().expect("unpoisoned").push(body);
    }
    let told = answers.lock().expect("unpoisoned").get(&format!("{method} {path}")).cloned();
    let (status, body) = match told {
        Some(answer) => ("200 OK", answer),
        None => {
            let problem = json!({ "type": "x", "title": "X", "status": 404,
                                  "detail": "nothing \u{1b}[2J\u{202e}here" });
            ("404 Not Found", problem.to_string())
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

/// The key of a name.
pub fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(muster_ledger::crypto::hash("test key", &[name.as_bytes()]).0)
}

/// A network with these validators, whose names are also what their keys are made of.
pub fn genesis(name: &str, validators: &[&str]) -> Genesis {
    Genesis {
        version: Version::NEWEST,
        name: name.to_owned(),
        time_ms: 1_700_000_000_000,
        parameters: Parameters::default(),
        validators: members(validators),
        accounts: vec![(key("alice").public(), Grains(7_000_000_000))],
        peers: Vec::new(),
    }
}

/// A committee in its canonical order.
pub fn members(names: &[&str]) -> Vec<Validator> {
    let member = |name: &&str| Validator { name: (*name).to_owned(), key: key(name).public() };
    let mut members = names.iter().map(member).collect::<Vec<_>>();
    members.sort_by_key(|member| member.key);
    members
}

/// `GET /v1/status` of a node of this chain. No name in it is one that a node should give.
pub fn status(chain: &Hash) -> Value {
    let hostile = "x\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}y\u{200b}\u{9b}31m";
    let zero = "0".repeat(64);
    json!({
        "name": hostile, "version": hostile, "protocol": { "version": 1, "newest": 1 },
        "network": hostile, "chain": chain.to_string(), "height": 9, "first_block": 1, "time_ms": 0,
        "block": zero, "state_root": zero, "epoch": 0, "epoch_end": 10, "epoch_blocks": 10,
        "block_time_ms": 1000, "blocks_per_second": 1.0,
        "validators": [{ "name": hostile, "address": key("v").public().to_string() }],
        "peers": 0, "transactions": 0, "mempool": { "transactions": 0, "bytes": 0 },
        "supply": { "genesis": "0", "minted": "0", "burned": "0", "total": "0" },
        "equivocations": []
    })
}

/// `GET /v1/accounts/{address}` of somebody rich.
pub fn account(address: &PublicKey) -> Value {
    json!({
        "address": address.to_string(), "balance": "1000000000000", "deposit": "10000000", "nonce": 5,
        "nonce_pending": 5, "delegations": [], "unbondings": [], "owns": []
    })
}

/// The certificate of a committee for a header.
fn certificate(header: &Header, signers: &[&str]) -> Certificate {
    let (height, round, block) = (header.height, 0, header.hash());
    let bytes = vote_bytes(&header.chain, VoteKind::Precommit, height, round, Some(&block));
    let sign = |name: &&str| CommitSignature {
        validator: key(name).public().into(),
        signature: SignatureHex(key(name).sign(VOTE_DOMAIN, &bytes)),
    };
    let signatures = signers.iter().map(sign).collect();
    Certificate { height: height.0, round, block: block.into(), signatures }
}

/// A header of a chain after which `next` decide.
fn header(genesis: &Genesis, height: u64, state_root: Hash, next: &[&str]) -> Header {
    let next_committee = committee_hash(&members(next));
    Header { height: Height(height), next_committee, ..genesis.header(state_root) }
}

/// A change of the committee: `signers` certify that `next` decide the block after.
pub fn change(genesis: &Genesis, height: u64, signers: &[&str], next: &[&str]) -> CommitteeChange {
    let header = header(genesis, height, Hash([0; 32]), next);
    CommitteeChange {
        height,
        header: HexBytes(encode(&header)),
        certificate: certificate(&header, signers),
        validators: members(next).iter().map(Member::from).collect(),
    }
}

/// A proof of what stands in the genesis state, in a block that `signers` certify.
pub fn proof(genesis: &Genesis, height: u64, signers: &[&str], entry: &Key) -> Proof {
    let state = State::genesis(genesis).expect("possible");
    let mut memory = MemoryTree::default();
    let changes = tree::all_entries(&state);
    let (root, batch) = tree::update(&memory, Height(0), &changes).expect("in memory");
    let nodes = batch.node_batch.nodes().iter();
    memory.nodes.extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
    for ((version, key), value) in batch.node_batch.values() {
        memory.values.insert((*key, *version), value.clone());
    }
    let (value, shown) = tree::prove(&memory, Height(0), entry).expect("in memory");
    let header = header(genesis, height, root, signers);
    Proof {
        height,
        key: HexBytes(encode(entry)),
        value: value.map(|value| HexBytes(encode(&value))),
        proof: HexBytes(shown.encode()),
        header: HexBytes(encode(&header)),
        certificate: certificate(&header, signers),
    }
}

#[derive(Default)]
struct MemoryTree {
    nodes: HashMap<NodeKey, Node>,
    values: BTreeMap<(KeyHash, TreeVersion), Option<OwnedValue>>,
}

impl TreeReader for MemoryTree {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.get(key).cloned())
    }

    fn get_value_option(
        &self,
        version_max: TreeVersion,
        key: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        let mut versions = self.values.range((key, 0)..=(key, version_max));
        Ok(versions.next_back().and_then(|(_, value)| value.clone()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("only a restore asks for it")
    }
}
