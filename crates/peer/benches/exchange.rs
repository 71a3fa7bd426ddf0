//! Round trips of tensors of a mebibyte each way: the full protocol (signed, checked, queued,
//! remembered) against a bare gRPC echo over the same TLS, windows and runtime.
//!
//! `cargo bench -p muster-peer --bench exchange` prints both rates and their ratio, by wall clock
//! and by processor time of the whole process (both ends are in it).

use muster_learning::{Activations, Shape, Tokens};
use muster_ledger::crypto::Hash;
use muster_ledger::types::PeerId;
use muster_peer::exchange::client::{Callee, Caller};
use muster_peer::exchange::identity::Identity;
use muster_peer::exchange::inbox::{Answer, Jobs, Received};
use muster_peer::exchange::limits::{CONNECTION_WINDOW, FRAME, Limits, STREAM_WINDOW, Share};
use muster_peer::exchange::listen::serve;
use muster_peer::exchange::proto::peer_client::PeerClient;
use muster_peer::exchange::proto::peer_server::{Peer, PeerServer};
use muster_peer::exchange::proto::{
    AskRequest, AskResponse, BackwardRequest, BackwardResponse, DescribeRequest, DescribeResponse,
    ForwardRequest, ForwardResponse, Tensor,
};
use muster_peer::exchange::shared::{Exchange, Offer};
use muster_peer::exchange::tensor::from_tokens;
use muster_peer::ledger::directory::{Directory, Entry};
use muster_peer::sale::till::Till;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHAIN: Hash = Hash([1; 32]);
const IN_FLIGHT: usize = 4;
const ROUND: usize = 50;
const ROUNDS: usize = 8;

/// Echoes tensors, and nothing else.
struct Echo;

#[tonic::async_trait]
impl Peer for Echo {
    type AskStream = tokio_stream::Empty<Result<AskResponse, Status>>;

    async fn describe(
        &self,
        _: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn forward(
        &self,
        request: Request<ForwardRequest>,
    ) -> Result<Response<ForwardResponse>, Status> {
        let output = request.into_inner().input;
        Ok(Response::new(ForwardResponse { envelope: None, output }))
    }

    async fn backward(
        &self,
        _: Request<BackwardRequest>,
    ) -> Result<Response<BackwardResponse>, Status> {
        Err(Status::unimplemented("an echo"))
    }

    async fn ask(&self, _: Request<AskRequest>) -> Result<Response<Self::AskStream>, Status> {
        Err(Status::unimplemented("an echo"))
    }
}

/// Starts the echo and connects to it.
async fn bare(server: &Identity, client: &Identity) -> PeerClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let acceptor = TlsAcceptor::from(Arc::new(server.server_config().expect("a usable key")));
    let incoming = TcpListenerStream::new(listener).then(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = stream?;
            stream.set_nodelay(true)?;
            acceptor.accept(stream).await.map(Wrapped)
        }
    });
    tokio::spawn(
        Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .add_service(PeerServer::new(Echo))
            .serve_with_incoming(incoming),
    );
    let config = client.client_config(server.public()).expect("a usable key");
    let connector = TlsConnector::from(Arc::new(config));
    let dial = tower::service_fn(move |_| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let name = "localhost".try_into().expect("a name");
            let stream = connector.connect(name, stream).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    });
    let channel = Endpoint::from_static("http://echo")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .connect_with_connector_lazy(dial);
    PeerClient::new(channel)
}

struct Wrapped(tokio_rustls::server::TlsStream<TcpStream>);

impl tonic::transport::server::Connected for Wrapped {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl tokio::io::AsyncRead for Wrapped {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl tokio::io::AsyncWrite for Wrapped {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.get_mut().0).poll_write(context, buffer)
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.get_mut().0).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

/// An exchange in which both identities are registered.
fn exchange(seed: u8) -> Arc<Exchange> {
    let identity = |seed: u8| Identity::from_seed([seed; 32]).expect("any seed");
    let entry = |seed: u8| {
        let key = identity(seed).public();
        let entry = Entry {
            id: PeerId(seed.into()),
            cold: key,
            endpoint: String::new(),
            stake: 1,
            incentive: 0.0,
            trust: 0.0,
            weights: Vec::new(),
        };
        (key, entry)
    };
    let offer = Offer {
        name: "bench".into(),
        context: 4096,
        width: 1,
        batch_max: 256,
        price_per_byte: 0,
        ask_text_max: 1,
        ask_bytes_max: 1,
    };
    let mut limits = Limits { private_addresses: true, ..Limits::default() };
    limits.staked.replay = Share { all: 1 << 21, each: 1 << 20 };
    let exchange = Arc::new(Exchange::new(identity(seed), limits, offer, Till::default()));
    exchange.set_directory(Directory {
        chain: Some(CHAIN),
        peers: [1, 2].map(entry).into_iter().collect(),
        ..Directory::default()
    });
    exchange
}

/// Starts a peer whose model answers a mebibyte at once, and another that calls it.
async fn full() -> (Caller, Callee) {
    let server = exchange(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("https://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(serve(listener, server.clone(), std::future::pending()));
    let key = server.identity.public();
    std::thread::spawn(move || {
        let shape = Shape { batch: 64, sequence: 64, width: 64 };
        let output = Activations::new(shape, vec![0.25; 1 << 18]).expect("counts agree");
        loop {
            if let Received::Job(job) = server.inbox.receive(Duration::from_secs(1), Jobs::All) {
                let _ = job.reply.send(Ok(Answer::Output(output.clone())));
            }
        }
    });
    (exchange(2).caller(), Callee { key, endpoint, chain: CHAIN })
}

fn cpu_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system tells");
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 * 1e-6
}

/// Runs `ROUND` calls, `IN_FLIGHT` at a time; seconds by the wall and of the processor.
async fn round<F: Future<Output = ()>>(call: impl Fn() -> F) -> (f64, f64) {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let calls = futures::stream::iter(0..ROUND).map(|_| call());
    futures::StreamExt::for_each(
        futures::StreamExt::buffer_unordered(calls, IN_FLIGHT),
        |()| async {},
    )
    .await;
    (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let ids = (0..1 << 20).map(|i: u32| (i * 7 % 251) as u8).collect();
    let tokens = Tokens::new(256, 4096, ids).expect("counts agree");
    let input: Tensor = from_tokens(&tokens);
    let identity = |seed: u8| Identity::from_seed([seed; 32]).expect("any seed");
    let echo = bare(&identity(1), &identity(2)).await;
    let (caller, callee) = full().await;
    let call_bare = || async {
        let message = ForwardRequest { envelope: None, input: Some(input.clone()), keep: false };
        let answer = echo.clone().forward(message).await.expect("echoed").into_inner();
        assert_eq!(answer.output.expect("a tensor").data.len(), 1 << 20);
    };
    let call_full = || async {
        let patience = Duration::from_secs(10);
        let answer = caller.forward(&callee, input.clone(), false, patience).await;
        assert_eq!(answer.expect("answered").1.values.len(), 1 << 18);
    };
    round(call_bare).await;
    round(call_full).await;
    let (mut bare_best, mut full_best) = ((f64::MAX, f64::MAX), (f64::MAX, f64::MAX));
    let best = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.min(b.1));
    // In turns, and the best of each, so that other work on the machine hits both alike.
    for _ in 0..ROUNDS {
        bare_best = best(bare_best, round(call_bare).await);
        full_best = best(full_best, round(call_full).await);
    }
    let rate = |seconds: f64| ROUND as f64 / seconds;
    let line = |name: &str, (wall, cpu): (f64, f64)| {
        let milliseconds = 1e3 * cpu / ROUND as f64;
        eprintln!(
            "{name}: {:.0} round trips/s, {milliseconds:.2} ms of processor each",
            rate(wall)
        );
    };
    line("bare TLS gRPC", bare_best);
    line("full protocol", full_best);
    eprintln!(
        "full / bare: {:.0}% by wall clock, {:.0}% by processor time",
        100.0 * bare_best.0 / full_best.0,
        100.0 * bare_best.1 / full_best.1
    );
}
