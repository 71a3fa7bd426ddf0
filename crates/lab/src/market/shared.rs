//! What the experiments on market share: their part of the page, and the rules that they compare.

use muster_mechanism::market::{CREDIBLE_FROM, Config, Rule, Walk};

use super::scenario::Clipping;
use crate::experiment::Part;

/// The part of the page.
pub(super) const PART: Part = Part {
    heading: "Market",
    about: "Peers price each other.",
    sources: env!("MUSTER_LAB_SOURCES_MARKET"),
};

/// What all stake grows by in a run of a map.
pub(super) const GROWTH: f64 = 50.0;

const fn walks(walk: Walk) -> Rule {
    Rule::ConnectedMedian { walk, opinions: None, truncation: 1e-4 }
}

const fn twice(steps: u32, threshold: f64) -> Rule {
    let walk = Walk::Depth(steps);
    Rule::CredibleMedian { walk, opinions: None, truncation: 1e-4, threshold }
}

/// Name, rule, how it is applied. The rules that clip once come first.
pub(super) const RULES: [(&str, Rule, Clipping); 9] = [
    ("paper", Rule::Paper, Clipping::Once),
    ("median", Rule::Median, Clipping::Once),
    ("walk 3", walks(Walk::Depth(3)), Clipping::Once),
    ("walk 5", walks(Walk::Depth(5)), Clipping::Once),
    ("restart 0.3", walks(Walk::Restart(0.3)), Clipping::Once),
    ("walk 5, majority 0.6", walks(Walk::Depth(5)), Clipping::Majority(0.6)),
    ("walk 5, twice", twice(5, 1.0), Clipping::Once),
    ("walk 8, twice", twice(8, 1.0), Clipping::Once),
    ("walk 8, credible", twice(8, CREDIBLE_FROM), Clipping::Once),
];

/// The index in [`RULES`] of the network's rule, whatever its truncation.
pub(super) fn network() -> Option<usize> {
    let exact = |rule: Rule| match rule {
        Rule::Paper | Rule::Median => rule,
        Rule::ConnectedMedian { walk, .. } => {
            Rule::ConnectedMedian { walk, opinions: None, truncation: 0.0 }
        }
        Rule::CredibleMedian { walk, threshold, .. } => {
            Rule::CredibleMedian { walk, opinions: None, truncation: 0.0, threshold }
        }
    };
    let default = exact(Config::default().rule);
    RULES
        .iter()
        .position(|(_, rule, clipping)| exact(*rule) == default && *clipping == Clipping::Once)
}
