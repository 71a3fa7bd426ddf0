//! Presence rounds from the command line, on a market that runs.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{json, muster, stderr, stdout};

/// Up to three players who need each other, and solutions of 20,000 tries: seconds for whoever
/// works as fast as it can, two days for the market's own peers and validators, which make the
/// tries that the design says.
fn design() -> Value {
    json!({
        "players": { "listed": [0.2, 0.3, 0.5] },
        "malicious": { "listed": [0.6, 0.3, 0.1] },
        "payoff": { "linear": { "alone": 0.0, "step": 1.5 } },
        "null_payoff": 2.0,
        "puzzle": "sha256",
        "difficulty": 20_000,
        "tries_per_second": 0.1,
        "solutions": 2,
        "deadline_ms": 600_000
    })
}

/// Opens rounds, takes part in one and claims its prize; others are refused, or lapse.
pub fn rounds(home: &str, data: &Path) {
    let file = data.join("design.json");
    let written = |changes: Value| {
        let mut document = design();
        let fields = document.as_object_mut().expect("an object");
        fields.extend(changes.as_object().expect("an object").clone());
        fs::write(&file, document.to_string()).expect("written");
    };
    let path = file.to_str().expect("a plain path");
    let output = |arguments: &[&str]| {
        muster(data).args(arguments).args(["--home", home]).output().expect("it starts")
    };
    let run = |arguments: &[&str]| {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        output
    };
    let refused = |changes: Value, words: &str| {
        written(changes);
        let output = output(&["presence", "open", path]);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains(words), "{said}");
    };
    assert!(stdout(&run(&["presence", "list"])).contains("no round is open"));
    refused(json!({ "deadline_ms": 700 }), "shorter than three blocks");
    refused(json!({ "deadline_ms": 3_000_000_000_u64 }), "is beyond T*");
    refused(json!({ "malicious": { "listed": [0.5, 0.25, 0.25] } }), "not log-concave at index 1");
    refused(json!({ "players": { "listed": [0.5, 0.4] } }), "players sums to 0.9");
    refused(json!({ "colour": 1 }), "unknown field `colour`");

    written(json!({}));
    let balance = |name: &str| {
        let account = json(&run(&["query", "account", name, "--json"]));
        account["balance"].as_str().expect("grains").parse::<u64>().expect("a number")
    };
    let before = balance("crowd");
    let opened = json(&run(&[
        "presence", "open", path, "--prize", "2", "--pay", "3", "--pay-to", "crowd", "--json",
    ]));
    assert_eq!(opened["round"], 0, "{opened:#}");
    assert!(opened["best_ms"].as_u64() > Some(60_000), "{opened:#}");
    let shown = stdout(&run(&["presence", "show", "0"]));
    assert!(shown.contains("round 0 is open") && shown.contains("it unlocks 3"), "{shown}");
    let joined = json(&run(&["presence", "join", "0", "--cores", "1", "--json"]));
    assert_eq!((&joined["acted"], &joined["first"]), (&true.into(), &true.into()), "{joined:#}");
    assert_eq!(joined["solutions"], 2, "each by a key of its own: {joined:#}");
    let shown = stdout(&run(&["presence", "show", "0"]));
    assert!(shown.contains("those who are there act"), "{shown}");
    assert!(shown.contains("it unlocked 3") && shown.contains("once solved"), "{shown}");
    assert_eq!(balance("crowd") - before, 3_000_000_000 - 10_000_000, "less its deposit");
    let proved = stdout(&run(&["query", "proof", "round", "0"]));
    assert!(proved.contains("proved at height") && proved.contains("Acted"), "{proved}");

    let before = balance("winner");
    run(&["presence", "claim", "0", "--to", "winner"]);
    assert_eq!(balance("winner") - before, 2_000_000_000 - 10_000_000);
    let again = output(&["presence", "claim", "0", "--to", "winner"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("has no prize, or it was claimed"), "{}", stderr(&again));

    // Said to be solved within seconds, and a million times harder than any machine can: it lapses,
    // and whoever works on it stops by itself.
    let deadline = Value::Null;
    written(json!({
        "difficulty": 1_u64 << 56, "tries_per_second": 2e16, "deadline_ms": deadline,
    }));
    let opened = json(&run(&["presence", "open", path, "--json"]));
    assert_eq!(opened["round"], 1, "{opened:#}");
    let joined = json(&run(&["presence", "join", "1", "--cores", "1", "--json"]));
    assert_eq!((&joined["acted"], &joined["solutions"]), (&false.into(), &0.into()), "{joined:#}");

    // What a round unlocks may be any action: here the user stakes on a peer, once it is solved.
    let action = data.join("action.json");
    let action = action.to_str().expect("a plain path");
    let staked = || {
        let account = json(&run(&["query", "account", "user", "--json"]));
        let delegations = account["delegations"].as_array().expect("a list").clone();
        let grains = |one: &Value| one["amount"].as_str().and_then(|text| text.parse::<u64>().ok());
        delegations.iter().filter_map(grains).sum::<u64>()
    };
    let before = staked();
    let said = stdout(&run(&["stake", "add", "0", "7", "--for-round", action]));
    assert!(said.contains("nothing is done now"), "{said}");

    // One that takes memory, of which nearly every run has a solution.
    written(json!({
        "puzzle": "equihash", "difficulty": 1, "tries_per_second": 5e-6, "solutions": 1,
    }));
    let opened = json(&run(&["presence", "open", path, "--unlocks", action, "--json"]));
    assert_eq!(opened["round"], 2, "{opened:#}");
    let shown = stdout(&run(&["presence", "show", "2"]));
    assert!(shown.contains("it unlocks stake, amount 7000000000, peer 0"), "{shown}");
    let joined = json(&run(&["presence", "join", "2", "--cores", "1", "--json"]));
    assert_eq!((&joined["acted"], &joined["first"]), (&true.into(), &true.into()), "{joined:#}");
    let shown = stdout(&run(&["presence", "show", "2"]));
    assert!(shown.contains("tries of equihash") && shown.contains("it unlocked stake"), "{shown}");
    assert!(staked() >= before + 6_999_999_999, "{} after {before}", staked());
    let listed = stdout(&run(&["presence", "list"]));
    assert!(listed.contains("lapsed") && listed.contains("solved after"), "{listed}");
}
