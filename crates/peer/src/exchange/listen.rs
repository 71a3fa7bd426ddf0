//! Accepting connections: TLS 1.3 with a proven hot key, in bounded numbers.

use crate::exchange::admission::Remote;
use crate::exchange::identity::{IdentityError, key_of};
use crate::exchange::limits::{CONNECTION_WINDOW, FRAME, STREAM_WINDOW};
use crate::exchange::server::service;
use crate::exchange::shared::Exchange;
use muster_ledger::crypto::PublicKey;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;

/// Why serving ended or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The gRPC server failed.
    #[error("the gRPC server failed: {0}")]
    Server(#[from] tonic::transport::Error),
}

/// Serves the exchange on a bound listener until `shutdown`.
///
/// # Errors
/// [`ListenError`]; single connections that fail are counted, and end alone.
pub async fn serve(
    listener: TcpListener,
    exchange: Arc<Exchange>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ListenError> {
    let acceptor = TlsAcceptor::from(Arc::new(exchange.identity.server_config()?));
    let (sender, incoming) = mpsc::channel(16);
    let accepting = tokio::spawn(accept(listener, acceptor, exchange.clone(), sender));
    let served = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_concurrent_streams(exchange.limits.streams_max)
        .http2_max_header_list_size(8 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .timeout(exchange.limits.request_timeout)
        .add_service(service(exchange))
        .serve_with_incoming_shutdown(ReceiverStream::new(incoming), shutdown)
        .await;
    accepting.abort();
    Ok(served?)
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    exchange: Arc<Exchange>,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    let places = Arc::new(Semaphore::new(exchange.limits.connections_max));
    let open = Arc::new(Open { per_sender: Mutex::default() });
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, usually: wait for some to be closed.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            exchange.counters.count_handshake_failed();
            continue;
        };
        let (acceptor, exchange) = (acceptor.clone(), exchange.clone());
        let (open, sender) = (open.clone(), sender.clone());
        tokio::spawn(async move {
            match handshake(stream, place, &acceptor, &exchange, &open).await {
                Ok(connection) => drop(sender.send(Ok(connection)).await),
                Err(error) => {
                    exchange.counters.count_handshake_failed();
                    tracing::debug!(%error, "a connection did not authenticate");
                }
            }
        });
    }
}

async fn handshake(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    acceptor: &TlsAcceptor,
    exchange: &Exchange,
    open: &Arc<Open>,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let timeout = exchange.limits.handshake_timeout;
    let stream = tokio::time::timeout(timeout, acceptor.accept(stream)).await??;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = certificate.ok_or_else(|| io::Error::other("no certificate was shown"))?;
    let key = key_of(certificate).map_err(io::Error::other)?;
    let counted = open.count(key, exchange.limits.sender_connections_max)?;
    Ok(Connection { stream, caller: Remote { key }, _place: place, _counted: counted })
}

/// Open connections of each key.
struct Open {
    per_sender: Mutex<HashMap<PublicKey, usize>>,
}

impl Open {
    fn count(self: &Arc<Self>, key: PublicKey, max: usize) -> io::Result<Counted> {
        let mut per_sender = self.per_sender.lock().unwrap_or_else(PoisonError::into_inner);
        let open = per_sender.entry(key).or_insert(0);
        if *open >= max {
            return Err(io::Error::other(format!("{key} has {max} connections open already")));
        }
        *open += 1;
        Ok(Counted { open: self.clone(), key })
    }
}

/// One counted connection of a key.
struct Counted {
    open: Arc<Open>,
    key: PublicKey,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut per_sender = self.open.per_sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = per_sender.get_mut(&self.key) {
            *open -= 1;
            if *open == 0 {
                per_sender.remove(&self.key);
            }
        }
    }
}

/// An authenticated connection.
struct Connection {
    stream: TlsStream<TcpStream>,
    caller: Remote,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Connected for Connection {
    type ConnectInfo = Remote;

    fn connect_info(&self) -> Remote {
        self.caller
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
