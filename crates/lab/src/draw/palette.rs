//! Colours that people with any kind of colour vision can tell apart.

/// Series: the palette of Okabe and Ito (2008), strongest first; its yellow is too weak for lines
/// on white.
const SERIES: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#22272b"];

/// Maps: eleven points of viridis (van der Walt and Smith 2015), evenly spaced; between them,
/// linear in each channel.
const MAP: [[u8; 3]; 11] = [
    [68, 1, 84],
    [72, 36, 117],
    [65, 68, 135],
    [53, 95, 141],
    [42, 120, 142],
    [33, 145, 140],
    [34, 168, 132],
    [68, 191, 112],
    [122, 209, 81],
    [189, 223, 38],
    [253, 231, 37],
];

/// Where a map has no value.
pub const NO_VALUE: &str = "#e3e6e8";

/// How many colours a map has: neighbours of one colour are drawn as one.
const STEPS: f64 = 127.0;

/// The colour of the series with this number; after the seventh they repeat.
pub fn series(index: usize) -> &'static str {
    SERIES[index % SERIES.len()]
}

/// Whether a series has a colour that stood before: then its line has gaps.
pub fn repeats(index: usize) -> bool {
    index >= SERIES.len()
}

/// The number of the colour of a share of the range of a map; what is outside takes the nearest.
pub fn step(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * STEPS).round() as u8
}

/// The colour with this number.
pub fn map(step: u8) -> String {
    let place = f64::from(step) / STEPS * (MAP.len() - 1) as f64;
    let first = (place.floor() as usize).min(MAP.len() - 2);
    let rest = place - first as f64;
    let channel = |c: usize| {
        let (a, b) = (f64::from(MAP[first][c]), f64::from(MAP[first + 1][c]));
        (a + rest * (b - a)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", channel(0), channel(1), channel(2))
}
