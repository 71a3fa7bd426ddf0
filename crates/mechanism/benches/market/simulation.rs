//! The experiment of the paper's appendix 12.7: 105 peers, 2,000 blocks, and its gradient.

use criterion::Criterion;
use muster_mechanism::market::simulation::Cabal;

use crate::inputs::Random;

fn matrix(n: usize, random: &mut Random) -> Vec<f64> {
    let mut matrix = Vec::new();
    for _ in 0..n {
        let draw = |random: &mut Random| {
            if random.share() < 0.9 { random.share() } else { 0.0 }
        };
        let row: Vec<f64> = (0..n).map(|_| draw(random)).collect();
        let sum: f64 = row.iter().sum();
        matrix.extend(row.iter().map(|w| w / sum));
    }
    matrix
}

pub fn market() -> Cabal {
    let mut random = Random::new(4);
    let (honest, cabal) = (matrix(5, &mut random), matrix(100, &mut random));
    Cabal::new(&honest, &[0.51 / 5.0; 5], &cabal, &[0.49 / 100.0; 100], 1.0).expect("connected")
}

pub fn cabal(criterion: &mut Criterion) {
    let market = market();
    criterion.bench_function("appendix 12.7, 2,000 blocks", |b| {
        b.iter(|| market.clone().run(2_000, 0.01, 0.05));
    });
    let mut other = market.clone();
    criterion.bench_function("appendix 12.7, gradient", |b| b.iter(|| other.gradient()));
}
