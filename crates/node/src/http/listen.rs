//! Accepting connections: in bounded numbers, from each asker and in all, with a time for
//! everything, in clear or over TLS.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::admission::too_many;
use super::guard::Guard;
use super::limits::{DRAIN, HANDSHAKE_TIMEOUT, HEAD_BYTES_MAX, HEAD_TIMEOUT, HEADERS_MAX, PACE};
use super::pace::Paced;
use super::places::{Busy, Place};
use super::source::{Proxies, Source};

/// Bytes of answers that the system holds for a connection, the same for all: left to itself, it
/// would hold megabytes for whoever does not read.
const SEND_BUFFER: u32 = 128 << 10;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How many requests a handshake of TLS counts as: it takes a signature.
const HANDSHAKE_TOKENS: f64 = 4.0;
/// What a connection counts as that was closed because others needed its place, before anything was
/// asked over it: whoever makes them again and again is soon not let in.
const UNUSED_TOKENS: f64 = 25.0;

/// Where connections come in.
pub struct Door {
    /// The port.
    pub listener: std::net::TcpListener,
    /// Certificate and key, where it is served over TLS.
    pub tls: Option<TlsAcceptor>,
    /// Proxies that say whom they answer.
    pub proxies: Proxies,
    /// Most connections.
    pub connections_max: usize,
}

/// Takes the port.
///
/// # Errors
/// What the system says.
pub fn bind(address: std::net::SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Whoever is accepted inherits it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// What the connections share.
struct Serving {
    guard: Arc<Guard>,
    router: Router,
    proxies: Proxies,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<bool>,
}

/// Serves `router`, guarded, until `stopped` says so, then gives open requests a moment to end.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    door: Door,
    guard: Arc<Guard>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let Door { listener, tls, proxies, .. } = door;
    let listener = TcpListener::from_std(listener)?;
    let serving = Arc::new(Serving { guard, router, proxies, tls, stopped: stopped.clone() });
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ended(&mut stopped) => break,
        };
        let (stream, address) = match accepted {
            Ok((stream, address)) => (stream, address.ip()),
            Err(error) => {
                // Out of descriptors, usually: wait for some to be closed.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Some(place) = serving.admit(address) {
            connections.spawn(serving.clone().connection(stream, address, place));
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    // Those that are still open then end with the set.
    let _ = tokio::time::timeout(DRAIN, all).await;
    Ok(())
}

/// Resolves when the node ends.
async fn ended(stopped: &mut watch::Receiver<bool>) {
    // An error means that the node is gone: stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Serving {
    fn admit(&self, address: IpAddr) -> Option<Place> {
        let holder = self.proxies.holder(address);
        let costs = if self.tls.is_some() { HANDSHAKE_TOKENS } else { 0.0 };
        let admitted = self.guard.rate.admit(holder, costs, Instant::now());
        let place = admitted.then(|| self.guard.connections.enter(holder)).flatten();
        if place.is_none() {
            self.guard.metrics.http_turned_away.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// One connection, until either side has enough or somebody else needs its place.
    async fn connection(self: Arc<Self>, stream: TcpStream, address: IpAddr, place: Place) {
        // Answers are written whole; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let stream = Paced::new(stream, PACE);
        let Some(tls) = &self.tls else {
            return self.requests(stream, address, &place).await;
        };
        tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)) => match shaken {
                Ok(Ok(stream)) => self.requests(stream, address, &place).await,
                Ok(Err(error)) => tracing::debug!(%error, "a connection did not come to TLS"),
                Err(_) => tracing::debug!("a connection did not come to TLS in time"),
            },
            () = place.wanted() => {}
        }
    }

    async fn requests<S>(&self, stream: S, address: IpAddr, place: &Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let asked = AtomicBool::new(false);
        let service = service_fn(|request: hyper::Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let busy = Arc::new(place.occupy());
            let source = self.proxies.asker(address, request.headers());
            self.answer(request, source, busy)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut stopped = self.stopped.clone();
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = place.wanted() => {
                let holder = self.proxies.holder(address);
                if holder != Source::Local && !asked.load(Ordering::Relaxed) {
                    self.guard.rate.charge(holder, UNUSED_TOKENS, Instant::now());
                }
                return;
            }
            () = ended(&mut stopped) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        source: Source,
        busy: Arc<Busy>,
    ) -> Result<Response, Infallible> {
        if !self.guard.rate.admit(source, 1.0, Instant::now()) {
            return Ok(too_many(&self.guard));
        }
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(source);
        request.extensions_mut().insert(busy.clone());
        let response = self.router.clone().oneshot(request).await?;
        Ok(response.map(|body| Body::new(Held { body, _busy: busy })))
    }
}

/// A body, and what is kept for as long as it is.
struct Held {
    body: Body,
    _busy: Arc<Busy>,
}

impl http_body::Body for Held {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
