//! Asking several peers at the same time.

use crate::exchange::client::{Callee, Caller};
use crate::exchange::notice::Fetched;
use crate::exchange::proto::Tensor;
use muster_learning::PeerIndex;
use std::time::{Duration, Instant};

/// A question on its way to one peer.
pub(crate) struct Call {
    /// Whom, by its index.
    pub peer: PeerIndex,
    /// Where.
    pub callee: Callee,
    /// About which tokens.
    pub input: Tensor,
}

/// Asks the peers at the same time; one answer, or a reason, for each in order.
pub(crate) async fn fetch(
    caller: &Caller,
    calls: Vec<Call>,
    keep: bool,
    timeout: Duration,
) -> Vec<Fetched> {
    let answers = calls.into_iter().map(|Call { peer, callee, input }| async move {
        let began = Instant::now();
        let answer = caller.forward(&callee, input, keep, timeout).await;
        let answer = answer.map_err(|error| error.to_string());
        Fetched { peer, answer, took: began.elapsed() }
    });
    futures::future::join_all(answers).await
}
