//! Asking other peers: a bounded cache of authenticated connections, signed requests, checked
//! answers.

use crate::exchange::address::is_public;
use crate::exchange::counters::Counters;
use crate::exchange::envelope::{EnvelopeError, Tag, now_ms, open_response, seal_request};
use crate::exchange::evidence::{Evidence, EvidenceRing};
use crate::exchange::identity::{Identity, IdentityError};
use crate::exchange::limits::{CONNECTION_WINDOW, FRAME, Limits, STREAM_WINDOW};
use crate::exchange::message::Message;
use crate::exchange::proto::peer_client::PeerClient;
use crate::exchange::proto::{
    AskRequest, AskResponse, BackwardRequest, BackwardResponse, DescribeRequest, DescribeResponse,
    ForwardRequest, ForwardResponse, Tensor,
};
use crate::exchange::replay::RequestId;
use crate::exchange::tensor::{WireError, to_activations};
use bytes::Bytes;
use hyper_util::rt::TokioIo;
use muster_learning::Activations;
use muster_ledger::crypto::{Hash, PublicKey};
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

/// Most connections kept open; the one unused for longest makes room.
const CHANNELS_MAX: usize = 64;
/// Addresses of a host that are tried.
const ADDRESSES_MAX: usize = 4;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a call brought no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The endpoint is not `https://host:port`.
    #[error("{0:?} is not an endpoint: expected https://host:port")]
    Endpoint(String),
    /// Our own identity cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No randomness for a request id.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The peer refused, or could not be reached.
    #[error("{} ({:?})", .0.message(), .0.code())]
    Status(Box<Status>),
    /// The answer's envelope is missing or wrong.
    #[error("the answer is refused: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The answer's tensor is malformed.
    #[error("the answer is refused: {0}")]
    Tensor(#[from] WireError),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        CallError::Status(Box::new(status))
    }
}

/// Whom to call, and on which ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// Hot key that the peer must prove to hold.
    pub key: PublicKey,
    /// `https://host:port` from the ledger.
    pub endpoint: String,
    /// Identity of the ledger.
    pub chain: Hash,
}

struct Cached {
    endpoint: String,
    channel: Channel,
    used: Instant,
}

/// Longest message that has words in it and no tensor.
const WORDS_BYTES_MAX: usize = 64 << 10;

/// Calls other peers as one identity.
pub struct Caller {
    identity: Arc<Identity>,
    limits: Limits,
    counters: Arc<Counters>,
    evidence: Arc<Mutex<EvidenceRing>>,
    channels: Mutex<HashMap<PublicKey, Cached>>,
    /// One for each connection that may be made at the same time.
    dials: Arc<Semaphore>,
}

impl Caller {
    /// A caller without connections.
    #[must_use]
    pub fn new(
        identity: Arc<Identity>,
        limits: Limits,
        counters: Arc<Counters>,
        evidence: Arc<Mutex<EvidenceRing>>,
    ) -> Self {
        let dials = Arc::new(Semaphore::new(limits.dials_max));
        Self { identity, limits, counters, evidence, channels: Mutex::default(), dials }
    }

    /// What a peer offers.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn describe(
        &self,
        callee: &Callee,
        timeout: Duration,
    ) -> Result<DescribeResponse, CallError> {
        let (request, tag) = self.seal(DescribeRequest::default(), callee, timeout)?;
        let mut client = self.client(callee)?.max_decoding_message_size(WORDS_BYTES_MAX);
        self.finish::<DescribeResponse>(callee, &tag, timeout, client.describe(request)).await
    }

    /// A forward pass of a peer's model; gives the request's id for a later [`Self::backward`].
    ///
    /// # Errors
    /// [`CallError`]; the answer is signed, finite, and a tensor, but its shape is the caller's to
    /// check.
    pub async fn forward(
        &self,
        callee: &Callee,
        input: Tensor,
        keep: bool,
        timeout: Duration,
    ) -> Result<(RequestId, Activations), CallError> {
        let message = ForwardRequest { envelope: None, input: Some(input), keep };
        let (request, tag) = self.seal(message, callee, timeout)?;
        let mut client = self.client(callee)?;
        let response: ForwardResponse =
            self.finish(callee, &tag, timeout, client.forward(request)).await?;
        Ok((tag.id, to_activations(response.output)?))
    }

    /// Sends the gradient of our loss with respect to an earlier answer; says whether the peer
    /// trained on it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn backward(
        &self,
        callee: &Callee,
        forward_id: RequestId,
        gradient: Tensor,
        timeout: Duration,
    ) -> Result<bool, CallError> {
        let message = BackwardRequest {
            envelope: None,
            forward_id: Bytes::copy_from_slice(&forward_id),
            gradient: Some(gradient),
        };
        let (request, tag) = self.seal(message, callee, timeout)?;
        let mut client = self.client(callee)?;
        let response: BackwardResponse =
            self.finish(callee, &tag, timeout, client.backward(request)).await?;
        Ok(response.applied)
    }

    /// Asks for a continuation; every response of the stream must pass [`Self::check`].
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn ask(
        &self,
        callee: &Callee,
        message: AskRequest,
        timeout: Duration,
    ) -> Result<(Tag, Streaming<AskResponse>), CallError> {
        let (request, tag) = self.seal(message, callee, timeout)?;
        let mut client = self.client(callee)?.max_decoding_message_size(WORDS_BYTES_MAX);
        self.counters.count_asked();
        let response = tokio::time::timeout(timeout, client.ask(request))
            .await
            .map_err(|_| CallError::Timeout(timeout))??;
        Ok((tag, response.into_inner()))
    }

    /// Checks and remembers a response to the request `tag`.
    ///
    /// # Errors
    /// [`CallError::Envelope`].
    pub fn check<M: Message>(
        &self,
        response: &M,
        tag: &Tag,
        chain: &Hash,
    ) -> Result<(), CallError> {
        let sealed = open_response(response, tag, chain, now_ms(), self.limits.clock_skew_max)?;
        self.evidence
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Evidence::new(tag, &sealed));
        Ok(())
    }

    fn seal<M: Message>(
        &self,
        mut message: M,
        callee: &Callee,
        timeout: Duration,
    ) -> Result<(Request<M>, Tag), CallError> {
        let mut id = RequestId::default();
        getrandom::fill(&mut id).map_err(CallError::Randomness)?;
        let tag =
            seal_request(&mut message, &self.identity, &callee.chain, callee.key, id, now_ms());
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        Ok((request, tag))
    }

    async fn finish<M: Message>(
        &self,
        callee: &Callee,
        tag: &Tag,
        timeout: Duration,
        call: impl Future<Output = Result<Response<M>, Status>>,
    ) -> Result<M, CallError> {
        self.counters.count_asked();
        let result = match tokio::time::timeout(timeout, call).await {
            Err(_) => Err(CallError::Timeout(timeout)),
            Ok(Err(status)) => Err(status.into()),
            Ok(Ok(response)) => {
                let response = response.into_inner();
                self.check(&response, tag, &callee.chain).map(|()| response)
            }
        };
        if result.is_err() {
            self.counters.count_unanswered();
        }
        result
    }

    fn client(&self, callee: &Callee) -> Result<PeerClient<Channel>, CallError> {
        let channel = self.channel(callee)?;
        Ok(PeerClient::new(channel)
            .max_decoding_message_size(self.limits.staked.message_bytes_max)
            .max_encoding_message_size(self.limits.staked.message_bytes_max))
    }

    fn channel(&self, callee: &Callee) -> Result<Channel, CallError> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = channels.get_mut(&callee.key)
            && cached.endpoint == callee.endpoint
        {
            cached.used = Instant::now();
            return Ok(cached.channel.clone());
        }
        if channels.len() >= CHANNELS_MAX
            && let Some((&oldest, _)) = channels.iter().min_by_key(|(_, cached)| cached.used)
        {
            channels.remove(&oldest);
        }
        let channel = self.connect(callee)?;
        let endpoint = callee.endpoint.clone();
        let cached = Cached { endpoint, channel: channel.clone(), used: Instant::now() };
        channels.insert(callee.key, cached);
        Ok(channel)
    }

    /// A channel that connects when first used, and again when it broke.
    fn connect(&self, callee: &Callee) -> Result<Channel, CallError> {
        let bad = || CallError::Endpoint(callee.endpoint.clone());
        let address = callee.endpoint.strip_prefix("https://").ok_or_else(bad)?;
        // TLS happens in our connector, below what tonic sees.
        let uri: Uri = format!("http://{address}").parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?.to_string();
        let port = uri.port_u16().ok_or_else(bad)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_string();
        let name = ServerName::try_from(host.clone()).map_err(|_| bad())?;
        let connector = TlsConnector::from(Arc::new(self.identity.client_config(callee.key)?));
        let (dials, private_addresses) = (self.dials.clone(), self.limits.private_addresses);
        let dial = tower::service_fn(move |_: Uri| {
            let (connector, name, host) = (connector.clone(), name.clone(), host.clone());
            let dials = dials.clone();
            async move {
                let _dial = dials.acquire().await.map_err(io::Error::other)?;
                let stream = reach(&host, port, private_addresses).await?;
                stream.set_nodelay(true)?;
                Ok::<_, io::Error>(TokioIo::new(connector.connect(name, stream).await?))
            }
        });
        Ok(Endpoint::from(uri)
            .connect_timeout(CONNECT_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .http2_max_header_list_size(8 << 10)
            .connect_with_connector_lazy(dial))
    }
}

/// Connects to a host that somebody wrote on the ledger. Its name is resolved here and the
/// addresses are looked at afterwards, so that no name leads into a private network.
async fn reach(host: &str, port: u16, private_addresses: bool) -> io::Result<TcpStream> {
    let mut last = None;
    for address in tokio::net::lookup_host((host, port)).await?.take(ADDRESSES_MAX) {
        if !private_addresses && !is_public(address.ip()) {
            let message = format!(
                "{host} is at {}, which is no public address; `private_addresses = true` in peer.toml allows it",
                address.ip()
            );
            last = Some(io::Error::new(io::ErrorKind::PermissionDenied, message));
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other(format!("{host} has no address"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_name_leads_into_a_private_network() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        for host in ["127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254"] {
            let error = reach(host, port, false).await.expect_err(host);
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{host}: {error}");
        }
        reach("127.0.0.1", port, true).await.expect("it listens, and may be connected to");
    }
}
