//! Reputation: ranking and contributions on RMAT graphs (0.57, 0.19, 0.19, 0.05), sinks as servers.
//!
//! `MUSTER_BENCH_SCALE=20` takes 1,048,576 nodes and 16 edges each; 16 is the default.

use criterion::{Criterion, criterion_group, criterion_main};
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, IncrementalRank, RankSettings,
    best_response, honest_majority,
};
use std::hint::black_box;

/// Nodes without outgoing edges are servers, numbered after the others.
fn rmat(scale: u32, degree: usize) -> EndorsementGraph {
    let nodes = 1usize << scale;
    let mut edges: Vec<u64> = Vec::with_capacity(nodes * degree);
    let mut stream = Stream::new(u64::from(scale), 0);
    let mut label: Vec<u32> = (0..nodes as u32).collect();
    for i in (1..nodes).rev() {
        label.swap(i, stream.below(i as u64 + 1) as usize);
    }
    while edges.len() < nodes * degree {
        for _ in edges.len()..nodes * degree {
            let (mut a, mut b) = (0usize, 0usize);
            for _ in 0..scale {
                let d = stream.uniform();
                (a, b) = (
                    2 * a + usize::from(d >= 0.76),
                    2 * b + usize::from((0.57..0.76).contains(&d) || d >= 0.95),
                );
            }
            if a != b {
                edges.push(u64::from(label[a]) << 32 | u64::from(label[b]));
            }
        }
        edges.sort_unstable();
        edges.dedup();
    }
    let mut user = vec![u32::MAX; nodes];
    let mut users = 0;
    for e in &edges {
        let source = (e >> 32) as usize;
        if user[source] == u32::MAX {
            (user[source], users) = (users, users + 1);
        }
    }
    let mut servers = 0;
    for node in &mut user {
        if *node == u32::MAX {
            (*node, servers) = (users + servers, servers + 1);
        }
    }
    let weighted = edges.iter().enumerate().map(|(k, e)| {
        let weight = (k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (
            user[(e >> 32) as usize],
            user[(e & 0xffff_ffff) as usize],
            (weight + 1) as f64 / 16_777_216.0,
        )
    });
    EndorsementGraph::new(users as usize, servers as usize, weighted).expect("valid")
}

fn reputation(c: &mut Criterion) {
    let scale = std::env::var("MUSTER_BENCH_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(16);
    let graph = rmat(scale, 16);
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
