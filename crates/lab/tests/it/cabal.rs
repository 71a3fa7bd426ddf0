//! Single cells of the cabal map.

use muster_lab::market::scenario::{Clipping, Graph, Leak, Ring, Scenario, inflation_for};
use muster_mechanism::market::{Config, Rule, Walk};

const SPARSE: (Graph, usize, usize) = (Graph::Knows(3), 60, 20);
const KNOWS_5: (Graph, usize, usize) = (Graph::Knows(5), 20, 10);
const DENSE: (Graph, usize, usize) = (Graph::Dense, 20, 10);

const EPOCHS: usize = 20;

fn walk(walk: Walk) -> Rule {
    Rule::ConnectedMedian { walk, opinions: None, truncation: 1e-4 }
}

/// The cabal's shares at honest stake 0.55, 0.70 and 0.85, when stake has grown fifty-fold and all
/// of the leak goes to the member whom the whole cabal ranks.
fn shares(rule: Rule, (graph, honest, cabal): (Graph, usize, usize), leak: f64) -> [f64; 3] {
    let run = |honest_stake| Scenario {
        rule,
        clipping: Clipping::Once,
        graph,
        leak_to: Leak::Concentrated,
        leak,
        honest,
        cabal,
        ring: Ring::Star,
        cover: 0.0,
        honest_stake,
        epochs: EPOCHS,
        inflation: inflation_for(50.0, EPOCHS),
        seed: 1,
    };
    [0.55, 0.7, 0.85].map(|stake| run(stake).run().expect("a valid scenario").share)
}

fn all(shares: [f64; 3], holds: impl Fn(f64) -> bool) -> bool {
    shares.into_iter().all(holds)
}

#[test]
fn a_disjoint_cabal_starves_where_the_honest_are_dense() {
    for rule in [Rule::Paper, Rule::Median, walk(Walk::Depth(5)), walk(Walk::Restart(0.3))] {
        let found = shares(rule, DENSE, 0.0);
        assert!(all(found, |share| share < 0.02), "{rule:?}: {found:?}");
    }
}

#[test]
fn the_papers_rule_falls_to_a_small_leak() {
    let found = shares(Rule::Paper, DENSE, 0.02);
    assert!(found[0] > 0.9 && found[2] > 0.15, "{found:?}");
}

#[test]
fn the_median_pays_nobody_where_no_majority_knows_anyone() {
    let found = shares(Rule::Median, KNOWS_5, 0.0);
    for (found, expected) in found.into_iter().zip([0.45, 0.3, 0.15]) {
        assert!((found - expected).abs() < 1e-12);
    }
    assert!(all(shares(Rule::Median, KNOWS_5, 0.02), |share| share > 0.9));
}

#[test]
fn three_steps_are_too_few_where_each_knows_three() {
    let found = shares(walk(Walk::Depth(3)), SPARSE, 0.02);
    assert!(found[0] > 0.9 && found[1] > 0.9, "{found:?}");
}

#[test]
fn the_default_holds_from_dense_to_sparse() {
    let rule = Config::default().rule;
    assert!(matches!(rule, Rule::ConnectedMedian { walk: Walk::Depth(5), .. }));
    for (market, bounds) in
        [(DENSE, [0.02, 0.1, 0.25]), (KNOWS_5, [0.02, 0.12, 0.3]), (SPARSE, [0.02, 0.2, 1.0])]
    {
        for (leak, bound) in [0.0, 0.02, 0.05].into_iter().zip(bounds) {
            let found = shares(walk(Walk::Depth(5)), market, leak);
            assert!(all(found, |share| share < bound), "{market:?}, leak {leak}: {found:?}");
        }
    }
}
