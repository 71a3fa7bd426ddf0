//! Votes by standing, and the median that they elect.
//!
//! Weighted selection works on the bits of the values: positive doubles are ordered as their bits
//! are. Each round narrows the range of candidates to one of 64 equal parts of it, so that no
//! choice of weights can make it take more than 64 / 6 rounds.

/// Bins of a round of selection, as a power of two.
const BINS_BITS: u32 = 6;

/// Up to this many candidates are sorted.
const SORT_ENTRIES: usize = 16;

/// Votes are standing as integers, so that "at least half" depends neither on the order of a sum
/// nor on its rounding. The grid is 2^-60 of all standing.
pub(super) struct Votes {
    /// The votes of each row.
    pub(super) of: Vec<u64>,
    /// The votes that a ceiling needs.
    pub(super) half: u64,
}

impl Votes {
    pub(super) fn new(standing: &[f64]) -> Self {
        let total: f64 = standing.iter().sum();
        let grid = (1_u64 << 60) as f64;
        let of: Vec<u64> = standing
            .iter()
            .map(|&s| if total > 0.0 { (s / total * grid) as u64 } else { 0 })
            .collect();
        let half = of.iter().sum::<u64>().div_ceil(2);
        Self { of, half }
    }

    /// Votes and standing, row by row.
    pub(super) fn with(&self, standing: &[f64]) -> Vec<(u64, f64)> {
        self.of.iter().copied().zip(standing.iter().copied()).collect()
    }

    /// The largest of the values, none negative, that is reached by at least half of the votes; 0
    /// of none.
    pub(super) fn middle(&self, values: &[f64]) -> f64 {
        let mut keyed: Vec<(u64, u64)> =
            values.iter().map(|value| value.to_bits()).zip(self.of.iter().copied()).collect();
        if keyed.is_empty() { 0.0 } else { settle(&mut keyed, 0, self.half) }
    }

    /// Which columns are held positive by enough votes to have a ceiling above zero.
    pub(super) fn supported(&self, rows: &[(Vec<u32>, Vec<f64>)], peers: usize) -> Vec<bool> {
        let mut support = vec![0_u64; peers];
        for ((columns, _), &votes) in rows.iter().zip(&self.of) {
            for &column in columns {
                support[column as usize] += votes;
            }
        }
        support.iter().map(|&votes| votes > 0 && votes >= self.half).collect()
    }
}

/// The largest key such that the votes of candidates at least as large reach `half` together with
/// those `above` all candidates, as a double. All candidates together must reach it.
pub(super) fn settle(candidates: &mut [(u64, u64)], mut above: u64, half: u64) -> f64 {
    let mut kept = candidates.len();
    while kept > SORT_ENTRIES {
        let among = &mut candidates[..kept];
        let keys = among.iter().map(|&(key, _)| key);
        let (low, high) = keys.fold((u64::MAX, 0), |(low, high), k| (low.min(k), high.max(k)));
        if low == high {
            break;
        }
        let bin = Bin::find(low, high, among.iter().copied(), half, &mut above)
            .expect("the candidates hold enough votes");
        kept = 0;
        for at in 0..among.len() {
            let candidate = among[at];
            among[kept] = candidate;
            kept += usize::from(bin.has(candidate.0));
        }
    }
    let candidates = &mut candidates[..kept];
    candidates.sort_unstable_by_key(|&(key, _)| std::cmp::Reverse(key));
    for &(key, votes) in candidates.iter() {
        above += votes;
        if above >= half {
            return f64::from_bits(key);
        }
    }
    unreachable!("the last candidates held enough votes")
}

/// The keys `low..low + width`.
pub(super) struct Bin {
    low: u64,
    width: u64,
}

impl Bin {
    /// Cuts `low..=high` into bins and finds the one in which the votes from above reach `half`;
    /// adds the votes above it to `above`. None if all votes together do not reach `half`.
    pub(super) fn find(
        low: u64,
        high: u64,
        candidates: impl Iterator<Item = (u64, u64)>,
        half: u64,
        above: &mut u64,
    ) -> Option<Self> {
        let shift = (u64::BITS - (high - low).leading_zeros()).saturating_sub(BINS_BITS);
        let mut bins = [0_u64; 1 << BINS_BITS];
        for (key, votes) in candidates {
            let bin = (key - low) >> shift;
            bins[bin as usize % (1 << BINS_BITS)] += votes;
        }
        for bin in (0..bins.len()).rev() {
            if bins[bin] > 0 && *above + bins[bin] >= half {
                return Some(Self { low: low + ((bin as u64) << shift), width: 1 << shift });
            }
            *above += bins[bin];
        }
        None
    }

    /// Whether a key lies in it.
    pub(super) fn has(&self, key: u64) -> bool {
        key.wrapping_sub(self.low) < self.width
    }
}
