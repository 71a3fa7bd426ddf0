//! The experiment of the paper's appendix 12.7: 105 peers, 2,000 blocks, and its gradient.

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

pub const STAKE_HONEST: [f64; 5] = [0.51 / 5.0; 5];
pub const STAKE_CABAL: [f64; 100] = [0.49 / 100.0; 100];

/// The weights of both sides.
pub fn sides() -> [Vec<f64>; 2] {
    let mut random = Random::new(4);
    [matrix(5, &mut random), matrix(100, &mut random)]
}

pub fn market() -> Cabal {
    let [honest, cabal] = sides();
    Cabal::new(&honest, &STAKE_HONEST, &cabal, &STAKE_CABAL, 1.0).expect("connected")
}
