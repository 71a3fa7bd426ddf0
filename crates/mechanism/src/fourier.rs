//! Convolution of non-negative sequences: direct where that is affordable, else by a radix-2
//! transform.

/// Up to this length of the shorter factor the direct sum is used: positive terms, so that every
/// tail is exact.
const DIRECT_MAX: usize = 513;

/// `c[k] = sum_i a[i] b[k - i]`. Transformed products are cut off at 0, since they are only
/// rounding there.
pub(crate) fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let length = a.len() + b.len() - 1;
    if short.len() <= DIRECT_MAX {
        let mut c = vec![0.0; length];
        for (i, x) in short.iter().enumerate() {
            for (out, y) in c[i..].iter_mut().zip(long) {
                *out += x * y;
            }
        }
        return c;
    }
    let size = length.next_power_of_two();
    // Both real sequences in one complex transform: a + i b, whose square has 2 a b as imaginary
    // part.
    let mut values: Vec<(f64, f64)> = (0..size)
        .map(|k| (a.get(k).copied().unwrap_or(0.0), b.get(k).copied().unwrap_or(0.0)))
        .collect();
    let turns: Vec<(f64, f64)> = (0..size / 2)
        .map(|k| {
            let angle = -core::f64::consts::TAU * k as f64 / size as f64;
            (libm::cos(angle), libm::sin(angle))
        })
        .collect();
    transform(&mut values, &turns);
    for v in &mut values {
        *v = (v.0 * v.0 - v.1 * v.1, 2.0 * v.0 * v.1);
    }
    transform(&mut values, &turns);
    // A second forward transform is the inverse with indices reversed.
    let scale = 0.5 / size as f64;
    (0..length).map(|k| (values[(size - k) % size].1 * scale).max(0.0)).collect()
}

/// In-place decimation in time.
fn transform(values: &mut [(f64, f64)], turns: &[(f64, f64)]) {
    let size = values.len();
    let bits = size.trailing_zeros();
    for i in 0..size {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            values.swap(i, j);
        }
    }
    let mut half = 1;
    while half < size {
        let stride = size / (2 * half);
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for k in 0..half {
                let (turn, x, y) = (turns[k * stride], low[k], high[k]);
                let product = (y.0 * turn.0 - y.1 * turn.1, y.0 * turn.1 + y.1 * turn.0);
                low[k] = (x.0 + product.0, x.1 + product.1);
                high[k] = (x.0 - product.0, x.1 - product.1);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transform_agrees_with_direct_sums() {
        let a: Vec<f64> = (0..700).map(|i| 1.0 / f64::from(700 + (i * 37) % 101)).collect();
        let b: Vec<f64> = (0..900).map(|i| 1.0 / f64::from(900 + (i * 53) % 97)).collect();
        let fast = convolve(&a, &b);
        for k in [0, 1, 500, 699, 1000, 1598] {
            let direct: f64 =
                (0..700).filter(|i| *i <= k && k - i < 900).map(|i| a[i] * b[k - i]).sum();
            assert!((fast[k] - direct).abs() < 1e-15, "{k}: {} {direct}", fast[k]);
        }
    }
}
