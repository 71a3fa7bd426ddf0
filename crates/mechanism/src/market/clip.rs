//! Clipping opinions at the median of standing.
//!
//! Columns are gathered a block at a time, in a tile that stays in the cache: every row's entries
//! of a block lie together, because rows are sorted.

use rayon::prelude::*;

use super::panel::{self, GROUP, Scratch, Voters, WIDTH};
use super::votes::{Bin, Votes, settle};

/// Opinions of some peers about all: compressed rows, with whose they are.
pub(super) struct Opinions<'a> {
    /// Row `r` is `columns[offsets[r]..offsets[r + 1]]`, rising, and likewise `values`, all
    /// positive.
    pub(super) offsets: &'a [usize],
    pub(super) columns: &'a [u32],
    pub(super) values: &'a [f64],
    /// The standing of whose opinion row `r` is.
    pub(super) standing: &'a [f64],
}

/// The ceilings `q_j` and the incentive `I_j = sum_r s_r min(V_rj, q_j)`.
pub(super) struct Clipped {
    pub(super) ceiling: Vec<f64>,
    pub(super) incentive: Vec<f64>,
}

/// Entries of a block, so that its tile fits in the second-level cache.
const BLOCK_ENTRIES: usize = 1 << 15;

/// Entries of one row in one block below which the visit to the row costs more than they do.
const SEGMENT_ENTRIES: usize = 16;

/// Columns are cut into this many tasks.
const TASKS: usize = 32;

/// Clips every column at the largest value that is reached by at least half of the votes.
pub(super) fn clip(opinions: &Opinions<'_>, peers: usize) -> Clipped {
    let votes = Votes::new(opinions.standing);
    let rows: Vec<u32> = (0..opinions.standing.len() as u32)
        .filter(|&r| {
            let r = r as usize;
            votes.of[r] > 0 && opinions.offsets[r] < opinions.offsets[r + 1]
        })
        .collect();
    let mut ceiling = vec![0.0; peers];
    let mut incentive = vec![0.0; peers];
    if rows.is_empty() {
        return Clipped { ceiling, incentive };
    }
    let entries = opinions.columns.len();
    if entries * ROOM >= rows.len() * peers {
        return clip_dense(opinions, &votes, &rows, peers);
    }
    let blocks_max = (entries / (SEGMENT_ENTRIES * rows.len())).max(1);
    let blocks = (entries / BLOCK_ENTRIES).clamp(1, blocks_max);
    let width = peers.div_ceil(blocks).max(1);
    let task = width * blocks.div_ceil(TASKS).max(1);
    ceiling.par_chunks_mut(task).zip(incentive.par_chunks_mut(task)).enumerate().for_each(
        |(at, (ceiling, incentive))| {
            let mut tile = Tile::new(opinions, &votes, &rows, at * task);
            let blocks = ceiling.chunks_mut(width).zip(incentive.chunks_mut(width));
            for (ceiling, incentive) in blocks {
                tile.fill(ceiling.len());
                tile.clip(ceiling, incentive);
            }
        },
    );
    Clipped { ceiling, incentive }
}

/// As [`clip`], where most rows have an opinion on most columns.
fn clip_dense(opinions: &Opinions<'_>, votes: &Votes, rows: &[u32], peers: usize) -> Clipped {
    let all = votes.with(opinions.standing);
    let voting: Vec<(u64, f64)> = rows.iter().map(|&r| all[r as usize]).collect();
    let voters = Voters { rows: &voting, half: votes.half };
    let row = |r: usize| {
        let range = opinions.offsets[rows[r] as usize]..opinions.offsets[rows[r] as usize + 1];
        (&opinions.columns[range.clone()], &opinions.values[range])
    };
    let mut ceiling = vec![0.0; peers];
    let mut incentive = vec![0.0; peers];
    let task = GROUP * WIDTH;
    ceiling.par_chunks_mut(task).zip(incentive.par_chunks_mut(task)).enumerate().for_each(
        |(at, (ceiling, incentive))| {
            let range = at * task..at * task + ceiling.len();
            let mut panels = panel::gather(rows.len(), row, range, peers);
            let mut scratch = Scratch::default();
            let columns = ceiling.chunks_mut(WIDTH).zip(incentive.chunks_mut(WIDTH));
            for (panel, (ceiling, incentive)) in panels.chunks_mut(rows.len()).zip(columns) {
                let (limits, sums) = panel::clip(panel, &voters, &mut scratch);
                ceiling.copy_from_slice(&limits[..ceiling.len()]);
                incentive.copy_from_slice(&sums[..incentive.len()]);
            }
        },
    );
    Clipped { ceiling, incentive }
}

/// The columns `first..first + width` as compressed columns.
struct Tile<'a> {
    opinions: &'a Opinions<'a>,
    votes: &'a Votes,
    /// The rows that have votes and entries.
    rows: &'a [u32],
    /// For each of `rows`, where its entries of this tile begin and end.
    segments: Vec<(usize, usize)>,
    first: usize,
    columns: Vec<Column>,
    /// By column, in the order of rows.
    entries: Vec<Entry>,
    selection: Selection,
}

/// The room of a column in the tile and how much of it is filled.
#[derive(Clone, Copy, Default)]
struct Column {
    start: usize,
    end: usize,
    /// The votes that hold the column positive.
    support: u64,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    value: f64,
    row: u32,
}

/// A tile at least this full (one in so many) gives every column room for every row, which saves
/// counting.
const ROOM: usize = 4;

/// Entries between the rooms of two columns.
const PADDING: usize = 4;

impl<'a> Tile<'a> {
    fn new(opinions: &'a Opinions<'a>, votes: &'a Votes, rows: &'a [u32], first: usize) -> Self {
        let segments = rows
            .iter()
            .map(|&r| {
                let range = opinions.offsets[r as usize]..opinions.offsets[r as usize + 1];
                let start = range.start;
                let at = start + opinions.columns[range].partition_point(|&c| (c as usize) < first);
                (at, at)
            })
            .collect();
        Self {
            opinions,
            votes,
            rows,
            segments,
            first,
            columns: Vec::new(),
            entries: Vec::new(),
            selection: Selection::default(),
        }
    }

    /// Gathers the next `width` columns.
    fn fill(&mut self, width: usize) {
        let all = self.next_segments(width);
        self.columns.clear();
        self.columns.resize(width, Column::default());
        // Columns a power of two apart would fight for the same lines of the cache.
        let stride = self.rows.len() + PADDING;
        let room = width * stride;
        if room <= ROOM * all {
            for (j, column) in self.columns.iter_mut().enumerate() {
                column.start = j * stride;
                column.end = column.start;
                column.support = self.votes.half;
            }
            self.make_room(room);
        } else {
            self.count();
        }
        let half = self.votes.half;
        for (&row, &(start, end)) in self.rows.iter().zip(&self.segments) {
            let columns = &self.opinions.columns[start..end];
            for (&column, &value) in columns.iter().zip(&self.opinions.values[start..end]) {
                let column = &mut self.columns[column as usize - self.first];
                if column.support >= half {
                    self.entries[column.end] = Entry { value, row };
                    column.end += 1;
                }
            }
        }
        self.first += width;
    }

    /// Moves every row's segment to the next `width` columns; returns how many entries they hold.
    fn next_segments(&mut self, width: usize) -> usize {
        let end = self.first + width;
        let mut all = 0;
        for (&row, segment) in self.rows.iter().zip(&mut self.segments) {
            let start = segment.1;
            let rest = &self.opinions.columns[start..self.opinions.offsets[row as usize + 1]];
            // Doubling, then bisection: the segment is short and the row may be long.
            let mut step = SEGMENT_ENTRIES;
            while step < rest.len() && (rest[step] as usize) < end {
                step *= 2;
            }
            let near = &rest[..step.min(rest.len())];
            let length = near.partition_point(|&column| (column as usize) < end);
            *segment = (start, start + length);
            all += length;
        }
        all
    }

    /// Gives each column that has enough support the room that it needs.
    fn count(&mut self) {
        for (&row, &(start, end)) in self.rows.iter().zip(&self.segments) {
            let votes = self.votes.of[row as usize];
            for &column in &self.opinions.columns[start..end] {
                let column = &mut self.columns[column as usize - self.first];
                column.support += votes;
                column.end += 1;
            }
        }
        let mut at = 0;
        for column in &mut self.columns {
            let count = if column.support >= self.votes.half { column.end } else { 0 };
            column.start = at;
            column.end = at;
            at += count;
        }
        self.make_room(at);
    }

    fn make_room(&mut self, entries: usize) {
        if self.entries.len() < entries {
            self.entries.resize(entries, Entry::default());
        }
    }

    fn clip(&mut self, ceiling: &mut [f64], incentive: &mut [f64]) {
        for (j, column) in self.columns.iter().enumerate() {
            let column = &self.entries[column.start..column.end];
            let limit = self.selection.median(column, self.votes);
            if limit > 0.0 {
                let mut sum = 0.0;
                for entry in column {
                    let value = if entry.value < limit { entry.value } else { limit };
                    sum += self.opinions.standing[entry.row as usize] * value;
                }
                incentive[j] = sum;
            }
            ceiling[j] = limit;
        }
    }
}

/// Weighted selection, with room that is reused from column to column.
#[derive(Default)]
struct Selection {
    candidates: Vec<(u64, u64)>,
}

impl Selection {
    /// The largest value such that the votes of entries at least as large reach a half; 0 if the
    /// votes of all entries do not.
    fn median(&mut self, column: &[Entry], votes: &Votes) -> f64 {
        if column.is_empty() {
            return 0.0;
        }
        let (low, high) = range(column);
        let keyed = |entry: &Entry| (entry.value.to_bits(), votes.of[entry.row as usize]);
        let mut above = 0;
        let Some(bin) = Bin::find(low, high, column.iter().map(keyed), votes.half, &mut above)
        else {
            return 0.0;
        };
        self.candidates.resize(column.len().max(self.candidates.len()), (0, 0));
        let mut kept = 0;
        for entry in column {
            self.candidates[kept] = keyed(entry);
            kept += usize::from(bin.has(entry.value.to_bits()));
        }
        settle(&mut self.candidates[..kept], above, votes.half)
    }
}

/// The bits of the smallest and the largest value.
fn range(column: &[Entry]) -> (u64, u64) {
    // Four at a time, for a minimum waits for the one before.
    let (mut low, mut high) = ([f64::INFINITY; 4], [0.0_f64; 4]);
    for entries in column.chunks(4) {
        for (lane, entry) in entries.iter().enumerate() {
            low[lane] = if entry.value < low[lane] { entry.value } else { low[lane] };
            high[lane] = if entry.value > high[lane] { entry.value } else { high[lane] };
        }
    }
    let low = low[0].min(low[1]).min(low[2].min(low[3]));
    let high = high[0].max(high[1]).max(high[2].max(high[3]));
    (low.to_bits(), high.to_bits())
}
