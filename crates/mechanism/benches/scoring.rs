//! Scoring: whole designs, canonical and with metrics; audits.

use criterion::{Criterion, criterion_group, criterion_main};
use muster_mechanism::scoring::{ProtocolModel, VerificationGame};
use std::hint::black_box;

/// The lossy channel with `flags` flags.
fn game(flags: usize) -> VerificationGame {
    let model = ProtocolModel { verifiers: 4, replay_cost: 1.0, opening_cost: 0.0, mistaken: 0.5 };
    model.game(0.5, flags, 0.5).expect("valid")
}

fn scoring(c: &mut Criterion) {
    for flags in [2, 3, 6, 14] {
        let game = game(flags);
        c.bench_function(&format!("scoring/design/{}", flags + 2), |b| {
            b.iter(|| game.design(black_box(0.2)))
        });
    }
    let five = game(3);
    let matrix = five.design(0.2).expect("feasible").matrix;
    c.bench_function("scoring/audit/5", |b| b.iter(|| five.audit(black_box(&matrix))));
    c.bench_function("scoring/margin_for_compactness/5", |b| {
        b.iter(|| five.margin_for_compactness(black_box(0.03)))
    });
}

criterion_group!(benches, scoring);
criterion_main!(benches);
