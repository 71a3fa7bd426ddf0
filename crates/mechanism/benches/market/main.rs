//! Market epochs of several shapes, with a plain epoch of today's kind beside them.
//!
//! `cargo bench -p muster-mechanism --bench market -- 4096` runs one shape. One thread, unless
//! `RAYON_NUM_THREADS` says otherwise.

mod inputs;
mod rival;
mod simulation;

use criterion::{Criterion, criterion_group, criterion_main};
use muster_mechanism::market::{Config, Connectivity, Rule, Walk, Weights, epoch};

/// Peers, peers that give weights, share of all pairs that have a weight.
const SHAPES: [(usize, usize, f64); 4] =
    [(256, 64, 0.75), (1_024, 64, 0.93), (4_096, 256, 0.9375), (16_384, 512, 0.966)];

fn rules() -> [(&'static str, Rule); 3] {
    let walk = Walk::Depth(5);
    let connected = Rule::ConnectedMedian { walk, opinions: None, truncation: 1e-3 };
    [("paper", Rule::Paper), ("median", Rule::Median), ("connected-median", connected)]
}

fn today(criterion: &mut Criterion) {
    for (peers, active, density) in SHAPES {
        let weights = inputs::dense_rows(peers, active, density);
        let stake = inputs::stake(peers, active);
        let mut group = criterion.benchmark_group(format!("{peers}/{active}"));
        group.sample_size(10);
        for (name, rule) in rules() {
            let config = Config { rule, ..Config::default() };
            group.bench_function(name, |b| b.iter(|| epoch(&weights, &stake, None, &config)));
        }
        let rows = rival::rows(&weights);
        let none = rows.iter().map(|_| Vec::new()).collect();
        let bonds = rival::epoch(&rows, &stake, &none).bonds;
        compare(&weights, &stake, &rival::epoch(&rows, &stake, &none));
        group.bench_function("rival", |b| b.iter(|| rival::epoch(&rows, &stake, &bonds)));
        group.finish();
    }
}

/// Both compute the same: the rival's normalised incentive is ours under the median.
fn compare(weights: &Weights, stake: &[f64], theirs: &rival::Outcome) {
    let config = Config { rule: Rule::Median, ..Config::default() };
    let ours = epoch(weights, stake, None, &config).expect("valid");
    let all: f64 = ours.incentive.iter().sum();
    for (j, incentive) in theirs.incentive.iter().enumerate() {
        assert!((ours.incentive[j] / all - incentive).abs() < 1e-12);
        assert!(theirs.trust[j] <= 1.0 + 1e-12 && theirs.consensus[j] <= 1.0);
    }
    assert!((theirs.dividends.iter().sum::<f64>()).is_finite());
}

fn million(criterion: &mut Criterion) {
    let peers = 1_000_000;
    let weights = inputs::sparse_rows(peers, 32);
    let stake = inputs::stake(peers, peers);
    let mut group = criterion.benchmark_group("1000000/32");
    group.sample_size(10);
    for (name, rule) in rules() {
        let connectivity = Connectivity { truncation: 1.0 / 32.0, ..Connectivity::default() };
        let config = Config { rule, connectivity, ..Config::default() };
        group.bench_function(name, |b| b.iter(|| epoch(&weights, &stake, None, &config)));
    }
    group.finish();
}

fn cabal(criterion: &mut Criterion) {
    let market = simulation::market();
    criterion.bench_function("appendix 12.7, 2,000 blocks", |b| {
        b.iter(|| market.clone().run(2_000, 0.01, 0.05));
    });
    let mut other = market.clone();
    criterion.bench_function("appendix 12.7, gradient", |b| b.iter(|| other.gradient()));
}

criterion_group!(benches, cabal, today, million);
criterion_main!(benches);
