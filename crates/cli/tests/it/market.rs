//! A whole market: it decides blocks, survives a killed validator, and goes on from its state.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{json, muster, stderr, stdout};

/// How long anything may take before a test fails: it says how soon a hang is told of, and must
/// hold on a machine that is busy with ten other things.
pub const PATIENCE: Duration = Duration::from_secs(600);

const SCENARIO: &str = r#"
seed = 11
duration = "30s"
[network]
block_time = "500ms"
weights_commit_required = true
voting_blocks = 10
unbonding_blocks = 2
quorum_ppb = 2000000
[[peer]]
count = 1
[[peer]]
count = 1
behaviour = "cabal"
[[fault]]
at = "6s"
kill = "validator-2"
restart_after = "1s"
[[fault]]
at = "7s"
pause = "cabal-0"
for = "2s"
"#;

fn number(document: &Value, field: &str) -> i128 {
    let value = &document[field];
    value.as_i64().map(i128::from).unwrap_or_else(|| panic!("{field} is {value} in {document:#}"))
}

/// Names and numbers of all processes whose command line contains a text.
fn processes(text: &str) -> Vec<String> {
    let Ok(folder) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    folder
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.contains(text))
        .collect()
}

fn conserved(summary: &Value) {
    let supply = &summary["supply"];
    assert_eq!(
        number(supply, "genesis") + number(supply, "minted") - number(supply, "burned"),
        number(supply, "total"),
        "{supply}"
    );
}

#[test]
fn a_market_runs_recovers_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("scenario.toml");
    fs::write(&scenario, SCENARIO).expect("written");
    let home = folder.path().join("home");
    let home = home.to_str().expect("a plain path");

    let first = muster(folder.path())
        .args(["up", "--json", "--home", home, "--scenario"])
        .arg(&scenario)
        .output()
        .expect("it starts");
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let summary = json(&first);
    assert_eq!(summary["seed"], 11);
    assert!(number(&summary, "height") >= 8, "{summary:#}");
    assert_eq!(summary["conflicts"], 0);
    assert_eq!(summary["committee"].as_array().map(Vec::len), Some(4));
    conserved(&summary);
    assert_eq!(summary["validators"][2]["restarts"], 1, "{summary:#}");
    let honest = &summary["peers"][0];
    assert_eq!((&honest["name"], &honest["behaviour"]), (&"peer-0".into(), &"honest".into()));
    assert!(number(honest, "steps") > 0, "{honest:#}");
    assert_eq!(summary["peers"][1]["name"], "cabal-0");
    let said = stderr(&first);
    assert!(said.contains("validator-2 killed, as the scenario asks"), "{said}");
    assert!(processes(home).is_empty(), "{:?}", processes(home));

    let second = Running::start(home, folder.path());
    let height = number(&summary, "height");
    let url = wait_for_height(home, height + 2);
    ask_and_pay(home, &url, folder.path());
    vote_and_weigh(home, folder.path());
    crate::presence::rounds(home, folder.path());
    close_and_leave(home, folder.path());
    let summary_again = second.end();
    assert!(number(&summary_again, "height") > height + 2);
    assert_eq!(summary_again["chain"], summary["chain"]);
    assert_eq!(summary_again["conflicts"], 0);
    conserved(&summary_again);
    assert!(processes(home).is_empty(), "{:?}", processes(home));

    let contradicted = muster(folder.path())
        .args(["up", "--home", home, "--validators", "5"])
        .output()
        .expect("it starts");
    assert_eq!(contradicted.status.code(), Some(1));
    assert!(stderr(&contradicted).contains("has 4 validators, not 5"));
}

/// A market that runs; its processes end with it, and it with the test.
pub struct Running(Option<Child>);

impl Running {
    /// Starts the market again, without a scenario.
    fn start(home: &str, data: &Path) -> Self {
        Self::start_with(home, data, &[])
    }

    /// Starts a market with further arguments.
    pub fn start_with(home: &str, data: &Path, arguments: &[&str]) -> Self {
        let child = muster(data)
            .args(["up", "--json", "--home", home])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(Some(child.expect("it starts")))
    }

    /// Ends it as Ctrl-C would; its summary.
    pub fn end(mut self) -> Value {
        let child = self.0.take().expect("it runs");
        let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process number"));
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("it is there");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        json(&output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The URL of a node, once the market is that high.
fn wait_for_height(home: &str, height: i128) -> String {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "the market does not reach height {height}");
        std::thread::sleep(Duration::from_millis(300));
        let Ok(running) = fs::read_to_string(Path::new(home).join("running.toml")) else {
            continue;
        };
        let url = running.lines().find_map(|line| line.strip_prefix("url = "));
        let url = url.expect("a URL").trim_matches('"').to_owned();
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["query", "status", "--json", "--url", &url])
            .output()
            .expect("it starts");
        if output.status.success() && number(&json(&output), "height") >= height {
            return url;
        }
    }
}

/// The user's verbs on the running market.
fn ask_and_pay(home: &str, url: &str, data: &Path) {
    let run = |arguments: &[&str]| {
        let output = muster(data).args(arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        output
    };
    let wallet = Path::new(home).join("wallet.age");
    let wallet = wallet.to_str().expect("a plain path");
    let user = stdout(&run(&["wallet", "address", "user", "--wallet", wallet]));
    let cold = stdout(&run(&["wallet", "address", "cold/peer-0", "--wallet", wallet]));
    let balance = |address: &str| {
        let account = json(&run(&["query", "account", address, "--json", "--home", home]));
        account["balance"].as_str().expect("grains").parse::<u64>().expect("a number")
    };
    let before = balance(cold.trim());
    let paid = json(&run(&["transfer", cold.trim(), "1", "--home", home, "--json"]));
    assert_eq!(paid["signer"].as_str(), Some(user.trim()));
    run(&["transfer", "cold/peer-0", "0.5", "--home", home]);
    assert_eq!(balance("cold/peer-0"), before + 1_500_000_000);

    // Opened early: an account may be closed only some blocks later.
    run(&["transfer", "friend", "3", "--home", home]);
    assert_eq!(balance("friend"), 2_990_000_000, "a hundredth is its deposit");

    run(&["stake", "add", "0", "2", "--home", home]);
    let stakes = json(&run(&["stake", "list", "--home", home, "--json"]));
    assert_eq!(stakes["delegations"][0]["peer"], 0, "{stakes:#}");
    let refused =
        muster(data).args(["stake", "add", "77", "2", "--home", home]).output().expect("it starts");
    assert_eq!(refused.status.code(), Some(1), "there is no peer 77");

    let answer = json(&run(&["ask", "To be", "--home", home, "--max-bytes", "8", "--json"]));
    assert!(!answer["network"].as_str().expect("a text").is_empty(), "{answer:#}");
    assert!(!answer["student"].as_str().expect("a text").is_empty(), "{answer:#}");
    assert!(number(&answer, "cost") > 0, "{answer:#}");

    let of_a_name = json(&run(&["stake", "list", "cold/peer-0", "--home", home, "--json"]));
    assert_eq!(of_a_name["address"].as_str(), Some(cold.trim()));
    let proved = stdout(&run(&["query", "proof", "account", "cold/peer-0", "--home", home]));
    assert!(proved.contains("proved at height"), "{proved}");
    for question in ["status", "block", "peers", "supply", "parameters", "market", "committee"] {
        assert!(!stdout(&run(&["query", question, "--url", url])).is_empty());
    }
}

/// Peers commit to their weights and reveal them; stake decides that they need not, and then a hot
/// key sets weights by hand.
fn vote_and_weigh(home: &str, data: &Path) {
    let run = |arguments: &[&str]| {
        let output = muster(data).args(arguments).args(["--home", home]).output();
        output.expect("it starts")
    };
    let done = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    until("a revealed row", || done(&["weights", "show"]).lines().count() > 1);
    let by_hand = ["weights", "set", "0=0.5", "1=0.25", "--key", "hot/cabal-0"];
    let refused = run(&by_hand);
    assert_eq!(refused.status.code(), Some(1), "a commitment is required");

    // The user's stake has the quorum of two thousandths of all money, with what the others add.
    done(&["stake", "add", "0", "2000"]);
    done(&["proposal", "submit", "weights_commit_required", "0"]);
    let list = done(&["proposal", "list"]);
    assert!(
        list.contains("weights_commit_required") && list.contains("or more of it for"),
        "{list}"
    );
    done(&["proposal", "vote", "0", "yes", "--key", "cold/peer-0"]);
    run(&["proposal", "vote", "0", "yes", "--key", "cold/cabal-0"]);
    until("the vote to count", || {
        let parameters = done(&["query", "parameters", "--json"]);
        let parameters: Value = serde_json::from_str(&parameters).expect("JSON");
        let required = &parameters["parameters"]["weights_commit_required"];
        required == false || *required == 0
    });
    // The peer itself may have set its weights so lately that the ledger asks for patience.
    until("weights set by hand", || run(&by_hand).status.success());

    done(&["stake", "remove", "0", "1"]);
    let stakes = json(&run(&["stake", "list", "--json"]));
    assert!(stakes["unbondings"].as_array().is_some_and(|all| !all.is_empty()), "{stakes:#}");
}

/// An account is closed, and a peer is ended, each by whose it is and by nobody else.
fn close_and_leave(home: &str, data: &Path) {
    let run = |arguments: &[&str]| {
        muster(data).args(arguments).args(["--home", home]).output().expect("it starts")
    };
    let account = |name: &str| {
        let account = json(&run(&["query", "account", name, "--json"]));
        let amount = |field: &str| account[field].as_str().unwrap_or("0").parse::<u64>();
        (amount("balance").expect("a number"), amount("deposit").expect("a number"))
    };
    let both = run(&["transfer", "user", "1", "--close", "--key", "friend"]);
    assert_eq!(both.status.code(), Some(2), "an amount and all of it contradict each other");
    assert_eq!(account("friend").1, 10_000_000, "its deposit");
    let before = account("user").0;
    until("the account to be closed", || {
        let closed = run(&["transfer", "user", "--close", "--key", "friend", "--json"]);
        let words = stderr(&closed);
        assert!(closed.status.success() || words.contains("may be closed from"), "{words}");
        closed.status.success()
    });
    assert_eq!(account("friend"), (0, 0));
    let came = account("user").0 - before;
    // All of it but the fees of this try and of those before; stake on its way back may come too.
    assert!(came > 2_900_000_000, "{came}");

    let peers = || stdout(&run(&["query", "peers", "--json"]));
    let is_there = |number: i128| {
        let peers: Value = serde_json::from_str(&peers()).expect("JSON");
        let list = peers["peers"].as_array().expect("a list").clone();
        list.iter().any(|peer| self::number(peer, "id") == number)
    };
    assert!(is_there(1));
    let unconfirmed = run(&["peer", "leave", "1", "--key", "cold/cabal-0"]);
    assert_eq!(unconfirmed.status.code(), Some(1));
    assert!(stderr(&unconfirmed).contains("its number was not written"), "{unconfirmed:?}");
    let foreign = run(&["peer", "leave", "1", "--yes"]);
    assert_eq!(foreign.status.code(), Some(1), "only its owner ends it");
    assert!(is_there(1));
    let left = run(&["peer", "leave", "1", "--yes", "--key", "cold/cabal-0"]);
    assert_eq!(left.status.code(), Some(0), "{}", stderr(&left));
    assert!(stdout(&left).contains("peer 1 is ended"), "{}", stdout(&left));
    // What comes back has another number.
    assert!(!is_there(1));
}

/// Waits for something that must come, and fails with its name where it does not.
fn until(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < PATIENCE, "still waiting for {what}");
        std::thread::sleep(Duration::from_millis(300));
    }
}
