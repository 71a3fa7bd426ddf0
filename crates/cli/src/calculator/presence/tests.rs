use serde_json::Value;

use super::*;
use crate::calculator::plot::drawn;
use crate::calculator::tests::{agree, document};

const CASES: [&str; 9] = [
    include_str!("../../../../mechanism/tests/reference/presence-0-above.json"),
    include_str!("../../../../mechanism/tests/reference/presence-0-below.json"),
    include_str!("../../../../mechanism/tests/reference/presence-0-inside.json"),
    include_str!("../../../../mechanism/tests/reference/presence-1-above.json"),
    include_str!("../../../../mechanism/tests/reference/presence-1-below.json"),
    include_str!("../../../../mechanism/tests/reference/presence-1-inside.json"),
    include_str!("../../../../mechanism/tests/reference/presence-2-above.json"),
    include_str!("../../../../mechanism/tests/reference/presence-2-below.json"),
    include_str!("../../../../mechanism/tests/reference/presence-2-inside.json"),
];

fn evaluate(text: &str) -> Result<Solution> {
    solve(&game(&Document::parse(text, &FIELDS)?)?, &[0.01, 0.1, 1.0, 10.0])
}

#[test]
fn recorded_cases_agree() {
    for text in CASES {
        let case: Value = serde_json::from_str(text).expect("JSON");
        let found = document(&evaluate(text).expect("valid"));
        for (field, expected) in case["expected"].as_object().expect("an object") {
            agree(field, &found[field], expected, 1e-9, 1e-12);
        }
    }
}

#[test]
fn refusals_name_the_field() {
    let base = r#""payoff": [0, 1], "null_payoff": 0.5, "rate": 1"#;
    for (text, words) in [
        ("{}".to_owned(), "field `payoff` is missing"),
        (format!("{{{base}}}"), "field `players` is missing"),
        (format!(r#"{{{base}, "players": [0.5, 0.6], "malicious": [1]}}"#), "players sums to 1.1"),
        (
            format!(r#"{{{base}, "players": [0.5, 0.5], "malicious": [0.4, 0.2, 0.4]}}"#),
            "not log-concave at index 1",
        ),
        (
            format!(r#"{{{base}, "players": [1], "malicious": [1]}}"#),
            "payoff has 2 entries but 1 are needed",
        ),
        (format!(r#"{{{base}, "players": [1], "joint": [[1]]}}"#), "not both"),
        (format!(r#"{{{base}, "joint": [[1, "x"]]}}"#), "`joint[0][1]`"),
        (
            format!(r#"{{{base}, "players": [0.5, 0.5], "malicious": [1], "solutions": 99}}"#),
            "from 1 to 32",
        ),
        (r#"{"player": [1]}"#.to_owned(), "did you mean `players`?"),
    ] {
        let refusal = format!("{:#}", evaluate(&text).err().expect("must be refused"));
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}

#[test]
fn curves_and_prizes() {
    let given = r#"{"players": [0.5, 0.5], "malicious": [1], "payoff": [0, 1],
        "null_payoff": 0.6, "rate": 1, "cost": 3}"#;
    let given = Document::parse(given, &FIELDS).expect("valid");
    let game = game(&given).expect("valid");
    let report = curve(&game, 0.1, 10.0, 3).expect("valid");
    assert!((report.curve[1].deadline - 1.0).abs() < 1e-12);
    assert!(curve(&game, 1.0, 1.0, 3).is_err() && curve(&game, 0.1, 1.0, 1).is_err());
    document(&report);
    let report = prize(&given, None).expect("valid");
    assert!((report.prize - 4.0).abs() < 1e-9);
    document(&report);
    let report = calibrate(0.01, 1.0, 0.95).expect("valid");
    assert!(report.guesses_per_second > 0.0);
    document(&report);
}

#[test]
fn figures_show_the_deadlines_there_are() {
    let drawn = |text: &str| {
        let game = game(&Document::parse(text, &FIELDS).expect("valid")).expect("valid");
        let curve = curve(&game, 0.1, 10.0, 3).expect("valid");
        drawn(figure::presence(&curve, &solve(&game, &[]).expect("valid")))
    };
    let game = |null_payoff: f64| {
        format!(
            r#"{{"players": [0.5, 0.5], "malicious": [1], "payoff": [0, 1], "rate": 1,
                "null_payoff": {null_payoff}}}"#
        )
    };
    let text = drawn(&game(0.6));
    assert!(text.contains("T*, largest") && text.contains("T°, best"));
    let text = drawn(&game(0.4));
    assert!(!text.contains("T*, largest") && text.contains("T°, best"), "no puzzle is needed");
}
