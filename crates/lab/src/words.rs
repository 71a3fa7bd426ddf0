//! Numbers as people read them; files have all digits.

/// So many significant digits, zeros at the end included; with a power of ten below 1e-4 and from a
/// million on.
///
/// ```
/// use muster_lab::words::significant;
/// assert_eq!(significant(0.5, 3), "0.500");
/// assert_eq!(significant(1234.5, 3), "1234");
/// assert_eq!(significant(1.5e-7, 3), "1.50e-7");
/// ```
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = digits.max(1);
    let magnitude = libm::log10(value.abs()).floor() as i32;
    if !(-4..6).contains(&magnitude) {
        return format!("{value:.*e}", digits - 1);
    }
    let decimals = usize::try_from(digits as i32 - 1 - magnitude).unwrap_or(0);
    format!("{value:.decimals$}")
}

/// The same without zeros at the end, except before a power of ten.
///
/// ```
/// use muster_lab::words::short;
/// assert_eq!(short(0.5, 3), "0.5");
/// assert_eq!(short(100.0, 3), "100");
/// ```
pub fn short(value: f64, digits: usize) -> String {
    let text = significant(value, digits);
    if !text.contains('.') || text.contains('e') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
