use serde_json::{Value, json};

use super::*;
use crate::calculator::plot::drawn;
use crate::calculator::tests::document;

const CASES: [&str; 6] = [
    include_str!("../../../../mechanism/tests/reference/market-0.json"),
    include_str!("../../../../mechanism/tests/reference/market-1.json"),
    include_str!("../../../../mechanism/tests/reference/market-2.json"),
    include_str!("../../../../mechanism/tests/reference/market-rule-0.json"),
    include_str!("../../../../mechanism/tests/reference/market-rule-1.json"),
    include_str!("../../../../mechanism/tests/reference/market-rule-2.json"),
];

fn evaluate(text: &str) -> Result<Value> {
    let market = Market::parse(text, None)?;
    Ok(document(&market.report(&market.epoch()?)))
}

fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().map(|v| v.as_f64().expect("a number")).collect(),
        other => vec![other.as_f64().expect("a number")],
    }
}

#[test]
fn recorded_cases_agree() {
    for text in CASES {
        let case: Value = serde_json::from_str(text).expect("JSON");
        let whole = evaluate(text).expect("valid");
        let given = evaluate(&case["given"].to_string()).expect("valid");
        assert_eq!(whole, given);
        for (field, expected) in case["expected"].as_object().expect("an object") {
            let (found, expected) = (flat(&whole[field]), flat(expected));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                let allowed = 1e-12 + 1e-9 * expected.abs();
                assert!((found - expected).abs() <= allowed, "{field}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn the_networks_conventions_can_be_asked_for() {
    let case: Value = serde_json::from_str(CASES[2]).expect("JSON");
    let mut given = case["given"].clone();
    given["gated"] = json!(true);
    let gated = evaluate(&given.to_string()).expect("valid");
    assert!(gated["loss"].as_f64() > Some(0.0));
    assert_eq!((&gated["minted"], &gated["stake"]), (&json!(0.0), &given["stake"]));
    assert_ne!(gated["scaling"], given["scaling"]);
    given["self_connected"] = json!(true);
    let connected = evaluate(&given.to_string()).expect("valid");
    assert_ne!(connected["trust"], gated["trust"]);
}

#[test]
fn clipping_twice_pays_a_cabal_less() {
    // Three honest peers give a cabal of two a tenth each.
    let honest = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
    let leaks = [0, 1, 2].map(|i| json!([i, 3, 0.1]));
    let weights = honest.map(|(i, j)| json!([i, j, 0.45])).into_iter().chain(leaks);
    let weights: Vec<_> = weights.chain([json!([3, 4, 1.0]), json!([4, 3, 1.0])]).collect();
    let cabal = |rule: Value| {
        let mut given = json!({ "stake": [20, 20, 20, 20, 20], "weights": weights, "depth": 8 });
        given.as_object_mut().expect("an object").extend(rule.as_object().expect("one").clone());
        let incentive = flat(&evaluate(&given.to_string()).expect("valid")["incentive"]);
        (incentive[3] + incentive[4]) / incentive.iter().sum::<f64>()
    };
    let once = cabal(json!({ "rule": "connected-median" }));
    let twice = cabal(json!({ "rule": "credible-median" }));
    let strictly = cabal(json!({ "rule": "credible-median", "threshold": 1 }));
    assert!(strictly < twice && twice < once, "{strictly}, {twice}, {once}");
}

#[test]
fn refusals_name_the_field() {
    let refusal = |text: &str| format!("{:#}", evaluate(text).expect_err("must be refused"));
    for (text, words) in [
        ("", "not JSON"),
        ("[1]", "one JSON object"),
        ("{\"stake\": [1],", "line 1 column"),
        (r#"{"weights": []}"#, "field `stake` is missing"),
        (r#"{"stake": [1]}"#, "field `weights` is missing"),
        (r#"{"stake": 1, "weights": []}"#, "field `stake`: 1 is no list"),
        (r#"{"stake": [1, "x"], "weights": []}"#, "field `stake[1]`: \"x\" is not a number"),
        (r#"{"stake": [1, 1e999], "weights": []}"#, "not JSON"),
        (r#"{"stake": [1], "weights": [[0, 0]]}"#, "field `weights[0]`"),
        (r#"{"stake": [1], "weights": [[0, -1, 0.5]]}"#, "-1 is not a whole number"),
        (r#"{"stake": [1], "weights": [[0, 1, 0.5]]}"#, "there is no peer 1"),
        (r#"{"stake": [1], "weights": [[0, 0, 1.5]]}"#, "peer 0 sum to 1.5"),
        (r#"{"stake": [0], "weights": []}"#, "nothing to take shares of"),
        (r#"{"stake": [1], "weights": [], "scaling": [2]}"#, "the scaling of peer 0 is 2"),
        (r#"{"stake": [1], "weights": [], "scalling": [1]}"#, "did you mean `scaling`?"),
        (r#"{"stake": [1], "weights": [], "rule": "mean"}"#, "not one of paper"),
        (r#"{"stake": [1], "weights": [], "rule": "connected-median"}"#, "`depth` or `restart`"),
        (
            r#"{"stake": [1], "weights": [], "rule": "connected-median", "depth": 3, "restart": 0.3}"#,
            "exclude each other",
        ),
        (r#"{"stake": [1], "weights": [], "restart": 0.3}"#, "belongs to the rule"),
        (r#"{"stake": [1], "weights": [], "connectivity_truncation": 2}"#, "`truncation` is 2"),
        (r#"{"stake": [1], "weights": [], "rule": "credible-median"}"#, "`depth` or `restart`"),
        (
            r#"{"stake": [1], "weights": [], "rule": "connected-median", "depth": 3, "threshold": 1}"#,
            "belongs to the rule credible-median",
        ),
        (
            r#"{"stake": [1], "weights": [], "rule": "credible-median", "depth": 3, "threshold": 0}"#,
            "`threshold` is 0",
        ),
        (r#"{"stake": [1], "weights": [], "depth": 0}"#, "`depth` is 0"),
        (r#"{"stake": [1], "weights": [], "depth": 1.5}"#, "field `depth`: 1.5 is not a whole"),
        (r#"{"stake": [1], "weights": [], "gated": 1}"#, "field `gated`: 1 is neither"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}

#[test]
fn truncated_connectivity_misses_links() {
    // Half of a half reaches peer 2 over peer 1; truncation leaves that out.
    let with = |truncation: f64| {
        let text = format!(
            r#"{{"stake": [1, 1, 1], "weights": [[0, 1, 0.5], [1, 2, 0.5]],
                "connectivity_truncation": {truncation}}}"#
        );
        evaluate(&text).expect("valid")["trust"][2].as_f64().expect("a number")
    };
    assert!(with(0.0) > 0.9);
    assert!(with(0.5) < 0.1, "only peer 1 reaches it");
}

/// The same weights in the document, as text and as a matrix.
#[test]
fn weights_from_tables() {
    let whole = r#"{"stake": [1, 2, 3], "weights": [[0, 1, 0.5], [2, 0, 0.25]]}"#;
    let rest = r#"{"stake": [1, 2, 3]}"#;
    let with = |text: &str, table: Table| {
        let market = Market::parse(text, Some(table))?;
        Ok::<_, anyhow::Error>(document(&market.report(&market.epoch()?)))
    };
    let wanted = evaluate(whole).expect("valid");
    let text = "source,target,weight\n0,1,0.5\n2,0,0.25\n";
    let read = || muster_tables::read_text(text.as_bytes(), Labels::Numbers, &|_| ());
    assert_eq!(with(rest, read().expect("valid")).expect("valid"), wanted);
    let shaped = |peers| Table { shape: Some((peers, peers)), ..read().expect("valid") };
    assert_eq!(with(rest, shaped(3)).expect("valid"), wanted);
    for (text, table, words) in [
        (whole, shaped(3), "`weights` and --weights exclude each other"),
        (rest, shaped(4), "the matrix is 4 x 4 but field `stake` has 3 entries"),
        (r#"{"stake": [1, 2]}"#, read().expect("valid"), "--weights: there is no peer 2"),
    ] {
        let refusal = format!("{:#}", with(text, table).expect_err("must be refused"));
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}

#[test]
fn figures_show_every_list() {
    let given = r#"{"stake": [1, 2], "weights": [[0, 1, 1], [1, 0, 1]]}"#;
    let after = Market::parse(given, None).and_then(|market| market.epoch()).expect("valid");
    let text = drawn(figure::epoch(&after));
    assert!(text.contains("incentive") && text.contains("Trust") && !text.contains("no data"));
}
