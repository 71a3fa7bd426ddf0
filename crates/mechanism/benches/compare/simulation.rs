//! The experiment of the paper's appendix 12.7: 105 peers, 2,000 blocks, and its gradient.

use muster_mechanism::market::simulation::Cabal;
use muster_mechanism::random::Stream;

fn matrix(n: usize, stream: &mut Stream) -> Vec<f64> {
    let mut matrix = Vec::new();
    for _ in 0..n {
        let draw = |stream: &mut Stream| {
            if stream.uniform() < 0.9 { stream.uniform() } else { 0.0 }
        };
        let row: Vec<f64> = (0..n).map(|_| draw(stream)).collect();
        let sum: f64 = row.iter().sum();
        matrix.extend(row.iter().map(|w| w / sum));
    }
    matrix
}

pub const STAKE_HONEST: [f64; 5] = [0.51 / 5.0; 5];
pub const STAKE_CABAL: [f64; 100] = [0.49 / 100.0; 100];

/// The weights of both sides.
pub fn sides() -> [Vec<f64>; 2] {
    let mut stream = Stream::new(4, 0);
    [matrix(5, &mut stream), matrix(100, &mut stream)]
}

pub fn market() -> Cabal {
    let [honest, cabal] = sides();
    Cabal::new(&honest, &STAKE_HONEST, &cabal, &STAKE_CABAL, 1.0).expect("connected")
}
