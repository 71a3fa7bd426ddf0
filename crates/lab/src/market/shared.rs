//! What the experiments of this module share.

use crate::experiment::{ExperimentError, Scale, Setting, Verdict};
use crate::figure::{Mark, Stroke};
use crate::statistics::Spread;

/// One number for each scale.
pub(super) fn quick_or_full<T>(setting: &Setting, quick: T, full: T) -> T {
    match setting.scale {
        Scale::Quick => quick,
        Scale::Full => full,
    }
}

/// What a mechanism refused.
pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ExperimentError {
    ExperimentError::Mechanism(Box::new(error))
}

/// Whether a claim holds.
pub(super) fn verdict(holds: bool) -> Verdict {
    if holds { Verdict::Agrees } else { Verdict::Differs }
}

/// The seed, as captions name it.
pub(super) fn seeded(setting: &Setting) -> String {
    format!("seed {}", setting.seed)
}

/// Three digits that say something.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    if (0..=7).contains(&digits) {
        format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
    } else if digits < 0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2e}")
    }
}

/// A line through medians.
pub(super) fn line(label: &str, spreads: &[Spread], stroke: Stroke) -> Mark {
    let points = spreads.iter().map(|s| (s.x, s.median)).collect();
    Mark::Line { label: label.to_owned(), points, stroke }
}

/// The area between the tenth and the ninetieth percentile.
pub(super) fn band(label: &str, spreads: &[Spread]) -> Mark {
    let points = spreads.iter().map(|s| (s.x, s.low, s.high)).collect();
    Mark::Band { label: label.to_owned(), points }
}
