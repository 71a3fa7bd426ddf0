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

/// Six significant digits, and all of whole numbers, as tables of the page have them.
///
/// ```
/// use muster_lab::words::tabular;
/// assert_eq!((tabular(-3.0), tabular(1.0 / 3.0)), ("-3".to_owned(), "0.333333".to_owned()));
/// ```
pub fn tabular(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    short(value, 6)
}

/// Up to so many decimals, without zeros at the end.
///
/// ```
/// use muster_lab::words::decimals;
/// assert_eq!((decimals(2.5, 6), decimals(-1e-9, 6)), ("2.5".to_owned(), "0".to_owned()));
/// ```
pub fn decimals(value: f64, most: usize) -> String {
    let text = format!("{value:.most$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_keep_their_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0 / 22.0, "0.04545"),
            (7.4, "7.4"),
            (-2.016_666_7, "-2.017"),
            (12_345.6, "12346"),
            (1e-9, "1.000e-9"),
            (100.0, "100"),
            (1000.0, "1000"),
        ] {
            assert_eq!(short(value, 4), text);
        }
    }

    #[test]
    fn tables_have_six_significant_digits() {
        for (number, text) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.333333"),
            (12345.678, "12345.7"),
            (1.5e-7, "1.50000e-7"),
            (1e12, "1.00000e12"),
            (0.999_999_9, "1"),
        ] {
            assert_eq!(tabular(number), text);
        }
    }
}
