use crate::reference::{agree, cases, number, numbers};
use muster_mechanism::presence::{
    Beliefs, Game, JointBeliefs, Outcome, Payoffs, PresenceError, RaceSettings, Rate, RateBelief,
    RateEstimate, Seconds, UnequalGame, gamma_lower_regularised,
};
use proptest::prelude::*;

fn seconds(t: f64) -> Seconds {
    Seconds::new(t).expect("positive")
}

#[test]
fn reference_cases() {
    for (name, case) in cases("presence-") {
        let (given, expected) = (&case["given"], &case["expected"]);
        let game = Game::new(
            Beliefs::new(numbers(&given["players"]), numbers(&given["malicious"])).expect("valid"),
            Payoffs::new(numbers(&given["payoff"]), number(&given["null_payoff"])).expect("valid"),
            Rate::per_second(number(&given["rate"])).expect("valid"),
        )
        .expect("valid");
        let check = |what: &str, found: f64| {
            agree(&format!("{name} {what}"), found, number(&expected[what]), 1e-9, 1e-12)
        };
        check("payoff_at_zero", game.payoff_at_zero());
        check("payoff_at_infinity", game.payoff_at_infinity());
        for point in expected["curve"].as_array().expect("a curve") {
            agree(&name, game.payoff_at(seconds(number(&point[0]))), number(&point[1]), 1e-12, 0.0);
        }
        match (game.solve(), expected["outcome"].as_str().expect("text")) {
            (Outcome::Impossible, "impossible") | (Outcome::Unneeded { .. }, "unneeded") => {}
            (Outcome::Deadline { maximum, best, solved_probability_at_max }, "deadline") => {
                check("deadline_max", maximum.get());
                check("deadline_best", best.get());
                check("solved_probability_at_max", solved_probability_at_max);
            }
            (found, wanted) => panic!("{name}: {found:?} instead of {wanted}"),
        }
    }
}

/// A strictly log-concave belief from decreasing log ratios.
fn log_concave() -> impl Strategy<Value = Vec<f64>> {
    (proptest::collection::vec(0.01f64..1.0, 0..20), -3.0f64..6.0).prop_map(|(falls, start)| {
        let (mut logs, mut ratio) = (vec![0.0], start);
        for fall in falls {
            logs.push(logs[logs.len() - 1] + ratio);
            ratio -= fall;
        }
        let total: f64 = logs.iter().map(|l: &f64| l.exp()).sum();
        logs.iter().map(|l| l.exp() / total).collect()
    })
}

prop_compose! {
    /// A game with W* = E_inf + share (E_0 - E_inf).
    fn game()(players in proptest::collection::vec(0.001f64..1.0, 2..20), malicious in log_concave(),
              rises in proptest::collection::vec(0.01f64..3.0, 20), start in -5.0f64..5.0,
              rate in 1e-6f64..1e3, share in 0.02f64..0.98) -> Option<Game> {
        let total: f64 = players.iter().sum();
        let players: Vec<f64> = players.iter().map(|p| p / total).collect();
        let mut payoff = vec![start];
        for i in 1..players.len() {
            payoff.push(payoff[i - 1] + rises[i]);
        }
        let beliefs = Beliefs::new(players, malicious).expect("log-concave by construction");
        let rate = Rate::per_second(rate).expect("positive");
        let probe = Game::new(beliefs.clone(), Payoffs::new(payoff.clone(), start + 1e-9).ok()?, rate).ok()?;
        let (zero, infinity) = (probe.payoff_at_zero(), probe.payoff_at_infinity());
        Game::new(beliefs, Payoffs::new(payoff, infinity + share * (zero - infinity)).ok()?, rate).ok()
    }
}

/// `E_T W` from the definition, without any of the identities that the library uses.
fn by_definition(game: &Game, deadline: f64, rate: f64) -> (f64, f64) {
    let r = game.headcount();
    let (mut above, mut below) = (0.0, 0.0);
    for k in 1..=r.len() {
        let solved =
            r[k - 1] * gamma_lower_regularised(game.solutions(), rate * k as f64 * deadline);
        above += solved * game.payoff_given_headcount(k).expect("possible");
        below += solved;
    }
    (above / below, below)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Lemma 1: gamma_k has increasing monotone likelihood ratios in k, hence V rises.
    #[test]
    fn lemma_1_monotone_likelihood_ratio(game in game()) {
        let Some(game) = game else { return Ok(()) };
        let largest = game.beliefs().players_max() + game.beliefs().malicious_max();
        for k in 1..largest {
            let (low, high) = (game.players_given_headcount(k), game.players_given_headcount(k + 1));
            let at = |gamma: &[(usize, f64)], i: usize| gamma.iter().find(|g| g.0 == i).map_or(0.0, |g| g.1);
            for i in 1..game.beliefs().players_max() {
                prop_assert!(at(&high, i) * at(&low, i + 1) <= at(&low, i) * at(&high, i + 1) * (1.0 + 1e-9) + 1e-300);
            }
            prop_assert!(game.payoff_given_headcount(k + 1) > game.payoff_given_headcount(k));
        }
    }

    /// Proposition 1 for any number of solutions, and the closed form against the definition.
    #[test]
    fn proposition_1_payoff_falls_in_the_deadline(game in game(), solutions in 1u32..6) {
        let Some(game) = game else { return Ok(()) };
        let game = game.with_solutions(solutions).expect("in range");
        let rate = game.rate_for_best(game.deadline_best().expect("W* < E_0")).expect("positive").get();
        let mut before = game.payoff_at_zero();
        for x in [1e-6, 1e-4, 0.01, 0.1, 0.3, 1.0, 2.0, 5.0, 20.0] {
            let deadline = x / rate;
            let here = game.payoff_at(seconds(deadline));
            prop_assert!(here <= before + 1e-12 * before.abs().max(1.0));
            let (payoff, solved) = by_definition(&game, deadline, rate);
            prop_assert!((here - payoff).abs() <= 1e-11 * payoff.abs().max(1.0), "{here} {payoff}");
            let closed = game.solved_probability(seconds(deadline));
            prop_assert!((closed - solved).abs() <= 1e-11 * solved, "{closed} {solved}");
            before = here;
        }
        prop_assert!(game.payoff_at_infinity() <= before + 1e-12 * before.abs().max(1.0));
    }

    /// Proposition 2: the root is one, separates worthwhile from not, and welfare peaks before it.
    #[test]
    fn proposition_2_deadlines(game in game(), solutions in 1u32..4) {
        let Some(game) = game else { return Ok(()) };
        let game = game.with_solutions(solutions).expect("in range");
        let Outcome::Deadline { maximum, best, .. } = game.solve() else { return Ok(()) };
        let null = game.payoffs().null();
        let scale = game.payoff_at_zero() - game.payoff_at_infinity();
        prop_assert!((game.payoff_at(maximum) - null).abs() <= 1e-9 * scale.max(null.abs()));
        prop_assert!(game.payoff_at(seconds(0.9 * maximum.get())) > null);
        prop_assert!(game.payoff_at(seconds(1.1 * maximum.get())) < null);
        prop_assert!(best < maximum);
        let peak = game.welfare(best);
        prop_assert!((game.welfare(maximum) - null).abs() <= 1e-9 * scale.max(null.abs()));
        for factor in [0.25, 0.7, 0.97, 1.03, 1.5, 4.0] {
            prop_assert!(game.welfare(seconds(factor * best.get())) <= peak + 1e-14 * peak.abs());
        }
    }

    /// One solution is the special case of s solutions: the fast path equals the general one.
    #[test]
    fn independent_beliefs_are_a_joint_belief(game in game()) {
        let Some(game) = game else { return Ok(()) };
        let rows = game.beliefs().players().iter()
            .map(|p| game.beliefs().malicious().iter().map(|q| p * q).collect()).collect();
        let rate = Rate::per_second(0.3).expect("positive");
        let joint = JointBeliefs::new(rows).expect("a distribution").game(game.payoffs().clone(), rate);
        let joint = joint.expect("Lemma 1 gives dominance");
        let same = Game::new(game.beliefs().clone(), game.payoffs().clone(), rate).expect("valid");
        for t in [1e-5, 0.1, 1.0, 10.0] {
            let (a, b) = (joint.payoff_at(seconds(t)), same.payoff_at(seconds(t)));
            prop_assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0));
        }
        if let (Some(a), Some(b)) = (joint.deadline_best(), same.deadline_best()) {
            prop_assert!((a.get() / b.get() - 1.0).abs() < 1e-8);
        }
    }

    /// With one common rate the unequal game is the paper's, in value, crossing and best deadline.
    #[test]
    fn equal_rates_are_the_paper(game in game(), rate in 0.001f64..10.0) {
        let Some(game) = game else { return Ok(()) };
        let equal = Game::new(game.beliefs().clone(), game.payoffs().clone(), Rate::per_second(rate).expect("positive"))
            .expect("valid");
        let belief = RateBelief::new(vec![rate, rate], vec![0.4, 0.6]).expect("valid");
        let unequal = UnequalGame::new(game.beliefs().clone(), game.payoffs().clone(), rate, belief.clone(), belief)
            .expect("valid");
        for t in [1e-3, 0.3, 3.0] {
            let (a, b) = (unequal.payoff_at(seconds(t)), equal.payoff_at(seconds(t)));
            prop_assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0));
        }
        let Outcome::Deadline { maximum, best, .. } = equal.solve() else { return Ok(()) };
        let crossings = unequal.crossings();
        prop_assert_eq!(crossings.len(), 1);
        prop_assert!(crossings[0].falling && (crossings[0].deadline.get() / maximum.get() - 1.0).abs() < 1e-7);
        let unequal_best = unequal.deadline_best().expect("one peak");
        prop_assert!((unequal_best.get() / best.get() - 1.0).abs() < 1e-7);
    }
}

fn sample(solutions: u32) -> Game {
    Game::new(
        Beliefs::new(vec![0.3, 0.2, 0.1, 0.4], vec![0.5, 0.3, 0.15, 0.05]).expect("valid"),
        Payoffs::new(vec![0.0, 0.5, 2.0, 3.0], 1.6).expect("valid"),
        Rate::per_second(0.2).expect("valid"),
    )
    .and_then(|game| game.with_solutions(solutions))
    .expect("valid")
}

#[test]
fn the_race_agrees_with_the_closed_form() {
    for solutions in [1, 3] {
        let game = sample(solutions);
        let settings = RaceSettings {
            draws: 200_000,
            seed: 11,
            deadline: seconds(2.0 * f64::from(solutions)),
        };
        let race = game.simulate(settings).expect("valid");
        let deadline = settings.deadline;
        assert!(
            (race.payoff - game.payoff_at(deadline)).abs() < 4.0 * race.payoff_error,
            "{race:?}"
        );
        assert!(
            (race.solved - game.solved_probability(deadline)).abs() < 4.0 * race.solved_error,
            "{race:?}"
        );
    }
    let rates = RateBelief::new(vec![0.05, 1.0], vec![0.7, 0.3]).expect("valid");
    let base = sample(1);
    let unequal =
        UnequalGame::new(base.beliefs().clone(), base.payoffs().clone(), 0.1, rates.clone(), rates)
            .expect("valid");
    let deadline = seconds(1.5);
    let race =
        unequal.simulate(RaceSettings { draws: 200_000, seed: 12, deadline }).expect("valid");
    assert!((race.payoff - unequal.payoff_at(deadline)).abs() < 4.0 * race.payoff_error);
    assert!((race.solved - unequal.solved_probability(deadline)).abs() < 4.0 * race.solved_error);
    let best = unequal.deadline_best().expect("a peak");
    for factor in [0.5, 0.95, 1.05, 2.0] {
        assert!(unequal.welfare(seconds(factor * best.get())) <= unequal.welfare(best));
    }
}

#[test]
fn the_race_does_not_depend_on_threads() {
    let settings = RaceSettings { draws: 50_000, seed: 5, deadline: seconds(2.0) };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| sample(1).simulate(settings).expect("valid"))
    };
    assert_eq!(with(1), with(7));
}

#[test]
fn prize_by_direct_sum() {
    let game = sample(1);
    for t in [0.01, 1.0, 40.0] {
        let direct: f64 = (1..)
            .zip(game.headcount())
            .map(|(k, r)| r * -f64::exp_m1(-0.2 * f64::from(k) * t) / f64::from(k))
            .sum();
        agree("first", game.first_probability(Some(seconds(t))), direct, 1e-13, 0.0);
    }
    let forever: f64 = (1..).zip(game.headcount()).map(|(k, r)| r / f64::from(k)).sum();
    agree("first", game.first_probability(None), forever, 1e-13, 0.0);
    agree("prize", game.prize(2.0, None).expect("finite"), 2.0 / forever, 1e-13, 0.0);
}

/// m + n = 1e6 with Gaussian tails far below f64's range, given as logarithms.
#[test]
fn a_million_machines() {
    let bell = |size: usize, first: usize, mean: f64, deviation: f64| -> Vec<f64> {
        let logs: Vec<f64> =
            (first..first + size).map(|i| -0.5 * ((i as f64 - mean) / deviation).powi(2)).collect();
        let total: f64 = logs.iter().map(|l| l.exp()).sum();
        logs.iter().map(|l| l - total.ln()).collect()
    };
    let (m, n) = (500_000, 500_000);
    let beliefs = Beliefs::from_logarithms(bell(m, 1, 2e5, 3e4), bell(n + 1, 0, 3e5, 1e4))
        .expect("log-concave");
    let payoff: Vec<f64> = (1..=m).map(|i| i as f64).collect();
    let game = Game::new(
        beliefs,
        Payoffs::new(payoff, 200_500.0).expect("valid"),
        Rate::per_second(1e-6).expect("valid"),
    )
    .expect("valid");
    let Outcome::Deadline { maximum, best, solved_probability_at_max } = game.solve() else {
        panic!("W* lies between");
    };
    assert!(best < maximum && solved_probability_at_max > 0.0 && solved_probability_at_max < 1.0);
    // Both beliefs are normal up to tails of e^-20, and so is V: for normal k, E_0 W = E[W] +
    // Var(i)/E[k].
    agree("zero", game.payoff_at_zero(), 2e5 + 9e8 / 5e5, 1e-9, 0.0);
    let near_zero = game.payoff_at(seconds(1e-9));
    agree("near zero", near_zero, game.payoff_at_zero(), 1e-9, 0.0);
    assert!(
        game.payoff_at(seconds(1e-300)).is_finite() && game.payoff_at(seconds(1e300)).is_finite()
    );
}

/// A present player is almost surely not alone: T° is decided by p_1 = 1e-300.
#[test]
fn tiny_probabilities() {
    let game = Game::new(
        Beliefs::new(vec![1e-300, 1.0 - 1e-300], vec![1.0]).expect("valid"),
        Payoffs::new(vec![0.0, 1.0], 0.5).expect("valid"),
        Rate::per_second(1.0).expect("valid"),
    )
    .expect("valid");
    let Outcome::Unneeded { best } = game.solve() else { panic!("E_inf = 1 - 1e-300 > W*") };
    // 1e-300 e^-T (0 - W*) + 2 e^-2T (1 - W*) = 0, so e^T = 2e300.
    agree("best", best.get(), std::f64::consts::LN_2 + 300.0 * std::f64::consts::LN_10, 1e-13, 0.0);
}

#[test]
fn one_player_and_nobody_malicious() {
    let game = Game::new(
        Beliefs::new(vec![1.0], vec![1.0]).expect("valid"),
        Payoffs::new(vec![1.0], 2.0).expect("valid"),
        Rate::per_second(1.0).expect("valid"),
    )
    .expect("valid");
    assert_eq!(game.solve(), Outcome::Impossible);
    assert_eq!(game.payoff_at(seconds(3.0)), 1.0);
}

#[test]
fn gamma_against_the_poisson_sum() {
    for s in 1..=32u32 {
        for x in [1e-3, 0.5, 3.0, 20.0, 33.0, 60.0, 700.0, 5000.0] {
            // The upper sum has only positive terms: exact where the lower one would cancel.
            let mut term = (0..s).fold(f64::exp(-x), |t, l| t * x / f64::from(l + 1));
            let mut upper = term;
            for l in s..s + 12_000 {
                term *= x / f64::from(l + 1);
                upper += term;
            }
            if x < 600.0 {
                agree(&format!("P({s}, {x})"), gamma_lower_regularised(s, x), upper, 1e-12, 0.0);
            } else {
                agree(&format!("P({s}, {x})"), gamma_lower_regularised(s, x), 1.0, 1e-15, 0.0);
            }
        }
    }
}

#[test]
fn calibration() {
    let none = RateEstimate::from_count(0, 10.0, 0.95).expect("valid");
    agree("rule of three", none.high, -(0.025f64).ln() / 10.0, 1e-9, 0.0);
    let many = RateEstimate::from_count(1_000_000, 10.0, 0.95).expect("valid");
    agree("half width", (many.high - many.low) / 2.0, 1.959964 * 1000.0 / 10.0, 1e-3, 0.0);
    agree("difficulty", many.difficulty(Rate::per_second(0.5).expect("valid")), 2e5, 1e-12, 0.0);
    assert!(RateEstimate::from_count(5, 0.0, 0.95).is_err());
    assert!(RateEstimate::from_count(5, 1.0, 1.0).is_err());
}

#[test]
fn bad_input_is_refused_in_words() {
    let check = |players: &[f64], malicious: &[f64], wanted: &str| {
        let error =
            Beliefs::new(players.to_vec(), malicious.to_vec()).expect_err(wanted).to_string();
        assert!(error.contains(wanted), "{error:?} does not say {wanted:?}");
    };
    check(&[], &[1.0], "players is empty");
    check(&[1.0], &[], "malicious is empty");
    check(&[0.5, 0.6], &[1.0], "players sums to 1.1");
    check(&[0.5, 0.5], &[0.5, f64::NAN], "malicious[1] is NaN");
    check(&[1.5, -0.5], &[1.0], "players[2] is -0.5");
    check(&[1.0], &[1.0, 0.0], "malicious[1] is 0");
    check(&[1.0], &[0.4, 0.2, 0.4], "not log-concave at index 1");
    assert!(Beliefs::new(vec![1.0], vec![0.5 - 1e-310, 0.5, 1e-310]).is_ok());
    let beliefs = Beliefs::new(vec![1.0], vec![1.0]).expect("valid");
    let payoffs = Payoffs::new(vec![0.0, 1.0], 0.5).expect("valid");
    let error =
        Game::new(beliefs, payoffs, Rate::per_second(1.0).expect("valid")).expect_err("lengths");
    assert_eq!(error, PresenceError::Length { field: "payoff", found: 2, wanted: 1 });
    assert!(Payoffs::new(vec![0.0, f64::INFINITY], 0.5).is_err());
    assert!(matches!(Payoffs::new(vec![0.7, 1.0], 0.5), Err(PresenceError::ActsAlone { .. })));
    assert!(Rate::per_second(-1.0).is_err() && Seconds::new(f64::NAN).is_err());
    assert!(sample(1).with_solutions(0).is_err() && sample(1).with_solutions(33).is_err());
    assert!(sample(1).prize(0.0, None).is_err());
}
