//! Requests to a node over HTTP: paths, queries, headers and bodies, answered by the node's own
//! routes from a chain with some blocks.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use muster_api::{Telemetry, TelemetryReport};
use muster_ledger::encoding::encode;
use muster_ledger::transaction::SignedTransaction;
use muster_node::http::{Proxies, openapi_json};

use crate::Target;
use crate::actions::PEOPLE;
use crate::node::Node;
use crate::support::key;

/// A node's HTTP interface.
pub const TARGET: Target = Target {
    name: "http",
    about: "requests to a node: method, path, query, headers and body, through all layers",
    bytes_max: 8 << 10,
    run,
    seeds,
};

/// Longest answer that is read: pages are far shorter, the dashboard's files and the description
/// of the API are not.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Reads an input as a request: a line `METHOD target`, lines of headers, an empty line, the body.
fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::builder()
        .method(Method::from_bytes(&first[..space]).ok()?)
        .uri(std::str::from_utf8(&first[space + 1..]).ok()?);
    for line in lines.take(64) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request = request.header(name, value);
    }
    let path = request.uri_ref()?.path().to_owned();
    request.body(Body::from(signed_again(&path, body))).ok()
}

/// A body with its signature made good, where it can be read as what carries one.
fn signed_again(path: &str, body: &[u8]) -> Vec<u8> {
    let node = Node::get();
    let chain = node.transactions[0].transaction.chain;
    if path == "/v1/transactions"
        && let Ok(signed) = SignedTransaction::decode(body)
    {
        let mut transaction = signed.transaction;
        let holder = PEOPLE.iter().map(|name| key(name));
        if let Some(key) = holder.into_iter().find(|key| key.public() == transaction.signer) {
            transaction.chain = chain;
            return SignedTransaction::sign(transaction, &key).encode();
        }
    }
    if path == "/v1/telemetry"
        && let Ok(report) = serde_json::from_slice::<TelemetryReport>(body)
    {
        // What nobody would sign goes on as it came.
        if let Ok(report) = TelemetryReport::sign(report.telemetry, &chain, &key("hot-0")) {
            return serde_json::to_vec(&report).expect("a report is written");
        }
    }
    body.to_vec()
}

fn run(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    let node = Node::get();
    let local = std::net::IpAddr::from([127, 0, 0, 1]);
    let _ = Proxies::new(&[local]).asker(local, request.headers());
    let target = request.uri().to_string();
    node.runtime.block_on(async {
        let response = node.answer(request).await;
        let status = response.status();
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "a fault of ours at {target}");
        let media_type = response.headers().get(header::CONTENT_TYPE);
        // A stream of events has no end.
        if media_type.is_some_and(|found| found == "text/event-stream") {
            return;
        }
        let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
        body.expect("an answer is bounded");
    });
}

/// What a peer reports of itself.
fn report() -> Vec<u8> {
    let telemetry = Telemetry {
        name: "peer".into(),
        steps: 12,
        loss_alone: Some(2.5),
        loss_with_network: Some(2.25),
        loss_student: None,
        loss_standard_error: Some(0.125),
        compute_relative_to_control: Some(1.5),
        step_ms: Some(8.0),
        answered: 3,
        asked: 4,
        refused: 0,
        at_ms: 1,
    };
    let chain = Node::get().transactions[0].transaction.chain;
    let report = TelemetryReport::sign(telemetry, &chain, &key("hot-0")).expect("in range");
    serde_json::to_vec(&report).expect("a report is written")
}

/// Every path of the description with every method, without a query and with all of it; and what
/// the description does not say.
fn seeds() -> Vec<Vec<u8>> {
    let node = Node::get();
    let described: serde_json::Value = serde_json::from_str(&openapi_json()).expect("JSON");
    let paths = described["paths"].as_object().expect("paths");
    let mut seeds = Vec::new();
    for (path, methods) in paths {
        let path = node.path(path);
        for (method, about) in methods.as_object().expect("methods") {
            let method = method.to_uppercase();
            seeds.push(format!("{method} {path}").into_bytes());
            let parameters = about["parameters"].as_array().cloned().unwrap_or_default();
            let in_query = parameters.iter().filter(|one| one["in"] == "query");
            let query: Vec<String> =
                in_query.filter_map(|one| Some(format!("{}=1", one["name"].as_str()?))).collect();
            if !query.is_empty() {
                seeds.push(format!("{method} {path}?{}", query.join("&")).into_bytes());
            }
        }
    }
    let octets = "content-type: application/octet-stream\n\n";
    let with = |head: &str, body: &[u8]| [head.as_bytes(), body].concat();
    for transaction in &node.transactions {
        let one = transaction.encode();
        seeds.push(with(&format!("POST /v1/transactions\n{octets}"), &one));
        let both = encode(&node.transactions.to_vec());
        seeds.push(with(&format!("POST /v1/mempool\n{octets}"), &both));
    }
    let report = with("POST /v1/telemetry\ncontent-type: application/json\n\n", &report());
    seeds.push(report);
    for kind in ["account", "peer"] {
        let id = if kind == "peer" { "0".to_owned() } else { node.path("{address}") };
        seeds.push(format!("GET /v1/proofs/{kind}/{id}").into_bytes());
    }
    seeds.push(b"GET /\naccept-encoding: gzip\nx-forwarded-for: 192.0.2.1, ::1".to_vec());
    seeds.push(b"GET /v1/events\nlast-event-id: 11.0".to_vec());
    seeds
}
