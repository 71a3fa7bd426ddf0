use super::*;

fn read(text: &str) -> Result<Scenario> {
    parse(text, "market.toml", Path::new("folder"))
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let text = r#"
seed = 7
duration = "150s"
[network]
validators = 4
block_time = "500ms"
epoch_blocks = 20
fee_flat = 5
inflation_ppb = 1000
market_rule = "median"
[[peer]]
count = 6
behaviour = "honest"
text = ["book.txt"]
roles = ["learner"]
stake = "12.5"
[[peer]]
name = "mallory"
behaviour = "poisoner"
[[fault]]
at = "60s"
kill = "validator-2"
restart_after = "10s"
[[fault]]
at = "1m"
pause = "mallory"
for = "5s"
"#;
    let scenario = read(text).expect("it is right");
    assert_eq!(scenario.seed, Some(7));
    assert_eq!(scenario.duration, Some(Duration::from_secs(150)));
    assert_eq!(scenario.parameters.block_time_ms, 500);
    assert_eq!(scenario.parameters.epoch_blocks, 20);
    assert_eq!(scenario.parameters.fee_flat, Grains(5));
    let peers = scenario.peers().expect("names differ");
    assert_eq!(peers.len(), 7);
    assert_eq!(peers[0].name, "peer-0");
    assert_eq!(peers[0].stake, Grains(12_500_000_000));
    assert_eq!(peers[0].text, [PathBuf::from("folder/book.txt")]);
    assert_eq!(peers[6].name, "mallory");
    assert_eq!(
        scenario.faults[0].action,
        FaultAction::Kill { restart_after: Some(Duration::from_secs(10)) }
    );
    assert_eq!(
        scenario.faults[1].action,
        FaultAction::Pause { duration: Some(Duration::from_secs(5)) }
    );
}

#[test]
fn a_presence_round_is_read_key_by_key() {
    let text = r#"
[[peer]]
count = 2
[[peer]]
behaviour = "farm"
power = 8
[[presence]]
at = "20s"
deadline = "30s"
prize = "1.5 MST"
pay = 7
pay_to = "peer-1"
players = { poisson = { mean = 6.5, largest = 20 } }
malicious = { listed = [0.75, 0.25] }
payoff = { linear = { alone = 0, step = 1 } }
null_payoff = 7
puzzle = "sha256"
difficulty = 20_000
tries_per_second = 1000
solutions = 4
"#;
    let scenario = read(text).expect("it is right");
    assert_eq!(scenario.groups[1].power, 8);
    let round = &scenario.rounds[0];
    assert_eq!((round.at, round.prize), (Duration::from_secs(20), Grains(1_500_000_000)));
    assert_eq!(round.pay, Some(("peer-1".into(), Grains(7_000_000_000))));
    assert_eq!((round.design.deadline_ms, round.design.difficulty), (Some(30_000), 20_000));
    let nobody =
        read(&text.replace("peer-1", "peer-2")).expect_err("nobody").root_cause().to_string();
    assert!(nobody.contains("pays `peer-2`") && nobody.contains("did you mean `peer-"), "{nobody}");
    let infinite =
        read(&text.replace("null_payoff = 7", "null_payoff = inf")).expect_err("infinite");
    assert!(infinite.to_string().contains("market.toml:7: [[presence]]"), "{infinite}");
    let none = read(&text.replace("solutions = 4", "solutions = 0")).expect_err("none");
    assert!(none.to_string().contains("from 1 to 32"), "{none}");
}

#[test]
fn what_is_written_is_read_back() {
    let mut scenario = Scenario { seed: Some(u64::MAX), ..Scenario::default() };
    scenario.text = vec![PathBuf::from("/some \"odd\" place/a.txt")];
    scenario.groups.push(PeerGroup { name: Some("x".into()), ..group(1, Behaviour::Copier) });
    scenario.groups.push(PeerGroup { power: 3, ..group(2, Behaviour::Farm) });
    scenario.parameters.epoch_blocks = 7;
    scenario.parameters.fee_flat = Grains(123);
    scenario.control = false;
    let text = scenario.to_toml().expect("it can be written");
    assert_eq!(parse(&text, "x", Path::new("")).expect(&text), scenario);
    let none = Scenario { groups: Vec::new(), ..Scenario::default() };
    let text = none.to_toml().expect("it can be written");
    assert_eq!(parse(&text, "x", Path::new("")).expect(&text), none);
}

#[test]
fn each_mistake_is_said_with_its_line() {
    let cases = [
        ("sed = 7", "market.toml:1: unknown key `sed` at the top; did you mean `seed`?"),
        (
            "\n[network]\nvalidator = 4",
            "market.toml:3: unknown key `validator` in [network]; did you mean `validators`?",
        ),
        (
            "[network]\nepoch_block = 4",
            "market.toml:2: unknown key `epoch_block` in [network]; did you mean `epoch_blocks`?",
        ),
        (
            "[network]\nvalidators = 0",
            "market.toml:2: `validators` must be a whole number from 1 to 32",
        ),
        (
            "[network]\nepoch_blocks = 0",
            "market.toml:2: `epoch_blocks`: epoch_blocks is 0, it must be from 2 to 100000",
        ),
        ("[network]\nepoch_blocks = \"ten\"", "market.toml:2: `epoch_blocks`: "),
        ("network = 3", "market.toml:1: `network` must be a table"),
        ("peer = 3", "market.toml:1: `peer` must be a list of tables"),
        (
            "[[peer]]\nbehaviour = \"honst\"",
            "market.toml:2: unknown behaviour `honst`; did you mean `honest`?",
        ),
        (
            "[[peer]]\nbehaviour = \"lazy-verifier\"",
            "market.toml:2: behaviour `lazy-verifier` needs verification, which this version does not have",
        ),
        ("[[peer]]\nroles = [\"prover\"]", "market.toml:2: this version has no role `prover`"),
        ("[[peer]]\nstake = \"-1\"", "market.toml:2: `stake`: \"-1\" is not an amount"),
        ("[[peer]]\nname = \"a/b\"", "market.toml:2: `name` must be 1 to 40 letters"),
        ("[[peer]]\nmodality = \"image\"", "market.toml:2: modality `image`"),
        ("[[presence]]\nat = \"20s\"", "market.toml:1: [[presence]]: missing field `players`"),
        ("[[presence]]\nsolutions = 3", "market.toml:1: a presence round without `at`"),
        (
            "[[presence]]\nat = \"1s\"\ndifficult = 3",
            "market.toml:3: unknown key `difficult` in [[presence]]; did you mean `difficulty`?",
        ),
        ("[[presence]]\nat = \"1s\"\npay = \"1 MST\"", "`pay` and `pay_to` belong together"),
        ("[[peer]]\npower = 3", "market.toml:1: `power` belongs to `behaviour = \"farm\"`"),
        (
            "[[peer]]\nbehaviour = \"farm\"\npower = 0",
            "market.toml:3: `power` must be a whole number from 1 to 1000",
        ),
        ("duration = 5", "market.toml:1: `duration` must be a duration"),
        (
            "[[fault]]\nat = \"1s\"\nkill = \"validator-9\"",
            "there is no such process; did you mean `validator-",
        ),
        ("[[fault]]\nkill = \"validator-0\"", "market.toml:1: a fault without `at`"),
        ("[[fault]]\nat = \"1s\"", "market.toml:1: a fault without `kill` or `pause`"),
        (
            "[[fault]]\nat = \"1s\"\nkill = \"peer-0\"\nfor = \"1s\"",
            "market.toml:1: `for` belongs to `pause`",
        ),
        ("[[peer]]\nname = \"a\"\n[[peer]]\nname = \"a\"", "two processes are called `a`"),
        ("seed = ", "market.toml:1: not TOML"),
        ("text = [\"a\"", "market.toml:1: not TOML"),
    ];
    for (text, expected) in cases {
        let error = read(text).expect_err(text);
        let error = format!("{error:#}");
        assert!(error.contains(expected), "{text:?}: {error:?} should contain {expected:?}");
    }
}
