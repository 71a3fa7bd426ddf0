//! Connectivity `C` of the paper's Section 3, never as a dense matrix.

use rayon::prelude::*;

use super::walk::Walker;
use super::{Connectivity, Weights};

/// The rows of `C` that are `+1`: for every peer the peers that it is connected to.
pub(super) struct Links {
    offsets: Vec<usize>,
    targets: Vec<u32>,
}

/// Peers per task. Fixed, so that no result depends on the number of threads.
const CHUNK: usize = 256;

impl Links {
    /// Finds the targets of every peer with standing; peers without get none, for they move
    /// neither trust nor the gradient.
    pub(super) fn find(weights: &Weights, standing: &[f64], config: &Connectivity) -> Self {
        let factors = vec![1.0; config.depth as usize];
        let peers: Vec<u32> = (0..weights.peers() as u32).collect();
        let parts: Vec<(Vec<usize>, Vec<u32>)> = peers
            .par_chunks(CHUNK)
            .map_init(
                || Walker::new(weights, config.truncation),
                |walker, chunk| {
                    let mut counts = Vec::with_capacity(chunk.len());
                    let mut targets = Vec::new();
                    for &peer in chunk {
                        let before = targets.len();
                        if standing[peer as usize] > 0.0 {
                            if config.self_connected {
                                targets.push(peer);
                            }
                            walker.walk(peer as usize, &factors, |target, visits| {
                                let found_before = config.self_connected && target == peer;
                                if visits > config.cutoff && !found_before {
                                    targets.push(target);
                                }
                            });
                            targets[before..].sort_unstable();
                        }
                        counts.push(targets.len() - before);
                    }
                    (counts, targets)
                },
            )
            .collect();
        let mut offsets = Vec::with_capacity(weights.peers() + 1);
        offsets.push(0);
        let mut targets = Vec::with_capacity(parts.iter().map(|part| part.1.len()).sum());
        let mut total = 0;
        for (counts, part) in parts {
            for count in counts {
                total += count;
                offsets.push(total);
            }
            targets.extend_from_slice(&part);
        }
        Self { offsets, targets }
    }

    /// The peers that `peer` is connected to, rising.
    pub(super) fn of(&self, peer: usize) -> &[u32] {
        &self.targets[self.offsets[peer]..self.offsets[peer + 1]]
    }
}
