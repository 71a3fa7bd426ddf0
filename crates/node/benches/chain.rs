#![allow(clippy::print_stdout, reason = "the report is the result")]
//! What a block costs one node: building it, checking another's, applying it to the disk.
//!
//! `cargo bench -p muster-node --bench chain` runs two chains with databases of their own in one
//! process, without the engine: one builds, the other checks, both apply. The blocks are of about a
//! mebibyte: transfers, or rows of weights; the checking side has seen the transactions before, as
//! gossip brings them, or none of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_chain::chain::{Ballot, Candidate, Chain, now_ms};
use muster_chain::consensus::StoredCertificate;
use muster_chain::mempool::{Mempool, MempoolLimits};
use muster_chain::metrics::Metrics;
use muster_chain::store::Store;
use muster_ledger::block::Header;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account, market};
use muster_ledger::types::{Endpoint, Height, Modality, PeerId, Row, Share};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ACCOUNTS: usize = 2_000;
/// Transfers of 188 bytes: a mebibyte.
const TRANSFERS: usize = 5_577;
/// Rows of 254 weights: a mebibyte.
const PEERS: usize = 480;
const WEIGHTS: u32 = 254;
const BLOCKS: u64 = 12;
/// Blocks that are not counted.
const WARM_UP: u64 = 2;

fn key(index: usize) -> SecretKey {
    SecretKey::from_seed(hash("bench key", &[&(index as u64).to_le_bytes()]).0)
}

fn genesis(keys: &[SecretKey]) -> Genesis {
    let parameters = Parameters {
        block_transactions_max: 100_000,
        block_cost_max: 10_000_000,
        timeout_propose_ms: 10_000,
        block_bytes_max: 16 << 20,
        weights_interval_blocks: 1,
        epoch_blocks: 1_000,
        ..Parameters::default()
    };
    let endpoint = Endpoint { url: "https://127.0.0.1:8700".into(), modality: Modality::Text };
    let balance = Grains(1_000_000_000_000);
    Genesis {
        version: Version::NEWEST,
        name: "bench".to_string(),
        time_ms: 1_700_000_000_000,
        parameters,
        validators: vec![Validator { name: "v".into(), key: key(1 << 40).public() }],
        accounts: keys.iter().map(|key| (key.public(), balance)).collect(),
        peers: keys[..PEERS]
            .iter()
            .map(|key| GenesisPeer {
                hot: key.public(),
                cold: key.public(),
                endpoint: endpoint.clone(),
                stake: Grains(1_000_000_000),
            })
            .collect(),
    }
}

struct Node {
    chain: Chain,
    mempool: Arc<Mempool>,
    _directory: tempfile::TempDir,
}

fn node(genesis: &Genesis, validator: PublicKey) -> Node {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.redb");
    let (store, opened) = Store::open(&path, 16 << 20, genesis, &validator).expect("opens");
    let metrics = Arc::new(Metrics::default());
    let (header, state) = (opened.header, opened.state);
    let mempool = Arc::new(Mempool::new(MempoolLimits::default(), state.clone()));
    let chain = Chain::new(
        Arc::new(store),
        mempool.clone(),
        metrics,
        validator,
        Version::NEWEST,
        header,
        state,
    );
    Node { chain: chain.expect("opens").0, mempool, _directory: directory }
}

/// The action of the transaction of a number in a block.
type Act<'a> = &'a dyn Fn(u64, usize) -> Action;

/// A block's transactions, spread over the senders.
fn sign(
    chain: Hash,
    senders: &[SecretKey],
    block: u64,
    count: usize,
    act: Act,
) -> Vec<SignedTransaction> {
    (0..count)
        .map(|index| {
            let key = &senders[index % senders.len()];
            let before = (index % senders.len()..count).step_by(senders.len()).count() as u64;
            let nonce = block * before + (index / senders.len()) as u64;
            let transaction = Transaction {
                chain,
                signer: key.public(),
                nonce,
                expires: Height(900),
                tip: Grains(0),
                action: act(block, index),
            };
            SignedTransaction::sign(transaction, key)
        })
        .collect()
}

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system tells");
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(u64::try_from(microseconds).unwrap_or(0))
}

/// Wall and processor time of one phase.
#[derive(Default)]
struct Phase {
    wall: Duration,
    cpu: Duration,
    least: Option<Duration>,
    count: u32,
}

impl Phase {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (wall, before) = (Instant::now(), cpu());
        let result = work();
        let spent = cpu() - before;
        self.wall += wall.elapsed();
        self.cpu += spent;
        self.least = Some(self.least.map_or(spent, |least| least.min(spent)));
        self.count += 1;
        result
    }

    fn say(&self, name: &str) {
        let milliseconds = |total: Duration| total.as_secs_f64() * 1e3 / f64::from(self.count);
        println!(
            "  {name:<24} {:6.1} ms by the wall, {:6.1} ms of processor (least {:.1})",
            milliseconds(self.wall),
            milliseconds(self.cpu),
            self.least.unwrap_or_default().as_secs_f64() * 1e3
        );
    }
}

fn certificate(candidate: &Candidate) -> StoredCertificate {
    StoredCertificate {
        height: candidate.block.header.height.0,
        round: 0,
        block: candidate.hash,
        signatures: Vec::new(),
    }
}

fn run(name: &str, known: bool, senders: usize, count: usize, act: Act) {
    let keys: Vec<SecretKey> = (0..ACCOUNTS).map(key).collect();
    let genesis = genesis(&keys);
    let validator = genesis.validators[0].key;
    let (mut proposer, mut checker) = (node(&genesis, validator), node(&genesis, validator));
    let [mut build, mut check, mut apply_own, mut apply_others] =
        [(); 4].map(|()| Phase::default());
    let mut bytes = 0;
    for block in 0..BLOCKS {
        let transactions = sign(genesis.chain_id(), &keys[..senders], block, count, act);
        for result in proposer.mempool.submit(transactions.clone()) {
            result.expect("taken");
        }
        if known {
            checker.mempool.submit(transactions);
        }
        if block == WARM_UP {
            [build, check, apply_own, apply_others] = [(); 4].map(|()| Phase::default());
        }
        let built = build.time(|| proposer.chain.build(now_ms())).expect("built");
        assert_eq!(built.block.transactions.len(), count);
        bytes = built.body.len();
        let body = built.body.clone();
        let ballot = Ballot { builder: validator, now_ms: now_ms() };
        let checked =
            check.time(|| checker.chain.check(&built.hash, body, Some(&ballot))).expect("good");
        apply_own.time(|| proposer.chain.apply(certificate(&built))).expect("applied");
        apply_others.time(|| checker.chain.apply(certificate(&checked))).expect("applied");
        let roots: [&Header; 2] =
            [&proposer.chain.tip().header.clone(), &checker.chain.tip().header.clone()];
        assert_eq!(roots[0], roots[1]);
    }
    println!("{name}: {count} transactions, {:.0} KiB", bytes as f64 / 1024.0);
    build.say("build");
    check.say("check another's");
    apply_own.say("apply one's own");
    apply_others.say("apply another's");
}

fn main() {
    let chosen = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| chosen.as_ref().is_none_or(|chosen| name.contains(chosen.as_str()));
    let to = |index: usize| key(index % ACCOUNTS).public();
    let receivers: Vec<PublicKey> = (0..ACCOUNTS).map(|index| to(index + 1)).collect();
    let transfer = |_: u64, index: usize| {
        Action::Account(account::Action::Transfer {
            to: receivers[index % ACCOUNTS],
            amount: Grains(1),
        })
    };
    let row = |block: u64, index: usize| {
        let first = (index as u32 + block as u32) % (PEERS as u32 - WEIGHTS);
        let share = Share(1_000_000_000 / WEIGHTS);
        let weights = (first..first + WEIGHTS).map(|peer| (PeerId(peer), share)).collect();
        let weights = Row::new(weights).expect("a row");
        Action::Market(market::Action::SetWeights { weights })
    };
    for known in [true, false] {
        let seen = if known { "seen before" } else { "never seen" };
        let name = format!("transfers, {seen}");
        if wanted(&name) {
            run(&name, known, ACCOUNTS, TRANSFERS, &transfer);
        }
        let name = format!("rows of weights, {seen}");
        if wanted(&name) {
            run(&name, known, PEERS, PEERS, &row);
        }
    }
}
