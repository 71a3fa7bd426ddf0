//! Chains that grow without an engine, as fast as the disk allows: the committee's keys are here,
//! and certify what is built.

use std::path::Path;
use std::sync::Arc;

use malachitebft_core_types::Round;
use muster_chain::chain::Chain;
use muster_chain::consensus::StoredCertificate;
use muster_chain::consensus::context::{Address, BlockId, EngineSignature, Height};
use muster_chain::mempool::{Mempool, MempoolLimits};
use muster_chain::metrics::Metrics;
use muster_chain::store::Store;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::genesis::Genesis;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::types::Height as LedgerHeight;
use muster_ledger::vote::{VOTE_DOMAIN, VoteKind, vote_bytes};
use redb::TableDefinition;

/// A chain in a database, and the keys that decide it.
pub struct Grown {
    pub store: Arc<Store>,
    chain: Chain,
    mempool: Arc<Mempool>,
    committee: Vec<SecretKey>,
    genesis: Genesis,
}

impl Grown {
    /// The chain of a database that belongs to the first of these keys, as long as it is.
    pub fn open(path: &Path, genesis: &Genesis, committee: &[SecretKey]) -> Self {
        let owner = committee[0].public();
        let (store, opened) = Store::open(path, 8 << 20, genesis, &owner).expect("opens");
        let store = Arc::new(store);
        let mempool = Arc::new(Mempool::new(MempoolLimits::default(), opened.state.clone()));
        let (chain, _) = Chain::new(
            store.clone(),
            mempool.clone(),
            Arc::new(Metrics::default()),
            owner,
            Version::NEWEST,
            opened.header,
            opened.state,
        )
        .expect("begins");
        Self { store, chain, mempool, committee: committee.to_vec(), genesis: genesis.clone() }
    }

    pub fn height(&self) -> u64 {
        self.chain.tip().height()
    }

    /// Decides blocks without transactions up to a height.
    pub fn grow(&mut self, height: u64) {
        while self.height() < height {
            self.block(Vec::new());
        }
    }

    /// Decides a block with these transactions.
    pub fn block(&mut self, transactions: Vec<SignedTransaction>) {
        let count = transactions.len();
        for result in self.mempool.submit(transactions) {
            result.expect("taken");
        }
        let height = self.height() + 1;
        let now_ms = self.genesis.time_ms + 1_000 * height;
        let built = self.chain.build(now_ms).expect("builds");
        assert_eq!(built.block.transactions.len(), count);
        let certificate = certificate(&self.genesis, &self.committee, height, built.hash);
        self.chain.apply(certificate).expect("applies");
    }
}

/// What these keys say of a block.
pub fn certificate(
    genesis: &Genesis,
    keys: &[SecretKey],
    height: u64,
    block: Hash,
) -> StoredCertificate {
    let (chain, place) = (genesis.chain_id(), LedgerHeight(height));
    let bytes = vote_bytes(&chain, VoteKind::Precommit, place, 0, Some(&block));
    let sign =
        |key: &SecretKey| (Address(key.public()), EngineSignature(key.sign(VOTE_DOMAIN, &bytes)));
    StoredCertificate::new(Height(height), Round::new(0), BlockId(block), keys.iter().map(sign))
}

/// Copies a database for a node with another key.
pub fn copy(from: &Path, to: &Path, key: &SecretKey) {
    std::fs::copy(from, to).expect("copied");
    let database = redb::Database::open(to).expect("opens");
    let table: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
    let transaction = database.begin_write().expect("begins");
    let owner = key.public();
    transaction
        .open_table(table)
        .expect("there")
        .insert("validator", owner.0.as_slice())
        .expect("written");
    transaction.commit().expect("written");
}
