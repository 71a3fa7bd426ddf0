//! The network between the nodes: who can reach whom at a time, how long it takes, what is lost.

use muster_mechanism::random::Stream;

use crate::plan::{Fault, HEAL_MS};

/// How long a packet takes at least, milliseconds.
const DELAY_MS_MIN: u64 = 2;
/// How much longer it may take, milliseconds: packets overtake each other.
const DELAY_MS_MORE: u64 = 40;

/// The network.
#[derive(Clone, Debug)]
pub struct Weather {
    faults: Vec<Fault>,
    stream: Stream,
}

impl Weather {
    /// The network with its faults.
    pub fn new(faults: &[Fault], stream: Stream) -> Self {
        Self { faults: faults.to_vec(), stream }
    }

    /// When the copies of a packet that is sent now arrive: none, one or two.
    pub fn arrivals(&mut self, now_ms: u64, from: usize, to: usize) -> Vec<u64> {
        let (mut more, mut copies) = (DELAY_MS_MORE, 1);
        if now_ms < HEAL_MS {
            for fault in &self.faults {
                match *fault {
                    Fault::Partition(begin, end, mask)
                        if (begin..end).contains(&now_ms) && mask >> from & 1 != mask >> to & 1 =>
                    {
                        return Vec::new();
                    }
                    Fault::Loss(begin, end, percent)
                        if (begin..end).contains(&now_ms) && self.stream.below(100) < percent =>
                    {
                        return Vec::new();
                    }
                    Fault::Slow(begin, end, most) if (begin..end).contains(&now_ms) => {
                        more = more.max(most);
                    }
                    Fault::Twice(begin, end, percent)
                        if (begin..end).contains(&now_ms) && self.stream.below(100) < percent =>
                    {
                        copies = 2;
                    }
                    _ => {}
                }
            }
        }
        (0..copies).map(|_| now_ms + DELAY_MS_MIN + self.stream.below(more)).collect()
    }
}
