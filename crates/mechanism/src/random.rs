//! A small reproducible generator for simulations and lotteries.
//!
//! SplitMix64 (Steele, Lea, Flood 2014): one 64-bit word of state, equidistributed, the same
//! numbers on every machine. It serves Monte Carlo and tests. Whatever must not be predictable
//! takes its words from outside instead.

/// A stream of 64-bit words that is a pure function of its seed.
///
/// ```
/// use muster_mechanism::random::Stream;
/// let mut first = Stream::new(7, 0);
/// let mut second = Stream::new(7, 0);
/// assert_eq!(first.next_word(), second.next_word());
/// assert_ne!(Stream::new(7, 1).next_word(), Stream::new(7, 0).next_word());
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Stream {
    /// The stream number `index` of the family `seed`: parallel work takes one index per block, so
    /// that its result does not depend on the number of threads.
    pub fn new(seed: u64, index: u64) -> Self {
        Self { state: mix(seed ^ mix(index.wrapping_add(GOLDEN))) }
    }

    /// The next 64 bits.
    pub fn next_word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform on [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_word() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log1p(-self.uniform())
    }

    /// Uniform on 0..`bound` by rejection, hence without bias. `bound` = 0 gives 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound < 2 {
            return 0;
        }
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let word = self.next_word();
            if word < limit {
                return word % bound;
            }
        }
    }

    /// An index by its probability. What rounding leaves of one goes to the last index that is
    /// possible, and to 0 where none is.
    pub fn index(&mut self, probabilities: &[f64]) -> usize {
        let mut rest = self.uniform();
        let found = probabilities.iter().position(|p| {
            rest -= p;
            rest < 0.0
        });
        found.or_else(|| probabilities.iter().rposition(|&p| p > 0.0)).unwrap_or(0)
    }

    /// Standard normal, by the polar method.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }

    /// Gamma with shape `shape` > 0 and scale 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::exp(-self.exponential() / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let third = shape - 1.0 / 3.0;
        let spread = 1.0 / (9.0 * third).sqrt();
        loop {
            let normal = self.normal();
            let base = 1.0 + spread * normal;
            if base <= 0.0 {
                continue;
            }
            let cube = base * base * base;
            if libm::log1p(-self.uniform())
                < 0.5 * normal * normal + third * (1.0 - cube + libm::log(cube))
            {
                return third * cube;
            }
        }
    }
}
