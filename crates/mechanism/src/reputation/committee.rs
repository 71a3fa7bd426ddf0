//! Committees from reputation, and the risk that one is not honest.

use super::{ReputationError, check_probabilities};
use crate::fourier::convolve;
use crate::numeric::sum;

/// polylog(m): `ceil(ln(m)^2)`, at least 4 and at most m.
///
/// ```
/// use muster_mechanism::reputation::committee_size;
/// assert_eq!(committee_size(1000), 48);
/// assert_eq!(committee_size(3), 3);
/// ```
pub fn committee_size(servers: usize) -> usize {
    let log = libm::log(servers.max(1) as f64);
    let size = (log * log).ceil() as usize;
    size.max(4).min(servers)
}

/// The `size` servers of the highest reputation, best first; ties by key, lowest first.
///
/// ```
/// use muster_mechanism::reputation::top_committee;
/// assert_eq!(top_committee(&[0.2, 0.4, 0.2, 0.2], &["d", "c", "b", "a"], 3)?, [1, 3, 2]);
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
///
/// # Errors
/// [`ReputationError::Committee`] for more members than servers; [`ReputationError::Length`] unless
/// there is a key for each.
pub fn top_committee<K: Ord>(
    reputation: &[f64],
    keys: &[K],
    size: usize,
) -> Result<Vec<usize>, ReputationError> {
    super::check_length("keys", keys.len(), reputation.len())?;
    check_probabilities("reputation", reputation)?;
    if size > reputation.len() {
        return Err(ReputationError::Committee { able: reputation.len(), size });
    }
    let mut order: Vec<usize> = (0..reputation.len()).collect();
    order.sort_by(|&a, &b| {
        reputation[b].total_cmp(&reputation[a]).then_with(|| keys[a].cmp(&keys[b]))
    });
    order.truncate(size);
    Ok(order)
}

/// The fair lottery: `size` servers drawn without replacement, each next one with probability
/// proportional to its reputation among those left. In the order drawn. Servers without reputation
/// are never drawn.
///
/// `words`: public randomness, one uniform 64-bit word per server in the order of the servers.
/// Server j gets the key `-ln(u[j]) / rho[j]`, exponential with rate `rho[j]`, and the smallest
/// keys win (Efraimidis and Spirakis 2006): the chance of a server never falls when its reputation
/// rises.
///
/// ```
/// use muster_mechanism::random::Stream;
/// use muster_mechanism::reputation::lottery;
/// let mut stream = Stream::new(3, 0);
/// let words = std::iter::from_fn(|| Some(stream.next_word()));
/// let drawn = lottery(&[0.5, 0.0, 0.3, 0.2], 3, words)?;
/// assert_eq!(drawn.len(), 3);
/// assert!(!drawn.contains(&1), "no reputation, no seat");
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
///
/// # Errors
/// [`ReputationError::Committee`] if fewer than `size` servers have a reputation;
/// [`ReputationError::Length`] if there are too few words.
pub fn lottery(
    reputation: &[f64],
    size: usize,
    words: impl IntoIterator<Item = u64>,
) -> Result<Vec<usize>, ReputationError> {
    check_probabilities("reputation", reputation)?;
    let words: Vec<u64> = words.into_iter().take(reputation.len()).collect();
    super::check_length("words", words.len(), reputation.len())?;
    let mut keys: Vec<(f64, usize)> = (0..reputation.len())
        .filter(|&j| reputation[j] > 0.0)
        .map(|j| {
            // In (0, 1]: the logarithm is finite.
            let uniform = ((words[j] >> 11) + 1) as f64 * (1.0 / 9_007_199_254_740_992.0);
            (-libm::log(uniform) / reputation[j], j)
        })
        .collect();
    if keys.len() < size {
        return Err(ReputationError::Committee { able: keys.len(), size });
    }
    keys.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    Ok(keys.into_iter().take(size).map(|k| k.1).collect())
}

/// The chance that more than half of a committee is honest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HonestMajority {
    /// P(honest > C/2).
    pub probability: f64,
    /// P(honest <= C/2), summed by itself, so that a small risk keeps its digits.
    pub risk: f64,
}

/// P(k of the members are honest), k = 0..=C, for independent members honest with probabilities
/// `honesty`: the Poisson-binomial distribution, by merging halves. Up to 1,024 members by direct
/// sums of positive terms, exact in every tail; beyond by FFT, 1e-14 absolute.
///
/// ```
/// use muster_mechanism::reputation::honest_counts;
/// assert_eq!(honest_counts(&[0.5, 1.0])?, [0.0, 0.5, 0.5]);
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
pub fn honest_counts(honesty: &[f64]) -> Result<Vec<f64>, ReputationError> {
    check_probabilities("honesty", honesty)?;
    Ok(counts(honesty))
}

fn counts(honesty: &[f64]) -> Vec<f64> {
    match honesty {
        [] => vec![1.0],
        [p] => vec![1.0 - p, *p],
        _ => {
            let (a, b) = honesty.split_at(honesty.len() / 2);
            convolve(&counts(a), &counts(b))
        }
    }
}

/// P(honest majority) of a committee.
///
/// ```
/// use muster_mechanism::reputation::honest_majority;
/// let odds = honest_majority(&[0.9; 3])?;
/// assert!((odds.probability - (0.729 + 3.0 * 0.081)).abs() < 1e-15);
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
pub fn honest_majority(honesty: &[f64]) -> Result<HonestMajority, ReputationError> {
    let counts = honest_counts(honesty)?;
    let half = honesty.len() / 2;
    Ok(HonestMajority {
        probability: sum(counts[half + 1..].iter().copied()).min(1.0),
        risk: sum(counts[..=half].iter().copied()).min(1.0),
    })
}
