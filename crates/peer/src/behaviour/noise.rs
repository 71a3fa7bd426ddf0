//! Attack simulator: a free rider. It learns from the others' answers and scores them honestly,
//! but answers noise with the size and shape of a real answer.

use crate::behaviour::conduct::{Answering, Conduct};

/// A free rider.
pub(super) struct Noise;

impl Conduct for Noise {
    fn answering(&self) -> Answering {
        Answering::Noise
    }
}
