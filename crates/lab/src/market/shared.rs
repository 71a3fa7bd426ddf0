//! What the experiments of this module share.

use crate::experiment::Setting;

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
