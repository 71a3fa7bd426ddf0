//! Randomness that is a pure function of a seed.
//!
//! Batches, initial weights, gate noise and sampled labels all come from here, so that a run can
//! be repeated, or audited by somebody else, from its seed alone. The generator is splitmix64
//! (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).

/// One step of splitmix64: a bijective mix of `state` whose outputs pass as random.
///
/// ```
/// assert_eq!(muster_learning::random::splitmix64(0), 0xE220_A839_7B1D_CDAF);
/// ```
#[must_use]
pub const fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of numbers drawn from a seed and a purpose, so that two purposes never share numbers.
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of `seed` for `purpose` (any fixed word) and `index` (a step, a peer).
    #[must_use]
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut state = splitmix64(seed);
        for byte in purpose.bytes() {
            state = splitmix64(state ^ u64::from(byte));
        }
        Self { state: splitmix64(state ^ index) }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        splitmix64(self.state)
    }

    /// A number in [0, 1) with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// A standard normal number (Box and Muller 1958; one of the pair is used).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_different_purposes_differ_and_repeat() {
        let draw = |seed, purpose, index| {
            let mut stream = Stream::new(seed, purpose, index);
            [stream.next_u64(), stream.next_u64()]
        };
        assert_eq!(draw(7, "weights", 0), draw(7, "weights", 0));
        assert_ne!(draw(7, "weights", 0), draw(7, "weights", 1));
        assert_ne!(draw(7, "weights", 0), draw(7, "noise", 0));
        assert_ne!(draw(7, "weights", 0), draw(8, "weights", 0));
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut stream = Stream::new(1, "normal", 0);
        let draws: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 20_000.0 - mean * mean;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }
}
