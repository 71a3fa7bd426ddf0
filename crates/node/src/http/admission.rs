//! What every request and every answer passes: the rate, the budgets of bytes, and problem
//! documents in place of bare refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;

use super::budget::Share;
use super::guard::Guard;
use super::limits::{BODY_TIMEOUT, REQUEST_BYTES_MAX, SMALL};
use super::places::Busy;
use super::problems::HttpProblem;
use super::rate::{BYTES_A_TOKEN, TIME_A_TOKEN};
use super::source::Source;
use super::work::WORKED;

/// Who asks; a request that did not come over a connection is this machine's own.
pub fn source(request: &Request) -> Source {
    Source::of(request.extensions())
}

/// What an asker over its rate is told, before anything else is done for it. The connection ends
/// with it: whoever goes on asking is turned away where connections are accepted, which costs a
/// part of an answer.
pub fn too_many(guard: &Guard) -> Response {
    guard.metrics.http_limited.fetch_add(1, Ordering::Relaxed);
    let detail = "too many or too costly requests from this address: wait a second";
    let headers = [(header::RETRY_AFTER, "1"), (header::CONNECTION, "close")];
    secured((headers, HttpProblem::too_many(detail)).into_response())
}

/// Counts requests, takes their bodies in, and makes problem documents of the refusals of the
/// layers and extractors below.
pub async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let source = source(&request);
    guard.metrics.http_requests.fetch_add(1, Ordering::Relaxed);
    let (request, _share) = match received(&guard, source, request).await {
        Ok(received) => received,
        Err(problem) => return secured(problem.into_response()),
    };
    let response = next.run(request).await;
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let is_problem = media_type.is_some_and(|found| found == muster_api::PROBLEM_JSON);
    let status = response.status();
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return secured(response);
    }
    secured(bare_problem(status))
}

/// The request with its body whole: whoever sends slowly waits here, before anything is held for
/// it but a part of the budget.
async fn received(
    guard: &Guard,
    source: Source,
    request: Request,
) -> Result<(Request, Option<Share>), HttpProblem> {
    let Some(length) = request.body().size_hint().exact() else {
        let detail = "the length of the body must be announced: send Content-Length, not chunks";
        let status = StatusCode::LENGTH_REQUIRED;
        return Err(HttpProblem::new(status, "length-required", "Length required", detail));
    };
    if length == 0 {
        return Ok((request, None));
    }
    if length > REQUEST_BYTES_MAX {
        let detail = format!("the body has {length} bytes, no path takes over {REQUEST_BYTES_MAX}");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(HttpProblem::new(status, "content-too-large", "Content too large", detail));
    }
    let share = if length <= SMALL {
        guard.requests.hold(source, length)
    } else {
        guard.requests.take(source, length).ok_or_else(|| {
            HttpProblem::busy("too many bytes are being sent to this node at once: try again")
        })?
    };
    guard.rate.charge(source, length as f64 / BYTES_A_TOKEN, Instant::now());
    let (parts, body) = request.into_parts();
    let reading = to_bytes(body, usize::try_from(length).unwrap_or(usize::MAX));
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok((Request::from_parts(parts, Body::from(bytes)), Some(share))),
        Ok(Err(_)) => Err(HttpProblem::bad_request("the body broke off before its end")),
        Err(_) => {
            let detail = "the body did not arrive within ten seconds";
            let status = StatusCode::REQUEST_TIMEOUT;
            Err(HttpProblem::new(status, "request-timeout", "Request timeout", detail))
        }
    }
}

/// The bytes of an answer, and what is held for as long as they are.
struct Weighed {
    bytes: Bytes,
    _share: Share,
    _busy: Option<Arc<Busy>>,
}

impl AsRef<[u8]> for Weighed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Takes what an answer weighs from the budget until the last of its bytes is sent, and charges the
/// asker for what it took. Streams, whose length nobody knows, have bounds of their own.
pub async fn weigh(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let source = source(&request);
    let busy = request.extensions().get::<Arc<Busy>>().cloned();
    let micros = Arc::new(AtomicU64::new(0));
    let response = WORKED.scope(micros.clone(), next.run(request)).await;
    let time = Duration::from_micros(micros.load(Ordering::Relaxed));
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact().unwrap_or(0);
    let tokens = time.div_duration_f64(TIME_A_TOKEN) + length as f64 / BYTES_A_TOKEN;
    guard.rate.charge(source, tokens, Instant::now());
    if length == 0 {
        return Response::from_parts(parts, body);
    }
    let share = if length <= SMALL {
        Some(guard.answers.hold(source, length))
    } else {
        guard.answers.take(source, length)
    };
    let Some(share) = share else {
        let detail = "too many answers are on their way that nobody reads: read them, or try again";
        return HttpProblem::busy(detail).into_response();
    };
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let weighed = Weighed { bytes, _share: share, _busy: busy };
            Response::from_parts(parts, Body::from(Bytes::from_owner(weighed)))
        }
        Err(_) => HttpProblem::internal("an answer could not be made").into_response(),
    }
}

fn bare_problem(status: StatusCode) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method; see /openapi.json",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is longer than this path takes",
        StatusCode::SERVICE_UNAVAILABLE => "the answer took too long: try again",
        _ => title,
    };
    let slug = title.to_lowercase().replace(' ', "-");
    HttpProblem::new(status, &slug, title, detail).into_response()
}

fn secured(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
