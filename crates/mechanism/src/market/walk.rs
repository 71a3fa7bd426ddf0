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

    /// Walks from `source`, counts a visit in step `k` (from 1) with `factors[k - 1]`, and hands
    /// `(peer, weighted visits)` to `take`, in an order that depends on the input alone.
    pub(super) fn walk(&mut self, source: usize, factors: &[f64], mut take: impl FnMut(u32, f64)) {
        self.mass[source] = 1.0;
        self.frontier.push(source as u32);
        for &factor in factors {
            self.step();
            if self.frontier.is_empty() {
                break;
            }
            for &peer in &self.frontier {
                let peer = peer as usize;
                if self.visits[peer] == 0.0 {
                    self.visited.push(peer as u32);
                }
                self.visits[peer] += factor * self.mass[peer];
            }
        }
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
