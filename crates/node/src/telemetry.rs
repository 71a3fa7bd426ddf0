//! What peers report of themselves: the newest of each registered hot key, in memory only.

use std::collections::HashMap;
use std::sync::Mutex;

use muster_api::{Telemetry, TelemetryError, TelemetryReport};
use muster_ledger::crypto::PublicKey;
use muster_ledger::state::State;

/// How far ahead of this node's clock a report may be, milliseconds.
const AHEAD_MS_MAX: u64 = 60_000;

/// Why a report is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Out of range, or the signature does not fit.
    #[error(transparent)]
    Report(#[from] TelemetryError),
    /// The key stands for no peer.
    #[error("{0} is not the hot key of a peer")]
    NotAPeer(PublicKey),
    /// A newer report is known.
    #[error("a report at {known_ms} ms is known, this one is of {at_ms} ms")]
    Old {
        /// Time of the one known.
        known_ms: u64,
        /// Time of this one.
        at_ms: u64,
    },
    /// From the future.
    #[error("the report's clock, {at_ms} ms, is more than a minute ahead of this node's")]
    Future {
        /// Time of the report.
        at_ms: u64,
    },
}

/// The newest report of each peer.
#[derive(Debug, Default)]
pub struct Reports {
    newest: Mutex<HashMap<PublicKey, Telemetry>>,
}

impl Reports {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PublicKey, Telemetry>> {
        self.newest.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps a report if its key stands for a peer, it is newer than the one known and its
    /// signature fits. As many are kept as there are peers.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn keep(&self, state: &State, report: TelemetryReport, now_ms: u64) -> Result<(), Refusal> {
        let key = report.peer.0;
        let at_ms = report.telemetry.at_ms;
        if state.peer_by_hot(&key).is_none() {
            return Err(Refusal::NotAPeer(key));
        }
        if at_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
            return Err(Refusal::Future { at_ms });
        }
        if let Some(known) = self.lock().get(&key)
            && known.at_ms >= at_ms
        {
            return Err(Refusal::Old { known_ms: known.at_ms, at_ms });
        }
        report.check(&state.chain())?;
        let mut newest = self.lock();
        if newest.len() > 2 * state.places().taken as usize {
            newest.retain(|key, _| state.peer_by_hot(key).is_some());
        }
        newest.insert(key, report.telemetry);
        Ok(())
    }

    /// The newest report of a hot key.
    #[must_use]
    pub fn of(&self, key: &PublicKey) -> Option<Telemetry> {
        self.lock().get(key).cloned()
    }
}
