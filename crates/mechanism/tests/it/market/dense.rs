//! The sparse epoch against a plain dense one, and the gradient against finite differences.

use muster_mechanism::market::{Config, Connectivity, Rule, Walk, Weights, epoch};

use super::{RULES, random_vector, random_weights};

type Matrix = Vec<Vec<f64>>;

struct Dense {
    ranks: Vec<f64>,
    trust: Vec<f64>,
    loss: f64,
    incentive: Vec<f64>,
}

fn matrix(weights: &Weights) -> Matrix {
    let n = weights.peers();
    (0..n).map(|i| (0..n).map(|j| weights.get(i, j)).collect()).collect()
}

fn times(left: &Matrix, right: &Matrix) -> Matrix {
    let n = left.len();
    let cell = |i: usize, j: usize| (0..n).map(|k| left[i][k] * right[k][j]).sum();
    (0..n).map(|i| (0..n).map(|j| cell(i, j)).collect()).collect()
}

/// Sum of `factors[k - 1] W^k`.
fn visits(w: &Matrix, factors: &[f64]) -> Matrix {
    let n = w.len();
    let mut power = w.clone();
    let mut sum = vec![vec![0.0; n]; n];
    for &factor in factors {
        for i in 0..n {
            for j in 0..n {
                sum[i][j] += factor * power[i][j];
            }
        }
        power = times(&power, w);
    }
    sum
}

fn dense(weights: &Weights, stake: &[f64], scaling: &[f64], config: &Config) -> Dense {
    let n = weights.peers();
    let w = matrix(weights);
    let total: f64 = stake.iter().sum();
    let s: Vec<f64> = (0..n).map(|i| scaling[i] * stake[i] / total).collect();
    let c = config.connectivity;
    let reach = visits(&w, &vec![1.0; c.depth as usize]);
    let connected = |i: usize, j: usize| match c.width {
        _ if c.self_connected && i == j => 1.0,
        Some(width) => ((reach[i][j] - c.cutoff) / width).tanh(),
        None if reach[i][j] > c.cutoff => 1.0,
        None => -1.0,
    };
    let ranks: Vec<f64> = (0..n).map(|j| (0..n).map(|i| w[i][j] * s[i]).sum()).collect();
    let trust: Vec<f64> = (0..n)
        .map(|j| {
            let x: f64 = (0..n).map(|i| connected(i, j) * s[i]).sum();
            1.0 / (1.0 + (-c.temperature * x).exp())
        })
        .collect();
    let loss = -(0..n).map(|j| ranks[j] * (trust[j] - 0.5)).sum::<f64>();
    let clipped = match config.rule {
        Rule::Paper => None,
        Rule::Median => Some(clipped(&w, &s)),
        Rule::ConnectedMedian { walk, .. } => Some(clipped(&walked(&w, walk), &s)),
        Rule::CredibleMedian { walk, threshold, .. } => {
            let first = clipped(&walked(&w, walk), &s);
            let left: Vec<f64> = first.iter().map(|row| row.iter().sum()).collect();
            let middle = reached_by_half(&left, &s);
            let credibility = |i: usize| match s[i] {
                0.0 => 0.0,
                _ => (left[i] / (threshold * middle)).min(1.0),
            };
            let second = w
                .iter()
                .enumerate()
                .map(|(i, row)| row.iter().map(|weight| weight * credibility(i)).collect());
            Some(if middle > 0.0 { clipped(&walked(&second.collect(), walk), &s) } else { first })
        }
    };
    let incentive = match clipped {
        None => (0..n).map(|j| ranks[j] * trust[j]).collect(),
        Some(v) => (0..n).map(|j| (0..n).map(|i| s[i] * v[i][j]).sum()).collect(),
    };
    Dense { ranks, trust, loss, incentive }
}

fn walked(w: &Matrix, walk: Walk) -> Matrix {
    match walk {
        Walk::Depth(d) => visits(w, &vec![1.0 / f64::from(d); d as usize]),
        Walk::Restart(a) => {
            let factors: Vec<f64> = (0..200).map(|k| a * (1.0 - a).powi(k)).collect();
            visits(w, &factors)
        }
    }
}

/// The largest of the values that peers with half of the standing reach.
fn reached_by_half(values: &[f64], s: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..s.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let half = s.iter().sum::<f64>() / 2.0;
    let mut held = 0.0;
    let at = order.iter().find(|&&i| {
        held += s[i];
        held >= half - 1e-12
    });
    at.map_or(0.0, |&i| values[i])
}

/// Every opinion lowered to the ceiling of its column.
fn clipped(v: &Matrix, s: &[f64]) -> Matrix {
    let n = v.len();
    let ceiling = |j: usize| reached_by_half(&v.iter().map(|row| row[j]).collect::<Vec<_>>(), s);
    let ceilings: Vec<f64> = (0..n).map(ceiling).collect();
    v.iter().map(|row| row.iter().zip(&ceilings).map(|(v, q)| v.min(*q)).collect()).collect()
}

fn close(what: &str, found: &[f64], expected: &[f64]) {
    for (at, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= 1e-12 + 1e-10 * e.abs(), "{what}[{at}]: {f}, not {e}");
    }
}

#[test]
fn sparse_epoch_is_the_dense_one() {
    // Peers, peers that give weights, weights each, depth, cutoff, whether smooth.
    let cases = [
        (1, 1, 1, 1, 0.0, None),
        (12, 12, 3, 3, 1.0 / 32.0, None),
        (30, 30, 12, 3, 1.0 / 32.0, None),
        (30, 9, 25, 3, 0.1, None),
        (40, 40, 5, 1, 0.15, None),
        (40, 40, 5, 2, 0.15, None),
        (40, 40, 5, 6, 0.15, None),
        (40, 40, 4, 12, 0.2, None),
        (25, 25, 6, 3, 0.05, Some(0.02)),
        (120, 30, 100, 3, 1.0 / 32.0, None),
        (120, 120, 60, 3, 1.0 / 32.0, None),
    ];
    for (number, (peers, active, degree, depth, cutoff, width)) in cases.into_iter().enumerate() {
        let seed = number as u64 + 1;
        let weights = random_weights(peers, active, degree, seed);
        let stake = random_vector(peers, seed + 100);
        let scaling = random_vector(peers, seed + 200);
        for rule in RULES {
            for self_connected in [false, true] {
                let connectivity = Connectivity {
                    depth,
                    cutoff,
                    width,
                    self_connected,
                    ..Connectivity::default()
                };
                let config = Config { rule, connectivity, ..Config::default() };
                let found = epoch(&weights, &stake, Some(&scaling), &config).expect("valid");
                let expected = dense(&weights, &stake, &scaling, &config);
                let name = format!("case {number}, {rule:?}");
                close(&format!("{name}, ranks"), &found.ranks, &expected.ranks);
                close(&format!("{name}, trust"), &found.trust, &expected.trust);
                close(&format!("{name}, loss"), &[found.loss], &[expected.loss]);
                close(&format!("{name}, incentive"), &found.incentive, &expected.incentive);
            }
        }
    }
}

#[test]
fn gradient_is_the_derivative_of_the_loss() {
    for (seed, width) in [(1, None), (2, None), (3, Some(0.05))] {
        let n = 30;
        let weights = random_weights(n, n, 6, seed);
        let stake = random_vector(n, seed + 10);
        let scaling: Vec<f64> =
            random_vector(n, seed + 20).iter().map(|a| 0.25 + 0.5 * a).collect();
        let connectivity = Connectivity { width, temperature: 4.0, ..Connectivity::default() };
        let config = Config { rule: Rule::Paper, connectivity, ..Config::default() };
        let loss =
            |scaling: &[f64]| epoch(&weights, &stake, Some(scaling), &config).expect("valid").loss;
        let found = epoch(&weights, &stake, Some(&scaling), &config).expect("valid").gradient;
        for i in 0..n {
            let step = 1e-5;
            let (mut up, mut down) = (scaling.clone(), scaling.clone());
            up[i] += step;
            down[i] -= step;
            let slope = (loss(&up) - loss(&down)) / (2.0 * step);
            assert!((found[i] - slope).abs() < 1e-9, "peer {i}: {}, not {slope}", found[i]);
        }
    }
}

#[test]
fn truncated_walks_lose_at_most_what_they_drop() {
    let weights = random_weights(60, 60, 8, 5);
    let stake = random_vector(60, 6);
    let at = |truncation| {
        let walk = Walk::Restart(0.3);
        let rule = Rule::ConnectedMedian { walk, opinions: None, truncation };
        epoch(&weights, &stake, None, &Config { rule, ..Config::default() }).expect("valid")
    };
    let exact = at(0.0);
    // At 1 no row is walked on at all.
    for truncation in [1e-6, 1e-4, 1e-2, 1.0] {
        let found = at(truncation);
        // A walk makes at most 1 / a steps in the mean, and drops at most what 60 peers hold.
        let allowed = 60.0 * truncation / 0.3;
        for j in 0..60 {
            assert!(found.incentive[j] <= exact.incentive[j] + 1e-12);
            assert!(found.incentive[j] >= exact.incentive[j] - allowed - 1e-12);
        }
    }
}

#[test]
fn opinions_are_those_of_most_standing() {
    let weights = random_weights(50, 50, 10, 7);
    let mut stake = random_vector(50, 8);
    // Whoever is not among the ten has no say, so that taking their stake away changes nothing.
    let rule = Rule::ConnectedMedian { walk: Walk::Depth(2), opinions: Some(10), truncation: 0.0 };
    let config = Config { rule, ..Config::default() };
    let few = epoch(&weights, &stake, None, &config).expect("valid");
    let mut order: Vec<usize> = (0..50).collect();
    order.sort_by(|&a, &b| stake[b].total_cmp(&stake[a]));
    let total: f64 = stake.iter().sum();
    for &i in &order[10..] {
        assert_eq!(few.payout_row(&weights, i).count(), 0);
        stake[i] = 0.0;
    }
    let held: f64 = stake.iter().sum();
    let alone = epoch(&weights, &stake, None, &config).expect("valid");
    for j in 0..50 {
        let expected = alone.incentive[j] * held / total;
        assert!((few.incentive[j] - expected).abs() < 1e-14);
    }
}

#[test]
fn truncated_connectivity_only_loses_links() {
    let weights = random_weights(300, 300, 25, 9);
    let stake = random_vector(300, 10);
    let at = |truncation| {
        let connectivity = Connectivity { truncation, cutoff: 0.02, ..Connectivity::default() };
        let config = Config { rule: Rule::Paper, connectivity, ..Config::default() };
        epoch(&weights, &stake, None, &config).expect("valid").trust
    };
    let exact = at(0.0);
    let mut before = exact.clone();
    for truncation in [1e-12, 1e-5, 1e-4, 1e-3, 1e-2, 1.0] {
        let found = at(truncation);
        assert!(found.iter().zip(&before).all(|(found, before)| *found <= before + 1e-12));
        before = found;
    }
    assert_eq!(at(1e-12), exact);
    assert_ne!(before, exact);
}
