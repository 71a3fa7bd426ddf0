//! Reads of presence rounds.

use crate::presence::Design;
use crate::state::map::State;
use crate::state::presence::{self, Key, Round};
use crate::types::RoundId;

impl State {
    /// Every round that is not forgotten, rising by number.
    pub fn rounds(&self) -> impl Iterator<Item = (RoundId, &Round)> {
        let (first, last) = (presence::round(RoundId(0)), presence::round(RoundId(u64::MAX)));
        self.scan(first, last).filter_map(|(key, round)| match key {
            Key::Round(id) => Some((id, round.as_ref())),
            _ => None,
        })
    }

    /// A round, and what it was designed for.
    pub fn round(&self, id: RoundId) -> Option<(&Round, &Design)> {
        let round = self.entry(presence::round(id))?;
        Some((round.as_ref(), self.entry(presence::design(id))?.as_ref()))
    }
}
