//! The result is the same bit for bit for any number of threads.

use muster_mechanism::market::{CREDIBLE_FROM, Config, Connectivity, Rule, Walk, epoch};

use super::{RULES, random_vector, random_weights};

#[test]
fn results_do_not_depend_on_threads() {
    // Large enough for several parts of a sum and several blocks of columns.
    for (peers, active, degree) in [(3_000, 900, 1_500), (20_000, 20_000, 40)] {
        let weights = random_weights(peers, active, degree, 3);
        let stake = random_vector(peers, 4);
        let mut rules = vec![Rule::Paper, Rule::Median];
        let truncation = 1e-3;
        let (walk, opinions) = (Walk::Restart(0.3), Some(64));
        rules.push(Rule::ConnectedMedian { walk, opinions, truncation });
        let threshold = CREDIBLE_FROM;
        rules.push(Rule::CredibleMedian { walk, opinions, truncation, threshold });
        assert_eq!(rules.len(), RULES.len() - 2);
        for rule in rules {
            let connectivity = Connectivity { truncation: 1e-2, ..Connectivity::default() };
            let config = Config { rule, connectivity, ..Config::default() };
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("threads")
                    .install(|| epoch(&weights, &stake, None, &config).expect("valid"))
            };
            let one = run(1);
            assert!(one.ranks.iter().sum::<f64>() > 0.1);
            for threads in [2, 8] {
                // Equality of f64 is equality of bits here: nothing is NaN or a negative zero.
                assert_eq!(one, run(threads), "{rule:?} with {threads} threads");
            }
        }
    }
}
