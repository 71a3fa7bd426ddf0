//! A market whose peers are counted: a round is solved by those who are there, what it unlocks
//! happens, another is refused, and who steals or floods earns nothing.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::market::{PATIENCE, Running};
use crate::{json, muster, stderr};

/// Solutions of 20,000 tries, of which a machine makes a hundred a second and the farm a hundred
/// times as many, for which all have minutes.
const SCENARIO: &str = r#"
seed = 12
control = false
[network]
block_time = "500ms"
[[peer]]
count = 2
[[peer]]
behaviour = "farm"
power = 100
[[peer]]
behaviour = "thief"
[[peer]]
behaviour = "flooder"
[[presence]]
at = "1s"
deadline = "1s"
players = { listed = [0.2, 0.3, 0.5] }
malicious = { listed = [0.6, 0.3, 0.1] }
payoff = { linear = { alone = 0, step = 1.5 } }
null_payoff = 2
puzzle = "sha256"
difficulty = 20_000
tries_per_second = 100
solutions = 4
[[presence]]
at = "2s"
prize = "2 MST"
pay = "3 MST"
pay_to = "peer-1"
players = { listed = [0.2, 0.3, 0.5] }
malicious = { listed = [0.6, 0.3, 0.1] }
payoff = { linear = { alone = 0, step = 1.5 } }
null_payoff = 2
puzzle = "sha256"
difficulty = 20_000
tries_per_second = 100
solutions = 4
"#;

/// The rounds of a market that runs, as soon as they are what is wanted.
fn wait_for(home: &str, data: &Path, what: &str, wanted: impl Fn(&Value) -> bool) {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "no round is {what}");
        std::thread::sleep(Duration::from_millis(500));
        let output = muster(data).args(["presence", "list", "--json", "--home", home]).output();
        let output = output.expect("it starts");
        if output.status.success() && wanted(&json(&output)["rounds"][0]) {
            return;
        }
    }
}

#[test]
fn a_crowd_is_counted_and_who_steals_or_floods_earns_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("scenario.toml");
    fs::write(&scenario, SCENARIO).expect("written");
    let home = folder.path().join("home");
    let home = home.to_str().expect("a plain path");
    let scenario = scenario.to_str().expect("a plain path");
    let running = Running::start_with(home, folder.path(), &["--scenario", scenario]);
    wait_for(home, folder.path(), "solved", |round| round["phase"] == "acted");
    wait_for(home, folder.path(), "claimed", |round| round["prize"] == "0");
    let summary = running.end();

    let solved = &summary["presence"][1];
    assert_eq!((&solved["id"], &solved["acted"]), (&0.into(), &true.into()), "{solved:#}");
    assert_eq!((&solved["present"], &solved["farmed"]), (&2.into(), &100.into()), "{solved:#}");
    assert_eq!(solved["validators"], 4, "{solved:#}");
    assert_eq!(solved["unlocked"], 3_000_000_000_u64, "{solved:#}");
    assert!(solved["solved_at"].as_f64() <= solved["deadline"].as_f64(), "{solved:#}");
    let before = solved["expected_before"].as_f64().expect("a number");
    assert!((before - 2.3).abs() < 1e-9, "{solved:#}");
    // It was far faster than three players and two machines of a farm: all of them, then.
    assert!(solved["expected_after"].as_f64() > Some(before), "{solved:#}");
    let solutions = solved["solutions"].as_object().expect("by peer");
    let count: u64 = solutions.values().filter_map(Value::as_u64).sum();
    assert_eq!(count, 4, "{solved:#}");
    assert!(!solutions.contains_key("thief-0") && !solutions.contains_key("flooder-0"));
    let winner = solved["prize_of"].as_str().expect("it was claimed");
    assert!(solutions.contains_key(winner), "{solved:#}");
    for peer in summary["peers"].as_array().expect("peers") {
        let prize = if peer["name"] == winner { 2_000_000_000_u64 } else { 0 };
        assert_eq!(peer["earned"]["presence"], prize, "{peer:#}");
    }

    let refused = &summary["presence"][0];
    assert!(refused.get("id").is_none() && refused.get("acted").is_none(), "{refused:#}");
    let why = refused["refused"].as_str().expect("a reason");
    assert!(why.contains("shorter than three blocks"), "{why}");

    let again = muster(folder.path())
        .args(["up", "--json", "--home", home, "--for", "1s"])
        .output()
        .expect("it starts");
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert_eq!(json(&again)["presence"], Value::Array(Vec::new()), "rounds are of one run");
}
