//! Columns clipped side by side, where most rows have most columns.
//!
//! A panel holds a few neighbouring columns of all rows, a row's entries together and absent ones
//! as 0. Every pass over it treats its columns in step, so that it is one run of vector
//! instructions; the median is found by counting votes above a guess, a few times.

use std::ops::Range;

use super::votes::settle;
use crate::wide::{Aligned, Kernel, wide};

/// Columns of a panel: a row of it is four lines of the cache.
pub(super) const WIDTH: usize = 32;

/// Panels that are gathered together: a row's run of them is long enough to be read ahead.
pub(super) const GROUP: usize = 16;

/// One row of a panel.
pub(super) type Lanes = Aligned<WIDTH>;

/// Candidates of a column that are few enough to be sorted.
const CANDIDATES_MAX: u64 = 16;

/// Guesses after which what is left is sorted, however much it is.
const GUESSES_MAX: usize = 10;

/// Entries around the guessed start of a run among which it mostly is.
const NEAR: usize = 32;

/// The panels of the columns `range` out of `peers`, one after the other: `row(r)`, of `rows` rows,
/// are rising columns with their values.
pub(super) fn gather<'a>(
    rows: usize,
    row: impl Fn(usize) -> (&'a [u32], &'a [f64]),
    range: Range<usize>,
    peers: usize,
) -> Vec<Lanes> {
    let mut panels = vec![Lanes::ZERO; range.len().div_ceil(WIDTH) * rows];
    // All of them first, so that the waits for memory overlap.
    let starts: Vec<usize> = (0..rows).map(|r| position(row(r).0, range.start, peers)).collect();
    for (r, start) in starts.into_iter().enumerate() {
        let (columns, values) = row(r);
        for (&column, &value) in columns[start..].iter().zip(&values[start..]) {
            let at = (column as usize).wrapping_sub(range.start);
            if at >= range.len() {
                break;
            }
            panels[at / WIDTH * rows + r][at % WIDTH] = value;
        }
    }
    panels
}

/// How many `columns` lie before `first`: most probably as many as if they were spread evenly.
fn position(columns: &[u32], first: usize, peers: usize) -> usize {
    let guess = columns.len() * first / peers;
    let before = |&column: &u32| (column as usize) < first;
    let low = guess.saturating_sub(NEAR);
    let low = if columns[..low].last().is_none_or(before) { low } else { 0 };
    let high = (guess + NEAR).min(columns.len());
    let high = if columns[high..].first().is_some_and(before) { columns.len() } else { high };
    low + columns[low..high].partition_point(before)
}

/// Who votes on the rows of a panel, and with what.
pub(super) struct Voters<'a> {
    /// Votes and standing of every row. Votes sum to less than 2^61.
    pub(super) rows: &'a [(u64, f64)],
    /// The votes that a ceiling needs.
    pub(super) half: u64,
}

/// What [`clip`] reuses from panel to panel.
#[derive(Default)]
pub(super) struct Scratch {
    /// By column, the entries among which its median is, as `(bits, votes)`.
    candidates: [Vec<(u64, u64)>; WIDTH],
    /// By row, 1 for each column of which its entry is a candidate.
    inside: Vec<[u8; WIDTH]>,
}

/// Where the median of each column lies: at least `low`, below `high`.
struct Bracket {
    low: Lanes,
    high: Lanes,
    /// Votes and rows at or above `low`, and at or above `high`.
    low_votes: [u64; WIDTH],
    low_rows: [u64; WIDTH],
    high_votes: [u64; WIDTH],
    high_rows: [u64; WIDTH],
}

/// The ceilings `q_j` and the incentive `I_j = sum_r s_r min(V_rj, q_j)` of a panel's columns;
/// lowers its entries to the ceilings.
pub(super) fn clip(
    panel: &mut [Lanes],
    voters: &Voters<'_>,
    scratch: &mut Scratch,
) -> (Lanes, Lanes) {
    let half = voters.half;
    let mut bracket = wide(Extremes { panel, rows: voters.rows });
    for guess in 0..GUESSES_MAX {
        let Some(guesses) = bracket.guess(half, guess) else {
            break;
        };
        let (votes, rows) = wide(Count { panel, rows: voters.rows, guesses: &guesses });
        bracket.narrow(half, &guesses, &votes, &rows);
    }
    let mut ceiling = Lanes::ZERO;
    let candidates = &mut scratch.candidates;
    candidates.iter_mut().for_each(Vec::clear);
    scratch.inside.resize(panel.len(), [0; WIDTH]);
    wide(Inside { panel, bracket: &bracket, inside: &mut scratch.inside });
    for (r, flags) in scratch.inside.iter().enumerate() {
        for (word, flags) in flags.as_chunks::<8>().0.iter().enumerate() {
            let mut flags = u64::from_le_bytes(*flags);
            while flags != 0 {
                let lane = 8 * word + flags.trailing_zeros() as usize / 8;
                candidates[lane].push((panel[r][lane].to_bits(), voters.rows[r].0));
                flags &= flags - 1;
            }
        }
    }
    for lane in 0..WIDTH {
        if bracket.low_votes[lane] >= half && bracket.low_votes[lane] > 0 {
            let above = bracket.high_votes[lane];
            ceiling[lane] = settle(&mut candidates[lane], above, half);
        }
    }
    let incentive = wide(Lower { panel, rows: voters.rows, ceiling: &ceiling });
    (ceiling, incentive)
}

impl Bracket {
    /// A value for each column that has too many candidates left; None if no column has.
    fn guess(&self, half: u64, round: usize) -> Option<Lanes> {
        let mut guesses = self.high;
        let mut any = false;
        for lane in 0..WIDTH {
            let rows = self.low_rows[lane] - self.high_rows[lane];
            if rows <= CANDIDATES_MAX || self.low_votes[lane] < half {
                continue;
            }
            any = true;
            let (low, high) = (self.low[lane], self.high[lane]);
            guesses[lane] = if round % 3 == 2 {
                // Values may be spread over many magnitudes: the middle of their representations.
                f64::from_bits(low.to_bits().midpoint(high.to_bits()))
            } else {
                let votes = (self.low_votes[lane] - self.high_votes[lane]) as f64;
                let wanted = (self.low_votes[lane] - half) as f64 / votes;
                // A guess that is nearly right leaves one side long: aim beyond, at the far side.
                let beyond = if round == 0 { 0.0 } else { 2.0 / (rows as f64).sqrt() };
                let share = if wanted < 0.5 { wanted + beyond } else { wanted - beyond };
                low + share.clamp(0.01, 0.99) * (high - low)
            };
        }
        any.then_some(guesses)
    }

    fn narrow(&mut self, half: u64, guesses: &Lanes, votes: &[u64; WIDTH], rows: &[u64; WIDTH]) {
        for lane in 0..WIDTH {
            if guesses[lane] <= self.low[lane] || guesses[lane] >= self.high[lane] {
                continue;
            }
            if votes[lane] >= half {
                self.low[lane] = guesses[lane];
                (self.low_votes[lane], self.low_rows[lane]) = (votes[lane], rows[lane]);
            } else {
                self.high[lane] = guesses[lane];
                (self.high_votes[lane], self.high_rows[lane]) = (votes[lane], rows[lane]);
            }
        }
    }
}

/// The bracket that holds everything above 0.
struct Extremes<'a> {
    panel: &'a [Lanes],
    rows: &'a [(u64, f64)],
}

impl Kernel for Extremes<'_> {
    type Output = Bracket;

    #[inline(always)]
    fn run(self) -> Bracket {
        let (mut low, mut high) = (Aligned([f64::MAX; WIDTH]), Lanes::ZERO);
        let (mut low_votes, mut low_rows) = ([0u64; WIDTH], [0u64; WIDTH]);
        for (row, &(votes, _)) in self.panel.iter().zip(self.rows) {
            for lane in 0..WIDTH {
                let value = row[lane];
                let present = if value > 0.0 { u64::MAX } else { 0 };
                low_votes[lane] = low_votes[lane].wrapping_add(votes & present);
                low_rows[lane] = low_rows[lane].wrapping_add(1 & present);
                let lowest = if value < low[lane] { value } else { low[lane] };
                low[lane] = if value > 0.0 { lowest } else { low[lane] };
                high[lane] = if value > high[lane] { value } else { high[lane] };
            }
        }
        Bracket {
            low,
            high: Aligned(high.map(f64::next_up)),
            low_votes,
            low_rows,
            high_votes: [0; WIDTH],
            high_rows: [0; WIDTH],
        }
    }
}

/// Votes and rows at or above a guess.
struct Count<'a> {
    panel: &'a [Lanes],
    rows: &'a [(u64, f64)],
    guesses: &'a Lanes,
}

impl Kernel for Count<'_> {
    type Output = ([u64; WIDTH], [u64; WIDTH]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (mut all_votes, mut all_rows) = ([0u64; WIDTH], [0u64; WIDTH]);
        for (row, &(votes, _)) in self.panel.iter().zip(self.rows) {
            for lane in 0..WIDTH {
                let above = if row[lane] >= self.guesses[lane] { u64::MAX } else { 0 };
                all_votes[lane] = all_votes[lane].wrapping_add(votes & above);
                all_rows[lane] = all_rows[lane].wrapping_add(1 & above);
            }
        }
        (all_votes, all_rows)
    }
}

/// Which entries lie in the bracket of their column.
struct Inside<'a> {
    panel: &'a [Lanes],
    bracket: &'a Bracket,
    inside: &'a mut [[u8; WIDTH]],
}

impl Kernel for Inside<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Bracket { low, high, .. } = self.bracket;
        for (row, inside) in self.panel.iter().zip(self.inside) {
            for lane in 0..WIDTH {
                inside[lane] = u8::from((row[lane] >= low[lane]) & (row[lane] < high[lane]));
            }
        }
    }
}

/// Lowers entries to the ceilings and adds them up.
struct Lower<'a> {
    panel: &'a mut [Lanes],
    rows: &'a [(u64, f64)],
    ceiling: &'a Lanes,
}

impl Kernel for Lower<'_> {
    type Output = Lanes;

    #[inline(always)]
    fn run(self) -> Lanes {
        let mut incentive = Lanes::ZERO;
        for (row, &(_, standing)) in self.panel.iter_mut().zip(self.rows) {
            for lane in 0..WIDTH {
                let ceiling = self.ceiling[lane];
                let value = if row[lane] < ceiling { row[lane] } else { ceiling };
                row[lane] = value;
                incentive[lane] += standing * value;
            }
        }
        incentive
    }
}
