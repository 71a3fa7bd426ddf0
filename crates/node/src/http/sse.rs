//! Events as they happen, from the database: a client goes on where it stopped.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use muster_api::{Event, Problem};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::api::Api;
use super::limits::STREAM_BLOCKS_MAX;
use super::places::Place;
use super::problems::HttpProblem;
use super::rate::{BYTES_A_TOKEN, TIME_A_TOKEN};
use super::source::Source;
use muster_chain::chain::Tip;

/// After so long without an event a comment is sent, so that both ends know of each other.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a stream that goes back waits when it has read more of the past than its rate allows.
const PAUSE: Duration = Duration::from_millis(200);

/// The routes of this file.
pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(events))
}

/// `GET /v1/events`: server-sent events. Each has an id "height.index", its kind as the event's
/// name and JSON as data. With `Last-Event-ID` the stream goes on after that event; without, it
/// begins with the next block. It goes back at most 1,000 blocks, which every node keeps unless it
/// began with a snapshot. Where too many streams are open,
/// the oldest of whoever has most is ended.
#[utoipa::path(
    get, path = "/v1/events", tag = "chain",
    params(("Last-Event-ID" = Option<String>, Header, description = "Go on after this event")),
    responses((status = 200, description = "A stream of events", body = Event,
               content_type = "text/event-stream"),
              (status = 410, description = "The event is too far back", body = Problem))
)]
pub async fn events(
    State(api): State<Arc<Api>>,
    source: Source,
    headers: HeaderMap,
) -> Result<Response, HttpProblem> {
    let last = match headers.get("last-event-id") {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(Event::parse_id).ok_or_else(|| {
            HttpProblem::bad_request("Last-Event-ID must be height.index, such as 12.3")
        })?),
    };
    let (height, index) = begin(last, api.store.first(), api.now().height())?;
    let place = api
        .streams
        .enter(source)
        .ok_or_else(|| HttpProblem::busy("too many streams of events are open: try later"))?;
    let cursor = Cursor { tip: api.tip.clone(), api, source, height, index, place };
    let stream = futures::stream::unfold(cursor, |mut cursor| async move {
        let text = cursor.next().await?;
        Some((Ok::<_, Infallible>(text), cursor))
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// The height and the index with which a stream begins after an event, if it is not too far back.
/// `kept` is the first block that is here.
fn begin(last: Option<(u64, usize)>, kept: u64, newest: u64) -> Result<(u64, usize), HttpProblem> {
    let Some((height, index)) = last else { return Ok((newest + 1, 0)) };
    // Before the first block of all there is nothing that could be missing.
    let first = newest.saturating_sub(STREAM_BLOCKS_MAX).max(if kept > 1 { kept } else { 0 });
    if height < first {
        let detail = format!(
            "events go back {STREAM_BLOCKS_MAX} blocks at most, and no further than the blocks \
             that are kept here: begin with Last-Event-ID {first}.0 or without"
        );
        return Err(HttpProblem::new(StatusCode::GONE, "too-far-back", "Too far back", detail));
    }
    // There is no block 0, and a piece of its events is found by a height that is.
    Ok(if height == 0 { (1, 0) } else { (height, index.saturating_add(1)) })
}

struct Cursor {
    api: Arc<Api>,
    tip: watch::Receiver<Arc<Tip>>,
    source: Source,
    height: u64,
    /// The next event of that height.
    index: usize,
    place: Place,
}

impl Cursor {
    /// The next events as text; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                text = read(&self.api, &mut self.tip, self.source, self.height, self.index) => {
                    match text? {
                        Sent::Alive => return Some(Bytes::from_static(b":\n\n")),
                        Sent::Events { text, next } => {
                            match next {
                                Some(index) => self.index = index,
                                None => (self.height, self.index) = (self.height + 1, 0),
                            }
                            if !text.is_empty() {
                                return Some(text);
                            }
                        }
                    }
                }
                () = self.place.wanted() => return None,
            }
        }
    }
}

/// What a stream sends next.
enum Sent {
    Alive,
    Events { text: Bytes, next: Option<usize> },
}

/// The events of a block from an index on, once it is there; `None` where that cannot be, or cannot
/// be any more: whoever asks again is told why.
async fn read(
    api: &Api,
    tip: &mut watch::Receiver<Arc<Tip>>,
    source: Source,
    height: u64,
    index: usize,
) -> Option<Sent> {
    match tokio::time::timeout(ALIVE, tip.wait_for(|tip| tip.height() >= height)).await {
        Ok(reached) => drop(reached.ok()?),
        Err(_) => return Some(Sent::Alive),
    }
    // Reading the past takes work: who has had too much of it waits.
    let past = api.now().height() > height;
    while past && !api.guard.rate.admit(source, 0.0, Instant::now()) {
        tokio::time::sleep(PAUSE).await;
    }
    match api.told.piece(&api.store, height, index).await {
        Ok(Some((piece, time))) => {
            let (text, next) = piece.from(index);
            let bytes = if past { text.len() as f64 / BYTES_A_TOKEN } else { 0.0 };
            let tokens = time.div_duration_f64(TIME_A_TOKEN) + bytes;
            api.guard.rate.charge(source, tokens, Instant::now());
            Some(Sent::Events { text, next })
        }
        Ok(None) => None,
        Err(error) => {
            tracing::error!(%error, height, "the events of a block cannot be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_begins_after_an_event_that_is_not_too_far_back() {
        for (last, kept, newest, expected) in [
            (None, 1, 7, Some((8, 0))),
            (Some((5, 3)), 1, 7, Some((5, 4))),
            (Some((9, 0)), 1, 7, Some((9, 1))),
            (Some((0, 0)), 1, 7, Some((1, 0))),
            (Some((0, 0)), 1, 1_000, Some((1, 0))),
            (Some((0, 0)), 1, 1_001, None),
            (Some((9_000, usize::MAX)), 8_000, 10_000, Some((9_000, usize::MAX))),
            (Some((8_999, 5)), 8_000, 10_000, None),
            // A node that began with a snapshot of block 9,998.
            (None, 9_999, 10_000, Some((10_001, 0))),
            (Some((9_999, 5)), 9_999, 10_000, Some((9_999, 6))),
            (Some((9_998, 5)), 9_999, 10_000, None),
            (Some((0, 0)), 2, 1, None),
        ] {
            let found = begin(last, kept, newest);
            let asked = format!("after {last:?} at {newest}, kept from {kept}");
            assert_eq!(found.as_ref().ok(), expected.as_ref(), "{asked}");
            if let Err(problem) = found {
                assert_eq!(problem.0.status, 410);
                assert!(problem.0.detail.contains("Last-Event-ID"), "{}", problem.0.detail);
            }
        }
    }
}
