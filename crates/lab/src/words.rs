//! Numbers as people read them, where files have all digits; and text from outside, made harmless.

/// First and last of the characters that are not seen where they stand, or change how what stands
/// around them is seen: Unicode's format characters (general category Cf) and separators of lines
/// (Zl, Zp), and letters and marks that are blank by definition (Default_Ignorable_Code_Point,
/// Unicode 16, `DerivedCoreProperties.txt`). Control characters (Cc) come beside them.
const UNSEEN: [(char, char); 25] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character is seen as itself, and changes nothing else on a terminal or a page.
#[must_use]
pub fn is_seen(character: char) -> bool {
    let hidden = |&(first, last): &(char, char)| (first..=last).contains(&character);
    !character.is_control() && !UNSEEN.iter().any(hidden)
}

/// Text from outside on one line: what is not seen as itself, line ends too, is shown as U+FFFD.
///
/// ```
/// use muster_lab::words::visible;
/// assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
/// ```
#[must_use]
pub fn visible(text: &str) -> String {
    text.replace(|character| !is_seen(character), "\u{fffd}")
}

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
