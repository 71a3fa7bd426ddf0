//! A node without a network, which answers HTTP from a chain with some blocks.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use malachitebft_core_types::Round;
use muster_chain::chain::{Chain, Tip};
use muster_chain::consensus::StoredCertificate;
use muster_chain::consensus::context::{BlockId, Height};
use muster_chain::mempool::{Mempool, MempoolLimits};
use muster_chain::metrics::Metrics;
use muster_chain::snapshots::Snapshots;
use muster_chain::store::Store;
use muster_ledger::genesis::Genesis;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::transaction::market::Action::Emit;
use muster_node::gossip::Gossip;
use muster_node::http::{Api, ApiParts, router};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::actions::{KINDS, Make, Numbers};
use crate::support::{self, key};

/// Blocks of the chain.
const BLOCKS: u64 = 12;

/// The node.
pub struct Node {
    /// Runs what is asked of it.
    pub runtime: Runtime,
    router: Router,
    /// What stands in the chain, for the parameters of paths.
    known: [(&'static str, String); 6],
    pub transactions: [SignedTransaction; 2],
}

impl Node {
    /// The one that all inputs ask.
    pub fn get() -> &'static Self {
        static NODE: OnceLock<Node> = OnceLock::new();
        NODE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()
            .expect("a runtime");
        // Whoever is first in the process installs the provider; that another was first is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let genesis = support::genesis(3, Parameters::default());
        let twin = support::Chain::new(&genesis);
        let mut signed: Vec<_> = (0..)
            .zip(KINDS)
            .map(|(ahead, (_, _, make))| {
                twin.sign("alice", ahead, make(&twin, &mut Numbers::new(1), "alice"))
            })
            .collect();
        let stands = signed[0].clone();
        let open = |(name, ..): &&(&str, u32, Make)| *name == "open a round";
        let (_, _, open) = KINDS.iter().find(open).expect("a kind");
        let open = open(&twin, &mut Numbers::new(1), "bob");
        signed.push(twin.sign("bob", 0, open));
        let known = [
            ("{address}", key("alice").public().to_string()),
            ("{hash}", stands.hash().to_string()),
            ("{height}", BLOCKS.to_string()),
            ("{number}", "0".to_owned()),
            ("{kind}", "peer".to_owned()),
            ("{id}", "0".to_owned()),
        ];
        let parts = runtime.block_on(async { begun(genesis, signed) });
        let router = router(Api::new(parts));
        let transactions = [twin.sign("bob", 1, Emit), stands];
        Self { runtime, router, known, transactions }
    }

    /// A path of the API with parameters that stand in the chain.
    pub fn path(&self, described: &str) -> String {
        let replaced = self.known.iter();
        replaced.fold(described.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    /// Its answer.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("routes have no failure of their own")
    }
}

/// The parts of a node after some blocks, the first of them with actions of many kinds and a round.
fn begun(genesis: Genesis, signed: Vec<SignedTransaction>) -> ApiParts {
    let validator = key("validator-0").public();
    let memory = || Ok(redb::backends::InMemoryBackend::new());
    let (store, opened) =
        Store::open_on(memory, Path::new("memory"), 4 << 20, &genesis, &validator).expect("opens");
    let store = Arc::new(store);
    let mempool = Arc::new(Mempool::new(MempoolLimits::default(), opened.state.clone()));
    let metrics = Arc::new(Metrics::default());
    let (mut chain, tip) = Chain::new(
        store.clone(),
        mempool.clone(),
        metrics.clone(),
        validator,
        Version::NEWEST,
        opened.header,
        opened.state,
    )
    .expect("begins");
    mempool.submit(signed);
    for height in 1..=BLOCKS {
        let candidate = chain.build(genesis.time_ms + height * 1_000).expect("a block");
        let block = BlockId(candidate.hash);
        let certificate = StoredCertificate::new(Height(height), Round::new(0), block, []);
        chain.apply(certificate).expect("applies");
    }
    let snapshots = snapshot(&tip.borrow(), &store);
    ApiParts {
        name: "fuzzed".into(),
        genesis,
        tip,
        store,
        snapshots: Arc::new(snapshots),
        mempool,
        metrics,
        gossip: Gossip::start(&[], 1),
        equivocations: Default::default(),
        connections_max: 16,
    }
}

/// A snapshot of the newest state. What it reads is open when its folder goes.
fn snapshot(tip: &Tip, store: &Store) -> Snapshots {
    let folder = std::env::temp_dir().join(format!("muster-fuzz-{}", std::process::id()));
    let decided = store.decided(tip.height()).expect("in memory").expect("it was decided");
    let snapshots = Snapshots::open(folder.clone(), &tip.header.chain).expect("nothing is there");
    let made = snapshots.make(&tip.header, &decided.certificate, &tip.state, || true);
    assert!(made.expect("a folder for temporary files takes it"));
    fs::remove_dir_all(folder).expect("it was made");
    snapshots
}
