//! A dense simplex method for tiny programs with lexicographic objectives.
//!
//! Objectives are compared lexicographically, and so are reduced costs: one run then settles every
//! level, with no tolerance carried from one level to the next, and the first phase (no artificial
//! variable left) is merely the first level. The basis it ends in is solved again from the original
//! numbers, so that rounding of the tableau does not reach the result.

use super::linear::solve;

/// What a zero is in the tableau, whose numbers are of order 1.
const ZERO: f64 = 1e-10;

/// One constraint over variables that are not negative: `coefficients . x <= limit`.
pub(super) struct AtMost {
    pub coefficients: Vec<f64>,
    pub limit: f64,
}

/// What a program comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Solution {
    /// The values of the variables.
    Optimal(Vec<f64>),
    Infeasible,
    /// The first objective that decides falls without bound.
    Unbounded,
    /// The limit of steps was reached.
    NotSolved(usize),
}

struct Tableau {
    /// One row per constraint; the last entry is the value of its basic variable.
    rows: Vec<Vec<f64>>,
    /// One row of reduced costs per objective.
    costs: Vec<Vec<f64>>,
    basis: Vec<usize>,
    /// Columns from here on are artificial and never enter.
    artificial: usize,
}

/// Minimises the objectives in lexicographic order.
pub(super) fn minimise(constraints: &[AtMost], objectives: &[Vec<f64>]) -> Solution {
    let mut tableau = Tableau::new(constraints, objectives);
    let limit = 200 * (constraints.len() + objectives.len());
    let original = tableau.rows.clone();
    for step in 0..limit {
        // The steepest column converges fast; should it ever cycle, the lowest index cannot.
        let Some(column) = tableau.entering(step > limit / 2) else {
            return tableau.solution(&original);
        };
        let Some(row) = tableau.leaving(column) else {
            return Solution::Unbounded;
        };
        tableau.pivot(row, column);
    }
    Solution::NotSolved(limit)
}

impl Tableau {
    fn new(constraints: &[AtMost], objectives: &[Vec<f64>]) -> Self {
        let variables = constraints.first().map_or(0, |c| c.coefficients.len());
        let artificial = variables + constraints.len();
        let negative: Vec<usize> =
            (0..constraints.len()).filter(|&i| constraints[i].limit < 0.0).collect();
        let width = artificial + negative.len() + 1;
        let mut basis = Vec::with_capacity(constraints.len());
        let mut rows = Vec::with_capacity(constraints.len());
        let mut first = vec![0.0; width];
        for (i, constraint) in constraints.iter().enumerate() {
            let sign = if constraint.limit < 0.0 { -1.0 } else { 1.0 };
            let mut row = vec![0.0; width];
            for (entry, c) in row.iter_mut().zip(&constraint.coefficients) {
                *entry = sign * c;
            }
            row[variables + i] = sign;
            row[width - 1] = sign * constraint.limit;
            if let Some(k) = negative.iter().position(|&n| n == i) {
                for (cost, entry) in first.iter_mut().zip(&row) {
                    *cost -= entry;
                }
                row[artificial + k] = 1.0;
                basis.push(artificial + k);
            } else {
                basis.push(variables + i);
            }
            rows.push(row);
        }
        let mut costs = vec![first];
        for objective in objectives {
            let mut row = objective.clone();
            row.resize(width, 0.0);
            costs.push(row);
        }
        Self { rows, costs, basis, artificial }
    }

    /// A column whose reduced cost is lexicographically negative.
    fn entering(&self, lowest_index: bool) -> Option<usize> {
        let mut best: Option<(usize, f64, usize)> = None;
        for column in 0..self.artificial {
            let decisive = self.costs.iter().position(|level| level[column].abs() > ZERO);
            let Some(level) = decisive else { continue };
            let cost = self.costs[level][column];
            if cost > 0.0 {
                continue;
            }
            if lowest_index {
                return Some(column);
            }
            if best.is_none_or(|(l, c, _)| (level, cost) < (l, c)) {
                best = Some((level, cost, column));
            }
        }
        best.map(|b| b.2)
    }

    /// The row that first reaches zero; among equals the largest pivot, for accuracy.
    fn leaving(&self, column: usize) -> Option<usize> {
        let mut best: Option<(f64, f64, usize)> = None;
        for (i, row) in self.rows.iter().enumerate() {
            let pivot = row[column];
            if pivot <= ZERO {
                continue;
            }
            let ratio = row[row.len() - 1].max(0.0) / pivot;
            let better =
                best.is_none_or(|(r, p, _)| ratio < r - ZERO || (ratio <= r + ZERO && pivot > p));
            if better {
                best = Some((ratio, pivot, i));
            }
        }
        best.map(|b| b.2)
    }

    fn pivot(&mut self, row: usize, column: usize) {
        let mut pivot_row = std::mem::take(&mut self.rows[row]);
        let scale = 1.0 / pivot_row[column];
        for entry in &mut pivot_row {
            *entry *= scale;
        }
        pivot_row[column] = 1.0;
        for other in self.rows.iter_mut().chain(self.costs.iter_mut()).filter(|r| !r.is_empty()) {
            let factor = other[column];
            if factor != 0.0 {
                for (entry, p) in other.iter_mut().zip(&pivot_row) {
                    *entry -= factor * p;
                }
                other[column] = 0.0;
            }
        }
        self.rows[row] = pivot_row;
        self.basis[row] = column;
    }

    /// The values of the basic variables, from the original rows.
    fn solution(&self, original: &[Vec<f64>]) -> Solution {
        let width = original.first().map_or(1, Vec::len);
        let leftover: f64 = (0..self.rows.len())
            .filter(|&i| self.basis[i] >= self.artificial)
            .map(|i| self.rows[i][width - 1].abs())
            .sum();
        if leftover > 1e-9 {
            return Solution::Infeasible;
        }
        let system: Vec<Vec<f64>> =
            original.iter().map(|row| self.basis.iter().map(|&b| row[b]).collect()).collect();
        let limits: Vec<f64> = original.iter().map(|row| row[width - 1]).collect();
        let basic = solve(&system, &limits)
            .unwrap_or_else(|| self.rows.iter().map(|row| row[width - 1]).collect());
        let mut values = vec![0.0; self.artificial];
        for (&b, value) in self.basis.iter().zip(basic) {
            if b < self.artificial {
                values[b] = value.max(0.0);
            }
        }
        values.truncate(self.artificial - original.len());
        Solution::Optimal(values)
    }
}
