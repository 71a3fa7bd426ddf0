//! Random walks from one peer, by pushing its mass along the weights step by step.

use super::Weights;

/// A walk in progress, and the memory that the next one reuses. Between walks every `mass`, `next`
/// and `visits` is zero.
pub(super) struct Walker<'a> {
    weights: &'a Weights,
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
    pub(super) fn new(weights: &'a Weights) -> Self {
        let n = weights.peers();
        Self {
            weights,
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

    /// Takes one step from every peer for which `goes_on(peer, mass)`; the mass of the others
    /// disappears. Each visit counts `factor`. False if no mass moved.
    pub(super) fn advance(&mut self, factor: f64, goes_on: impl Fn(usize, f64) -> bool) -> bool {
        for &peer in &self.frontier {
            let peer = peer as usize;
            let mass = std::mem::take(&mut self.mass[peer]);
            if !goes_on(peer, mass) {
                continue;
            }
            let (columns, values) = self.weights.row(peer);
            for (&column, &value) in columns.iter().zip(values) {
                let moved = mass * value;
                let cell = &mut self.next[column as usize];
                // Where the product underflows to zero, the peer must not be noted as reached, or
                // it would be noted twice.
                if *cell == 0.0 && moved > 0.0 {
                    self.reached.push(column);
                }
                *cell += moved;
            }
        }
        self.frontier.clear();
        std::mem::swap(&mut self.mass, &mut self.next);
        std::mem::swap(&mut self.frontier, &mut self.reached);
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

    /// The sum of `bound(peer, mass)` over the mass on the way.
    pub(super) fn sum(&self, bound: impl Fn(usize, f64) -> f64) -> f64 {
        self.frontier.iter().map(|&peer| bound(peer as usize, self.mass[peer as usize])).sum()
    }

    /// Whether some peer's visits lie above `low` and not above `high`.
    pub(super) fn any_within(&self, low: f64, high: f64) -> bool {
        self.visited.iter().any(|&peer| {
            let visits = self.visits[peer as usize];
            visits > low && visits <= high
        })
    }
}
