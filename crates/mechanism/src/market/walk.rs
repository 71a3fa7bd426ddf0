//! Random walks from one peer, by pushing its mass along the weights step by step.

use super::Weights;

/// A walk in progress, and the memory that the next one reuses.
///
/// What a walk knows of the peers that it reached lies together, in the order in which it reached
/// them; a table finds a peer's place. The table is hashed while few are reached, so that it stays
/// in the cache however many peers there are. Nothing depends on the order of the table.
pub(super) struct Walker<'a> {
    weights: &'a Weights,
    truncation: f64,
    cells: Vec<Cell>,
    /// One more than the place of a peer in `cells`; 0 where there is none. The length is a power
    /// of two, or the number of peers.
    table: Vec<u32>,
    /// Whether the table has an entry for every peer, at the peer's index.
    direct: bool,
    /// Places of the peers that mass stands at, and of those that it moves to.
    frontier: Vec<u32>,
    reached: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    peer: u32,
    slot: u32,
    /// Mass after the current step, and after the next.
    mass: f64,
    next: f64,
    /// Weighted visits so far.
    visits: f64,
}

/// Entries of the table at first.
const TABLE: usize = 1 << 12;

impl<'a> Walker<'a> {
    /// Mass of at most `truncation` at a peer is not walked on.
    pub(super) fn new(weights: &'a Weights, truncation: f64) -> Self {
        let direct = weights.peers() <= TABLE;
        let table = vec![0; if direct { weights.peers() } else { TABLE }];
        let (cells, frontier, reached) = Default::default();
        Self { weights, truncation, cells, table, direct, frontier, reached }
    }

    /// Puts mass 1 at `source`. [`Walker::finish`] must have ended the walk before.
    pub(super) fn start(&mut self, source: usize) {
        let place = self.place(source as u32);
        self.cells[place].mass = 1.0;
        self.frontier.push(place as u32);
    }

    /// Takes one step, in which each visit counts `factor`; false if no mass was left to move.
    pub(super) fn advance(&mut self, factor: f64) -> bool {
        self.step();
        for &place in &self.frontier {
            let cell = &mut self.cells[place as usize];
            cell.mass = cell.next;
            cell.next = 0.0;
            cell.visits += factor * cell.mass;
        }
        !self.frontier.is_empty()
    }

    /// Ends the walk and hands `(peer, weighted visits)` to `take`, in an order that depends on
    /// the input alone.
    pub(super) fn finish(&mut self, mut take: impl FnMut(u32, f64)) {
        for cell in self.cells.drain(..) {
            self.table[cell.slot as usize] = 0;
            if cell.visits > 0.0 {
                take(cell.peer, cell.visits);
            }
        }
        self.frontier.clear();
    }

    /// The mass on the way that will be walked on, each peer's times its entry of `bound`.
    pub(super) fn bounded_by(&self, bound: &[f64]) -> f64 {
        let cells = self.frontier.iter().map(|&place| &self.cells[place as usize]);
        cells
            .filter(|cell| cell.mass > self.truncation)
            .map(|cell| cell.mass * bound[cell.peer as usize])
            .sum()
    }

    /// Whether some peer's visits lie above `low` and not above `high`.
    pub(super) fn any_within(&self, low: f64, high: f64) -> bool {
        self.cells.iter().any(|cell| cell.visits > low && cell.visits <= high)
    }

    /// Moves all mass above the truncation one step on; the rest disappears.
    fn step(&mut self) {
        for at in 0..self.frontier.len() {
            let cell = &mut self.cells[self.frontier[at] as usize];
            let mass = std::mem::take(&mut cell.mass);
            if mass <= self.truncation {
                continue;
            }
            let (columns, values) = self.weights.row(cell.peer as usize);
            for (&column, &value) in columns.iter().zip(values) {
                let moved = mass * value;
                if moved == 0.0 {
                    // Underflow: not to be noted as reached, or the peer would be noted twice.
                    continue;
                }
                let place = self.place(column);
                let next = &mut self.cells[place].next;
                if *next == 0.0 {
                    self.reached.push(place as u32);
                }
                *next += moved;
            }
        }
        self.frontier.clear();
        std::mem::swap(&mut self.frontier, &mut self.reached);
    }

    /// The place of a peer in `cells`.
    #[inline]
    fn place(&mut self, peer: u32) -> usize {
        let mut slot = self.slot(peer);
        loop {
            match self.table[slot] {
                0 => break,
                entry if self.cells[entry as usize - 1].peer == peer => return entry as usize - 1,
                _ => slot = (slot + 1) & (self.table.len() - 1),
            }
        }
        self.cells.push(Cell { peer, slot: slot as u32, ..Cell::default() });
        self.table[slot] = self.cells.len() as u32;
        let place = self.cells.len() - 1;
        if !self.direct && self.cells.len() > self.table.len() / 2 {
            self.grow();
        }
        place
    }

    /// Where in the table the search for a peer begins.
    #[inline]
    fn slot(&self, peer: u32) -> usize {
        if self.direct {
            return peer as usize;
        }
        // Multiplicative hashing: the high bits of the product are the mixed ones.
        let bits = self.table.len().trailing_zeros();
        (peer.wrapping_mul(0x9E37_79B1) >> (u32::BITS - bits)) as usize
    }

    #[cold]
    fn grow(&mut self) {
        let peers = self.weights.peers();
        let length = self.table.len() * 4;
        self.direct = length >= peers;
        self.table.clear();
        self.table.resize(if self.direct { peers } else { length }, 0);
        for place in 0..self.cells.len() {
            let mut slot = self.slot(self.cells[place].peer);
            while self.table[slot] != 0 {
                slot = (slot + 1) & (self.table.len() - 1);
            }
            self.cells[place].slot = slot as u32;
            self.table[slot] = place as u32 + 1;
        }
    }
}
