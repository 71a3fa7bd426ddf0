//! The smallest and strangest markets, and every refusal.

use muster_mechanism::market::{Config, Error, Rule, Walk, Weights, epoch};

use super::RULES;

fn config(rule: Rule) -> Config {
    Config { rule, ..Config::default() }
}

fn weights(peers: usize, triplets: &[(usize, usize, f64)]) -> Weights {
    Weights::from_triplets(peers, triplets.iter().copied()).expect("valid weights")
}

#[test]
fn one_peer_alone_mints_to_itself() {
    for rule in RULES {
        let found = epoch(&weights(1, &[(0, 0, 1.0)]), &[5.0], None, &config(rule)).expect("valid");
        assert!((found.stake[0] - 5.05).abs() < 1e-12, "{rule:?}: {:?}", found.stake);
    }
}

#[test]
fn without_weights_nothing_is_minted() {
    for rule in RULES {
        let found = epoch(&weights(3, &[]), &[1.0, 2.0, 0.0], None, &config(rule)).expect("valid");
        assert_eq!(found.minted, 0.0);
        assert_eq!(found.stake, [1.0, 2.0, 0.0]);
        assert_eq!(found.incentive, [0.0; 3]);
        assert_eq!(found.loss, 0.0);
    }
}

#[test]
fn without_standing_nothing_is_minted() {
    let weights = weights(3, &[(0, 1, 0.5), (0, 2, 0.5), (1, 0, 1.0), (2, 0, 1.0)]);
    for rule in RULES {
        let found = epoch(&weights, &[1.0; 3], Some(&[0.0; 3]), &config(rule)).expect("valid");
        assert_eq!(found.minted, 0.0, "{rule:?}");
        assert_eq!(found.stake, [1.0; 3], "{rule:?}");
        assert_eq!(found.incentive, [0.0; 3], "{rule:?}");
        if let Some(ceiling) = found.payouts.ceiling() {
            assert_eq!(ceiling, [0.0; 3], "{rule:?}");
        }
        for peer in 0..3 {
            let paid: f64 = found.payout_row(&weights, peer).map(|(_, share)| share).sum();
            assert!(paid == 0.0 || rule == Rule::Paper);
        }
    }
}

#[test]
fn self_loops_alone_pay_only_a_majority() {
    let weights = weights(3, &[(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)]);
    for rule in &RULES[1..] {
        let found = epoch(&weights, &[60.0, 30.0, 10.0], None, &config(*rule)).expect("valid");
        assert!(found.incentive[0] > 0.0);
        assert_eq!(&found.incentive[1..], [0.0, 0.0], "{rule:?}");
    }
    let found = epoch(&weights, &[60.0, 30.0, 10.0], None, &config(Rule::Paper)).expect("valid");
    assert!(found.trust[0] > 0.5 && found.trust[1] < 0.5 && found.trust[2] < found.trust[1]);
}

#[test]
fn of_two_halves_neither_is_favoured() {
    let weights = weights(4, &[(0, 1, 1.0), (1, 0, 1.0), (2, 3, 1.0), (3, 2, 1.0)]);
    for rule in RULES {
        let found = epoch(&weights, &[1.0; 4], None, &config(rule)).expect("valid");
        assert_eq!(found.incentive[0], found.incentive[2], "{rule:?}");
        assert_eq!(found.trust, [0.5; 4]);
        assert_eq!(found.loss, 0.0);
    }
    // Under the paper's rule a loss of zero mints nothing, unless the gate is off.
    let gated = config(Rule::Paper);
    assert_eq!(epoch(&weights, &[1.0; 4], None, &gated).expect("valid").minted, 0.0);
    let open = Config { gated: false, ..gated };
    assert!(epoch(&weights, &[1.0; 4], None, &open).expect("valid").minted > 0.0);
}

#[test]
fn exactly_half_of_equal_stakes_is_half() {
    // Ten of twenty equal peers value peer 0: a sum of ten twentieths may round to below a half.
    let triplets: Vec<_> = (0..10).map(|i| (2 * i, 0, 0.5)).collect();
    let weights = Weights::from_triplets(20, triplets).expect("valid");
    let stake = [0.1; 20];
    let found = epoch(&weights, &stake, None, &config(Rule::Median)).expect("valid");
    assert_eq!(found.payouts.ceiling().expect("ceilings")[0], 0.5);
    let mut less = stake;
    less[0] = 0.0999;
    let found = epoch(&weights, &less, None, &config(Rule::Median)).expect("valid");
    assert_eq!(found.payouts.ceiling().expect("ceilings")[0], 0.0);
}

#[test]
fn scaling_follows_the_gradient_while_the_loss_is_not_negative() {
    // Three disconnected thirds: nobody is trusted.
    let weights = weights(3, &[(0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)]);
    let config = Config { rule: Rule::Paper, learning_rate: 0.5, ..Config::default() };
    let stake = [0.34, 0.33, 0.33];
    let mut scaling = vec![1.0; 3];
    let mut losses = Vec::new();
    for _ in 0..50 {
        let found = epoch(&weights, &stake, Some(&scaling), &config).expect("valid");
        assert!(found.scaling.iter().all(|a| (0.0..=1.0).contains(a)));
        losses.push(found.loss);
        if found.loss < 0.0 {
            assert_eq!(found.scaling, scaling);
            assert!(found.minted > 0.0);
            break;
        }
        assert_eq!(found.minted, 0.0);
        scaling = found.scaling;
    }
    assert!(losses.last() < losses.first(), "{losses:?}");
}

#[test]
fn payout_rows_say_what_each_rule_pays() {
    let w = weights(3, &[(0, 1, 0.6), (0, 2, 0.4), (1, 1, 0.2), (1, 2, 0.5), (2, 1, 0.1)]);
    let stake = [0.4, 0.3, 0.3];
    let paper = epoch(&w, &stake, None, &config(Rule::Paper)).expect("valid");
    let row: Vec<_> = paper.payout_row(&w, 0).collect();
    assert_eq!(row, [(1, 0.6 * paper.trust[1]), (2, 0.4 * paper.trust[2])]);
    let median = epoch(&w, &stake, None, &config(Rule::Median)).expect("valid");
    // Of peer 1: 0.4 hold at least 0.6, 0.7 hold at least 0.2. Of peer 2: 0.3 at least 0.5, 0.7
    // at least 0.4.
    assert_eq!(median.payouts.ceiling().expect("ceilings"), [0.0, 0.2, 0.4]);
    assert_eq!(median.payout_row(&w, 0).collect::<Vec<_>>(), [(1, 0.2), (2, 0.4)]);
    assert_eq!(median.payout_row(&w, 1).collect::<Vec<_>>(), [(1, 0.2), (2, 0.4)]);
    for rule in &RULES[1..] {
        // What the rows pay, weighted by standing, is the incentive.
        let found = epoch(&w, &stake, None, &config(*rule)).expect("valid");
        let mut paid = [0.0; 3];
        for i in 0..3 {
            for (j, share) in found.payout_row(&w, i) {
                paid[j] += found.standing[i] * share;
            }
        }
        for j in 0..3 {
            assert!((paid[j] - found.incentive[j]).abs() < 1e-15, "{rule:?}");
        }
    }
}

#[test]
fn bad_input_is_refused_in_words() {
    let text = |result: Result<Weights, Error>| result.expect_err("must be refused").to_string();
    let triplets =
        |list: &[(usize, usize, f64)]| text(Weights::from_triplets(3, list.iter().copied()));
    assert_eq!(
        triplets(&[(1, 0, 0.7), (1, 2, 0.5)]),
        "the weights of peer 1 sum to 1.2: a row sums to at most 1"
    );
    assert_eq!(
        triplets(&[(0, 3, 0.1)]),
        "there is no peer 3: peers are numbered from 0 to one below 3"
    );
    assert_eq!(
        triplets(&[(0, 1, -0.1)]),
        "the weight from peer 0 to peer 1 is -0.1: it must be at least 0"
    );
    assert!(triplets(&[(0, 1, f64::NAN)]).contains("NaN"));
    assert!(triplets(&[(0, 1, f64::INFINITY)]).contains("inf"));
    assert_eq!(
        triplets(&[(0, 1, 0.1), (0, 1, 0.1)]),
        "the weight from peer 0 to peer 1 is given twice"
    );
    let csr = |offsets: &[usize], columns: &[u32], values: &[f64]| {
        text(Weights::from_csr(offsets.to_vec(), columns.to_vec(), values.to_vec()))
    };
    assert!(csr(&[], &[], &[]).contains("empty"));
    assert!(csr(&[0, 1], &[0, 0], &[0.1, 0.1]).contains("length"));
    assert!(csr(&[0, 2, 1], &[0], &[0.1]).contains("rise"));
    assert!(csr(&[0, 2, 2], &[1, 0], &[0.1, 0.1]).contains("rise"));
    assert!(csr(&[0, 2, 2], &[1, 1], &[0.1, 0.1]).contains("twice"));
    assert!(csr(&[0, 1], &[1], &[0.1]).contains("no peer 1"));

    let one = weights(2, &[(0, 1, 1.0)]);
    let refused = |stake: &[f64], scaling: Option<&[f64]>, config: &Config| {
        epoch(&one, stake, scaling, config).expect_err("must be refused").to_string()
    };
    let plain = Config::default();
    assert!(refused(&[0.0, 0.0], None, &plain).contains("nothing to take shares of"));
    assert!(refused(&[f64::MAX, f64::MAX], None, &plain).contains("overflows"));
    assert!(refused(&[1.0], None, &plain).contains("the stake has 1 entries"));
    assert!(refused(&[1.0, -1.0], None, &plain).contains("the stake of peer 1 is -1"));
    assert!(refused(&[1.0, f64::NAN], None, &plain).contains("peer 1"));
    assert!(refused(&[1.0, 1.0], Some(&[1.0, 1.5]), &plain).contains("the scaling of peer 1"));
    let rule = Rule::ConnectedMedian { walk: Walk::Restart(0.0), opinions: None, truncation: 0.0 };
    assert!(refused(&[1.0, 1.0], None, &config(rule)).contains("`restart` is 0"));
    let rule = Rule::ConnectedMedian { walk: Walk::Depth(0), opinions: None, truncation: 0.0 };
    assert!(refused(&[1.0, 1.0], None, &config(rule)).contains("`depth` is 0"));
    let rule = Rule::ConnectedMedian { walk: Walk::Depth(1), opinions: Some(0), truncation: 0.0 };
    assert!(refused(&[1.0, 1.0], None, &config(rule)).contains("`opinions`"));
    assert!(refused(&[1.0, 1.0], None, &Config { inflation: f64::NAN, ..plain }).contains("NaN"));
}

#[test]
fn zero_weights_are_absent_ones() {
    let zeros = Weights::from_csr(vec![0, 3, 4], vec![0, 1], vec![0.0, 0.5]);
    assert!(zeros.is_err());
    let zeros = Weights::from_csr(vec![0, 2, 3], vec![0, 1, 0], vec![0.0, 0.5, -0.0]);
    let zeros = zeros.expect("valid");
    assert_eq!(zeros, weights(2, &[(0, 1, 0.5)]));
    assert_eq!(zeros.triplets().collect::<Vec<_>>(), [(0, 1, 0.5)]);
    assert_eq!(weights(2, &[(0, 1, 0.5), (1, 0, 0.0)]).count(), 1);
}
