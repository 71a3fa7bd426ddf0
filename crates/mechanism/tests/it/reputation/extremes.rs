//! Reputation: conservation, uniqueness, threads, and inputs at the edge of what there is.

use super::Edge;
use crate::reference::agree;
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, Misinformation, Profile, RankSettings,
    RepeatedGame, best_response, equilibrium,
};
use proptest::prelude::*;

fn simplex(stream: &mut Stream, count: usize) -> Vec<f64> {
    let draws: Vec<f64> = (0..count).map(|_| stream.exponential()).collect();
    let total: f64 = draws.iter().sum();
    draws.iter().map(|d| d / total).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Conservation: a walk arrives somewhere at most once, restarts not counted, so rows of C sum
    /// to at most 1 - alpha; columns of omega are shares, so they sum to 1 wherever anybody
    /// arrives.
    #[test]
    fn contributions_are_conserved(
        (n, m) in (1usize..20, 1usize..9),
        edges in proptest::collection::vec((0u32..20, 0u32..29, 0.0f64..5.0), 1..80),
        alpha in 0.05f64..0.9,
    ) {
        let edges = edges.iter().map(|e| (e.0 % n as u32, e.1 % (n + m) as u32, e.2));
        let Ok(graph) = EndorsementGraph::new(n, m, edges) else { return Ok(()) };
        let settings = ContributionSettings { restart: alpha, ..ContributionSettings::default() };
        let solver = Contributions::new(&graph, settings).expect("converges");
        for (user, row) in solver.matrix().expect("converges").iter().enumerate() {
            let total: f64 = row.iter().sum();
            prop_assert!(row.iter().all(|&c| c >= 0.0) && total <= 1.0 - alpha + 1e-11, "{row:?}");
            prop_assert!(graph.is_active(user) || total == 0.0);
        }
        let reputation = graph
            .rank(&RankSettings { restart: alpha, ..RankSettings::default() })
            .expect("converges")
            .reputation;
        let omega = solver.relative(&(0..m).collect::<Vec<_>>()).expect("converges");
        for (column, rho) in omega.iter().zip(&reputation) {
            let wanted = f64::from(u8::from(*rho > 0.0));
            prop_assert!((column.iter().sum::<f64>() - wanted).abs() < 1e-12, "{column:?} {rho}");
        }
    }

    /// Lemma 2, the other way round: away from N(R) somebody gains by moving.
    #[test]
    fn no_other_profile_is_an_equilibrium(
        trust in proptest::collection::vec(0.05f64..1.0, 2..8),
        n in 2usize..12,
        lean in 0.02f64..1.0,
        seed: u64,
    ) {
        let mut stream = Stream::new(seed, 0);
        let truth = equilibrium(&trust).expect("valid");
        let rows: Vec<Vec<f64>> = (0..n)
            .map(|_| {
                let other = simplex(&mut stream, trust.len());
                truth.iter().zip(other).map(|(t, o)| (1.0 - lean) * t + lean * o).collect()
            })
            .collect();
        let distance = rows.iter().flatten().zip(truth.iter().cycle())
            .map(|(x, t)| (x - t).abs()).fold(0.0, f64::max);
        let profile = Profile::new(rows).expect("strategies");
        let regret = profile.regret(&trust).expect("valid");
        prop_assert!(regret.largest > 1e-3 * distance * distance / n as f64, "{regret:?} {distance}");
        // What users earn together is all that there is: the game has a constant sum.
        let paid: f64 = profile.payoffs(&trust).expect("valid").iter().sum();
        prop_assert!((paid - trust.iter().sum::<f64>()).abs() < 1e-11);
        // N(R) earns its even part whatever the others do.
        let mut rows = profile.rows().to_vec();
        rows[0].clone_from(&truth);
        let sure = Profile::new(rows).and_then(|p| p.payoffs(&trust)).expect("valid")[0];
        prop_assert!(sure >= trust.iter().sum::<f64>() / n as f64 - 1e-12);
    }
}

/// Everything that runs in parallel, with one thread and with five.
#[test]
fn games_have_the_same_bits_for_any_number_of_threads() {
    let trust: Vec<f64> = (0..12).map(|j| 0.3 + 0.05 * f64::from(j)).collect();
    let graph = Misinformation::Random.graph(&trust, 300, 60, 0.4, 3).expect("valid");
    let mut stream = Stream::new(9, 0);
    let rows = (0..300).map(|_| simplex(&mut stream, trust.len())).collect();
    let profile = Profile::new(rows).expect("strategies");
    let game =
        RepeatedGame { users: 600, observed: 0.4, discount: 0.9, drift: 0.02, prior: 1.0, seed: 4 };
    let users: Vec<usize> = (0..300).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            (
                graph.deviations(&users, &trust, &RankSettings::default()).expect("valid"),
                profile.regret(&trust).expect("valid"),
                game.play(&trust, 30).expect("valid"),
            )
        })
    };
    assert!(with(1) == with(5), "the bits differ");
}

/// A million nodes with a closed form: users endorse servers only, and halves know nothing of each
/// other.
#[test]
fn a_million_nodes_in_two_halves() {
    let (users, servers) = (700_000u32, 300_000u32);
    let half = servers / 2;
    // Even users endorse the first half of the servers, odd ones the second.
    let edges =
        (0..users).map(|u| (u, users + (u % 2) * half + (u / 2) % half, 1.0 + f64::from(u % 3)));
    let graph =
        EndorsementGraph::new(users as usize, servers as usize, edges.clone()).expect("valid");
    let ranking = graph.rank(&RankSettings::default()).expect("converges");
    let mut endorsers = vec![0u32; servers as usize];
    edges.for_each(|e| endorsers[(e.1 - users) as usize] += 1);
    for (rho, count) in ranking.reputation.iter().zip(&endorsers) {
        agree("reputation", *rho, f64::from(*count) / f64::from(users), 1e-10, 0.0);
    }
    assert!(ranking.residual <= 1e-12);
    let solver = Contributions::new(&graph, ContributionSettings::default()).expect("converges");
    let paid: f64 = solver.payoffs(&vec![0.5; servers as usize]).expect("converges").iter().sum();
    agree("paid", paid, 0.5 * f64::from(servers), 1e-10, 0.0);
}

#[test]
fn one_user() {
    // All of everything is its own, whatever it endorses.
    for m in [1usize, 2, 1000] {
        let edges: Vec<Edge> = (0..m).map(|j| (0, 1 + j as u32, 1.0 + j as f64)).collect();
        let graph = EndorsementGraph::new(1, m, edges.iter().copied()).expect("valid");
        let solver = Contributions::new(&graph, ContributionSettings::default()).expect("valid");
        for column in solver.relative(&(0..m).collect::<Vec<_>>()).expect("converges") {
            assert_eq!(column, [1.0]);
        }
        let total: f64 = edges.iter().map(|e| e.2).sum();
        let reputation = graph.rank(&RankSettings::default()).expect("converges").reputation;
        agree("last", reputation[m - 1], m as f64 / total, 1e-13, 0.0);
        let deviation = graph.deviations(&[0], &vec![0.7; m], &RankSettings::default());
        assert!(deviation.expect("valid")[0].gain < 1e-9 * m as f64);
    }
    // It endorses itself and one server: the walk comes back, and still arrives there only.
    let own = EndorsementGraph::new(1, 2, [(0, 0, 3.0), (0, 2, 1.0)].into_iter()).expect("valid");
    assert_eq!(own.rank(&RankSettings::default()).expect("converges").reputation, [0.0, 1.0]);
    assert!(Misinformation::Collusive.compare(&[0.4, 0.9], 1, 1, 0.3, 1).is_ok());
}

#[test]
fn numbers_at_the_edge_of_a_double() {
    for (others, trust) in [
        (vec![1e-300, 1.0], vec![1e-300, 1.0]),
        (vec![1e300, 1e-300, 0.0], vec![1.0, 1e-300, 0.5]),
        (vec![f64::MIN_POSITIVE; 3], vec![f64::MIN_POSITIVE; 3]),
    ] {
        let best = best_response(&others, &trust).expect("valid");
        let total: f64 = best.strategy.iter().sum();
        assert!((total - 1.0).abs() < 1e-9 && best.payoff.is_finite(), "{best:?}");
        assert!(best.strategy.iter().all(|x| (0.0..=1.0).contains(x)), "{best:?}");
    }
    let tiny = equilibrium(&[1e-300, 3e-300]).expect("valid");
    agree("tiny", tiny[0], 0.25, 1e-14, 0.0);
    let graph = EndorsementGraph::new(2, 2, [(0, 2, 1e-300), (1, 3, 1e300)].into_iter());
    let ranking = graph.expect("valid").rank(&RankSettings::default()).expect("converges");
    agree("wide", ranking.reputation[0], 0.5, 1e-14, 0.0);
    for weight in [5e-324, 1e-301, 1.1e300, f64::MAX] {
        let error = EndorsementGraph::new(1, 1, [(0, 1, weight)].into_iter()).expect_err("refused");
        assert!(error.to_string().contains("must be 0, or from 1e-300 to 1e300"), "{error}");
    }
}

/// Each weight is exact in single precision, their sum is not.
#[test]
fn parallel_edges_add_up_exactly() {
    let edges = [(0, 1, 16_777_216.0), (0, 1, 1.0), (0, 2, 16_777_216.0)];
    let graph = EndorsementGraph::new(1, 2, edges.into_iter()).expect("valid");
    let reputation = graph.rank(&RankSettings::default()).expect("converges").reputation;
    agree("sum", reputation[0], 16_777_217.0 / 33_554_433.0, 1e-14, 0.0);
}
