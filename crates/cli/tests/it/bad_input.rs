//! What is wrong is refused in one line that says what, where and what to do.

use std::fs;

use crate::{muster, stderr, stdout};

/// Arguments, and what the one line on stderr must say. `{dir}` is a fresh folder.
const REFUSED: &[(&[&str], &str)] = &[
    (&["up", "--scenario", "{dir}/none.toml"], "cannot read the scenario"),
    (
        &["up", "--scenario", "{dir}/typo.toml"],
        "typo.toml:2: unknown key `behavior` in [[peer]]; did you mean `behaviour`?",
    ),
    (&["up", "--scenario", "{dir}/presence.toml"], "missing field `players`"),
    (&["up", "--text", "{dir}/none.txt", "--home", "{dir}/h"], "cannot read the text"),
    (&["up", "--text", "{dir}/empty.txt", "--home", "{dir}/h"], "is empty"),
    (&["up", "--text", "{dir}/short.txt", "--home", "{dir}/h"], "give a longer one or fewer peers"),
    (&["up", "--text", "{dir}", "--home", "{dir}/h"], "is no file"),
    (&["up", "--validators", "0", "--home", "{dir}/h"], "a market needs at least 1"),
    (&["up", "--peers", "1000", "--home", "{dir}/h"], "at most 256"),
    (&["up", "--for", "0s", "--home", "{dir}/h"], "would end before it began"),
    (&["up", "--home", "{dir}/full"], "is not empty and holds no market"),
    (&["up", "--home", "{dir}/short.txt"], "choose another --home"),
    (&["up", "--home", "{dir}/damaged"], "market.toml:1: not TOML"),
    (&["node", "--config", "{dir}/none.toml"], "none.toml"),
    (&["node", "--config", "{dir}/typo.toml"], "unknown field"),
    (&["peer", "--config", "{dir}/none.toml"], "cannot be read"),
    (&["wallet", "show"], "make one with `muster wallet new`"),
    (&["wallet", "--wallet", "{dir}/short.txt", "show"], "a passphrase is needed"),
    (&["transfer", "nobody", "1", "--url", "http://127.0.0.1:9"], "`nobody` is not an address"),
    (&["query", "status", "--url", "http://127.0.0.1:9"], "no node answers at http://127.0.0.1:9"),
    (&["query", "status", "--url", "ftp://x"], "is not the URL of a node"),
    (&["query", "status", "--home", "{dir}/h"], "no market runs in"),
    (&["ask", "", "--url", "http://127.0.0.1:9"], "nothing to continue"),
    (&["ask", "To be", "--home", "{dir}/h"], "no market runs in"),
    (&["proposal", "submit", "epoch_block", "3"], "did you mean `epoch_blocks`?"),
    (&["weights", "set", "3=2"], "not a number from 0 to 1"),
    (&["genesis", "check", "{dir}/short.txt"], "is no genesis"),
    (&["genesis", "new", "--name", "x", "--validator", "a"], "write NAME=ADDRESS"),
];

/// Arguments that are wrong usage.
const WRONG_USAGE: &[&[&str]] = &[
    &[],
    &["sing"],
    &["up", "--colour"],
    &["up", "--for", "soon"],
    &["up", "--peers", "-1"],
    &["up", "--scenario", "x", "--peers", "2"],
    &["node"],
    &["transfer", "5Grw", "much"],
    &["wallet"],
];

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect(name);
    write("typo.toml", "[[peer]]\nbehavior = \"honest\"\n");
    write("presence.toml", "[[presence]]\nat = \"20s\"\n");
    write("empty.txt", "");
    write("short.txt", "short");
    fs::create_dir(folder.path().join("full")).expect("a folder");
    write("full/letter.txt", "dear");
    fs::create_dir(folder.path().join("damaged")).expect("a folder");
    write("damaged/market.toml", "seed = \n");
    folder
}

#[test]
fn refusals_are_one_line_and_exit_code_1() {
    let folder = folder();
    let dir = folder.path().to_str().expect("a plain path");
    for (arguments, expected) in REFUSED {
        let arguments = arguments.iter().map(|text| text.replace("{dir}", dir)).collect::<Vec<_>>();
        let output = muster(folder.path()).args(&arguments).output().expect("it starts");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.starts_with("muster: "), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said:?} should contain {expected:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    // Nothing was begun that was refused.
    assert!(!folder.path().join("h").exists());
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let folder = folder();
    for arguments in WRONG_USAGE {
        let output = muster(folder.path()).args(*arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}
