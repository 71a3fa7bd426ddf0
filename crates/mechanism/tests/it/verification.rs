use crate::reference::{agree, cases, number, numbers};
use muster_mechanism::random::Stream;
use muster_mechanism::verification::{
    Baseline, DecisionRule, DesignGrid, LargestMargin, ProtocolModel, ScoringMatrix,
    VerificationError, VerificationGame, Verifier,
};
use proptest::prelude::*;
use serde_json::Value;

fn matrix(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("rows").iter().map(numbers).collect()
}

fn game_of(given: &Value) -> VerificationGame {
    VerificationGame::new(
        numbers(&given["prior"]),
        matrix(&given["observation"]),
        numbers(&given["cost"]),
    )
    .expect("valid")
}

#[test]
fn reference_cases() {
    for (name, case) in cases("verification-") {
        let (given, expected) = (&case["given"], &case["expected"]);
        let game = game_of(given);
        let design = game.design(number(&given["margin"])).expect("feasible");
        for (r, row) in matrix(&expected["matrix"]).iter().enumerate() {
            for (z, &wanted) in row.iter().enumerate() {
                agree(&format!("{name} [{r}][{z}]"), design.matrix.entry(r, z), wanted, 1e-6, 1e-6);
            }
        }
        let check = |what: &str, found: f64| {
            agree(&format!("{name} {what}"), found, number(&expected[what]), 1e-6, 1e-6)
        };
        check("bound", design.matrix.bound());
        check("budget", design.metrics.budget);
        check("deviation", design.metrics.deviation);
        check("honest", design.metrics.honest);
        check("lazy", design.metrics.lazy);
        check("adversarial", design.metrics.adversarial);
    }
}

/// Tables 3, 4 and 9 of the paper, as restored.
#[test]
fn tables() {
    let (coin, pol) = (VerificationGame::coin(), VerificationGame::proof_of_learning());
    for (margin, bound) in
        [(0.0, 6.0), (0.1, 6.7), (0.2, 7.4), (0.5, 12.5), (1.0, 22.0), (2.0, 41.0)]
    {
        agree("M*", pol.design(margin).expect("feasible").matrix.bound(), bound, 1e-12, 0.0);
    }
    let t = pol.design(0.2).expect("feasible").matrix;
    let exact = [
        [2.0, -6.8, -6.8, 0.0],
        [-4.0 / 15.0, 14.0 / 3.0, -14.0 / 3.0, 0.0],
        [-4.0 / 15.0, -14.0 / 3.0, 14.0 / 3.0, 0.0],
        [-2.2, 5.8, 5.8, 7.4],
    ];
    for r in 0..4 {
        for z in 0..4 {
            agree("canonical", t.entry(r, z), exact[r][z], 1e-13, 1e-13);
        }
    }
    let row = |game: &VerificationGame, margin: f64, wanted: [f64; 6]| {
        let design = game.design(margin).expect("feasible");
        let m = design.metrics;
        let found = [m.budget, m.deviation, design.matrix.bound(), m.honest, m.lazy, m.adversarial];
        for (f, w) in found.into_iter().zip(wanted) {
            agree("row", f, w, 1e-5, 1e-9);
        }
    };
    row(&coin, 0.0, [1.0, 1.77914, 2.469388, 0.0, 0.0, -2.0]);
    row(&coin, 0.1, [1.1, 2.13497, 3.063265, 0.1, -0.1, -2.3]);
    row(&pol, 0.0, [0.75, 1.63299, 6.0, 0.0, 0.0, -1.75]);
    row(&pol, 0.2, [0.95, 3.09641, 7.4, 0.2, -0.2, -2.016667]);
    let coin_rows = [
        (Baseline::SimpleAgreement, 1.29355, 3.01712, 3.93226),
        (Baseline::Logarithmic, 1.2664, 2.6312, 3.81036),
        (Baseline::PointwiseMutualInformation, 1.20531, 2.48275, 3.06327),
    ];
    for (baseline, budget, deviation, bound) in coin_rows {
        let aligned = coin.baseline(baseline, 0.1).expect("feasible");
        agree("budget", aligned.metrics.budget, budget, 1e-5, 0.0);
        agree("deviation", aligned.metrics.deviation, deviation, 1e-5, 0.0);
        agree("bound", aligned.matrix.bound(), bound, 1e-5, 0.0);
    }
    for (tasks, deviation) in [(4, 12.0584), (8, 6.70599), (16, 5.27743)] {
        let dmi = coin.determinant_mechanism(tasks, 0.1).expect("feasible");
        agree("DMI", dmi.deviation, deviation, 1e-5, 0.0);
        agree("DMI", dmi.budget, 1.1, 1e-12, 0.0);
        agree("DMI", dmi.adversarial, 0.1, 1e-12, 0.0);
    }
    for (margin, budget) in [(0.0, 1.25379), (0.2, 2.55833)] {
        let pmi = pol.baseline(Baseline::PointwiseMutualInformation, margin).expect("feasible");
        agree("PMI", pmi.metrics.budget, budget, 1e-5, 0.0);
        assert!(pmi.matrix.bound().is_infinite());
    }
    let infeasible = pol.baseline(Baseline::SimpleAgreement, 0.2);
    assert!(matches!(infeasible, Err(VerificationError::BaselineInfeasible { .. })));
    assert!(pol.determinant_mechanism(8, 0.2).is_err());
}

fn distribution(size: usize) -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.02f64..1.0, size).prop_map(|list| {
        let total: f64 = list.iter().sum();
        list.into_iter().map(|x| x / total).collect()
    })
}

/// A lossy channel with 1 to 4 flags and nobody cheating: Proposition 4.2 says that its beliefs are
/// regular.
fn lossy() -> impl Strategy<Value = VerificationGame> {
    (1usize..5).prop_flat_map(|flags| {
        let m = flags + 2;
        (
            distribution(m - 1),
            proptest::collection::vec(0.1f64..0.9, m),
            distribution(m),
            proptest::collection::vec(0.0f64..3.0, m),
        )
            .prop_map(move |(mut prior, shown, last, cost)| {
                prior.push(0.0);
                let mut rows = vec![vec![0.0; m]; m];
                for t in 0..m - 1 {
                    rows[t][t] = if t == 0 { 1.0 } else { shown[t] };
                    rows[t][0] += 1.0 - rows[t][t];
                }
                rows[0][0] = 1.0;
                rows[m - 1] = last;
                VerificationGame::new(prior, rows, cost).expect("valid")
            })
    })
}

/// Any observations at all.
fn noisy() -> impl Strategy<Value = VerificationGame> {
    (2usize..6).prop_flat_map(|m| {
        (
            distribution(m),
            proptest::collection::vec(distribution(m), m),
            proptest::collection::vec(0.0f64..2.0, m),
        )
            .prop_map(|(prior, rows, cost)| {
                VerificationGame::new(prior, rows, cost).expect("valid")
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Theorem 4.1: with regular beliefs every margin is feasible, the design has exactly that
    /// margin (or more, where nothing binds), and Theorem 5.7 bounds it.
    #[test]
    fn theorem_4_1_designs_are_aligned(game in lossy(), margin in 0.0f64..2.0) {
        let design = game.design(margin).expect("regular beliefs");
        let audit = game.audit(&design.matrix).expect("same shape");
        let size = design.matrix.bound();
        prop_assert!(audit.margin >= margin - 1e-10 * size.max(1.0), "{audit:?} at {margin}");
        prop_assert!(game.margin_limit().expect("solved").is_none());
        if let Some(bound) = game.theoretical_bound() {
            prop_assert!(size <= bound.at(margin) * (1.0 + 1e-9));
            let alpha = 0.5 / bound.per_margin;
            let sufficient = bound.margin_for(alpha).expect("alpha K2 < 1");
            if sufficient > 0.0 {
                // Theorem 5.11.
                prop_assert!(game.design(sufficient).expect("feasible").compactness >= alpha * (1.0 - 1e-9));
                let smallest = game.margin_for_compactness(alpha).expect("reachable");
                prop_assert!(smallest <= sufficient * (1.0 + 1e-6));
            }
        }
    }

    /// M* is optimal: shrinking the matrix, or moving it at random within a smaller bound, loses
    /// the margin.
    #[test]
    fn nothing_smaller_is_aligned(game in noisy(), margin in 0.05f64..1.0, seed: u64) {
        let Ok(design) = game.design(margin) else { return Ok(()) };
        let bound = design.matrix.bound();
        let mut stream = Stream::new(seed, 0);
        for _ in 0..50 {
            let rows = design.matrix.rows().iter()
                .map(|row| row.iter().map(|t| {
                    let moved = t + 0.1 * bound * (stream.uniform() - 0.5);
                    moved.clamp(-0.999 * bound, 0.999 * bound)
                }).collect())
                .collect();
            let smaller = ScoringMatrix::new(rows).expect("finite");
            prop_assert!(game.audit(&smaller).expect("same shape").margin < margin);
        }
    }

    /// Theorem 4.3: with n verifiers, honest peers and linear averages, pay has the expectation of
    /// two verifiers. Here for the whole of Lemma 5.6: the bound with k malicious holds, and the
    /// exact margin is no worse.
    #[test]
    fn lemma_5_6_byzantine_margin(game in lossy(), margin in 0.1f64..1.0, n in 2usize..200) {
        let design = game.design(margin).expect("regular beliefs");
        let robustness = game.robustness(&design.matrix).expect("same shape");
        let k = robustness.malicious_max(n);
        let left = robustness.margin_left(k, n).expect("two verifiers");
        prop_assert!(left >= -1e-9 * robustness.bound);
        let exact = game.worst_case(&design.matrix, k as f64 / (n - 1) as f64).expect("a share");
        prop_assert!(exact.margin >= left - 1e-9 * robustness.bound);
        prop_assert!(exact.margin >= -1e-9 * robustness.bound);
    }

    /// Theorem 5.10 by brute force in the party's own beliefs: no change of reports by l colluders
    /// who do not share observations raises their total when k + l <= alpha (n-1)/2.
    #[test]
    fn theorem_5_10_weak_collusion(game in lossy(), seed: u64) {
        let Ok(design) = game.design(1.0) else { return Ok(()) };
        let matrix = &design.matrix;
        let n = 2 + (2.0 * 3.0 / design.compactness).ceil() as usize;
        let robustness = game.robustness(matrix).expect("same shape");
        prop_assert!(robustness.resists_collusion(2, 1, n));
        let mut stream = Stream::new(seed, 0);
        let (m, peers) = (game.types(), (n - 1) as f64);
        // Two colluders observe x; each believes the other observes by B[x]. Both follow a common
        // map of reports.
        for _ in 0..20 {
            let map: Vec<usize> = (0..m).map(|_| stream.below(m as u64) as usize).collect();
            if map.iter().enumerate().all(|(x, &r)| x == r) { continue; }
            for x in 0..m {
                let total = |map: &dyn Fn(usize) -> usize| -> f64 {
                    let outside: f64 = (0..m).map(|z| game.belief()[x][z] * matrix.entry(map(x), z)).sum();
                    let inside: f64 = (0..m).map(|z| game.belief()[x][z] * matrix.entry(map(x), map(z))).sum();
                    (peers - 1.0) / peers * outside + inside / peers
                };
                if map[x] != x {
                    prop_assert!(total(&|z| map[z]) <= total(&|z| z) + 1e-9);
                }
            }
        }
    }

    /// Theorems 6.2 and 6.3: a prior within the guaranteed distance keeps alignment, and the exact
    /// tolerance along any direction is at least that distance, and exact.
    #[test]
    fn theorem_6_3_wrong_priors(game in lossy(), margin in 0.2f64..1.0, to in distribution(6)) {
        let design = game.design(margin).expect("regular beliefs");
        let m = game.types();
        let total: f64 = to[..m].iter().sum();
        let direction: Vec<f64> = (0..m).map(|t| to[t] / total - game.prior()[t]).collect();
        let distance = 0.5 * direction.iter().map(|d| d.abs()).sum::<f64>();
        let exact = game.prior_tolerance(&design.matrix, &direction, 0.0).expect("a direction");
        let guaranteed = game.robustness(&design.matrix).expect("same shape").prior_distance_max();
        prop_assert!(exact * distance >= guaranteed * (1.0 - 1e-9) - 1e-12, "{exact} {distance} {guaranteed}");
        let at = |e: f64| {
            let prior = game.prior().iter().zip(&direction).map(|(p, d)| p + e * d).collect();
            game.with_prior(prior).expect("a distribution").audit(&design.matrix).expect("same shape").margin
        };
        if exact < 0.99 {
            prop_assert!(at(exact * 0.999) >= -1e-9 * design.matrix.bound());
            prop_assert!(at((exact * 1.01 + 1e-6).min(1.0)) < 1e-9 * design.matrix.bound());
        }
    }

    /// Theorem 6.2 and the exact tolerances: beliefs and priors within them keep alignment,
    /// whatever they are.
    #[test]
    fn theorem_6_2_wrong_beliefs(game in lossy(), margin in 0.2f64..1.0, to in distribution(6)) {
        let matrix = game.design(margin).expect("regular beliefs").matrix;
        let robustness = game.robustness(&matrix).expect("same shape");
        let m = game.types();
        let total: f64 = to[..m].iter().sum();
        let noise = 1e-9 * matrix.bound();
        let toward = |from: &[f64], most: f64| -> Vec<f64> {
            let distance: f64 =
                0.5 * (0..m).map(|z| (to[z] / total - from[z]).abs()).sum::<f64>();
            let step = (most / distance).min(1.0);
            (0..m).map(|z| from[z] + step * (to[z] / total - from[z])).collect()
        };
        let exact = game.belief_tolerance(&matrix, 0.0).expect("same shape");
        prop_assert!(exact >= robustness.belief_distance_max() * (1.0 - 1e-9));
        for x in 0..m {
            let belief = toward(&game.belief()[x], exact);
            for r in 0..m {
                let pay: f64 = belief.iter().zip(&matrix.rows()[r]).map(|(b, t)| b * t).sum();
                let slack = if r == x { pay - game.cost()[x] } else { game.cost()[x] - pay };
                prop_assert!(slack >= -noise);
            }
        }
        let exact = game.prior_distance_tolerance(&matrix, 0.0).expect("same shape");
        prop_assert!(exact >= robustness.prior_distance_max() * (1.0 - 1e-9));
        let moved = game.with_prior(toward(game.prior(), exact)).expect("a distribution");
        prop_assert!(moved.audit(&matrix).expect("same shape").margin >= -noise);
    }

    /// Lemma 14.1: q B = q. Theorem 4.3: the expected reward among three verifiers is that of two.
    #[test]
    fn theorem_4_3_averages(game in noisy(), margin in 0.0f64..1.0) {
        let m = game.types();
        for z in 0..m {
            let product: f64 = (0..m).map(|x| game.marginal()[x] * game.belief()[x][z]).sum();
            prop_assert!((product - game.marginal()[z]).abs() < 1e-14);
        }
        let Ok(design) = game.design(margin) else { return Ok(()) };
        for x in 0..m {
            for r in 0..m {
                let mut expected = 0.0;
                for (t, row) in game.observation().iter().enumerate() {
                    let posterior = game.prior()[t] * row[x] / game.marginal()[x];
                    for a in 0..m {
                        for b in 0..m {
                            let reward = design.matrix.rewards(&[r, a, b]).expect("types")[0];
                            expected += posterior * row[a] * row[b] * reward;
                        }
                    }
                }
                let pay = game.pay(&design.matrix, x, r);
                prop_assert!((expected - pay).abs() <= 1e-12 * (1.0 + design.matrix.bound()));
            }
        }
    }

    /// Theorem 1.1: binary reports, honest proofs that always pass, a positive cost and no
    /// cheating.
    #[test]
    fn theorem_1_1_dilemma(caught in 0.01f64..1.0, first in 1e-3f64..10.0, second in 1e-3f64..10.0) {
        let rows = vec![vec![1.0, 0.0], vec![1.0 - caught, caught]];
        let game = VerificationGame::new(vec![1.0, 0.0], rows, vec![first, second]).expect("valid");
        let refused = matches!(game.design(0.0), Err(VerificationError::Infeasible { .. }));
        prop_assert!(refused);
    }

    /// Probabilities down to 1e-300: an answer or a refusal, never NaN, and an answer that the
    /// audit confirms.
    #[test]
    fn tiny_probabilities(exponents in proptest::collection::vec(0.0f64..300.0, 6), margin in 0.0f64..1.0) {
        let rare = |k: usize| 10f64.powf(-exponents[k]) / 3.0;
        let row = |place: usize, a: f64, b: f64| {
            let mut row = vec![a, a, a];
            row[(place + 1) % 3] = b;
            row[place] = 1.0 - a - b;
            row
        };
        let prior = vec![1.0 - rare(0) - rare(1), rare(0), rare(1)];
        let rows = vec![row(0, rare(2), rare(3)), row(1, rare(4), rare(5)), row(2, rare(3), rare(4))];
        let game = VerificationGame::new(prior, rows, vec![1.0, 2.0, 0.5]).expect("valid");
        prop_assert!(game.belief().iter().flatten().all(|b| b.is_finite()));
        if let Ok(design) = game.design(margin) {
            let bound = design.matrix.bound();
            prop_assert!(bound.is_finite());
            let audit = game.audit(&design.matrix).expect("same shape");
            prop_assert!(audit.margin >= margin - 1e-9 * (1.0 + bound), "{audit:?}");
        }
    }

    /// Theorem 10.1 (ii): a rule that favours agreement pays a party that agrees, whatever it saw.
    #[test]
    fn theorem_10_1_agreement_pays(game in lossy(), observations in proptest::collection::vec(0usize..3, 2..6)) {
        let design = game.design(0.3).expect("regular beliefs");
        let n = observations.len() + 5;
        let Ok(party) = game.strong_collusion(&design.matrix, &observations, n) else { return Ok(()) };
        let m = game.types();
        let favours = (0..m).all(|x| (0..m).all(|y| {
            let t = |a, b| design.matrix.entry(a, b);
            x == y || t(x, x) + t(y, y) > t(x, y) + t(y, x)
        }));
        if favours {
            prop_assert!(party.gain >= -1e-9);
            prop_assert!(observations.windows(2).all(|w| w[0] == w[1]) || party.gain > 0.0);
        }
    }

    /// Scaling money scales the design.
    #[test]
    fn money_has_no_unit(game in lossy(), factor in 1e-6f64..1e6) {
        let scaled = VerificationGame::new(
            game.prior().to_vec(),
            game.observation().to_vec(),
            game.cost().iter().map(|c| c * factor).collect(),
        ).expect("valid");
        let (one, other) = (game.design(0.5).expect("feasible"), scaled.design(0.5 * factor).expect("feasible"));
        for (a, b) in one.matrix.rows().iter().flatten().zip(other.matrix.rows().iter().flatten()) {
            prop_assert!((a * factor - b).abs() <= 1e-9 * factor * one.matrix.bound());
        }
    }
}

#[test]
fn singular_beliefs_are_refused_with_the_largest_margin() {
    // Both observations say the same about the peer: only their costs differ, by 1, hence margin
    // 1/2 at most.
    let same = vec![vec![0.3, 0.7], vec![0.3, 0.7]];
    let game = VerificationGame::new(vec![0.5, 0.5], same.clone(), vec![1.0, 2.0]).expect("valid");
    let Err(VerificationError::Infeasible { largest, .. }) = game.design(0.6) else {
        panic!("infeasible")
    };
    assert_eq!(largest, LargestMargin::None, "blind reports earn what honest ones do");
    assert!(game.theoretical_bound().is_none());
    let free = VerificationGame::new(vec![0.5, 0.5], same, vec![0.0, 0.0]).expect("valid");
    let Err(error @ VerificationError::Infeasible { .. }) = free.design(0.1) else {
        panic!("infeasible")
    };
    assert!(error.to_string().contains("largest feasible margin is 0"), "{error}");
    assert!(free.design(0.0).is_ok());
    // Three types of which two cannot be told apart: pay can only equal the cost after either.
    let rows = vec![vec![0.8, 0.1, 0.1], vec![0.2, 0.4, 0.4], vec![0.2, 0.4, 0.4]];
    let game =
        VerificationGame::new(vec![0.4, 0.3, 0.3], rows, vec![1.0, 1.0, 1.0]).expect("valid");
    let Err(VerificationError::Infeasible { largest: LargestMargin::AtMost(largest), .. }) =
        game.design(0.1)
    else {
        panic!("infeasible")
    };
    agree("largest", largest, 0.0, 0.0, 1e-9);
}

#[test]
fn one_sided_prior_and_extremes() {
    // Nobody cheats and there are no flags: the Verifier's Dilemma (Theorem 1.1).
    let dilemma =
        VerificationGame::new(vec![1.0, 0.0], vec![vec![1.0, 0.0], vec![0.0, 1.0]], vec![1.0, 1.0])
            .expect("valid");
    assert!(matches!(
        dilemma.design(0.0),
        Err(VerificationError::Infeasible { largest: LargestMargin::None, .. })
    ));
    let tiny = VerificationGame::new(
        vec![1.0 - 1e-300, 1e-300],
        vec![vec![1.0, 0.0], vec![0.5, 0.5]],
        vec![1.0, 1.0],
    )
    .expect("valid");
    assert!(tiny.belief().iter().flatten().all(|b| b.is_finite()));
    let _ = tiny.design(0.1);
    let impossible =
        VerificationGame::new(vec![1.0, 0.0], vec![vec![1.0, 0.0], vec![1.0, 0.0]], vec![1.0, 1.0]);
    assert_eq!(impossible.err(), Some(VerificationError::ImpossibleObservation { observation: 1 }));
}

#[test]
fn frontier_is_ordered_and_cheapest() {
    let model = ProtocolModel { verifiers: 4, replay_cost: 1.0, opening_cost: 0.2, mistaken: 0.0 };
    let grid = DesignGrid {
        flag_rates: vec![0.2, 0.5, 0.8],
        flags: vec![1, 2],
        sampling_rates: vec![0.25, 0.5, 0.75, 1.0],
    };
    let wishes = [0.5, 0.9, 0.99];
    let frontier = model.frontier(&grid, 0.02, &wishes).expect("reachable");
    for (pair, choices) in wishes.windows(2).zip(frontier.windows(2)) {
        assert!(pair[0] < pair[1] && choices[0].total <= choices[1].total);
    }
    for (wish, choice) in wishes.iter().zip(&frontier) {
        assert!(choice.detection >= *wish && choice.margin / choice.bound >= 0.02 * (1.0 - 1e-9));
        let again = model.evaluate(choice.flag_rate, choice.flags, choice.sampling_rate, 0.02);
        assert_eq!(again.expect("valid"), Some(*choice));
    }
    assert!(matches!(
        model.frontier(&grid, 0.9, &wishes),
        Err(VerificationError::EmptyFrontier { .. })
    ));
    assert!(model.game(0.0, 1, 0.5).is_err() && model.game(0.5, 0, 0.5).is_err());
}

#[test]
fn compactness_and_margin_invert_each_other() {
    let pol = VerificationGame::proof_of_learning();
    agree("margin", pol.margin_for_compactness(0.2 / 7.4).expect("reachable"), 0.2, 1e-9, 0.0);
    agree("margin", pol.margin_for_compactness(2.0 / 41.0).expect("reachable"), 2.0, 1e-9, 0.0);
    let largest = pol.compactness_max().expect("solved");
    assert!(largest > 2.0 / 41.0);
    assert!(matches!(
        pol.margin_for_compactness(largest * 1.01),
        Err(VerificationError::Compactness { .. })
    ));
}

/// Error rates by enumeration against a simulation of the same rule.
#[test]
fn decision_error_rates() {
    let pol = VerificationGame::proof_of_learning();
    let prior = vec![0.48, 0.24, 0.24, 0.04];
    let rule = DecisionRule::new(&pol, prior.clone(), 50.0, 5.0).expect("valid");
    let verifiers: Vec<Verifier> =
        [0.95, 0.9, 0.6, 0.99].map(|h| Verifier::new(h).expect("a probability")).to_vec();
    let exact = rule.error_rates(&verifiers, 0);
    let (mut wrong, mut loss) = ([0.0; 2], 0.0);
    let mut stream = Stream::new(3, 0);
    let draws = 40_000;
    for _ in 0..draws {
        let draw = |weights: &[f64], stream: &mut Stream| {
            let mut rest = stream.uniform();
            weights
                .iter()
                .position(|w| {
                    rest -= w;
                    rest < 0.0
                })
                .unwrap_or(weights.len() - 1)
        };
        let truth = draw(&prior, &mut stream);
        let reports: Vec<(usize, Verifier)> = [0.95, 0.9, 0.6, 0.99]
            .iter()
            .zip(&verifiers)
            .map(|(&h, &v)| {
                let honest = stream.uniform() < h;
                (
                    if honest {
                        draw(&pol.observation()[truth], &mut stream)
                    } else {
                        stream.below(4) as usize
                    },
                    v,
                )
            })
            .collect();
        let accept = rule.decide(&reports).expect("possible").accept;
        if accept && truth == 3 {
            wrong[0] += 1.0;
            loss += 50.0;
        }
        if !accept && truth != 3 {
            wrong[1] += 1.0;
            loss += 5.0;
        }
    }
    let n = f64::from(draws);
    agree("accept", exact.accept_dishonest * 0.04, wrong[0] / n, 0.0, 4.0 * (0.02 / n).sqrt());
    agree("reject", exact.reject_honest * 0.96, wrong[1] / n, 0.0, 4.0 * (0.02 / n).sqrt());
    agree("loss", exact.loss, loss / n, 0.05, 0.0);
    // Many verifiers: simulated, and better.
    let many = vec![Verifier::new(0.9).expect("a probability"); 24];
    let simulated = rule.error_rates(&many, 1);
    assert!(simulated.standard_error > 0.0 && simulated.accept_dishonest < exact.accept_dishonest);
    assert!(simulated.loss < exact.loss);
    assert_eq!(simulated, rule.error_rates(&many, 1));
}

#[test]
fn sybils_earn_more_per_deposit_than_their_honesty() {
    let pol = VerificationGame::proof_of_learning();
    let matrix = pol.design(0.2).expect("feasible").matrix;
    let one = pol.sybil_return(&matrix, 1, 9).expect("valid");
    agree("one identity is honest", one.return_on_deposit, one.honest_return, 1e-12, 0.0);
    agree(
        "deposit",
        pol.sybil_return(&matrix, 3, 7).expect("valid").deposit,
        3.0 * 7.4,
        1e-12,
        0.0,
    );
    let profits: Vec<f64> =
        (1..6).map(|s| pol.sybil_return(&matrix, s, 10 - s).expect("valid").profit).collect();
    assert!(profits.windows(2).all(|w| w[1] > w[0]), "one look pays several times: {profits:?}");
    // One identity among honest ones cannot gain at all.
    agree("alone", pol.shared_observation(&matrix, 1, 10).expect("valid").gain, 0.0, 0.0, 1e-12);
}

#[test]
fn bad_input_is_refused_in_words() {
    let rows = || vec![vec![1.0, 0.0], vec![0.5, 0.5]];
    let check = |prior: Vec<f64>, rows: Vec<Vec<f64>>, cost: Vec<f64>, wanted: &str| {
        let error = VerificationGame::new(prior, rows, cost).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error:?} does not say {wanted:?}");
    };
    check(vec![], vec![], vec![], "0 types");
    check(vec![1.0], vec![vec![1.0]], vec![1.0], "1 types");
    check(vec![0.5, 0.6], rows(), vec![1.0, 1.0], "prior sums to 1.1");
    check(vec![1.5, -0.5], rows(), vec![1.0, 1.0], "prior[1] is -0.5");
    check(vec![0.5, 0.5], rows(), vec![1.0, f64::NAN], "cost[1] is NaN");
    check(vec![0.5, 0.5], rows(), vec![1.0], "cost has 1 entries");
    check(vec![0.5, 0.5], vec![vec![1.0, 0.0]], vec![1.0, 1.0], "observation has 1 entries");
    check(
        vec![0.5, 0.5],
        vec![vec![1.0, 0.0], vec![0.5, 0.4]],
        vec![1.0, 1.0],
        "observation[1] sums to 0.9",
    );
    let coin = VerificationGame::coin();
    assert!(coin.design(-0.1).is_err() && coin.design(f64::NAN).is_err());
    assert!(ScoringMatrix::new(vec![vec![1.0, f64::INFINITY], vec![0.0, 0.0]]).is_err());
    let wrong = ScoringMatrix::new(vec![vec![0.0; 3]; 3]).expect("square");
    assert!(matches!(coin.audit(&wrong), Err(VerificationError::Length { .. })));
}
