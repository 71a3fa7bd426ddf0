//! Presence: one deadline, T*, T° and a whole curve, with bell-shaped beliefs.

use criterion::{Criterion, criterion_group, criterion_main};
use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate, Seconds};
use std::hint::black_box;

/// m = n = `half`; the malicious belief is wider than the players'.
fn game(half: usize) -> Game {
    let bell = |size: usize, deviation: f64| -> Vec<f64> {
        let mean = size as f64 / 2.0;
        let logs: Vec<f64> =
            (0..size).map(|i| -0.5 * ((i as f64 - mean) / deviation).powi(2)).collect();
        let total: f64 = logs.iter().map(|l| l.exp()).sum();
        logs.iter().map(|l| l - total.ln()).collect()
    };
    let size = half as f64;
    let beliefs = Beliefs::from_logarithms(bell(half, size / 10.0), bell(half + 1, size / 6.0))
        .expect("log-concave");
    let payoff = (1..=half).map(|i| i as f64).collect();
    let payoffs = Payoffs::new(payoff, size * 0.505).expect("rising");
    Game::new(beliefs, payoffs, Rate::per_second(0.5 / size).expect("positive")).expect("valid")
}

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
