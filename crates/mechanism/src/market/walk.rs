//! Random walks from one peer, by pushing its mass along the weights step by step.

use super::Weights;

/// Scratch space for walks over one matrix. Between walks every `mass` and `visits` is zero.
pub(super) struct Walker<'a> {
    weights: &'a Weights,
    truncation: f64,
    /// Mass that stands at a peer after the current step, and after the next.
    mass: Vec<f64>,
    next: Vec<f64>,
    /// The peers with mass, in the order in which they were first reached.
    frontier: Vec<u32>,
    reached: Vec<u32>,
    /// Weighted visits so far, and the peers that have any.
    visits: Vec<f64>,
    visited: Vec<u32>,
}

impl<'a> Walker<'a> {
    /// Mass of at most `truncation` at a peer is not walked on.
    pub(super) fn new(weights: &'a Weights, truncation: f64) -> Self {
        let n = weights.peers();
        Self {
            weights,
            truncation,
            mass: vec![0.0; n],
            next: vec![0.0; n],
            frontier: Vec::new(),
            reached: Vec::new(),
            visits: vec![0.0; n],
            visited: Vec::new(),
        }
    }

    /// Puts mass 1 at `source`. [`Walker::finish`] must have ended the walk before.
    pub(super) fn start(&mut self, source: usize) {
        self.mass[source] = 1.0;
        self.frontier.push(source as u32);
    }

    /// Takes one step, in which each visit counts `factor`; false if no mass was left to move.
    pub(super) fn advance(&mut self, factor: f64) -> bool {
        self.step();
        for &peer in &self.frontier {
            let visits = &mut self.visits[peer as usize];
            if *visits == 0.0 {
                self.visited.push(peer);
            }
            *visits += factor * self.mass[peer as usize];
        }
        !self.frontier.is_empty()
    }

    /// Ends the walk and hands `(peer, weighted visits)` to `take`, in an order that depends on
    /// the input alone.
    pub(super) fn finish(&mut self, mut take: impl FnMut(u32, f64)) {
        for peer in self.frontier.drain(..) {
            self.mass[peer as usize] = 0.0;
        }
        for peer in self.visited.drain(..) {
            // A peer whose first visits underflowed to zero stands here twice; the second reading
            // finds nothing.
            let visits = std::mem::take(&mut self.visits[peer as usize]);
            if visits > 0.0 {
                take(peer, visits);
            }
        }
    }

    /// The mass on the way, each peer's times its entry of `bound`.
    pub(super) fn bounded_by(&self, bound: &[f64]) -> f64 {
        self.frontier
            .iter()
            .map(|&peer| self.mass[peer as usize] * bound[peer as usize])
            .sum()
    }

    /// Whether some peer's visits lie above `low` and not above `high`.
    pub(super) fn any_within(&self, low: f64, high: f64) -> bool {
        self.visited.iter().any(|&peer| {
            let visits = self.visits[peer as usize];
            visits > low && visits <= high
        })
    }

    /// Moves all mass above the truncation one step on; the rest disappears.
    fn step(&mut self) {
        for peer in self.frontier.drain(..) {
            let mass = std::mem::take(&mut self.mass[peer as usize]);
            if mass <= self.truncation {
                continue;
            }
            let (columns, values) = self.weights.row(peer as usize);
            for (&column, &value) in columns.iter().zip(values) {
                let moved = mass * value;
                if moved == 0.0 {
                    // Underflow: not to be noted as reached, or the peer would be noted twice.
                    continue;
                }
                let cell = &mut self.next[column as usize];
                if *cell == 0.0 {
                    self.reached.push(column);
                }
                *cell += moved;
            }
        }
        std::mem::swap(&mut self.mass, &mut self.next);
        std::mem::swap(&mut self.frontier, &mut self.reached);
    }
}
