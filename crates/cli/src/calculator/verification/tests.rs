use serde_json::{Value, json};

use super::*;
use crate::calculator::plot::drawn;
use crate::calculator::tests::{agree, document};

const CASES: [&str; 6] = [
    include_str!("../../../../mechanism/tests/reference/verification-coin-0.json"),
    include_str!("../../../../mechanism/tests/reference/verification-coin-1.json"),
    include_str!("../../../../mechanism/tests/reference/verification-lossy-1.json"),
    include_str!("../../../../mechanism/tests/reference/verification-lossy-3.json"),
    include_str!("../../../../mechanism/tests/reference/verification-pol-0.json"),
    include_str!("../../../../mechanism/tests/reference/verification-pol-2.json"),
];

fn parse(text: &str) -> Result<Document> {
    Document::parse(text, &FIELDS)
}

#[test]
fn recorded_cases_agree_and_pass_their_audit() {
    for text in CASES {
        let mut case: Value = serde_json::from_str(text).expect("JSON");
        let report = design(&parse(text).expect("valid")).expect("valid");
        let DesignReport::Found(found) = &report else { panic!("it is feasible") };
        assert!(drawn(figure::matrix(found)).contains("payment"));
        let found = document(&report);
        for (field, expected) in case["expected"].as_object().expect("an object") {
            agree(field, &found[field], expected, 1e-6, 1e-6);
        }
        case["given"]["matrix"] = found["matrix"].clone();
        let audited = audit(&parse(&case.to_string()).expect("valid")).expect("valid");
        assert_eq!(audited.aligned, Some(true));
        let margin = case["given"]["margin"].as_f64().expect("a number");
        assert!((audited.margin_achieved - margin).abs() < 1e-9);
        document(&audited);
    }
}

#[test]
fn comparisons_say_what_is_infeasible() {
    let report = compare(&parse(CASES[5]).expect("valid")).expect("valid");
    assert_eq!(report.rules.len(), 7);
    let rules = &document(&report)["rules"];
    assert!(rules[0]["infeasible"].is_null() && !rules[1]["infeasible"].is_null());
    assert_eq!(rules[3]["bound"], json!("inf"));
}

#[test]
fn frontiers_have_a_default_grid() {
    let given = r#"{"detection": [0.5, 0.9], "flags": [1, 2], "flag_rates": [0.5]}"#;
    let given = Document::parse(given, &FRONTIER_FIELDS).expect("valid");
    let report = frontier(&given).expect("reachable");
    assert!(report.frontier[0].total <= report.frontier[1].total);
    assert!(drawn(figure::frontier(&report)).contains("sampling rate"));
    document(&report);
    let given = Document::parse(r#"{"compactness": 0.9}"#, &FRONTIER_FIELDS).expect("valid");
    assert!(frontier(&given).is_err());
}

#[test]
fn refusals_name_the_field() {
    for (text, words) in [
        ("{}", "field `prior` is missing"),
        (r#"{"prior": [0.5, 0.5]}"#, "field `observation` is missing"),
        (
            r#"{"prior": [0.5, 0.5], "observation": [[1, 0], [0.5, 0.4]], "cost": [1, 1], "margin": 0}"#,
            "observation[1] sums to 0.9",
        ),
        (
            r#"{"prior": [0.5, 0.5], "observation": [[1, 0], [0, 1]], "cost": [1, 1]}"#,
            "field `margin` is missing",
        ),
        (
            r#"{"prior": [0.5, 0.5], "observation": [[1, 0], [0, 1]], "cost": [1, 1], "margin": -1}"#,
            "margin is -1",
        ),
    ] {
        let refusal = parse(text).and_then(|document| design(&document));
        let refusal = format!("{:#}", refusal.err().expect("must be refused"));
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
    let same = r#"{"prior": [0.5, 0.5], "observation": [[0.5, 0.5], [0.5, 0.5]], "cost": [0, 0],
        "margin": 0.1}"#;
    let report = design(&parse(same).expect("valid")).expect("an answer");
    assert_eq!(document(&report)["feasible"], json!(false));
    let DesignReport::Refused(Refused { reason, .. }) = report else { panic!("it is infeasible") };
    assert!(reason.contains("largest feasible margin is 0"), "{reason}");
}

#[test]
fn flags_are_whole_numbers() {
    for flags in ["[1.5]", "[-1]", "[1, 63]"] {
        let text = format!(r#"{{"flags": {flags}}}"#);
        let document = Document::parse(&text, &FRONTIER_FIELDS).expect("valid");
        let refusal = frontier(&document).err().expect("must be refused").to_string();
        assert!(refusal.contains("is not a whole number from 1 to 62"), "{flags}: {refusal}");
    }
}
