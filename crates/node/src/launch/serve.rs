//! This machine's board for everybody, over HTTP, with the bounds of ADR 14: what is on it is given
//! to whoever asks, and what is handed in is checked before anything of it is kept.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use muster_launch::{MESSAGE_BYTES_MAX, Offer, Page, Refusal};
use muster_ledger::encoding::encode;
use serde::Deserialize;
use tokio::sync::watch;

use super::desk::Desk;
use super::relay::{PAGE_BYTES_MAX, PATH};
use crate::error::NodeError;
use crate::http::listen::{Door, bind, serve};
use crate::http::{Guard, Proxies, weighed};
use muster_chain::metrics::Metrics;

/// Most connections to a board.
const CONNECTIONS_MAX: usize = 256;

/// Serves a board from now on, until the process ends.
pub fn start(listen: SocketAddr, desk: Arc<Desk>) -> Result<(), NodeError> {
    let refused = |reason| NodeError::Listen { what: "the board", address: listen, reason };
    let door = Door {
        listener: bind(listen).map_err(refused)?,
        tls: None,
        proxies: Proxies::default(),
        connections_max: CONNECTIONS_MAX,
    };
    let guard = Guard::new(CONNECTIONS_MAX, Arc::new(Metrics::default()));
    let routes = Router::new()
        .route(PATH, get(read).post(write))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(desk);
    let router = weighed(routes, &guard);
    let serving = async move {
        // Held for as long as it is served: until the process ends.
        let (_stop, stopped) = watch::channel(false);
        serve(door, guard, router, stopped).await
    };
    crate::spawn_http(serving).map(drop)
}

/// From where on messages are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    run: u64,
    after: u64,
}

async fn read(State(desk): State<Arc<Desk>>, Query(from): Query<From>) -> Vec<u8> {
    let board = desk.board();
    let all = board.messages();
    // What somebody knows of another run says nothing of this one.
    let after =
        if from.run == desk.run { usize::try_from(from.after).unwrap_or(usize::MAX) } else { 0 };
    let from = after.min(all.len());
    let mut bytes = 0;
    let fits = |message: &&Arc<[u8]>| {
        bytes += message.len();
        bytes <= PAGE_BYTES_MAX
    };
    let messages = all[from..].iter().take_while(fits).map(|message| message.to_vec()).collect();
    encode(&Page { run: desk.run, from: from as u64, messages })
}

async fn write(State(desk): State<Arc<Desk>>, body: Bytes) -> (StatusCode, String) {
    match desk.offer(&body) {
        Ok(Offer::New) => (StatusCode::ACCEPTED, String::new()),
        Ok(Offer::Known) => (StatusCode::OK, String::new()),
        Err(early @ Refusal::Early { .. }) => (StatusCode::TOO_EARLY, early.to_string()),
        Err(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string()),
    }
}
