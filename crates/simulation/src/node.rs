//! One validator: what it keeps when it loses power, and what runs while it has power.

use std::path::Path;
use std::sync::Arc;

use muster_chain::chain::Chain;
use muster_chain::consensus::Equivocations;
use muster_chain::consensus::host::Host;
use muster_chain::consensus::signing::{ChainVerifier, ValidatorSigner};
use muster_chain::mempool::{Mempool, MempoolLimits};
use muster_chain::metrics::Metrics;
use muster_chain::store::Store;
use muster_ledger::crypto::{PublicKey, SecretKey};
use muster_ledger::genesis::Genesis;
use muster_ledger::protocol::Version;
use muster_mechanism::random::Stream;

use crate::catchup::CatchUp;
use crate::disk::Disk;
use crate::engine::Engine;
use crate::load::{GENESIS_MS, key};
use crate::log::EngineLog;
use crate::mail::Stop;
use crate::mutation::Mutation;
use crate::shell::{LEDGER, LOG, Shell};

/// The database's cache, bytes.
const CACHE_BYTES: usize = 4 << 20;

/// What runs while a node has power.
pub struct Running {
    /// The engine with the host.
    pub engine: Engine,
    /// What it knows of the others.
    pub catch_up: CatchUp,
    /// The database.
    pub store: Arc<Store>,
    /// What waits to be decided.
    pub mempool: Arc<Mempool>,
}

/// A validator.
pub struct Node {
    /// Its key.
    pub key: Arc<SecretKey>,
    /// Its disk.
    pub disk: Disk,
    /// How far its clock is off, milliseconds, and how much it gains, millionths.
    pub clock: (i64, i64),
    /// How often it was started: mail of an earlier life is of no use.
    pub session: u64,
    /// What runs.
    pub running: Option<Running>,
}

impl Node {
    /// The validator of this number, without power.
    pub fn new(index: usize) -> Self {
        Self {
            key: Arc::new(key("validator", index as u64)),
            disk: Disk::default(),
            clock: (0, 0),
            session: 0,
            running: None,
        }
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// What its clock says, milliseconds since 1970.
    pub fn clock_ms(&self, now_ms: u64) -> u64 {
        let (offset, drift) = self.clock;
        let now = i64::try_from(now_ms).unwrap_or(i64::MAX);
        (GENESIS_MS + now_ms).saturating_add_signed(offset + now.saturating_mul(drift) / 1_000_000)
    }

    /// Starts it from what its disk holds, as the program does. `fuse`: the power goes again after
    /// so many operations.
    ///
    /// # Errors
    /// It stops at once.
    pub fn start(
        &mut self,
        genesis: &Genesis,
        mutation: Option<Mutation>,
        fuse: Option<u64>,
        stream: &mut Stream,
    ) -> Result<(), Stop> {
        self.session += 1;
        if self.disk.is_out() {
            self.disk.restart(stream);
        }
        if let Some(operations) = fuse {
            self.disk.cut_after(operations);
        }
        self.disk.deceive(LOG, mutation == Some(Mutation::LogNotSynced));
        let disk = self.disk.clone();
        let stop = |error: String| if disk.is_out() { Stop::Power } else { Stop::Fault(error) };
        let opened = Store::open_on(
            || Ok(self.disk.file(LEDGER)),
            Path::new("ledger.redb"),
            CACHE_BYTES,
            genesis,
            &self.public(),
        );
        let (store, opened) = opened.map_err(|error| stop(error.to_string()))?;
        let log = EngineLog::open(self.disk.file(LOG)).map_err(|error| match disk.is_out() {
            true => Stop::Power,
            false => Stop::Log(error.to_string()),
        })?;
        let mempool = Mempool::new(MempoolLimits::default(), opened.state.clone());
        let (store, mempool) = (Arc::new(store), Arc::new(mempool));
        let metrics = Arc::new(Metrics::default());
        let (chain, _) = Chain::new(
            store.clone(),
            mempool.clone(),
            metrics.clone(),
            self.public(),
            Version::NEWEST,
            opened.header,
            opened.state,
        )
        .map_err(|error| stop(error.to_string()))?;
        let signer = ValidatorSigner::new(genesis.chain_id(), self.key.clone());
        let verifier = ChainVerifier { chain: genesis.chain_id() };
        let host = Host::new(chain, signer.clone(), verifier, metrics, Equivocations::default());
        let shell = Shell::new(host, log, self.disk.clone(), signer, verifier, mutation);
        let engine = Engine::new(shell);
        self.running = Some(Running { engine, catch_up: CatchUp::default(), store, mempool });
        Ok(())
    }

    /// Takes the power away: what was not synced may be lost, and everything in memory is.
    pub fn halt(&mut self) {
        self.disk.cut();
        self.session += 1;
        self.running = None;
    }
}
