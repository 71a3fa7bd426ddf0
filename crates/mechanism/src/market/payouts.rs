//! What a peer's emission pays to others, by rule.

use super::Weights;

/// What one unit of emission of a peer pays to each other peer; at most one in all, the rest is
/// not minted.
#[derive(Clone, Debug, PartialEq)]
pub enum Payouts {
    /// Under [`Rule::Paper`](super::Rule::Paper): `w_ij T_j`.
    Trusted,
    /// Under [`Rule::Median`](super::Rule::Median): `min(w_ij, q_j)`.
    Clipped {
        /// The ceilings `q_j`.
        ceiling: Vec<f64>,
    },
    /// Under [`Rule::ConnectedMedian`](super::Rule::ConnectedMedian) and
    /// [`Rule::CredibleMedian`](super::Rule::CredibleMedian): `min(V_ij, q_j)`, for those whose
    /// opinions count.
    Walked {
        /// The ceilings `q_j`.
        ceiling: Vec<f64>,
        /// Whose opinions count, rising.
        holders: Vec<u32>,
        /// Row `r`, that of peer `holders[r]`, begins at `offsets[r]`.
        offsets: Vec<usize>,
        /// Who is paid, rising within a row; only those with `q_j > 0`.
        columns: Vec<u32>,
        /// What they are paid.
        values: Vec<f64>,
    },
}

impl Payouts {
    /// The ceilings `q_j`; none under [`Rule::Paper`](super::Rule::Paper).
    pub fn ceiling(&self) -> Option<&[f64]> {
        match self {
            Self::Trusted => None,
            Self::Clipped { ceiling } | Self::Walked { ceiling, .. } => Some(ceiling),
        }
    }

    /// What peer `i` pays, given the weights and the trust of the same epoch.
    pub(super) fn row<'a>(
        &'a self,
        weights: &'a Weights,
        trust: &'a [f64],
        i: usize,
    ) -> PayoutRow<'a> {
        let (columns, values) = weights.row(i);
        match self {
            Self::Trusted => PayoutRow { columns, values, at: 0, limit: Limit::Times(trust) },
            Self::Clipped { ceiling } => {
                PayoutRow { columns, values, at: 0, limit: Limit::AtMost(ceiling) }
            }
            Self::Walked { holders, offsets, columns, values, .. } => {
                let range = match holders.binary_search(&(i as u32)) {
                    Ok(r) => offsets[r]..offsets[r + 1],
                    Err(_) => 0..0,
                };
                let (columns, values) = (&columns[range.clone()], &values[range]);
                PayoutRow { columns, values, at: 0, limit: Limit::Done }
            }
        }
    }
}

/// `(peer, share)` for each peer that one unit of emission pays, by rising index. Shares may be 0.
#[derive(Clone, Debug)]
pub struct PayoutRow<'a> {
    columns: &'a [u32],
    values: &'a [f64],
    at: usize,
    limit: Limit<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Limit<'a> {
    Times(&'a [f64]),
    AtMost(&'a [f64]),
    Done,
}

impl Iterator for PayoutRow<'_> {
    type Item = (usize, f64);

    fn next(&mut self) -> Option<(usize, f64)> {
        let column = *self.columns.get(self.at)? as usize;
        let value = self.values[self.at];
        self.at += 1;
        let share = match self.limit {
            Limit::Times(trust) => value * trust[column],
            Limit::AtMost(ceiling) => value.min(ceiling[column]),
            Limit::Done => value,
        };
        Some((column, share))
    }
}
