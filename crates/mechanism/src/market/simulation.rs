//! The paper's own experiments: two parties (Section 10) and a disjoint cabal (Appendix 12.7).

/// The share of party B after each of `blocks` blocks, when two parties that only know themselves
/// hold `stake_a` and `stake_b`: the listing of Section 10, operation by operation. Its
/// `temperature` multiplies a party's share minus one half.
///
/// ```
/// let shares = muster_mechanism::market::simulation::two_party_decay(0.51, 0.49, 0.1, 10.0, 100);
/// assert_eq!(shares[0], 0.4877323388820201);
/// ```
pub fn two_party_decay(
    mut stake_a: f64,
    mut stake_b: f64,
    inflation: f64,
    temperature: f64,
    blocks: usize,
) -> Vec<f64> {
    (0..blocks)
        .map(|_| {
            let total = stake_a + stake_b;
            let trust = |stake: f64| 1.0 / (1.0 + libm::exp(-(stake / total - 0.5) * temperature));
            let incentive_a = stake_a * trust(stake_a);
            let incentive_b = stake_b * trust(stake_b);
            let incentive = incentive_a + incentive_b;
            stake_a += inflation * total * incentive_a / incentive;
            stake_b += inflation * total * incentive_b / incentive;
            stake_b / (stake_a + stake_b)
        })
        .collect()
}
