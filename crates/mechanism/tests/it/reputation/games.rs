//! The reputation game: best responses, equilibria, noise, misinformation and rounds.

use super::{Edge, endorsements, graph};
use crate::reference::agree;
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    EndorsementGraph, Misinformation, Profile, RankSettings, RepeatedGame, best_response,
    distortion, equilibrium, noisy_decoding_bound, noisy_regret, noisy_regret_bound,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Best responses beat random strategies and satisfy the first-order conditions.
    #[test]
    fn best_responses_are_best(others in proptest::collection::vec(0.01f64..5.0, 2..12), seed: u64) {
        let mut stream = Stream::new(seed, 0);
        let trust: Vec<f64> = others.iter().map(|_| stream.uniform()).collect();
        let best = best_response(&others, &trust).expect("valid");
        prop_assert!((best.strategy.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        prop_assert!(best.strategy.iter().all(|&x| x >= 0.0));
        let pay = |x: &[f64]| -> f64 { (0..x.len()).map(|j| trust[j] * x[j] / (x[j] + others[j])).sum() };
        prop_assert!((pay(&best.strategy) - best.payoff).abs() < 1e-12);
        for _ in 0..100 {
            let draws: Vec<f64> = trust.iter().map(|_| stream.exponential()).collect();
            let total: f64 = draws.iter().sum();
            let random: Vec<f64> = draws.iter().map(|d| d / total).collect();
            let near: Vec<f64> = best.strategy.iter().zip(&random).map(|(b, r)| 0.99 * b + 0.01 * r).collect();
            prop_assert!(pay(&random) <= best.payoff + 1e-12 && pay(&near) <= best.payoff + 1e-12);
        }
    }

    /// Lemma 2: best-response dynamics from anywhere reach N(R), which has no regret. Theorem 5.1:
    /// D_PR decodes it.
    #[test]
    fn lemma_2_unique_equilibrium(trust in proptest::collection::vec(0.05f64..1.0, 2..6), n in 2usize..7, seed: u64) {
        let mut stream = Stream::new(seed, 0);
        let rows = (0..n).map(|_| {
            let draws: Vec<f64> = trust.iter().map(|_| stream.exponential()).collect();
            let total: f64 = draws.iter().sum();
            draws.iter().map(|d| d / total).collect()
        }).collect();
        let start = Profile::new(rows).expect("strategies");
        let end = start.best_response_dynamics(&trust, 1e-11, 5000).expect("valid");
        let truth = equilibrium(&trust).expect("valid");
        for row in end.profile.rows() {
            for (x, wanted) in row.iter().zip(&truth) {
                prop_assert!((x - wanted).abs() < 1e-6, "{x} {wanted} after {} rounds", end.rounds);
            }
        }
        let profile = Profile::symmetric(n, &truth).expect("strategies");
        prop_assert!(profile.regret(&trust).expect("valid").largest < 1e-12);
        // The decoder of the profile is Designated PageRank of the graph.
        let edges: Vec<Edge> = (0..n).flat_map(|i| truth.iter().enumerate()
            .map(move |(j, &w)| (i as u32, (n + j) as u32, w))).collect();
        let reputation = graph(n, trust.len(), &edges).rank(&RankSettings::default()).expect("converges").reputation;
        for (j, wanted) in truth.iter().enumerate() {
            prop_assert!((reputation[j] - wanted).abs() < 1e-12);
            prop_assert!((profile.decoded()[j] - wanted).abs() < 1e-12);
        }
    }

    /// What a common error of belief costs: the closed form is never exceeded, and met wherever the
    /// best response leaves out no server.
    #[test]
    fn regret_of_noisy_beliefs(
        pairs in proptest::collection::vec((0.0f64..1.0, prop_oneof![1 => Just(0.0), 4 => 0.0f64..1.0]), 2..9),
        near: bool,
        n in 1usize..40,
    ) {
        let trust: Vec<f64> = pairs.iter().map(|p| 0.01 + 0.99 * p.0).collect();
        let belief: Vec<f64> = trust.iter().zip(&pairs)
            .map(|(r, p)| if near { r * (1.0 - 0.01 * p.1 / n as f64) } else { p.1 }).collect();
        let Ok(played) = equilibrium(&belief) else { return Ok(()) };
        let others: Vec<f64> = played.iter().map(|x| (n - 1) as f64 * x).collect();
        let best = best_response(&others, &trust).expect("valid");
        let regret = Profile::symmetric(n, &played).expect("strategies").regret(&trust).expect("valid").largest;
        let bound = noisy_regret(n, &trust, &belief).expect("valid");
        prop_assert!(regret <= bound + 1e-9, "{regret} {bound}");
        if n > 1 && best.strategy.iter().zip(&others).all(|(x, _)| *x > 0.0) {
            prop_assert!((regret - bound).abs() < 1e-9, "{regret} {bound}");
        }
        prop_assert!(!near || n == 1 || best.strategy.iter().all(|&x| x > 0.0));
    }

    /// Section 6: informed users gain nothing by leaving N(R) whatever fresh users do, and the
    /// decoding holds.
    #[test]
    fn section_6_hierarchy(trust in proptest::collection::vec(0.05f64..1.0, 2..6), informed in 2usize..6,
                           fresh in 1usize..6, seed: u64) {
        let mut stream = Stream::new(seed, 0);
        let (n, truth) = (informed + fresh, equilibrium(&trust).expect("valid"));
        let mut edges: Vec<Edge> = (0..informed).flat_map(|i| truth.iter().enumerate()
            .map(move |(j, &w)| (i as u32, (n + j) as u32, w))).collect();
        for u in informed..n {
            for _ in 0..3 {
                edges.push((u as u32, stream.below(informed as u64) as u32, 0.1 + stream.uniform()));
            }
        }
        let graph = graph(n, trust.len(), &edges);
        let reputation = graph.rank(&RankSettings::default()).expect("converges").reputation;
        for (found, wanted) in reputation.iter().zip(&truth) {
            prop_assert!((found - wanted).abs() < 1e-11);
        }
        let users: Vec<usize> = (0..informed).collect();
        for deviation in graph.deviations(&users, &trust, &RankSettings::default()).expect("converges") {
            prop_assert!(deviation.gain < 1e-9, "{deviation:?}");
        }
    }

    /// A deviation's promise is kept: playing the best response earns what it says, and no random
    /// row earns more.
    #[test]
    fn deviations_are_exact((n, m, edges) in endorsements(), seed: u64) {
        let Ok(before) = EndorsementGraph::new(n, m, edges.iter().copied()) else { return Ok(()) };
        let mut stream = Stream::new(seed, 0);
        let trust: Vec<f64> = (0..m).map(|_| stream.uniform()).collect();
        let user = stream.below(n as u64) as usize;
        if !before.is_active(user) {
            prop_assert!(before.deviations(&[user], &trust, &RankSettings::default()).is_err());
            return Ok(());
        }
        let found = &before.deviations(&[user], &trust, &RankSettings::default()).expect("converges")[0];
        // Other users must stay as active as they were.
        let same = |row: &[Edge]| {
            let mut changed: Vec<Edge> = edges.iter().copied().filter(|e| e.0 as usize != user).collect();
            changed.extend_from_slice(row);
            let graph = EndorsementGraph::new(n, m, changed.into_iter()).ok()?;
            (0..n).all(|u| u == user || graph.is_active(u) == before.is_active(u)).then_some(graph)
        };
        let best: Vec<Edge> = found.strategy.iter().enumerate().map(|(j, &x)| (user as u32, (n + j) as u32, x)).collect();
        let Some(after) = same(&best) else { return Ok(()) };
        let earned = after.payoffs(0.15, &trust).expect("converges")[user];
        prop_assert!((earned - found.best_payoff).abs() < 1e-6, "{earned} {found:?}");
        for _ in 0..10 {
            let row: Vec<Edge> = (0..4).map(|_| (user as u32, stream.below((n + m) as u64) as u32, stream.exponential())).collect();
            let Some(other) = same(&row) else { continue };
            let earned = other.payoffs(0.15, &trust).expect("converges")[user];
            prop_assert!(earned <= found.best_payoff + 1e-9, "{earned} {found:?} {row:?}");
        }
    }
}

/// Lemma 3 and Theorem 7.1 over noisy beliefs.
#[test]
fn noisy_beliefs() {
    let mut stream = Stream::new(21, 0);
    for _ in 0..20 {
        let (n, m) = (20 + stream.below(100) as usize, 3 + stream.below(10) as usize);
        let noise = 1.0 / n as f64;
        let trust: Vec<f64> = (0..m).map(|_| 0.2 + 0.7 * stream.uniform()).collect();
        let belief: Vec<f64> =
            trust.iter().map(|r| r + noise * (2.0 * stream.uniform() - 1.0)).collect();
        let played = equilibrium(&belief).expect("valid");
        let profile = Profile::symmetric(n, &played).expect("strategies");
        let regret = profile.regret(&trust).expect("valid").largest;
        assert!(regret <= noisy_regret_bound(n, m, noise).expect("valid"), "{regret}");
        let found = distortion(&profile.decoded(), &trust).expect("valid");
        // Theorem 7.1 approximates |R'|_1 by |R|_1: exactly, a second term of the same order joins.
        let off: f64 = trust.iter().zip(&belief).map(|(r, b)| b - r).sum();
        let bound = noisy_decoding_bound(&trust, noise, off.abs()).expect("valid");
        assert!(found.error_max <= bound, "{} {bound}", found.error_max);
    }
}

#[test]
fn misinformation_hurts_and_more_of_it_hurts_more() {
    let trust: Vec<f64> = (0..12).map(|j| 0.3 + 0.05 * f64::from(j)).collect();
    for kind in Misinformation::ALL {
        let errors: Vec<f64> = [0, 40, 120]
            .into_iter()
            .map(|f| kind.compare(&trust, 200, f, 0.3, 5).expect("valid").0.error_max)
            .collect();
        assert!(
            errors[0] < 1e-10 && errors[1] > 1e-4 && errors[2] > errors[1],
            "{kind:?}: {errors:?}"
        );
    }
}

#[test]
fn repeated_games_follow_and_forget() {
    let base =
        RepeatedGame { users: 50, observed: 0.3, discount: 1.0, drift: 0.0, prior: 1.0, seed: 8 };
    let still = base.play(&[0.9, 0.6, 0.3], 1000).expect("valid");
    assert!(still[999].distortion.error_max < 0.02 && still[999].distortion.inversions == 0.0);
    // Under drift, forgetting helps.
    let tail = |discount: f64| {
        let game = RepeatedGame { discount, drift: 0.03, ..base };
        let rounds = game.play(&[0.9, 0.6, 0.3], 1500).expect("valid");
        rounds[500..].iter().map(|r| r.distortion.error_max).sum::<f64>() / 1000.0
    };
    assert!(tail(0.95) < tail(1.0));
    assert_eq!(
        base.play(&[0.5, 0.4], 30).expect("valid"),
        base.play(&[0.5, 0.4], 30).expect("valid")
    );
    assert!(base.play(&[1.5], 10).is_err());
    for (game, wanted) in [
        (RepeatedGame { drift: -0.1, ..base }, "drift is -0.1"),
        (RepeatedGame { prior: 0.0, ..base }, "prior is 0"),
        (RepeatedGame { discount: 1.5, ..base }, "discount is 1.5"),
        (RepeatedGame { users: 0, ..base }, "0 users"),
    ] {
        let error = game.play(&[0.5], 1).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error:?} does not say {wanted:?}");
    }
}

#[test]
fn unclaimed_servers_are_taken() {
    let best = best_response(&[1.0, 0.0], &[0.5, 0.9]).expect("valid");
    assert!(best.strategy[1] > 0.0 && best.strategy[1] < 1e-8);
    agree("payoff", best.payoff, 0.25 + 0.9, 1e-8, 0.0);
    let alone = Profile::new(vec![vec![0.5, 0.5]]).expect("a strategy");
    assert!(alone.regret(&[0.2, 0.7]).expect("valid").largest < 1e-15);
}
