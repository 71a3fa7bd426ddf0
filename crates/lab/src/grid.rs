//! The cells of a sweep over several axes.

/// Cells of every combination of the places on `N` axes, numbered with the last axis fastest.
///
/// ```
/// use muster_lab::grid::Grid;
/// let grid = Grid([2, 3]);
/// assert_eq!(grid.cells(), 6);
/// assert_eq!((grid.at(0), grid.at(2), grid.at(3)), ([0, 0], [0, 2], [1, 0]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid<const N: usize>(pub [usize; N]);

impl<const N: usize> Grid<N> {
    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.0.iter().product()
    }

    /// The place of a cell on each axis.
    pub fn at(&self, cell: usize) -> [usize; N] {
        let (mut places, mut rest) = ([0; N], cell);
        for (place, length) in places.iter_mut().zip(self.0).rev() {
            (*place, rest) = (rest % length, rest / length);
        }
        places
    }
}
