//! Properties of every epoch.

use muster_mechanism::market::{Config, Connectivity, Rule, Walk, Weights, epoch};
use proptest::prelude::*;

fn rules() -> impl Strategy<Value = Rule> {
    let opinions = prop_oneof![Just(None), (1_usize..8).prop_map(Some)];
    let walks =
        prop_oneof![(1_u32..6).prop_map(Walk::Depth), (0.01_f64..=1.0).prop_map(Walk::Restart),];
    let thresholds = prop_oneof![Just(None), (0.01_f64..=1.0).prop_map(Some)];
    let connected = (walks, opinions, prop_oneof![Just(0.0), 0.0_f64..0.1], thresholds).prop_map(
        |(walk, opinions, truncation, threshold)| match threshold {
            None => Rule::ConnectedMedian { walk, opinions, truncation },
            Some(threshold) => Rule::CredibleMedian { walk, opinions, truncation, threshold },
        },
    );
    prop_oneof![1 => Just(Rule::Paper), 1 => Just(Rule::Median), 2 => connected]
}

fn markets() -> impl Strategy<Value = (Weights, Vec<f64>, Vec<f64>)> {
    (1_usize..14).prop_flat_map(|n| {
        let cell = prop_oneof![3 => Just(0.0), 1 => Just(1e-300), 4 => 0.0_f64..1.0];
        let row = proptest::collection::vec(cell, n);
        let rows = proptest::collection::vec(row, n);
        let stake = proptest::collection::vec(prop_oneof![Just(0.0), 0.0_f64..1e9], n);
        let scaling = proptest::collection::vec(0.0_f64..=1.0, n);
        (rows, stake, scaling).prop_map(|(rows, mut stake, scaling)| {
            stake[0] += 1.0;
            let triplets = rows.iter().enumerate().flat_map(|(i, row)| {
                let sum = row.iter().sum::<f64>().max(1.0);
                row.iter().enumerate().map(move |(j, w)| (i, j, w / sum))
            });
            let weights = Weights::from_triplets(rows.len(), triplets).expect("normalised");
            (weights, stake, scaling)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn epochs_are_sound(
        (weights, stake, scaling) in markets(),
        rule in rules(),
        gated: bool,
        depth in 1_u32..6,
        cutoff in 0.0_f64..0.5,
    ) {
        let connectivity = Connectivity { depth, cutoff, ..Connectivity::default() };
        let config = Config { rule, connectivity, gated, ..Config::default() };
        let found = epoch(&weights, &stake, Some(&scaling), &config).expect("valid");
        let total: f64 = stake.iter().sum();
        // What was minted is what stake grew by, and nobody lost any.
        let grown = found.stake.iter().sum::<f64>() - total;
        prop_assert!((grown - found.minted).abs() <= 1e-12 * total);
        prop_assert!(found.minted <= config.inflation * total * (1.0 + 1e-12));
        prop_assert!(found.stake.iter().zip(&stake).all(|(after, before)| after >= before));
        // Ranks and incentive hand out at most all standing.
        let standing: f64 = found.standing.iter().sum();
        let (ranks, incentive): (f64, f64) =
            (found.ranks.iter().sum(), found.incentive.iter().sum());
        prop_assert!(ranks <= standing * (1.0 + 1e-8) && incentive <= standing * (1.0 + 1e-8));
        if let Rule::Median = rule {
            prop_assert!(incentive <= ranks * (1.0 + 1e-12));
        }
        for vector in [&found.ranks, &found.trust, &found.incentive, &found.scaling] {
            prop_assert!(vector.iter().all(|v| (0.0..=1.0 + 1e-8).contains(v)));
        }
        prop_assert!(found.gradient.iter().all(|g| g.is_finite()) && found.loss.is_finite());
        // Rows pay at most what they have; together they pay the incentive, where it is linear.
        let mut paid = vec![0.0; stake.len()];
        for i in 0..stake.len() {
            let mut sum = 0.0;
            for (j, share) in found.payout_row(&weights, i) {
                prop_assert!(share >= 0.0);
                sum += share;
                paid[j] += found.standing[i] * share;
            }
            prop_assert!(sum <= 1.0 + 1e-8);
        }
        for (paid, incentive) in paid.iter().zip(&found.incentive) {
            prop_assert!((paid - incentive).abs() <= 1e-12);
        }
    }

    #[test]
    fn anything_is_taken_or_refused(
        n in 0_usize..6,
        entries in proptest::collection::vec((0_usize..7, 0_usize..7, any::<f64>()), 0..20),
        stake in proptest::collection::vec(any::<f64>(), 0..7),
        scaling in proptest::option::of(proptest::collection::vec(any::<f64>(), 0..7)),
        numbers in proptest::array::uniform4(any::<f64>()),
        rule in rules(),
        depth: u32,
    ) {
        let connectivity = Connectivity {
            depth,
            cutoff: numbers[0],
            temperature: numbers[1],
            ..Connectivity::default()
        };
        let [_, _, inflation, learning_rate] = numbers;
        let config = Config { rule, connectivity, inflation, learning_rate, gated: true };
        if let Ok(weights) = Weights::from_triplets(n, entries) {
            let _ = epoch(&weights, &stake, scaling.as_deref(), &config);
            let _ = epoch(&weights, &stake, scaling.as_deref(), &Config::default());
        }
    }

    #[test]
    fn any_arrays_are_taken_or_refused(
        offsets in proptest::collection::vec(0_usize..9, 0..6),
        columns in proptest::collection::vec(0_u32..6, 0..9),
        values in proptest::collection::vec(-0.1_f64..0.6, 0..9),
    ) {
        if let Ok(weights) = Weights::from_csr(offsets, columns, values) {
            prop_assert_eq!(weights.triplets().count(), weights.count());
        }
    }

    #[test]
    fn triplets_and_arrays_agree((weights, _, _) in markets()) {
        let again = Weights::from_triplets(weights.peers(), weights.triplets());
        prop_assert_eq!(again.as_ref(), Ok(&weights));
    }
}
