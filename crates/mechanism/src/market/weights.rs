//! The weight matrix `W` of the market: sparse, validated, immutable.

use super::Error;

/// How far above one the sum of a row may lie, to forgive rounding in the peers' own sums.
pub const ROW_SUM_TOLERANCE: f64 = 1e-9;

/// A sparse `n x n` matrix of weights in compressed-sparse-row form.
///
/// Row `i` holds what peer `i` gives to others (`w_ii` is its self-loop). Every weight is positive
/// and finite, every row is sorted by column without duplicates and sums to at most
/// `1 +` [`ROW_SUM_TOLERANCE`]. Weights of zero are dropped: they mean the same as absent ones.
///
/// ```
/// use muster_mechanism::market::Weights;
/// let weights = Weights::from_triplets(3, [(0, 1, 0.75), (0, 2, 0.25), (2, 0, 1.0)])?;
/// assert_eq!(weights.row(0), (&[1, 2][..], &[0.75, 0.25][..]));
/// assert!(Weights::from_triplets(3, [(0, 1, 0.75), (0, 2, 0.5)]).is_err());
/// # Ok::<(), muster_mechanism::market::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    offsets: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
    /// The largest weight of every row.
    largest: Vec<f64>,
}

impl Weights {
    /// Builds the matrix of `peers` peers from `(row, column, weight)` in any order.
    ///
    /// ```
    /// use muster_mechanism::market::{Error, Weights};
    /// let weights = Weights::from_triplets(3, [(0, 1, 0.25), (0, 2, 0.75), (2, 0, 1.0)])?;
    /// assert_eq!((weights.peers(), weights.count()), (3, 3));
    /// assert_eq!((weights.get(0, 2), weights.get(1, 0)), (0.75, 0.0));
    /// let too_large = Weights::from_triplets(2, [(0, 1, 1.5)]);
    /// assert!(matches!(too_large, Err(Error::RowTooLarge { row: 0, .. })));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PeerOutOfRange`], [`Error::WeightInvalid`], [`Error::WeightTwice`],
    /// [`Error::RowTooLarge`], [`Error::TooManyPeers`].
    pub fn from_triplets(
        peers: usize,
        triplets: impl IntoIterator<Item = (usize, usize, f64)>,
    ) -> Result<Self, Error> {
        check_count(peers)?;
        let mut entries: Vec<(u32, u32, f64)> = Vec::new();
        for (row, column, weight) in triplets {
            for peer in [row, column] {
                if peer >= peers {
                    return Err(Error::PeerOutOfRange { peer, peers });
                }
            }
            check_weight(row, column, weight)?;
            // Both indices are below `peers`, which fits in 32 bits.
            entries.push((row as u32, column as u32, weight));
        }
        entries.sort_unstable_by_key(|&(row, column, _)| (row, column));
        for pair in entries.windows(2) {
            if (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1) {
                return Err(Error::WeightTwice {
                    row: pair[0].0 as usize,
                    column: pair[0].1 as usize,
                });
            }
        }
        entries.retain(|&(_, _, weight)| weight > 0.0);
        let mut offsets = vec![0; peers + 1];
        for &(row, _, _) in &entries {
            offsets[row as usize + 1] += 1;
        }
        for row in 0..peers {
            offsets[row + 1] += offsets[row];
        }
        let columns = entries.iter().map(|entry| entry.1).collect();
        let values = entries.iter().map(|entry| entry.2).collect();
        Self { offsets, columns, values, largest: Vec::new() }.survey()
    }

    /// Takes over arrays in compressed-sparse-row form: `offsets` has one entry more than there
    /// are peers, row `i` is `columns[offsets[i]..offsets[i + 1]]` with rising columns.
    ///
    /// ```
    /// use muster_mechanism::market::Weights;
    /// let weights = Weights::from_csr(vec![0, 2, 2, 3], vec![1, 2, 0], vec![0.25, 0.75, 1.0])?;
    /// assert_eq!(weights.row(0), (&[1, 2][..], &[0.25, 0.75][..]));
    /// # Ok::<(), muster_mechanism::market::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Weights::from_triplets`], and [`Error::Malformed`] where the arrays do not fit
    /// each other or a row's columns do not rise.
    pub fn from_csr(
        offsets: Vec<usize>,
        columns: Vec<u32>,
        values: Vec<f64>,
    ) -> Result<Self, Error> {
        let malformed = |what: &'static str, at: usize| Err(Error::Malformed { what, at });
        let Some(peers) = offsets.len().checked_sub(1) else {
            return malformed("the offsets are empty", 0);
        };
        check_count(peers)?;
        if offsets[0] != 0 || offsets[peers] != columns.len() || columns.len() != values.len() {
            return malformed("offsets, columns and values differ in length", columns.len());
        }
        for row in 0..peers {
            if offsets[row] > offsets[row + 1] || offsets[row + 1] > columns.len() {
                return malformed("the offsets do not rise", row);
            }
            let mut previous = None;
            for at in offsets[row]..offsets[row + 1] {
                let column = columns[at];
                if column as usize >= peers {
                    return Err(Error::PeerOutOfRange { peer: column as usize, peers });
                }
                if previous == Some(column) {
                    return Err(Error::WeightTwice { row, column: column as usize });
                }
                if previous.is_some_and(|before| before > column) {
                    return malformed("the columns of a row do not rise", row);
                }
                check_weight(row, column as usize, values[at])?;
                previous = Some(column);
            }
        }
        let mut weights = Self { offsets, columns, values, largest: Vec::new() };
        weights.drop_zeros();
        weights.survey()
    }

    /// The number of peers `n`.
    pub fn peers(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of weights above zero.
    pub fn count(&self) -> usize {
        self.columns.len()
    }

    /// Row `i`: the peers that `i` gives weight to, rising, and the weights.
    ///
    /// # Panics
    /// If `i` is not below [`Weights::peers`].
    #[inline]
    pub fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let range = self.offsets[i]..self.offsets[i + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// The weight `w_ij`, zero where `i` gives `j` none.
    ///
    /// # Panics
    /// If `i` is not below [`Weights::peers`].
    pub fn get(&self, i: usize, j: usize) -> f64 {
        let (columns, values) = self.row(i);
        columns.binary_search_by_key(&j, |&c| c as usize).map_or(0.0, |at| values[at])
    }

    /// All `(row, column, weight)` above zero, by row, then by column.
    pub fn triplets(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        (0..self.peers()).flat_map(move |row| {
            let (columns, values) = self.row(row);
            columns.iter().zip(values).map(move |(&column, &value)| (row, column as usize, value))
        })
    }

    /// Where each row begins, and the last one ends.
    pub(super) fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Row after row, rising within each.
    pub(super) fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// As [`columns`](Self::columns).
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The largest weight of every row, 0 where there are none.
    pub(super) fn largest(&self) -> &[f64] {
        &self.largest
    }

    /// Row `i` times `factors[i]`, each between 0 and 1.
    pub(super) fn scaled(&self, factors: &[f64]) -> Self {
        let mut scaled = self.clone();
        for (i, &factor) in factors.iter().enumerate() {
            for value in &mut scaled.values[self.offsets[i]..self.offsets[i + 1]] {
                *value *= factor;
            }
            scaled.largest[i] *= factor;
        }
        scaled.drop_zeros();
        scaled
    }

    fn drop_zeros(&mut self) {
        if self.values.iter().all(|&weight| weight > 0.0) {
            return;
        }
        let mut kept = 0;
        let mut start = 0;
        for row in 0..self.peers() {
            let end = self.offsets[row + 1];
            for at in start..end {
                if self.values[at] > 0.0 {
                    self.values[kept] = self.values[at];
                    self.columns[kept] = self.columns[at];
                    kept += 1;
                }
            }
            self.offsets[row + 1] = kept;
            start = end;
        }
        self.values.truncate(kept);
        self.columns.truncate(kept);
    }

    /// Checks the sums of all rows and notes their largest weights.
    fn survey(mut self) -> Result<Self, Error> {
        let mut largest = Vec::with_capacity(self.peers());
        for row in 0..self.peers() {
            let values = self.row(row).1;
            let sum: f64 = values.iter().sum();
            if sum > 1.0 + ROW_SUM_TOLERANCE {
                return Err(Error::RowTooLarge { row, sum });
            }
            largest.push(values.iter().fold(0.0, |a: f64, &b| a.max(b)));
        }
        self.largest = largest;
        Ok(self)
    }
}

fn check_count(peers: usize) -> Result<(), Error> {
    if peers > u32::MAX as usize { Err(Error::TooManyPeers { peers }) } else { Ok(()) }
}

fn check_weight(row: usize, column: usize, weight: f64) -> Result<(), Error> {
    if weight.is_finite() && weight >= 0.0 {
        Ok(())
    } else {
        Err(Error::WeightInvalid { row, column, weight })
    }
}
