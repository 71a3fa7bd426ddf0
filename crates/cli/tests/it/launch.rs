//! `muster launch` as ten processes meet it: two validators, and eight machines that nobody lists.
//!
//! No test waits for luck. The round asks for 32 solutions, which a machine makes at a fixed slow
//! rate, 0.32 a second whatever else the processor does. By the deadline, 21 s, ten machines make
//! 66 on average and two make 13, so that either outcome is missed with a probability of 1e-5
//! (Poisson); that solutions travel for a second makes it 1e-4 at most.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_ledger::crypto::{PublicKey, SecretKey};
use serde_json::{Value, json};

use super::muster;

/// How long the test waits before it gives up; far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long before the opening the specification is made: the time to start ten processes.
const AHEAD_MS: u64 = 20_000;

/// Machines that hold a specification.
struct Machines {
    folder: tempfile::TempDir,
    ports: u16,
    running: Vec<Option<Child>>,
}

impl Drop for Machines {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the end of time")
}

impl Machines {
    /// The specification and a folder for each; the first two are the validators.
    fn new(count: usize, ports: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let machines = Self { folder, ports, running: (0..count).map(|_| None).collect() };
        let keys: Vec<PublicKey> = (0..count).map(|index| machines.make(index)).collect();
        let genesis = json!({
            "version": 1, "name": "crowd", "time_ms": 1,
            "validators": [{"name": "one", "key": keys[0]}, {"name": "two", "key": keys[1]}],
        });
        let round = json!({
            "players": {"listed": [0.2, 0.2, 0.1, 0.1, 0.1, 0.06, 0.06, 0.06, 0.06, 0.06]},
            "malicious": {"listed": [0.9, 0.1]},
            "payoff": {"linear": {"alone": 1.0, "step": 1.0}},
            "null_payoff": 4.7, "puzzle": "sha256", "difficulty": 1_000,
            "tries_per_second": 320.0, "solutions": 32,
        });
        let path = |name: &str| machines.folder.path().join(name);
        std::fs::write(path("genesis.json"), genesis.to_string()).expect("written");
        std::fs::write(path("round.json"), round.to_string()).expect("written");
        let mut specify = muster(machines.folder.path());
        specify.args(["genesis", "specify", "--opens-in"]).arg(format!("{AHEAD_MS}ms"));
        specify.arg("--genesis").arg(path("genesis.json"));
        specify.arg("--round").arg(path("round.json"));
        for board in 0..count.min(3) {
            specify.args(["--board", &format!("http://127.0.0.1:{}", machines.port(board, 0))]);
        }
        let output = specify.output().expect("it runs");
        assert!(output.status.success(), "{}", super::stderr(&output));
        std::fs::write(path("launch.json"), &output.stdout).expect("written");
        machines
    }

    fn port(&self, index: usize, which: u16) -> u16 {
        self.ports + 3 * u16::try_from(index).expect("few") + which
    }

    fn home(&self, index: usize) -> PathBuf {
        self.folder.path().join(index.to_string())
    }

    fn make(&self, index: usize) -> PublicKey {
        let home = self.home(index);
        std::fs::create_dir_all(&home).expect("a folder");
        let key = SecretKey::from_seed([index as u8 + 1; 32]);
        muster_keys::write_key(&home.join("key"), &key).expect("written");
        let address = |index: usize, which| format!("127.0.0.1:{}", self.port(index, which));
        let others = (0..2).filter(|other| *other != index).map(|other| address(other, 1));
        let configuration = toml::Table::from_iter([
            ("name".to_owned(), toml::Value::String(format!("machine-{index}"))),
            ("home".to_owned(), toml::Value::String("home".to_owned())),
            ("genesis".to_owned(), toml::Value::String("genesis.json".to_owned())),
            ("key".to_owned(), toml::Value::String("key".to_owned())),
            ("listen".to_owned(), toml::Value::String(address(index, 1))),
            ("api".to_owned(), toml::Value::String(address(index, 2))),
            ("peers".to_owned(), toml::Value::Array(others.map(toml::Value::String).collect())),
        ]);
        let text = toml::to_string(&configuration).expect("TOML");
        std::fs::write(home.join("node.toml"), text).expect("written");
        key.public()
    }

    fn log(&self, index: usize) -> String {
        std::fs::read_to_string(self.home(index).join("log")).unwrap_or_default()
    }

    fn start(&mut self, index: usize) {
        let log = std::fs::File::create(self.home(index).join("log")).expect("a log");
        let mut command: Command = muster(self.folder.path());
        command.arg("launch").arg(self.folder.path().join("launch.json"));
        command.arg("--config").arg(self.home(index).join("node.toml"));
        command.args(["--board", &format!("127.0.0.1:{}", self.port(index, 0))]);
        command.args(["--supervised", &std::process::id().to_string()]);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
        self.running[index] = Some(child);
    }

    /// Waits until something holds of a machine.
    fn wait(&mut self, index: usize, what: &str, holds: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !holds(&self.log(index)) {
            let child = self.running[index].as_mut().expect("it was started");
            let ended = child.try_wait().expect("a child");
            let log = self.log(index);
            assert!(ended.is_none() || holds(&log), "machine {index} ended: {log}");
            assert!(begun.elapsed() < PATIENCE, "machine {index}: no {what}: {log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn evidence(&self, index: usize) -> Value {
        let path = self.home(index).join("home/launch.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect("evidence")).expect("JSON")
    }
}

/// The status of what a board answers to a message.
fn post(port: u16, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a board");
    let head = format!(
        "POST /v1/launch/messages HTTP/1.1\r\nhost: board\r\nconnection: close\r\n\
         content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer}"))
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

#[test]
fn a_network_of_ten_begins_and_takes_in_who_comes_late() {
    let mut machines = Machines::new(11, 21_300);
    (0..10).for_each(|index| machines.start(index));
    for index in 0..10 {
        machines.wait(index, "launch", |log| log.contains("launched: the node starts"));
    }
    // The last one has not been there; the others' boards tell it.
    machines.start(10);
    machines.wait(10, "launch", |log| log.contains("launched: the node starts"));
    let specified = read(&machines.folder.path().join("launch.json"));
    for index in 0..11 {
        assert_eq!(read(&machines.home(index).join("genesis.json")), specified["genesis"]);
        let messages = machines.evidence(index)["messages"].as_array().map_or(0, Vec::len);
        // Each opening that is needed, each solution, each word that is needed.
        assert!((35..=36).contains(&messages), "{messages} messages");
    }
    let check = |file: &Path| {
        let mut check = muster(machines.folder.path());
        let specification = machines.folder.path().join("launch.json");
        check.args(["genesis", "launched"]).args([&specification, file]).output().expect("it runs")
    };
    let shown = check(&machines.home(10).join("home/launch.json"));
    let said = super::stdout(&shown);
    assert!(said.contains("was launched") && said.contains("2 of 2 validators say"), "{said}");
    let mut lacking = machines.evidence(0);
    lacking["messages"].as_array_mut().expect("messages").truncate(30);
    let file = machines.folder.path().join("lacking.json");
    std::fs::write(&file, lacking.to_string()).expect("written");
    let refused = check(&file);
    assert_eq!(refused.status.code(), Some(1));
    assert!(super::stderr(&refused).contains("does not show that"), "{}", super::stderr(&refused));
    let url = format!("http://127.0.0.1:{}", machines.port(0, 2));
    let height = || {
        let mut query = muster(machines.folder.path());
        let output = query.args(["query", "status", "--json", "--url", &url]).output();
        let output = output.expect("it runs");
        output.status.success().then(|| super::json(&output)["height"].as_u64().unwrap_or(0))
    };
    let begun = Instant::now();
    while height().is_none_or(|height| height < 2) {
        assert!(begun.elapsed() < PATIENCE, "no second block: {}", machines.log(0));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_network_of_two_does_not_begin() {
    let begun_ms = now_ms();
    let mut machines = Machines::new(10, 21_400);
    (0..2).for_each(|index| machines.start(index));
    machines.wait(0, "search", |log| log.contains("this machine searches"));
    // A stranger's junk: too long, no message, a forged opening and a forged word, no work.
    let board = machines.port(0, 0);
    assert_eq!(post(board, &[0; 9 << 10]), 413);
    let forged = |kind: u8| [&[kind, 0, 0][..], &[7; 64]].concat();
    let idle = [&[1, 1, 0, 0, 0][..], &forged(0)[1..], &[0; 32 + 8 + 4]].concat();
    for junk in [&[][..], &[9; 100], &forged(2), &idle] {
        assert_eq!(post(board, junk), 422, "{junk:?}");
    }
    assert_eq!(post(board, &forged(0)), 200, "validator one has opened: nothing is looked at");
    for index in 0..2 {
        let mut child = machines.running[index].take().expect("it was started");
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("machine {index} goes on: {}", machines.log(index));
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let log = machines.log(index);
        assert_eq!(status.code(), Some(3), "{log}");
        assert!(log.contains("the network does not begin: too few are there"), "{log}");
        assert!(log.contains("of 32 solutions were found by the deadline"), "{log}");
        assert!(!machines.home(index).join("genesis.json").exists());
        assert!(!machines.home(index).join("home/launch.json").exists());
    }
    assert!(now_ms() > begun_ms + AHEAD_MS, "it ended before the round opened");
}
