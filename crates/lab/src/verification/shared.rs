//! What the experiments on verification share: random games, rows by a text, numbers in words.

use muster_mechanism::random::Stream;
use muster_mechanism::scoring::{ScoringError, VerificationGame};

use crate::experiment::{ExperimentError, Record, Table, Verdict};

/// A scoring function refused what an experiment gave it.
pub fn refused(error: ScoringError) -> ExperimentError {
    ExperimentError::Mechanism(Box::new(error))
}

/// What is claimed holds or does not.
pub fn verdict(holds: bool) -> Verdict {
    if holds { Verdict::Agrees } else { Verdict::Differs }
}

/// A number with four significant digits, as the page shows it.
pub fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The rows in which a column has this text.
pub fn with<'a>(
    table: &'a Table,
    column: &'a str,
    wanted: &'a str,
) -> impl Iterator<Item = Record<'a>> {
    table.records().filter(move |row| row.text(column) == wanted)
}

/// A distribution over `size` outcomes, none of which is rarer than about 2% of the commonest.
pub fn distribution(stream: &mut Stream, size: usize) -> Vec<f64> {
    let draws: Vec<f64> = (0..size).map(|_| 0.02 + 0.98 * stream.uniform()).collect();
    let total: f64 = draws.iter().sum();
    draws.into_iter().map(|draw| draw / total).collect()
}

/// A lossy channel (Section 3) with one to four flags, in which nobody is expected to cheat.
pub fn lossy_channel(stream: &mut Stream) -> Result<VerificationGame, ScoringError> {
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
pub fn any_channel(stream: &mut Stream) -> Result<VerificationGame, ScoringError> {
    let types = 2 + stream.below(4) as usize;
    let prior = distribution(stream, types);
    let observation = (0..types).map(|_| distribution(stream, types)).collect();
    VerificationGame::new(prior, observation, costs(stream, types))
}

fn costs(stream: &mut Stream, types: usize) -> Vec<f64> {
    (0..types).map(|_| 3.0 * stream.uniform()).collect()
}

/// The value below which a share of an ascending list lies; NaN for an empty one.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len() as f64) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0 / 22.0, "0.04545"),
            (7.4, "7.4"),
            (-2.016_666_7, "-2.017"),
            (12_345.6, "12346"),
            (1e-9, "1.000e-9"),
            (100.0, "100"),
        ] {
            assert_eq!(digits(value), text);
        }
    }

    #[test]
    fn quantiles_of_short_lists() {
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 3.0], 1.0), 3.0);
    }
}
