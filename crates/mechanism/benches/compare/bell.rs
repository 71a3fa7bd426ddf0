//! A presence game with bell-shaped beliefs.

use muster_mechanism::presence::{Beliefs, Game, Payoffs, Rate};

/// m = n = `half`; the malicious belief is wider than the players'.
pub fn game(half: usize) -> Game {
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
