//! What a lying node gets: no signature for another chain, no belief, no command of the terminal.

use std::fs;
use std::path::Path;
use std::process::Output;

use muster_ledger::crypto::Hash;
use muster_ledger::genesis::Genesis;
use muster_ledger::state::{Key, account as accounts};
use muster_ledger::transaction::SignedTransaction;
use serde_json::{Value, json};

use crate::liar::{Liar, account, change, genesis, key, proof, status};
use crate::{json, muster, stderr, stdout};

const ALL: [&str; 4] = ["a", "b", "c", "d"];
const LATER: [&str; 4] = ["b", "c", "d", "e"];

/// A user's data folder with a key of its own, and the commands in it.
struct User {
    folder: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("alice.key");
        muster_keys::write_key(&path, &key("alice")).expect("written");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        muster(self.path()).args(arguments).output().expect("it starts")
    }

    /// Sends money by a node, with further arguments.
    fn pay(&self, node: &Liar, more: &[&str]) -> Output {
        let (key_file, bob) = (self.path().join("alice.key"), key("bob").public().to_string());
        let key_file = key_file.to_str().expect("a plain path");
        let pay = ["transfer", &bob, "1", "--no-wait", "--key-file", key_file, "--url", &node.url];
        self.run(&[&pay, more].concat())
    }

    fn write(&self, name: &str, genesis: &Genesis) -> String {
        let path = self.path().join(name);
        fs::write(&path, serde_json::to_vec(genesis).expect("JSON")).expect("written");
        path.to_str().expect("a plain path").to_owned()
    }
}

/// A node that says it is of this chain and takes whatever is handed in.
fn node(chain: &Hash) -> Liar {
    let node = Liar::start();
    node.say("GET /v1/status", &status(chain));
    let alice = key("alice").public();
    node.say(&format!("GET /v1/accounts/{alice}"), &account(&alice));
    node.say("POST /v1/transactions", &json!({ "hash": "0".repeat(64) }));
    node
}

fn refused(output: &Output, complaint: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(complaint), "{said:?} should contain {complaint:?}");
    assert_eq!(stdout(output), "");
    harmless(output);
}

fn accepted(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    harmless(output);
}

/// Nothing that a program printed commands a terminal or hides what it says.
fn harmless(output: &Output) {
    for text in [stdout(output), stderr(output)] {
        let bad = |sign: char| {
            sign != '\n'
                && (sign.is_control()
                    || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
                    || matches!(sign, '\u{2066}'..='\u{2069}' | '\u{feff}'))
        };
        assert_eq!(text.find(bad), None, "{text:?}");
    }
}

#[test]
fn nothing_is_signed_for_another_chain_than_the_one_that_is_meant() {
    let (ours, other) = (genesis("ours", &ALL), genesis("other", &LATER));
    let (user, node) = (User::new(), node(&ours.chain_id()));
    let file = user.write("ours.json", &ours);
    accepted(&user.pay(&node, &["--genesis", &file]));
    let posted = node.posted();
    let signed: SignedTransaction = borsh::from_slice(&posted[0]).expect("a transaction");
    assert_eq!(signed.transaction.chain, ours.chain_id());
    assert_eq!(signed.transaction.nonce, 5);

    // The chain stays known without the file, and whatever the node says of itself afterwards.
    node.say("GET /v1/status", &status(&other.chain_id()));
    for more in [&[][..], &["--genesis", &file]] {
        refused(&user.pay(&node, more), "says that it is of chain");
    }
    let file = user.write("other.json", &other);
    refused(&user.pay(&node, &["--genesis", &file]), "is known to be of another chain");
    assert_eq!(node.posted().len(), 1, "nothing else was handed in");
}

#[test]
fn the_chain_of_the_first_use_is_remembered_and_taken_from_one_place_only() {
    let (ours, other) = (genesis("ours", &ALL).chain_id(), genesis("other", &LATER).chain_id());
    let user = User::new();
    let (first, second) = (node(&ours), node(&ours));
    let output = user.pay(&first, &[]);
    accepted(&output);
    let said = stderr(&output);
    assert!(said.contains(&format!("is taken to be of chain {ours}")), "{said}");
    let again = user.pay(&first, &[]);
    assert_eq!((again.status.code(), stderr(&again)), (Some(0), String::new()));

    // What is signed for a second node would be valid on the chain of the first.
    refused(&user.pay(&second, &[]), &format!("which you know from {}", first.url));
    assert_eq!(second.posted().len(), 0);
    first.say("GET /v1/status", &status(&other));
    refused(&user.pay(&first, &[]), &format!("chain {ours} is meant"));
    assert_eq!(first.posted().len(), 2);
    // Named together, they are of one network; and then never of two.
    accepted(&user.pay(&second, &["--url", &first.url]));
    let third = node(&other);
    accepted(&user.pay(&third, &[]));
    refused(&user.pay(&third, &["--url", &second.url]), "ask nodes of one network");
}

#[test]
fn the_wallet_of_a_trial_signs_for_no_other_chain() {
    let user = User::new();
    let market = Liar::start();
    let home = user.path().join("home");
    let home = home.to_str().expect("a plain path");
    // A market that ends at once leaves its home, its wallet and the memory of both.
    let up = user.run(&["up", "--home", home, "--for", "1s", "--peers", "0", "--validators", "1"]);
    assert_eq!(up.status.code(), Some(0), "{}", stderr(&up));
    let trial = fs::read(Path::new(home).join("genesis.json")).expect("a genesis");
    let trial: Genesis = serde_json::from_slice(&trial).expect("a genesis");
    let real = genesis("real", &ALL);
    market.say("GET /v1/status", &status(&real.chain_id()));
    let bob = key("bob").public().to_string();
    let pay = ["transfer", &bob, "1", "--no-wait", "--url", &market.url];
    let genesis = user.write("real.json", &real);
    // Found as the market started last, named with its home, and taken away from it.
    let wallet = user.path().join("copy/wallet.age");
    fs::create_dir(user.path().join("copy")).expect("made");
    for name in ["wallet.age", "passphrase"] {
        fs::copy(Path::new(home).join(name), wallet.with_file_name(name)).expect("copied");
    }
    let wallet = wallet.to_str().expect("a plain path");
    let meant = format!("chain {} is meant", trial.chain_id());
    let only = format!("on chain {} and signs nothing for", trial.chain_id());
    for (more, complaint) in [
        (&[][..], &meant),
        (&["--home", home], &meant),
        (&["--genesis", &genesis], &only),
        // The URL is known by now: for another chain than the wallet's.
        (&["--wallet", wallet], &only),
        (&["--wallet", wallet, "--genesis", &genesis], &only),
    ] {
        let output = user.run(&[&pay, more].concat());
        refused(&output, complaint);
    }
    assert_eq!(market.posted().len(), 0);
    // Two markets of one seed have keys of their own: the seed gives none.
    let twin = user.path().join("twin");
    let seed = ["--seed", "7", "--for", "1s", "--peers", "0", "--validators", "1", "--home"];
    let keys = ["one", "two"].map(|name| {
        let home = twin.join(name);
        let path = home.to_str().expect("a plain path");
        assert_eq!(user.run(&[&["up"], &seed[..], &[path]].concat()).status.code(), Some(0));
        fs::read(home.join("validator-0/key")).expect("a key")
    });
    assert_ne!(keys[0], keys[1]);
}

/// What `muster query proof` of alice's account says.
fn prove(user: &User, node: &Liar, more: &[&str]) -> Output {
    let alice = key("alice").public().to_string();
    user.run(&[&["query", "proof", "account", &alice, "--url", &node.url], more].concat())
}

fn entry() -> Key {
    accounts::Key::Account(key("alice").public()).into()
}

/// A node of a chain whose committee changes at height 3, and that shows a block of height 9.
fn honest(network: &Genesis) -> Liar {
    let node = node(&network.chain_id());
    node.say("GET /v1/genesis", network);
    show(&node, network, 9, &LATER);
    follow(&node, &[change(network, 3, &ALL, &LATER)]);
    node
}

fn show(node: &Liar, network: &Genesis, height: u64, signers: &[&str]) {
    let path = format!("GET /v1/proofs/account/{}", key("alice").public());
    node.say(&path, &proof(network, height, signers, &entry()));
}

fn follow(node: &Liar, changes: &[muster_api::CommitteeChange]) {
    node.say("GET /v1/committees", &json!({ "changes": changes }));
}

#[test]
fn proved_is_what_follows_from_the_genesis_that_is_meant() {
    let network = genesis("ours", &ALL);
    let (user, node) = (User::new(), honest(&network));
    // Who the first committee is, the genesis says: a change that it did not certify is none.
    let file = user.write("ours.json", &network);
    follow(&node, &[change(&network, 3, &ALL[..2], &LATER)]);
    let named = ["--genesis", file.as_str()];
    refused(&prove(&user, &node, &named), "block 3 does not follow from the genesis: ");
    follow(&node, &[]);
    refused(&prove(&user, &node, &named), "block 9 does not follow from the genesis: ");
    // The answers repeat the change after it was followed: then there is nothing new in them.
    follow(&node, &[change(&network, 3, &ALL, &LATER), change(&network, 11, &LATER, &ALL)]);
    let proved = prove(&user, &node, &named);
    accepted(&proved);
    assert!(stdout(&proved).starts_with("proved at height 9: certified by 4"), "{proved:?}");

    // It goes on where it stopped: neither genesis nor earlier changes are asked for again.
    node.hush("GET /v1/genesis");
    follow(&node, &[change(&network, 11, &LATER, &ALL)]);
    show(&node, &network, 12, &ALL);
    let output = prove(&user, &node, &["--json"]);
    accepted(&output);
    assert_eq!((&json(&output)["proved"], &json(&output)["height"]), (&json!(true), &json!(12)));
    show(&node, &network, 9, &LATER);
    refused(&prove(&user, &node, &[]), "block 11 is known already: it is behind");
}

#[test]
fn a_node_that_makes_up_a_committee_is_not_believed() {
    let network = genesis("ours", &ALL);
    let user = User::new();
    let file = user.write("ours.json", &network);
    let named = ["--genesis", file.as_str()];
    let liar = honest(&network);
    let strangers = ["w", "x", "y", "z"];
    let made_up = genesis("ours", &strangers);
    for (lie, complaint) in [
        // A block of its own, certified by a committee of its own.
        (proof(&network, 9, &strangers, &entry()), "is no member of the committee"),
        // The same, of another chain.
        (proof(&made_up, 9, &strangers, &entry()), "the header is of chain"),
        // Too few of the right ones.
        (proof(&network, 9, &LATER[..2], &entry()), "more than two thirds must"),
        // Of somebody else.
        (
            proof(&network, 9, &LATER, &accounts::Key::Account(key("bob").public()).into()),
            "proved another entry than asked for",
        ),
    ] {
        let path = format!("GET /v1/proofs/account/{}", key("alice").public());
        liar.say(&path, &lie);
        refused(&prove(&user, &liar, &named), "nothing is proved, do not trust this node");
        refused(&prove(&user, &liar, &named), complaint);
    }
    // Another balance than the state's under a certified header.
    let mut richer = proof(&network, 9, &LATER, &entry());
    let value = richer.value.as_mut().expect("alice is there");
    *value.0.get_mut(2).expect("a balance") ^= 1;
    liar.say(&format!("GET /v1/proofs/account/{}", key("alice").public()), &richer);
    refused(&prove(&user, &liar, &named), "do not trust this node");
}

#[test]
fn what_only_a_node_says_is_not_called_proved() {
    let network = genesis("ours", &ALL);
    let (user, node) = (User::new(), honest(&network));
    let output = prove(&user, &node, &[]);
    accepted(&output);
    assert!(stdout(&output).starts_with("not proved, but consistent at height 9"), "{output:?}");
    // A genesis that is not the chain's own, where none was followed yet.
    let (user, node) = (User::new(), honest(&network));
    node.say("GET /v1/genesis", &genesis("ours", &LATER));
    refused(&prove(&user, &node, &[]), "do not trust this node");
    node.hush("GET /v1/genesis");
    refused(&prove(&user, &node, &[]), "name the network's --genesis");
}

#[test]
fn what_a_node_says_commands_no_terminal() {
    let user = User::new();
    let node = Liar::start();
    node.say("GET /v1/status", &status(&Hash([1; 32])));
    let hostile = "x\u{1b}]0;owned\u{7}\u{1b}[2J\n9  9\u{202e}y\u{200b}";
    let address = key("v").public().to_string();
    let peer = json!({
        "id": 3, "name": hostile, "address": address, "owner": address,
        "endpoint": { "url": hostile, "modality": "text" }, "stake": "0", "rank": 0.0,
        "trust": 0.0, "incentive": 0.0, "scaling": 0.0, "earned": { "market": "0" },
        "accrued": "0", "registered": 0, "weights": []
    });
    node.say("GET /v1/peers", &json!({ "height": 1, "peers": [peer] }));
    node.say("GET /v1/peers/3", &peer);
    node.say(
        "GET /v1/committee",
        &json!({ "height": 1, "validators": [
        { "name": hostile, "address": address }] }),
    );
    let proposal = json!({
        "id": 1, "proposer": address, "change": hostile, "height": 1, "closes": 2,
        "deposit": "0", "approving": "0", "rejecting": "0", "votes": 0
    });
    let agreed = json!({ "id": 2, "change": hostile, "effect": 9 });
    let proposals = json!({ "quorum": "0", "proposals": [proposal], "agreed": [agreed] });
    node.say("GET /v1/proposals", &proposals);
    let questions: [&[&str]; 7] = [
        &["query", "status"],
        &["query", "peers"],
        &["query", "peer", "3"],
        &["query", "committee"],
        &["query", "block", "1"],
        &["proposal", "list"],
        &["query", "transaction", "\u{1b}[2J\u{202e}"],
    ];
    for question in questions {
        for json in [false, true] {
            let more = if json { &["--json", "--url"][..] } else { &["--url"] };
            let output = user.run(&[question, more, &[node.url.as_str()]].concat());
            harmless(&output);
            if json && output.status.success() {
                let _: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            }
        }
    }
    // The hostile text is there all the same: what was refused would have no escapes either.
    let table = stdout(&user.run(&["query", "peers", "--url", &node.url]));
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("]0;owned"), "{table}");
}
