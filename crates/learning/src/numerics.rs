//! Cross-entropy on plain slices.
//!
//! The loss and its gradient with respect to the logits are computed here rather than by the
//! framework's automatic differentiation: one pass instead of seven, the probabilities come out
//! for free (they are needed for distillation and for sampled labels), and the exponential is a
//! fixed sequence of additions and multiplications, so the bits do not depend on a system library.

/// `e^x` for `x <= 0` (larger `x` up to 88 also work), to within 2e-7 relative.
///
/// Range reduction by powers of two and a polynomial of degree six (Cephes `expf`). Values below
/// -87 give the smallest normal numbers rather than denormals.
#[inline]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to the nearest integer
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_2e-4_f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    // The low bits of `shifted` hold n; 127 + n is in 1..=254 after the clamp.
    let exponent = shifted.to_bits().wrapping_add(127) << 23;
    y * f32::from_bits(exponent)
}

/// Turns each row of `columns` logits into probabilities, in place, and returns the logarithm of
/// each row's normaliser (log-sum-exp).
pub fn softmax_rows(rows: &mut [f32], columns: usize) -> Vec<f32> {
    rows.chunks_exact_mut(columns)
        .map(|row| {
            let max = row.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            for value in row.iter_mut() {
                *value = exp(*value - max);
            }
            let sum = sum(row);
            let scale = 1.0 / sum;
            for value in row.iter_mut() {
                *value *= scale;
            }
            max + libm::logf(sum)
        })
        .collect()
}

/// Sum in a fixed order of eight interleaved partial sums.
#[must_use]
pub fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let chunks = values.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Sum of squares, in double precision, in a fixed order.
#[must_use]
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// What cross-entropy gives for a batch of positions.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    /// Loss of each position in nats.
    pub losses: Vec<f32>,
    /// Model's distribution at each position, `[positions, vocabulary]`.
    pub probabilities: Vec<f32>,
}

impl CrossEntropy {
    /// Of `logits` `[positions, vocabulary]` against the true next tokens.
    #[must_use]
    pub fn new(mut logits: Vec<f32>, targets: &[u8], vocabulary: usize) -> Self {
        let at_target: Vec<f32> = logits
            .chunks_exact(vocabulary)
            .zip(targets)
            .map(|(row, &target)| row[usize::from(target)])
            .collect();
        let normalisers = softmax_rows(&mut logits, vocabulary);
        let losses = normalisers.iter().zip(&at_target).map(|(n, t)| n - t).collect();
        Self { losses, probabilities: logits }
    }

    /// Mean loss over positions in nats.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.losses.iter().map(|&x| f64::from(x)).sum::<f64>() / self.losses.len() as f64
    }

    /// Gradient of the mean loss with respect to the logits: `(p - onehot) / positions`.
    #[must_use]
    pub fn gradient(&self, targets: &[u8], vocabulary: usize) -> Vec<f32> {
        let scale = 1.0 / targets.len() as f32;
        let mut gradient: Vec<f32> = self.probabilities.iter().map(|p| p * scale).collect();
        for (row, &target) in gradient.chunks_exact_mut(vocabulary).zip(targets) {
            row[usize::from(target)] -= scale;
        }
        gradient
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_accurate_over_the_whole_range() {
        for i in 0..88_000 {
            let x = -(i as f32) * 1e-3;
            if x < -87.0 {
                continue;
            }
            let expected = libm::exp(f64::from(x));
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2e-7, "exp({x}) is off by {error:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) > 0.0 && exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        let logits: Vec<f32> = (0..12).map(|i| ((i * 7 % 5) as f32) * 0.3 - 0.4).collect();
        let targets = [1_u8, 3, 0];
        let loss = |l: &[f32]| CrossEntropy::new(l.to_vec(), &targets, 4).mean();
        let gradient = CrossEntropy::new(logits.clone(), &targets, 4).gradient(&targets, 4);
        for i in 0..12 {
            let (mut up, mut down) = (logits.clone(), logits.clone());
            up[i] += 1e-2;
            down[i] -= 1e-2;
            let difference = (loss(&up) - loss(&down)) / 2e-2;
            assert!((difference - f64::from(gradient[i])).abs() < 1e-4);
        }
    }
}
