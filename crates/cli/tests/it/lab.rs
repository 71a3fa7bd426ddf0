//! `muster lab` and `--plot`: files that are there, refusals in one sentence.

use std::fs;

use crate::{json, muster, stderr, stdout};

#[test]
fn an_experiment_leaves_its_page_and_shards_unite() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let run = |arguments: &[&str]| {
        muster(folder.path()).arg("lab").args(arguments).output().expect("it starts")
    };
    let listed = run(&["list", "--json"]);
    let listed = json(&listed);
    let names = listed.as_array().expect("a list").iter().map(|entry| entry["name"].as_str());
    assert!(names.flatten().any(|name| name == "presence-joint-beliefs"));

    let name = "presence-joint-beliefs";
    let whole = run(&["run", name, "--quick", "--out", &at("whole"), "--json"]);
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    let summary = json(&whole);
    assert_eq!(summary["experiments"][0]["status"], "reported");
    assert_eq!(summary["experiments"][0]["cells_resumed"], 0);
    let page = fs::read_to_string(at("whole/index.html")).expect("a page");
    assert!(page.contains("Beliefs without independence") && page.contains("<img"));

    for part in ["0/2", "1/2"] {
        let out = at(&format!("part-{}", &part[..1]));
        let shard =
            run(&["run", name, "--quick", "--out", &out, "--shard", part, "--threads", "1"]);
        assert_eq!(shard.status.code(), Some(0), "{}", stderr(&shard));
        assert!(stdout(&shard).contains("5 of 10 cells"), "{}", stdout(&shard));
    }
    let merged = run(&["merge", &at("part-0"), &at("part-1"), "--out", &at("merged")]);
    assert_eq!(merged.status.code(), Some(0), "{}", stderr(&merged));
    for file in ["index.html", "presence-joint-beliefs/data.csv"] {
        let read = |folder: &str| fs::read(at(&format!("{folder}/{file}"))).expect("a file");
        assert!(read("whole") == read("merged"), "{file} differs");
    }
    let again = run(&["run", name, "--quick", "--out", &at("merged"), "--seed", "2"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("(the seed: 1, now 2)"), "{}", stderr(&again));
}

#[test]
fn what_cannot_be_run_or_drawn_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let game = at("game.json");
    fs::write(
        &game,
        r#"{"players":[0.2,0.3,0.5],"malicious":[0.6,0.3,0.1],"payoff":[0,1,3],
            "null_payoff":1.9,"rate":0.05}"#,
    )
    .expect("written");
    let (out, empty) = (at("out"), at(""));
    for (arguments, code, words) in [
        (vec!["lab", "run", "presense-race"], 1, "did you mean `presence-race`?"),
        (vec!["lab", "run", "presence-race", "--shard", "2/2"], 2, "is not I/N"),
        (vec!["lab", "merge", &empty, "--out", &out], 1, "no directory given holds the cells"),
        (vec!["lab", "merge", &out, "--out", &out], 1, "is not a directory"),
        (
            vec![
                "lab",
                "run",
                "reputation-bitcoin-otc",
                "--quick",
                "--out",
                &out,
                "--data",
                &empty,
            ],
            1,
            "needs bitcoin-otc.csv",
        ),
        (vec!["presence", "solve", &game, "--plot", "a.pdf"], 1, "must end with .svg or .png"),
    ] {
        let output = muster(folder.path()).args(&arguments).output().expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
    }
    for file in ["curve.svg", "curve.png"] {
        let output = muster(folder.path())
            .args(["presence", "solve", &game, "--plot", &at(file)])
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(fs::metadata(at(file)).expect("a file").len() > 1000);
    }
}
