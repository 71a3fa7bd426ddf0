//! From values to places on an axis, and its ticks.

use crate::figure::Division;

/// One direction of a panel: from values to 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// The value at 0.
    pub low: f64,
    /// The value at 1, above `low`.
    pub high: f64,
    division: Division,
}

/// A place on an axis and what stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The value.
    pub value: f64,
    /// What stands there; nothing at a minor tick.
    pub label: String,
}

/// The ticks of an axis; `factor` stands behind the axis's label where numbers are large or small.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ticks {
    /// With labels.
    pub major: Vec<Tick>,
    /// Without.
    pub minor: Vec<f64>,
    /// The power of ten that labels are in: `×10⁶`.
    pub factor: Option<String>,
}

/// The largest and smallest values that an axis shows, far from where f64 overflows.
const LIMIT: f64 = 1e250;

impl Scale {
    /// From the least to the largest value; one that has no extent gets one, and what no axis can
    /// show is left out. `margin` is added at both ends, as a share.
    pub fn new(division: Division, low: f64, high: f64, margin: f64) -> Self {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        let possible = match division {
            Division::Linear => (-LIMIT, LIMIT),
            Division::Logarithmic => (1.0 / LIMIT, LIMIT),
        };
        let (low, high) = if low.is_finite() && high.is_finite() {
            (low.clamp(possible.0, possible.1), high.clamp(possible.0, possible.1))
        } else if division == Division::Logarithmic {
            (1.0, 10.0)
        } else {
            (0.0, 1.0)
        };
        let (low, high) = match division {
            Division::Linear => {
                let extent = high - low;
                let extent = if extent > 1e-12 * high.abs().max(low.abs()) { extent } else { 0.0 };
                let side = match extent {
                    0.0 => 0.1 * low.abs().max(if low == 0.0 { 10.0 } else { 0.0 }),
                    extent => margin * extent,
                };
                (low - side, high + side)
            }
            Division::Logarithmic => {
                let extent = libm::log10(high) - libm::log10(low);
                let side = if extent > 1e-9 { margin * extent } else { 0.5 };
                (libm::exp10(libm::log10(low) - side), libm::exp10(libm::log10(high) + side))
            }
        };
        Self { low, high, division }
    }

    /// Where a value lies: 0 at `low`, 1 at `high`. `None` for what the axis cannot show.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = match self.division {
            Division::Linear => (value - self.low) / (self.high - self.low),
            Division::Logarithmic if value > 0.0 => {
                let [value, low, high] = [value, self.low, self.high].map(libm::log10);
                (value - low) / (high - low)
            }
            Division::Logarithmic => return None,
        };
        // Far outside is as good as outside, and keeps coordinates small.
        place.is_finite().then(|| place.clamp(-20.0, 21.0))
    }

    /// Whether a value lies on the axis, up to rounding.
    pub fn holds(&self, value: f64) -> bool {
        self.place(value).is_some_and(|place| (-1e-9..=1.0 + 1e-9).contains(&place))
    }

    /// About so many ticks.
    pub fn ticks(&self, about: usize) -> Ticks {
        match self.division {
            Division::Linear => self.linear(about.max(2)),
            Division::Logarithmic => self.logarithmic(about.max(2)),
        }
    }

    fn linear(&self, about: usize) -> Ticks {
        let step = nice_step((self.high - self.low) / about as f64);
        let (first, last) = ((self.low / step).ceil(), (self.high / step).floor());
        let size = self.low.abs().max(self.high.abs());
        let power = if (1e-3..1e5).contains(&size) { 0 } else { libm::log10(size).floor() as i32 };
        let unit = libm::exp10(f64::from(power));
        let decimals = (-libm::log10(step / unit) - 1e-9).ceil().clamp(0.0, 12.0) as usize;
        let count = (last - first).clamp(-1.0, 1000.0);
        let tick = |at: i32| {
            let value = (first + f64::from(at)) * step;
            Tick { value, label: signed(format!("{:.decimals$}", value / unit)) }
        };
        Ticks {
            major: (0..=count as i32).map(tick).collect(),
            minor: Vec::new(),
            factor: (power != 0).then(|| format!("×{}", power_of_ten(power))),
        }
    }

    fn logarithmic(&self, about: usize) -> Ticks {
        let (low, high) = (libm::log10(self.low), libm::log10(self.high));
        let decades = (low - 1e-9).ceil() as i32..=(high + 1e-9).floor() as i32;
        let (first, last) = (*decades.start(), *decades.end());
        let multiples = |of: &[u32]| {
            let all = (first - 1..=last)
                .flat_map(|power| of.iter().map(move |&m| (m, power)))
                .collect::<Vec<_>>();
            let value = |(m, power): (u32, i32)| f64::from(m) * libm::exp10(f64::from(power));
            all.into_iter()
                .filter(|&pair| self.holds(value(pair)))
                .map(|(m, p)| (m, p, value((m, p))))
                .collect::<Vec<_>>()
        };
        if last - first < 2 {
            let chosen = multiples(&[1, 2, 5]);
            if chosen.len() < 2 {
                return self.linear(about);
            }
            let label = |&(m, power, value): &(u32, i32, f64)| {
                let label = match power {
                    -3..=3 => plain(value),
                    _ if m == 1 => power_of_ten(power),
                    _ => format!("{m}×{}", power_of_ten(power)),
                };
                Tick { value, label }
            };
            return Ticks { major: chosen.iter().map(label).collect(), ..Ticks::default() };
        }
        // Powers of ten are short: there is room for more of them.
        let each = (last - first) / (about as i32 * 3 / 2 + 1) + 1;
        let short = (-2..=3).contains(&first) && (-2..=3).contains(&last);
        let tick = |power: i32| {
            let value = libm::exp10(f64::from(power));
            Tick { value, label: if short { plain(value) } else { power_of_ten(power) } }
        };
        let powers = decades.filter(|power| power.rem_euclid(each) == 0);
        let minor = match last - first {
            0..=7 => multiples(&[2, 3, 4, 5, 6, 7, 8, 9]).into_iter().map(|(_, _, v)| v).collect(),
            8..=40 if each > 1 => {
                (first..=last).map(|power| libm::exp10(f64::from(power))).collect()
            }
            _ => Vec::new(),
        };
        Ticks { major: powers.map(tick).collect(), minor, factor: None }
    }
}

/// 1, 2 or 5 times a power of ten, the one that is nearest to `step`.
fn nice_step(step: f64) -> f64 {
    let power = libm::exp10(libm::log10(step).floor());
    let times = match step / power {
        times if times < 1.5 => 1.0,
        times if times < 3.5 => 2.0,
        times if times < 7.5 => 5.0,
        _ => 10.0,
    };
    times * power
}

fn plain(value: f64) -> String {
    signed(format!("{value:.6}").trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// With the sign for minus, and without it before zero.
fn signed(number: String) -> String {
    match number.strip_prefix('-') {
        Some(size) if size.chars().all(|c| matches!(c, '0' | '.')) => size.to_owned(),
        Some(size) => format!("\u{2212}{size}"),
        None => number,
    }
}

fn power_of_ten(power: i32) -> String {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digits = power.unsigned_abs().to_string();
    let raised = digits.bytes().map(|digit| RAISED[usize::from(digit - b'0')]);
    let sign = if power < 0 { "⁻" } else { "" };
    format!("10{sign}{}", raised.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(division: Division, range: (f64, f64), labels: &[&str], factor: Option<&str>) {
        let ticks = Scale::new(division, range.0, range.1, 0.0).ticks(5);
        let found = ticks.major.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>();
        assert_eq!(found, labels);
        assert_eq!(ticks.factor.as_deref(), factor);
    }

    #[test]
    fn ticks_are_numbers_that_people_choose() {
        use Division::{Linear, Logarithmic};
        check(Linear, (0.0, 1.0), &["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], None);
        check(Linear, (-10.0, 10.0), &["−10", "−5", "0", "5", "10"], None);
        check(Linear, (0.0, 2.5e6), &["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"], Some("×10⁶"));
        check(Logarithmic, (0.01, 100.0), &["0.01", "0.1", "1", "10", "100"], None);
        check(Logarithmic, (1e-9, 1e-5), &["10⁻⁹", "10⁻⁸", "10⁻⁷", "10⁻⁶", "10⁻⁵"], None);
        check(Logarithmic, (1.0, 9.0), &["1", "2", "5"], None);
        check(Logarithmic, (3.0, 4.0), &["3.0", "3.2", "3.4", "3.6", "3.8", "4.0"], None);
    }

    #[test]
    fn a_scale_has_an_extent_whatever_it_is_made_of() {
        let nan = f64::NAN;
        for division in [Division::Linear, Division::Logarithmic] {
            for (low, high) in [
                (0.0, 0.0),
                (5.0, 5.0),
                (nan, nan),
                (f64::INFINITY, 0.0),
                (-1e308, 1e308),
                (-3.0, -2.0),
            ] {
                let scale = Scale::new(division, low, high, 0.05);
                assert!(scale.low < scale.high, "{division:?} {low} {high}: {scale:?}");
                assert!(scale.ticks(5).major.len() < 20, "{division:?} {low} {high}");
            }
        }
    }
}
