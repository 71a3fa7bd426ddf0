//! Saying where the peer answers.

use crate::duties::duty::{Duty, DutyError, Next, View};
use crate::ledger::directory::Entry;
use futures::future::BoxFuture;
use muster_ledger::transaction::market;
use muster_ledger::types::Endpoint;

/// Keeps the endpoint on the ledger as it is here.
pub(crate) struct SayEndpoint {
    endpoint: Endpoint,
}

impl SayEndpoint {
    /// The peer answers at `endpoint`.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    async fn say(&self, view: &View<'_>) -> Result<Next, DutyError> {
        let me = view.desk.me();
        let url = &self.endpoint.url;
        if view.directory.get(&me).is_none_or(|entry| entry.endpoint == *url) {
            return Ok(Next::Duty);
        }
        tracing::info!(endpoint = url, "saying where this peer answers");
        let action = market::Action::SetEndpoint { endpoint: self.endpoint.clone() }.into();
        view.desk.send(action).await?;
        let shown = |entry: &Entry| entry.endpoint == *url;
        view.desk.wait_for(|directory| directory.get(&me).is_some_and(shown)).await;
        Ok(Next::View)
    }
}

impl Duty for SayEndpoint {
    fn tend<'a>(&'a mut self, view: &'a View<'_>) -> BoxFuture<'a, Result<Next, DutyError>> {
        Box::pin(self.say(view))
    }
}
