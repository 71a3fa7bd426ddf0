//! The decay of a disjoint cabal: the paper's two parties (Section 10).

use muster_mechanism::market::simulation::{Cabal, SimulationError, two_party_decay};
use muster_mechanism::market::{Config, Connectivity, Rule, Weights, epoch};
use muster_mechanism::random::Stream;

/// `(block, share of the smaller party)` as the paper prints them, at inflation 0.1,
/// temperature 10, 0.51 against 0.49.
const PRINTED: [(usize, f64); 21] = [
    (0, 0.4877323388820201),
    (1, 0.4849535784321247),
    (2, 0.4815511535094221),
    (3, 0.477389901500398),
    (4, 0.4723093486843246),
    (5, 0.46612224574620587),
    (6, 0.45861590847737577),
    (7, 0.44955887540065376),
    (8, 0.43871643745912897),
    (9, 0.42587900870651624),
    (10, 0.41090548935459825),
    (90, 0.0002827251010618101),
    (91, 0.00025719653886131316),
    (92, 0.0002339730247373799),
    (93, 0.000212846436856568),
    (94, 0.00019362744329658293),
    (95, 0.0001761438058611274),
    (96, 0.00016023883697158944),
    (97, 0.00014576999582759936),
    (98, 0.00013260761127280887),
    (99, 0.00012063371993464691),
];

#[test]
fn two_parties_decay_as_printed() {
    let found = two_party_decay(0.51, 0.49, 0.1, 10.0, 100);
    for (block, share) in PRINTED {
        assert_eq!(found[block], share, "block {block}");
    }
}

/// The same with the full epoch: two peers that only know themselves. The listing applies its
/// temperature to `share - 1/2`, which is half of `x`, so that its 10 is 5 here.
#[test]
fn epochs_decay_as_the_listing_does() {
    let weights = Weights::from_triplets(2, [(0, 0, 1.0), (1, 1, 1.0)]).expect("valid");
    let connectivity = Connectivity { temperature: 5.0, ..Connectivity::default() };
    let config = Config { rule: Rule::Paper, connectivity, inflation: 0.1, ..Config::default() };
    let mut stake = vec![0.51, 0.49];
    let listing = two_party_decay(0.51, 0.49, 0.1, 10.0, 100);
    for (block, expected) in listing.iter().enumerate() {
        stake = epoch(&weights, &stake, None, &config).expect("valid").stake;
        let share = stake[1] / (stake[0] + stake[1]);
        assert!((share - expected).abs() <= 1e-12 * expected, "block {block}: {share}");
    }
}

/// A dense random matrix with rows that sum to one, each entry present in nine cases of ten.
fn random_matrix(n: usize, stream: &mut Stream) -> Vec<f64> {
    let mut matrix = Vec::new();
    for _ in 0..n {
        let present = |stream: &mut Stream| {
            if stream.uniform() < 0.9 { stream.uniform() } else { 0.0 }
        };
        let row: Vec<f64> = (0..n).map(|_| present(stream)).collect();
        let sum: f64 = row.iter().sum();
        matrix.extend(row.iter().map(|w| w / sum));
    }
    matrix
}

fn random_stake(n: usize, total: f64, stream: &mut Stream) -> Vec<f64> {
    let stake: Vec<f64> = (0..n).map(|_| stream.uniform()).collect();
    let sum: f64 = stake.iter().sum();
    stake.iter().map(|s| s / sum * total).collect()
}

/// The listing of Appendix 12.7, plainly: dense `C`, every sum written out.
fn listing(w: &[f64], c: &[f64], stake: &mut [f64], blocks: usize, inflation: f64) {
    let n = stake.len();
    for _ in 0..blocks {
        let total: f64 = stake.iter().sum();
        let column = |m: &[f64], k: usize| (0..n).map(|i| m[i * n + k] * stake[i]).sum::<f64>();
        let ranks: Vec<f64> = (0..n).map(|k| column(w, k) / total).collect();
        let trust: Vec<f64> = (0..n).map(|k| 1.0 / (1.0 + (-column(c, k)).exp())).collect();
        let loss = -(0..n).map(|k| ranks[k] * (trust[k] - 0.5)).sum::<f64>();
        assert!(loss < 0.0, "the listing's honest majority mints from the first block on");
        let all: f64 = (0..n).map(|k| ranks[k] * trust[k]).sum();
        for k in 0..n {
            stake[k] += inflation * ranks[k] * trust[k] / all;
        }
    }
}

#[test]
fn the_cabal_of_the_appendix_decays_as_its_listing_does() {
    let (a, b) = (5, 100);
    let mut stream = Stream::new(11, 0);
    let (honest, cabal) = (random_matrix(a, &mut stream), random_matrix(b, &mut stream));
    let stake_a = random_stake(a, 0.51, &mut stream);
    let stake_b = random_stake(b, 0.49, &mut stream);
    let mut market = Cabal::new(&honest, &stake_a, &cabal, &stake_b, 1.0).expect("connected");
    let shares = market.run(2_000, 0.01, 0.05);
    assert_eq!(shares.len(), 2_000);
    assert!(shares.windows(2).all(|pair| pair[1] < pair[0]), "a cabal's share only falls");

    let n = a + b;
    let side = |i: usize| usize::from(i >= a);
    let (mut w, mut c) = (vec![0.0; n * n], vec![-1.0; n * n]);
    for i in 0..n {
        for j in (0..n).filter(|&j| side(j) == side(i)) {
            w[i * n + j] = if i < a { honest[i * a + j] } else { cabal[(i - a) * b + j - a] };
            c[i * n + j] = 1.0;
        }
    }
    let mut stake = [stake_a, stake_b].concat();
    listing(&w, &c, &mut stake, 100, 0.01);
    let share = stake[a..].iter().sum::<f64>() / stake.iter().sum::<f64>();
    assert!((share - shares[99]).abs() < 1e-12, "{share}, not {}", shares[99]);
}

#[test]
fn the_simulations_gradient_is_that_of_its_loss() {
    let mut stream = Stream::new(14, 0);
    let (honest, cabal) = (random_matrix(4, &mut stream), random_matrix(3, &mut stream));
    let (stake_a, stake_b) = ([0.1, 0.2, 0.05, 0.15], [0.2, 0.1, 0.2]);
    let market = |a: &[f64], b: &[f64]| Cabal::new(&honest, a, &cabal, b, 2.0).expect("valid");
    let found = market(&stake_a, &stake_b).gradient();
    // Scaling a stake by a factor is scaling the peer; ranks keep the divisor of the start.
    let loss = |a: &[f64], b: &[f64]| {
        let (sum_a, sum_b): (f64, f64) = (a.iter().sum(), b.iter().sum());
        let trust = |x: f64| 1.0 / (1.0 + (-2.0 * x).exp());
        // Rows sum to one, so that a side's ranks sum to its stake.
        -(sum_a * (trust(sum_a - sum_b) - 0.5) + sum_b * (trust(sum_b - sum_a) - 0.5))
    };
    for i in 0..7 {
        let step = 1e-6;
        let at = |factor: f64| {
            let (mut a, mut b) = (stake_a, stake_b);
            if i < 4 {
                a[i] *= factor
            } else {
                b[i - 4] *= factor
            }
            loss(&a, &b)
        };
        let slope = (at(1.0 + step) - at(1.0 - step)) / (2.0 * step);
        assert!((found[i] - slope).abs() < 1e-8, "peer {i}: {}, not {slope}", found[i]);
    }
}

#[test]
fn a_simulation_of_sides_that_fall_apart_is_refused() {
    let parts = [1.0, 0.0, 0.0, 1.0];
    assert_eq!(
        Cabal::new(&parts, &[0.5; 2], &[1.0], &[0.5], 1.0).expect_err("two loops are apart"),
        SimulationError::Disconnected { side: "honest" }
    );
    assert!(Cabal::new(&parts, &[0.5; 3], &[1.0], &[0.5], 1.0).is_err());
}
