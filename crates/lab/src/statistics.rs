//! Summaries of samples that experiments share.

use std::borrow::Borrow;

/// The arithmetic mean; NaN of nothing.
pub fn mean(values: impl IntoIterator<Item: Borrow<f64>>) -> f64 {
    let mut count = 0_usize;
    let counted = values.into_iter().inspect(|_| count += 1);
    counted.map(|value| *value.borrow()).sum::<f64>() / count as f64
}

/// Weights divided by their sum; NaN where that is zero.
pub fn normalised(mut weights: Vec<f64>) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    weights
}

/// The largest; NaN of nothing and of anything with NaN in it.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    let pick = |a: f64, b: f64| if a >= b || a.is_nan() { a } else { b };
    values.into_iter().reduce(pick).unwrap_or(f64::NAN)
}

/// The smallest; NaN of nothing and of anything with NaN in it.
pub fn smallest(values: impl IntoIterator<Item = f64>) -> f64 {
    -largest(values.into_iter().map(|value| -value))
}

/// The quantile at `share` in [0, 1], linear between order statistics; NaN of nothing.
///
/// ```
/// use muster_lab::statistics::quantile;
/// assert_eq!(quantile([3.0, 1.0, 2.0], 0.5), 2.0);
/// assert_eq!(quantile([0.0, 1.0], 0.25), 0.25);
/// ```
pub fn quantile(values: impl IntoIterator<Item: Borrow<f64>>, share: f64) -> f64 {
    let mut sorted = values.into_iter().map(|value| *value.borrow()).collect::<Vec<_>>();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(last);
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// What a sample is like at one place of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The place.
    pub x: f64,
    /// The 10% quantile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The 90% quantile.
    pub high: f64,
}

/// Points (x, y) summed up per x, x ascending. Points with NaN are left out.
///
/// ```
/// use muster_lab::statistics::spreads;
/// let found = spreads([(2.0, 5.0), (1.0, 0.0), (1.0, 10.0)]);
/// assert_eq!((found.len(), found[0].x, found[0].median, found[0].low), (2, 1.0, 5.0, 1.0));
/// ```
pub fn spreads(points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Spread> {
    let mut points: Vec<(f64, f64)> =
        points.into_iter().filter(|(x, y)| !x.is_nan() && !y.is_nan()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let values: Vec<f64> = group.iter().map(|point| point.1).collect();
            Spread {
                x: group[0].0,
                low: quantile(&values, 0.1),
                median: quantile(&values, 0.5),
                high: quantile(&values, 0.9),
            }
        })
        .collect()
}
