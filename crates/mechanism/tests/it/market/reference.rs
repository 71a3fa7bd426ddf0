//! The recorded cases in `tests/reference/`.

use muster_mechanism::market::{Config, Connectivity, Epoch, Rule, Walk, Weights, epoch};
use serde_json::Value;

const CASES: [(&str, &str); 6] = [
    ("market-0", include_str!("../../reference/market-0.json")),
    ("market-1", include_str!("../../reference/market-1.json")),
    ("market-2", include_str!("../../reference/market-2.json")),
    ("market-rule-0", include_str!("../../reference/market-rule-0.json")),
    ("market-rule-1", include_str!("../../reference/market-rule-1.json")),
    ("market-rule-2", include_str!("../../reference/market-rule-2.json")),
];

pub(super) fn vector(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// The reference cases count a peer as connected to itself only if its walk returns, and apply
/// Eq. (5) whatever the loss.
pub(super) fn run(given: &Value) -> Epoch {
    let stake = vector(&given["stake"]);
    let triplets = given["weights"].as_array().expect("weights").iter().map(|entry| {
        let entry = vector(entry);
        (entry[0] as usize, entry[1] as usize, entry[2])
    });
    let weights = Weights::from_triplets(stake.len(), triplets).expect("valid weights");
    let scaling = given.get("scaling").map(vector);
    let mut connectivity = Connectivity { self_connected: false, ..Connectivity::default() };
    let depth = given["depth"].as_u64().map(|d| d as u32);
    let rule = match given["rule"].as_str().unwrap_or("paper") {
        "paper" => {
            connectivity.depth = depth.expect("depth");
            connectivity.cutoff = given["cutoff"].as_f64().expect("cutoff");
            connectivity.temperature = given["temperature"].as_f64().expect("temperature");
            Rule::Paper
        }
        "median" => Rule::Median,
        "connected-median" => Rule::ConnectedMedian {
            walk: match depth {
                Some(depth) => Walk::Depth(depth),
                None => Walk::Restart(given["restart"].as_f64().expect("restart")),
            },
            opinions: None,
            truncation: 0.0,
        },
        other => panic!("unknown rule {other}"),
    };
    let inflation = given["inflation"].as_f64().expect("inflation");
    let config = Config { rule, connectivity, inflation, gated: false, ..Config::default() };
    epoch(&weights, &stake, scaling.as_deref(), &config).expect("a valid case")
}

fn agree(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let allowed = 1e-12 + 1e-9 * expected.abs();
        assert!((found - expected).abs() <= allowed, "{name}[{at}]: {found}, not {expected}");
    }
}

#[test]
fn recorded_cases_agree() {
    for (name, text) in CASES {
        let case: Value = serde_json::from_str(text).expect("JSON");
        let found = run(&case["given"]);
        let expected = case["expected"].as_object().expect("an object");
        assert!(!expected.is_empty());
        for (field, value) in expected {
            let found = match field.as_str() {
                "ranks" => &found.ranks[..],
                "trust" => &found.trust,
                "incentive" => &found.incentive,
                "loss" => std::slice::from_ref(&found.loss),
                "gradient" => &found.gradient,
                "stake" => &found.stake,
                other => panic!("unknown field {other}"),
            };
            let expected = if value.is_array() {
                vector(value)
            } else {
                vec![value.as_f64().expect("a number")]
            };
            agree(&format!("{name}.{field}"), found, &expected);
        }
    }
}
