//! Telling the nodes how it goes: numbers that nobody checks, signed by the hot key.

use crate::exchange::envelope::now_ms;
use crate::exchange::shared::Exchange;
use crate::model::progress::Progress;
use muster_api::{Client, Telemetry, TelemetryReport};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Reports to all nodes, for ever.
pub async fn keep_reporting(
    exchange: Arc<Exchange>,
    ledger: Client,
    progress: Arc<Mutex<Progress>>,
    every: Duration,
) {
    loop {
        if let Some(chain) = exchange.directory().chain {
            let seen = progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let telemetry = telemetry(&exchange, &seen);
            match TelemetryReport::sign(telemetry, &chain, exchange.identity.secret()) {
                Ok(report) => {
                    if let Err(error) = ledger.report(&report).await {
                        tracing::debug!(%error, "no node took the report");
                    }
                }
                Err(error) => tracing::warn!(%error, "the report cannot be signed"),
            }
        }
        tokio::time::sleep(every).await;
    }
}

fn telemetry(exchange: &Exchange, progress: &Progress) -> Telemetry {
    let (counters, evaluation) = (&exchange.counters, progress.evaluation);
    let finite = |number: f64| Some(number).filter(|number| number.is_finite());
    Telemetry {
        name: exchange.offer.name.clone(),
        steps: progress.steps,
        loss_alone: evaluation.and_then(|e| finite(e.loss_alone?.mean)),
        loss_with_network: evaluation.and_then(|e| finite(e.loss_with_network?.mean)),
        loss_student: evaluation.and_then(|e| finite(e.loss_student.mean)),
        loss_standard_error: evaluation.and_then(|e| finite(e.gain?.standard_error)),
        compute_relative_to_control: progress.compute_relative_to_control.and_then(finite),
        step_ms: progress.step_ms.and_then(finite),
        answered: counters.answered(),
        asked: counters.asked(),
        refused: counters.refused_total(),
        at_ms: now_ms(),
    }
}
