//! Accepting connections: TLS 1.3 with a proven hot key, in bounded numbers.

use crate::exchange::address::Network;
use crate::exchange::admission::Remote;
use crate::exchange::identity::{IdentityError, key_of};
use crate::exchange::limits::{CONNECTION_WINDOW, FRAME, STREAM_WINDOW};
use crate::exchange::places::Ticket;
use crate::exchange::server::service;
use crate::exchange::shared::Exchange;
use futures::FutureExt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;

/// How often idle connections are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

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
    let sweeping = tokio::spawn(sweep(exchange.clone()));
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
    sweeping.abort();
    Ok(served?)
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    exchange: Arc<Exchange>,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, usually: wait for some to be closed.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let ticket = exchange.places.knock(Network::of(from.ip()), Instant::now());
        let (acceptor, exchange) = (acceptor.clone(), exchange.clone());
        let sender = sender.clone();
        tokio::spawn(async move {
            match handshake(stream, ticket, &acceptor, &exchange).await {
                Ok(connection) => drop(sender.send(Ok(connection)).await),
                Err(error) => {
                    exchange.counters.count_handshake_failed();
                    tracing::debug!(%error, "a connection did not authenticate");
                }
            }
        });
    }
}

/// Ends connections that are idle or not read, for ever.
async fn sweep(exchange: Arc<Exchange>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        exchange.places.sweep(Instant::now(), |key, network| exchange.claim(key, network));
    }
}

async fn handshake(
    stream: TcpStream,
    ticket: Ticket,
    acceptor: &TlsAcceptor,
    exchange: &Exchange,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let timeout = exchange.limits.handshake_timeout;
    let stream = tokio::select! {
        stream = tokio::time::timeout(timeout, acceptor.accept(stream)) => stream??,
        () = ticket.place.closed() => {
            return Err(io::Error::other("others knock, and this handshake was the earliest"));
        }
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let certificate = certificate.ok_or_else(|| io::Error::other("no certificate was shown"))?;
    let key = key_of(certificate).map_err(io::Error::other)?;
    let place = ticket.place.clone();
    ticket.prove(key, exchange.claim(&key, place.network())).map_err(io::Error::other)?;
    let told = place.clone();
    Ok(Connection {
        stream,
        caller: Remote { key, place },
        told: Box::pin(async move { told.closed().await }.fuse()),
        _ticket: ticket,
    })
}

/// An authenticated connection.
struct Connection {
    stream: TlsStream<TcpStream>,
    caller: Remote,
    /// Ready when it is to end.
    told: Pin<Box<dyn Future<Output = ()> + Send>>,
    _ticket: Ticket,
}

impl Connected for Connection {
    type ConnectInfo = Remote;

    fn connect_info(&self) -> Remote {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.told.as_mut().poll(context).is_ready() {
            let error = io::Error::new(io::ErrorKind::ConnectionAborted, "others take the place");
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
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
