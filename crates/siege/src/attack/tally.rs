//! Counts of what attackers did and of what came of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_files::{Readers, replace};
use serde::{Deserialize, Serialize};

use super::orders::Attack;
use crate::error::SiegeError;

/// What came of one attack so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// What was done: messages sent, connections opened, transactions handed in, requests made.
    pub done: AtomicU64,
    /// Of these, what was taken or answered as if it were honest.
    pub taken: AtomicU64,
    /// Of these, what was refused in words.
    pub refused: AtomicU64,
    /// Of these, what got no answer: connections not made, cut off, or never answered.
    pub cut: AtomicU64,
}

impl Tally {
    /// What was done so far.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Counts what was done.
    pub(crate) fn did(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts what was taken.
    pub(crate) fn was_taken(&self, count: u64) {
        self.taken.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts what was refused.
    pub(crate) fn was_refused(&self, count: u64) {
        self.refused.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts what was cut off.
    pub(crate) fn was_cut(&self, count: u64) {
        self.cut.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts one answer of an HTTP server, or none.
    pub(crate) fn answered(&self, status: Option<u16>) {
        match status {
            Some(200..=299) => self.was_taken(1),
            Some(_) => self.was_refused(1),
            None => self.was_cut(1),
        }
    }
}

/// The counts of all attacks.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tallies(BTreeMap<Attack, Arc<Tally>>);

impl Tallies {
    /// Counts of these attacks, all at zero.
    pub fn new(attacks: impl Iterator<Item = Attack>) -> Self {
        Self(attacks.map(|attack| (attack, Arc::default())).collect())
    }

    /// The counts of one.
    pub fn of(&self, attack: Attack) -> Arc<Tally> {
        self.0.get(&attack).cloned().unwrap_or_default()
    }

    /// Those that are counted.
    pub fn all(&self) -> impl Iterator<Item = (Attack, &Tally)> {
        self.0.iter().map(|(attack, tally)| (*attack, &**tally))
    }

    /// Writes them down.
    ///
    /// # Errors
    /// [`SiegeError::System`].
    pub fn write(&self, path: &Path) -> Result<(), SiegeError> {
        let text = serde_json::to_vec(self).expect("counts are JSON");
        let fault = SiegeError::system(format!("cannot write {}", path.display()));
        replace(path, &text, Readers::Everyone).map_err(fault)
    }

    /// Reads what was written; nothing where nothing was yet.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}
