//! Committees: who serves, by rank and by lottery, and the risk taken.

use crate::reference::agree;
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ReputationError, committee_size, honest_counts, honest_majority, lottery, top_committee,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The Poisson-binomial distribution against all subsets.
    #[test]
    fn honest_counts_by_subsets(honesty in proptest::collection::vec(0.0f64..=1.0, 0..10)) {
        let counts = honest_counts(&honesty).expect("probabilities");
        let mut wanted = vec![0.0; honesty.len() + 1];
        for subset in 0..1usize << honesty.len() {
            let chance: f64 = honesty.iter().enumerate()
                .map(|(i, p)| if subset >> i & 1 == 1 { *p } else { 1.0 - p }).product();
            wanted[subset.count_ones() as usize] += chance;
        }
        for (found, wanted) in counts.iter().zip(&wanted) {
            prop_assert!((found - wanted).abs() < 1e-14);
        }
    }
}

#[test]
fn committees() {
    let reputation = [0.1, 0.3, 0.3, 0.2, 0.1];
    assert_eq!(
        top_committee(&reputation, &["e", "d", "c", "b", "a"], 3).expect("enough"),
        [2, 1, 3]
    );
    assert!(top_committee(&reputation, &[1, 2, 3, 4, 5], 6).is_err());
    assert_eq!([1, 4, 10, 100_000].map(committee_size), [1, 4, 6, 133]);
    // The first drawn is proportional to reputation.
    let mut first = [0.0; 5];
    let draws = 20_000;
    for seed in 0..draws {
        let mut stream = Stream::new(seed, 0);
        let drawn = lottery(&reputation, 3, (0..5).map(|_| stream.next_word())).expect("enough");
        assert!(
            drawn.len() == 3
                && drawn[0] != drawn[1]
                && drawn[1] != drawn[2]
                && drawn[0] != drawn[2]
        );
        first[drawn[0]] += 1.0;
    }
    for (count, wanted) in first.iter().zip(reputation) {
        assert!((count / draws as f64 - wanted).abs() < 4.0 * (wanted / draws as f64).sqrt());
    }
    assert!(matches!(
        lottery(&[0.0, 1.0], 2, [1, 2]),
        Err(ReputationError::Committee { able: 1, size: 2 })
    ));
    assert!(lottery(&reputation, 2, [1, 2]).is_err());
    // Risk of a large committee of good servers keeps its digits: Chernoff says below 1e-100.
    let odds = honest_majority(&[0.9; 999]).expect("probabilities");
    assert!(odds.risk > 0.0 && odds.risk < 1e-100 && odds.probability == 1.0);
    let large = honest_counts(&[0.3; 5000]).expect("probabilities");
    agree("sum", large.iter().sum(), 1.0, 1e-12, 0.0);
    let mean: f64 = large.iter().enumerate().map(|(k, p)| k as f64 * p).sum();
    agree("mean", mean, 1500.0, 1e-10, 0.0);
}
