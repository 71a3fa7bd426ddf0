//! Events as they happen, from the database: a client goes on where it stopped.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use futures::Stream;
use muster_api::{Event, EventBody, chain};
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::problems::HttpProblem;
use crate::chain::Tip;
use crate::store::{Store, StoreError};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// `GET /v1/events`: server-sent events. Each has an id "height.index", its kind as the event's
/// name and JSON as data. With `Last-Event-ID` the stream goes on after that event; without, it
/// begins with the next block.
#[utoipa::path(
    get, path = "/v1/events", tag = "chain",
    params(("Last-Event-ID" = Option<String>, Header, description = "Go on after this event")),
    responses((status = 200, description = "A stream of events", body = Event,
               content_type = "text/event-stream"))
)]
pub async fn events(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, HttpProblem> {
    let permit = api
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| HttpProblem::busy("too many streams of events are open: try later"))?;
    let last = match headers.get("last-event-id") {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(Event::parse_id).ok_or_else(|| {
            HttpProblem::bad_request("Last-Event-ID must be height.index, such as 12.3")
        })?),
    };
    let tip = api.tip.clone();
    let (height, skip) = match last {
        Some((height, index)) => (height.max(1), index.saturating_add(1)),
        None => (tip.borrow().height() + 1, 0),
    };
    let cursor = Cursor { api, tip, height, skip, _permit: permit };
    let stream = futures::stream::unfold(cursor, |mut cursor| async move {
        let events = cursor.next().await?;
        Some((futures::stream::iter(events.into_iter().map(Ok)), cursor))
    });
    let stream = futures::StreamExt::flatten(stream);
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(stream).keep_alive(alive))
}

struct Cursor {
    api: Arc<Api>,
    tip: watch::Receiver<Arc<Tip>>,
    height: u64,
    /// Events of that height that the client has.
    skip: usize,
    _permit: OwnedSemaphorePermit,
}

impl Cursor {
    /// The events of the next block, once it is there; `None` ends the stream.
    async fn next(&mut self) -> Option<Vec<sse::Event>> {
        let height = self.height;
        self.tip.wait_for(|tip| tip.height() >= height).await.ok()?;
        let store = self.api.store.clone();
        let events = tokio::task::spawn_blocking(move || events_of(&store, height)).await.ok()?;
        let events = match events {
            Ok(events) => events,
            Err(error) => {
                tracing::error!(%error, height, "the events of a block cannot be read");
                return None;
            }
        };
        let skip = std::mem::take(&mut self.skip);
        self.height += 1;
        Some(events.iter().skip(skip).filter_map(to_sse).collect())
    }
}

fn to_sse(event: &Event) -> Option<sse::Event> {
    sse::Event::default().id(&event.id).event(event.kind()).json_data(event).ok()
}

/// The events of a decided block, the block itself first.
fn events_of(store: &Store, height: u64) -> Result<Vec<Event>, StoreError> {
    let (Some(decided), Some(outcome)) = (store.decided(height)?, store.outcome(height)?) else {
        return Ok(Vec::new());
    };
    let block = EventBody::Chain(chain::Event::Block {
        hash: decided.hash.into(),
        time_ms: decided.header.time_ms,
        state_root: decided.header.state_root.into(),
        proposer: decided.header.proposer.into(),
        transactions: decided.transactions,
        round: decided.certificate.round,
    });
    let bodies = std::iter::once(block).chain(outcome.events.iter().map(EventBody::from));
    Ok(bodies.enumerate().map(|(index, body)| Event::new(height, index, body)).collect())
}
