//! Reputation: ranking and contributions on RMAT graphs (0.57, 0.19, 0.19, 0.05), sinks as servers.
//!
//! `MUSTER_BENCH_SCALE=20` takes 1,048,576 nodes and 16 edges each; 16 is the default.

#[path = "rmat.rs"]
mod rmat;

use criterion::{Criterion, criterion_group, criterion_main};
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, IncrementalRank, RankSettings,
    best_response, honest_majority,
};
use std::hint::black_box;

fn reputation(c: &mut Criterion) {
    let scale = std::env::var("MUSTER_BENCH_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(16);
    let edges = rmat::rmat(scale, 16);
    let weighted = edges.edges.iter().map(|&(s, t, w)| (s, t, f64::from(w)));
    let graph = EndorsementGraph::new(edges.users, edges.servers, weighted).expect("valid");
    drop(edges);
    // An L1 residual of alpha 1e-9 means an L1 error of at most 1e-9.
    let settings = RankSettings { tolerance: 1.5e-10, ..RankSettings::default() };
    let mut group = c.benchmark_group(format!("reputation/rmat{scale}"));
    group.sample_size(10);
    group.bench_function("rank", |b| b.iter(|| graph.rank(black_box(&settings))));
    let contributions = ContributionSettings { tolerance: 1e-9, ..ContributionSettings::default() };
    let solver = Contributions::new(&graph, contributions).expect("converges");
    let servers: Vec<usize> = (0..32).collect();
    group.bench_function("contributions/32", |b| b.iter(|| solver.columns(black_box(&servers))));
    let trust = vec![0.5; graph.servers()];
    group.bench_function("payoffs", |b| b.iter(|| solver.payoffs(black_box(&trust))));
    group.finish();

    let others: Vec<f64> = (1..=1000).map(|j| f64::from(j % 37) + 0.5).collect();
    let belief: Vec<f64> = (1..=1000).map(|j| f64::from(j % 11) / 11.0).collect();
    c.bench_function("reputation/best_response/1000", |b| {
        b.iter(|| best_response(black_box(&others), &belief))
    });
    c.bench_function("reputation/honest_majority/1000", |b| {
        b.iter(|| honest_majority(black_box(&belief)))
    });

    let mut stream = Stream::new(1, 1);
    let rows =
        (0..20_000).map(|_| (0..6).map(|_| (stream.below(20_500) as u32, 1.0)).collect()).collect();
    let settings = RankSettings { tolerance: 1e-5, ..RankSettings::default() };
    let mut ranks = IncrementalRank::new(500, rows, settings).expect("valid");
    c.bench_function("reputation/change_one_row/20000", |b| {
        b.iter(|| {
            let row = (0..6).map(|_| (stream.below(20_500) as u32, 1.0)).collect();
            ranks.set_row(stream.below(20_000) as usize, row)
        })
    });
}

criterion_group!(benches, reputation);
criterion_main!(benches);
