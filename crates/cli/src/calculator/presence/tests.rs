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

fn settings(puzzle: Puzzle) -> Settings {
    Settings { puzzle, seconds: 0.05, confidence: 0.95, rate: 1.0, deadline: 60.0 }
}

#[test]
fn a_machine_is_measured_with_an_interval_around_its_rate() {
    for puzzle in Puzzle::ALL {
        let report = calibration::calibrate(&settings(puzzle), None).expect("valid");
        for measured in [report.one_core, report.all_cores] {
            assert!(measured.tries_per_second > 0.0);
            assert!(measured.low <= measured.tries_per_second);
            assert!(measured.tries_per_second <= measured.high);
        }
        let difficulty = report.difficulty.expect("no game");
        assert_eq!(difficulty, report.one_core.tries_per_second);
        document(&report);
    }
}

#[test]
fn a_proposed_round_has_the_wanted_deadline_and_the_least_solutions_that_do() {
    let given = r#"{"players": [0.5, 0.1, 0.1, 0.3], "malicious": [0.9, 0.1],
        "payoff": [0, 1, 2, 3], "null_payoff": 1.5}"#;
    let given = Document::parse(given, &FIELDS).expect("valid");
    let game = believed(&given).expect("valid");
    let report = calibration::calibrate(&settings(Puzzle::Sha256), Some(&game)).expect("valid");
    let proposal = report.proposal.as_ref().expect("a game");
    assert_eq!(proposal.rounds.len(), 6, "each number of solutions makes acting worthwhile");
    let worth = |round: &calibration::Round| round.welfare - 1.5;
    let most = proposal.rounds.last().map(worth).expect("six");
    for round in &proposal.rounds {
        // A difficulty is a whole number of tries, of which there are thousands.
        assert!((round.deadline_best - 60.0).abs() < 1e-2, "{}", round.deadline_best);
        assert!(round.deadline_max.is_some_and(|most| most > round.deadline_best));
        assert!(round.acting.len() == 5 && round.acting.is_sorted());
        assert_eq!(worth(round) >= 0.9 * most, round.solutions >= proposal.solutions);
    }
    let sharpness = |round: &calibration::Round| round.acting[3] - round.acting[0];
    assert!(proposal.rounds.windows(2).all(|pair| sharpness(&pair[0]) < sharpness(&pair[1])));
    assert!(proposal.enough.is_some_and(|enough| (2..=4).contains(&enough)));
    assert!(drawn(proposal.figure()).contains("enough to act"));
    document(&report);
}

#[test]
fn a_game_without_a_round_is_refused_in_words() {
    let given = r#"{"players": [0.5, 0.5], "malicious": [1], "payoff": [0, 1], "null_payoff": 2}"#;
    let game = believed(&Document::parse(given, &FIELDS).expect("valid")).expect("valid");
    let refused = calibration::calibrate(&settings(Puzzle::Sha256), Some(&game));
    let words = format!("{:#}", refused.err().expect("impossible"));
    assert!(words.contains("coordination is impossible"), "{words}");
    let given =
        r#"{"players": [0.5, 0.5], "malicious": [1], "payoff": [0, 1], "null_payoff": 0.6}"#;
    let game = believed(&Document::parse(given, &FIELDS).expect("valid")).expect("valid");
    let short = Settings { deadline: 1e-9, ..settings(Puzzle::Sha256) };
    let words = format!("{:#}", calibration::calibrate(&short, Some(&game)).err().expect("short"));
    assert!(words.contains("give a longer --deadline"), "{words}");
    let words = named("sha265").expect_err("unknown").to_string();
    assert!(words.contains("did you mean sha256?"), "{words}");
}
