//! Small dense linear algebra: systems, determinants, the norm of an inverse.

/// Solves `matrix x = right` by elimination with partial pivoting and one step of refinement. None
/// if singular.
pub(super) fn solve(matrix: &[Vec<f64>], right: &[f64]) -> Option<Vec<f64>> {
    let factors = Factors::new(matrix)?;
    let mut x = factors.solve(right);
    let residual: Vec<f64> = matrix
        .iter()
        .zip(right)
        .map(|(row, b)| b - crate::numeric::sum(row.iter().zip(&x).map(|(a, v)| a * v)))
        .collect();
    for (value, correction) in x.iter_mut().zip(factors.solve(&residual)) {
        *value += correction;
    }
    Some(x)
}

struct Factors {
    lu: Vec<Vec<f64>>,
    order: Vec<usize>,
}

impl Factors {
    fn new(matrix: &[Vec<f64>]) -> Option<Self> {
        let n = matrix.len();
        let mut lu = matrix.to_vec();
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..n {
            let pivot = (k..n).max_by(|&a, &b| lu[a][k].abs().total_cmp(&lu[b][k].abs()))?;
            if lu[pivot][k].abs() < 1e-13 {
                return None;
            }
            lu.swap(k, pivot);
            order.swap(k, pivot);
            for i in k + 1..n {
                let factor = lu[i][k] / lu[k][k];
                if factor != 0.0 {
                    for j in k + 1..n {
                        let subtrahend = factor * lu[k][j];
                        lu[i][j] -= subtrahend;
                    }
                }
                lu[i][k] = factor;
            }
        }
        Some(Self { lu, order })
    }

    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let n = self.lu.len();
        let mut x: Vec<f64> = self.order.iter().map(|&i| right[i]).collect();
        for i in 0..n {
            for j in 0..i {
                x[i] -= self.lu[i][j] * x[j];
            }
        }
        for i in (0..n).rev() {
            for j in i + 1..n {
                x[i] -= self.lu[i][j] * x[j];
            }
            x[i] /= self.lu[i][i];
        }
        x
    }
}

/// The determinant, by elimination with partial pivoting.
pub(super) fn determinant(matrix: &[Vec<f64>]) -> f64 {
    let n = matrix.len();
    let mut a = matrix.to_vec();
    let mut value = 1.0;
    for k in 0..n {
        let Some(pivot) = (k..n).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())) else {
            return value;
        };
        if a[pivot][k] == 0.0 {
            return 0.0;
        }
        if pivot != k {
            a.swap(k, pivot);
            value = -value;
        }
        value *= a[k][k];
        for i in k + 1..n {
            let factor = a[i][k] / a[k][k];
            for j in k + 1..n {
                let subtrahend = factor * a[k][j];
                a[i][j] -= subtrahend;
            }
        }
    }
    value
}

/// `|A^-1|_2`, one over the smallest singular value, by one-sided Jacobi rotations. None if that is
/// below 1e-14 of the largest.
pub(super) fn inverse_norm(matrix: &[Vec<f64>]) -> Option<f64> {
    let n = matrix.len();
    let mut columns: Vec<Vec<f64>> =
        (0..n).map(|j| matrix.iter().map(|row| row[j]).collect()).collect();
    let inner = |a: &[f64], b: &[f64]| crate::numeric::sum(a.iter().zip(b).map(|(x, y)| x * y));
    for _ in 0..60 {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (pp, qq, pq) = (
                    inner(&columns[p], &columns[p]),
                    inner(&columns[q], &columns[q]),
                    inner(&columns[p], &columns[q]),
                );
                if pq.abs() <= 1e-16 * (pp * qq).sqrt() {
                    continue;
                }
                turned = true;
                let zeta = (qq - pp) / (2.0 * pq);
                let sign = if zeta < 0.0 { -1.0 } else { 1.0 };
                let tangent = sign / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
                for i in 0..n {
                    let (x, y) = (columns[p][i], columns[q][i]);
                    columns[p][i] = cosine * (x - tangent * y);
                    columns[q][i] = cosine * (tangent * x + y);
                }
            }
        }
        if !turned {
            break;
        }
    }
    let singular: Vec<f64> = columns.iter().map(|c| inner(c, c).sqrt()).collect();
    let (least, most) =
        singular.iter().fold((f64::INFINITY, 0.0f64), |(l, m), &s| (l.min(s), m.max(s)));
    (least > 1e-14 * most).then(|| 1.0 / least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_systems() {
        let a = vec![vec![0.0, 2.0], vec![3.0, 1.0]];
        assert_eq!(solve(&a, &[4.0, 5.0]), Some(vec![1.0, 2.0]));
        assert_eq!(determinant(&a), -6.0);
        assert!(solve(&[vec![1.0, 2.0], vec![2.0, 4.0]], &[1.0, 1.0]).is_none());
        // Singular values of a rotation times diag(4, 0.5).
        let (c, s) = (0.6, 0.8);
        let rotated = vec![vec![4.0 * c, -0.5 * s], vec![4.0 * s, 0.5 * c]];
        assert!((inverse_norm(&rotated).expect("regular") - 2.0).abs() < 1e-14);
        assert!(inverse_norm(&[vec![1.0, 1.0], vec![1.0, 1.0]]).is_none());
    }
}
