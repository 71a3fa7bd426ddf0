//! What the experiments on verification share: their part of the page, benchmarks, random games.

use muster_mechanism::random::Stream;
use muster_mechanism::verification::{VerificationError, VerificationGame};

use crate::experiment::Part;
use crate::statistics::normalised;

/// The part of the page.
pub(super) const PART: Part = Part {
    heading: "Verification",
    about: "Paying for checks that nobody can check.",
    sources: env!("MUSTER_LAB_SOURCES_VERIFICATION"),
};

/// The paper's benchmarks with margins of their designs.
pub const BENCHMARKS: [(&str, f64); 3] =
    [("coin", 0.1), ("proof of learning", 0.2), ("proof of learning", 2.0)];

/// A benchmark by its name.
pub fn benchmark(name: &str) -> VerificationGame {
    match name {
        "coin" => VerificationGame::coin(),
        _ => VerificationGame::proof_of_learning(),
    }
}

/// A distribution over `size` outcomes, none of which is rarer than about 2% of the commonest.
pub fn distribution(stream: &mut Stream, size: usize) -> Vec<f64> {
    normalised((0..size).map(|_| 0.02 + 0.98 * stream.uniform()).collect())
}

/// A lossy channel (Section 3) with one to four flags, in which nobody is expected to cheat.
pub fn lossy_channel(stream: &mut Stream) -> Result<VerificationGame, VerificationError> {
    let types = 3 + stream.below(4) as usize;
    let mut prior = distribution(stream, types - 1);
    prior.push(0.0);
    let mut observation = vec![vec![0.0; types]; types];
    observation[0][0] = 1.0;
    for t in 1..types - 1 {
        let seen = 0.1 + 0.8 * stream.uniform();
        observation[t][t] = seen;
        observation[t][0] = 1.0 - seen;
    }
    observation[types - 1] = distribution(stream, types);
    VerificationGame::new(prior, observation, costs(stream, types))
}

/// Two to five types and any observations at all.
pub fn any_channel(stream: &mut Stream) -> Result<VerificationGame, VerificationError> {
    let types = 2 + stream.below(4) as usize;
    let prior = distribution(stream, types);
    let observation = (0..types).map(|_| distribution(stream, types)).collect();
    VerificationGame::new(prior, observation, costs(stream, types))
}

fn costs(stream: &mut Stream, types: usize) -> Vec<f64> {
    (0..types).map(|_| 3.0 * stream.uniform()).collect()
}
