//! Presence: one deadline, T*, T° and a whole curve, with bell-shaped beliefs.

#[path = "bell.rs"]
mod bell;

use bell::game;
use criterion::{Criterion, criterion_group, criterion_main};
use muster_mechanism::presence::Seconds;
use std::hint::black_box;

fn presence(c: &mut Criterion) {
    let large = game(50_000);
    // The long deadline of the middle: no term of the sums has vanished and none is negligible.
    let deadline = Seconds::new(1.0).expect("positive");
    c.bench_function("presence/deadline/1e5", |b| b.iter(|| large.payoff_at(black_box(deadline))));
    c.bench_function("presence/deadline_max/1e5", |b| b.iter(|| large.deadline_max()));
    c.bench_function("presence/deadline_best/1e5", |b| b.iter(|| large.deadline_best()));
    let million = game(500_000);
    let deadlines: Vec<Seconds> = (0..1000)
        .map(|d| Seconds::new(10f64.powf(-3.0 + 0.006 * f64::from(d))).expect("positive"))
        .collect();
    let mut group = c.benchmark_group("presence");
    group.sample_size(10);
    group.bench_function("curve/1000/1e6", |b| b.iter(|| million.curve(&deadlines)));
    group.finish();
}

criterion_group!(benches, presence);
criterion_main!(benches);
