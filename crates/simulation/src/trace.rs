//! What happened, step by step: always as one digest, on demand as text.

use std::fmt;

use muster_ledger::crypto::{Hash, hash};

/// How much of what a run is for was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Starts of nodes beyond their first.
    pub restarts: u64,
    /// Entries of the engine's log that were replayed.
    pub replayed: u64,
    /// Blocks that a node which was behind took from another.
    pub synced: u64,
    /// Rounds beyond the first of a height, in any node.
    pub rounds: u64,
    /// Messages of dishonest members.
    pub dishonest: u64,
    /// Transactions in decided blocks.
    pub transactions: u64,
}

impl Tally {
    /// This and another together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            restarts: self.restarts + other.restarts,
            replayed: self.replayed + other.replayed,
            synced: self.synced + other.synced,
            rounds: self.rounds + other.rounds,
            dishonest: self.dishonest + other.dishonest,
            transactions: self.transactions + other.transactions,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { restarts, replayed, synced, rounds, dishonest, transactions } = self;
        write!(
            f,
            "{restarts} restarts, {replayed} entries of logs replayed, {synced} blocks caught up, \
             {rounds} further rounds, {dishonest} messages of dishonest members, {transactions} \
             transactions"
        )
    }
}

/// The events of a run.
#[derive(Debug, Default)]
pub struct Trace {
    digest: Hash,
    events: u64,
    lines: Option<Vec<String>>,
    /// How much of what the run is for was in it.
    pub tally: Tally,
}

impl Trace {
    /// A trace that keeps the text, too.
    pub fn in_words() -> Self {
        Self { lines: Some(Vec::new()), ..Self::default() }
    }

    /// Notes an event at a node.
    pub fn note(&mut self, at_ms: u64, node: usize, text: impl FnOnce() -> String) {
        let text = text();
        let numbers = [at_ms.to_le_bytes(), (node as u64).to_le_bytes()].concat();
        self.digest = hash("event", &[&self.digest.0, &numbers, text.as_bytes()]);
        self.events += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{at_ms:>8} {node} {text}"));
        }
    }

    /// The digest of all events so far.
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The text, line by line; nothing where it was not asked for.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or(&[])
    }
}
