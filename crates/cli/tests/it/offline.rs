//! Commands that need no network: wallets, configurations, the reference.

use std::fs;
use std::path::Path;

use crate::{json, muster, stderr, stdout};

#[test]
fn a_wallet_is_made_and_imported_and_gives_the_same_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], passphrase: &str| {
        muster(folder.path())
            .args(arguments)
            .env("MUSTER_PASSPHRASE", passphrase)
            .output()
            .expect("it starts")
    };
    let made = run(&["wallet", "new", "--json"], "correct horse");
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let words = json(&made)["words"].as_str().expect("words").to_owned();
    assert_eq!(words.split(' ').count(), 24);
    let again = run(&["wallet", "new"], "correct horse");
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("is there already"));
    let wrong = run(&["wallet", "show"], "wrong horse");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("the passphrase is wrong"), "{}", stderr(&wrong));

    let other = folder.path().join("other.age");
    let other = other.to_str().expect("a plain path");
    // Words on the command line are seen by others on the machine: refused, and not repeated.
    for words in [words.as_str(), "abandon abandon"] {
        let shown = run(&["wallet", "import", words, "--wallet", other], "battery");
        assert_eq!(shown.status.code(), Some(1));
        assert!(stderr(&shown).contains("on standard input with -"), "{}", stderr(&shown));
        assert!(!stderr(&shown).contains(words), "the words are told again");
    }
    let import = |from: &[&str], words: &str| {
        let mut command = muster(folder.path());
        command.args(["wallet", "import", "--wallet", other]).args(from);
        command.env("MUSTER_PASSPHRASE", "battery").stdin(std::process::Stdio::piped());
        let pipes =
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut process = pipes.spawn().expect("it starts");
        let mut input = process.stdin.take().expect("a pipe");
        // Who refuses does not read.
        std::io::Write::write_all(&mut input, words.as_bytes()).ok();
        drop(input);
        process.wait_with_output().expect("it ends")
    };
    let damaged = import(&["-"], "abandon abandon");
    assert_eq!(damaged.status.code(), Some(1));
    let unasked = import(&[], &words);
    assert!(stderr(&unasked).contains("no terminal to ask on"), "{}", stderr(&unasked));
    let imported = import(&["-"], &format!("{words}\n"));
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    let address = |arguments: &[&str], passphrase| stdout(&run(arguments, passphrase));
    let first = address(&["wallet", "address", "cold/alice"], "correct horse");
    let second = address(&["wallet", "address", "cold/alice", "--wallet", other], "battery");
    assert_eq!(first, second);
    assert_eq!(first.trim().len(), 48);
}

#[test]
fn configurations_of_a_network_of_ones_own_are_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let run = |arguments: &[&str]| {
        let output = muster(folder.path()).args(arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        output
    };
    let node = run(&["node", "init", "--name", "one", "--dir", &at("one")]);
    let address = stdout(&node).trim().to_owned();
    let validator = format!("one={address}");
    let account = format!("{address}=12.5");
    let genesis = run(&[
        "genesis",
        "new",
        "--name",
        "ours",
        "--validator",
        &validator,
        "--account",
        &account,
        "--parameter",
        "epoch_blocks=20",
    ]);
    assert_eq!(json(&genesis)["parameters"]["epoch_blocks"], 20);
    fs::write(at("genesis.json"), &genesis.stdout).expect("written");
    let checked = stdout(&run(&["genesis", "check", &at("genesis.json")]));
    assert!(checked.contains("1 validators, 1 accounts, 0 peers, 12.500 MST"), "{checked}");
    let again = muster(folder.path())
        .args(["node", "init", "--name", "one", "--dir", &at("one")])
        .output()
        .expect("it starts");
    assert_eq!(again.status.code(), Some(1), "keys are never overwritten");
    run(&[
        "peer",
        "init",
        "--name",
        "alice",
        "--node-url",
        "http://127.0.0.1:7700",
        "--dir",
        &at("alice"),
        "--endpoint",
        "https://alice.example:8700",
    ]);
    let key = fs::metadata(at("alice/hot.key")).expect("a key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
    muster_peer::PeerConfig::read(Path::new(&at("alice/peer.toml"))).expect("it can be read");
    muster_node::NodeConfig::read(Path::new(&at("one/node.toml"))).expect("it can be read");
}

#[test]
fn accounts_are_addresses_or_names_of_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let run = |arguments: &[&str]| {
        muster(folder.path())
            .args(arguments)
            .env("MUSTER_PASSPHRASE", "correct horse")
            .output()
            .expect("it starts")
    };
    let genesis = |account: &str| {
        run(&["genesis", "new", "--name", "ours", "--validator", "one=node", "--account", account])
    };
    let without = genesis("friend=1");
    assert_eq!(without.status.code(), Some(1));
    let words = stderr(&without);
    assert!(words.contains("`node` is not an address") && words.contains("no wallet"), "{words}");
    assert_eq!(run(&["wallet", "new"]).status.code(), Some(0));
    let address = |name: &str| stdout(&run(&["wallet", "address", name])).trim().to_owned();
    let made = json(&genesis("friend=1"));
    assert_eq!(made["validators"][0]["key"].as_str(), Some(address("node").as_str()));
    assert_eq!(made["accounts"][0][0].as_str(), Some(address("friend").as_str()));
    let mistyped = format!("{}=1", address("friend").replacen('5', "4", 1));
    let refused = genesis(&mistyped);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("is not an address: "), "{}", stderr(&refused));

    let init = ["peer", "init", "--name", "bob", "--node-url", "http://127.0.0.1:7700"];
    let place = ["--dir", &at("bob"), "--endpoint", "https://bob.example:8700"];
    let made = run(&[&init[..], &place, &["--owner", "cold/bob"]].concat());
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let config = fs::read_to_string(at("bob/peer.toml")).expect("written");
    assert!(config.contains(&address("cold/bob")), "{config}");
}

#[test]
fn the_reference_of_commands_is_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = muster(folder.path()).arg("reference").output().expect("it starts");
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    let written = fs::read_to_string(written).expect("docs/commands.md");
    assert!(
        stdout(&output) == written,
        "docs/commands.md is out of date: run `muster reference > docs/commands.md`"
    );
}
