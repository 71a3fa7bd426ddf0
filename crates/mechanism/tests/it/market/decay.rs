//! The decay of a disjoint cabal: the paper's two parties (Section 10).

use muster_mechanism::market::simulation::two_party_decay;
use muster_mechanism::market::{Config, Connectivity, Rule, Weights, epoch};

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
    let connectivity = Connectivity {
        temperature: 5.0,
        ..Connectivity::default()
    };
    let config = Config {
        rule: Rule::Paper,
        connectivity,
        inflation: 0.1,
        ..Config::default()
    };
    let mut stake = vec![0.51, 0.49];
    let listing = two_party_decay(0.51, 0.49, 0.1, 10.0, 100);
    for (block, expected) in listing.iter().enumerate() {
        stake = epoch(&weights, &stake, None, &config).expect("valid").stake;
        let share = stake[1] / (stake[0] + stake[1]);
        assert!(
            (share - expected).abs() <= 1e-12 * expected,
            "block {block}: {share}"
        );
    }
}
