//! What the ledger costs. Run with `cargo bench -p muster-ledger`.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use muster_ledger::block::{Block, Header};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use muster_ledger::execute::{check, execute_verified, propose};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::{MarketRule, Parameters};
use muster_ledger::presence::{Belief, Design, Payoff, Puzzle, Solution};
use muster_ledger::protocol::Version;
use muster_ledger::state::State;
use muster_ledger::transaction::{
    Action, SignedTransaction, Transaction, account, market, presence,
};
use muster_ledger::tree;
use muster_ledger::types::{Endpoint, Height, Modality, PeerId, Real, RoundId, Row, Share};
use std::hint::black_box;

#[path = "../tests/it/support.rs"]
#[allow(dead_code)]
mod support;

use support::MemoryTree;

const ACCOUNTS: u64 = 20_000;
const TRANSFERS: u64 = 10_000;
/// Eight blocks set the weights of the epoch's bench, the ninth ends the epoch.
const EPOCH_BLOCKS: u64 = 9;

fn key(index: u64) -> SecretKey {
    SecretKey::from_seed(hash("bench key", &[&index.to_le_bytes()]).0)
}

fn genesis(peers: u64, accounts: u64) -> (Genesis, Vec<SecretKey>) {
    let keys: Vec<SecretKey> = (0..accounts.max(peers)).map(key).collect();
    let parameters = Parameters {
        peers_max: 4_096,
        block_cost_max: 4_000_000,
        timeout_propose_ms: 4_000,
        epoch_blocks: if peers > 0 { EPOCH_BLOCKS } else { 1_000 },
        market_opinions_max: 1_024,
        // The cheapest of the market's rules, so that what the ledger adds is seen; what the
        // market itself takes under each rule its own benchmark tells.
        market_rule: MarketRule::Median,
        ..Parameters::default()
    };
    let endpoint = Endpoint { url: "https://127.0.0.1:8700".into(), modality: Modality::Text };
    let peer = |key: &SecretKey| GenesisPeer {
        hot: key.public(),
        cold: key.public(),
        endpoint: endpoint.clone(),
        stake: Grains(100_000_000_000),
    };
    let genesis = Genesis {
        version: Version::NEWEST,
        name: "bench".into(),
        time_ms: 1,
        parameters,
        validators: vec![Validator { name: "v".into(), key: key(1 << 40).public() }],
        accounts: keys.iter().map(|key| (key.public(), Grains(1_000_000_000_000))).collect(),
        peers: keys.iter().take(peers as usize).map(peer).collect(),
    };
    (genesis, keys)
}

fn sign(state: &State, key: &SecretKey, action: Action) -> SignedTransaction {
    let nonce = state.account(&key.public()).nonce;
    let (chain, signer, expires) = (state.chain(), key.public(), Height(100));
    let tip = Grains(0);
    SignedTransaction::sign(Transaction { chain, signer, nonce, expires, tip, action }, key)
}

fn start(genesis: &Genesis) -> (State, MemoryTree, Header) {
    let state = State::genesis(genesis).unwrap();
    let mut tree = MemoryTree::default();
    let (root, batch) = tree::update(&tree, Height(0), &tree::all_entries(&state)).unwrap();
    tree.write(&batch);
    (state, tree, genesis.header(root))
}

fn proposer() -> PublicKey {
    key(1 << 40).public()
}

fn transfers(c: &mut Criterion) {
    let (genesis, keys) = genesis(0, ACCOUNTS);
    let (state, tree, header) = start(&genesis);
    let candidates: Vec<SignedTransaction> = (0..TRANSFERS)
        .map(|index| {
            let to = keys[(ACCOUNTS - 1 - index) as usize].public();
            sign(
                &state,
                &keys[index as usize],
                Action::Account(account::Action::Transfer { to, amount: Grains(1) }),
            )
        })
        .collect();
    let (included, proposed) =
        propose(&state, &header, 2, proposer(), candidates.into_iter()).unwrap();
    assert_eq!(included.len() as u64, TRANSFERS);
    let (root, _) = tree::update(&tree, Height(1), &proposed.changes).unwrap();
    let block = proposed.block(&header, proposer(), included, root);
    let bytes = block.encode();
    let limits = state.limits();

    let mut group = c.benchmark_group("block of 10,000 transfers");
    group.sample_size(10).throughput(Throughput::Elements(TRANSFERS));
    group.bench_function("decode", |b| b.iter(|| Block::decode(black_box(&bytes), &limits)));
    group.bench_function("signatures", |b| b.iter(|| black_box(&block).invalid_signature()));
    group.bench_function("execute", |b| {
        b.iter(|| execute_verified(&state, &header, black_box(&block)).unwrap());
    });
    group.bench_function("tree", |b| {
        b.iter(|| tree::update(&tree, Height(1), black_box(&proposed.changes)).unwrap());
    });
    group.finish();
}

/// An epoch of 4,096 peers with 240 weights each, about 983,000 in all.
fn epoch(c: &mut Criterion) {
    let peers = 4_096_u64;
    let (genesis, keys) = genesis(peers, peers);
    let (mut state, mut tree, mut header) = start(&genesis);
    let rows: Vec<SignedTransaction> = (0..peers)
        .map(|peer| {
            let mut targets: Vec<u32> =
                (1..=240_u64).map(|step| ((peer + step * step) % peers) as u32).collect();
            targets.sort_unstable();
            targets.dedup();
            let share = Share(1_000_000_000 / targets.len() as u32);
            let weights = targets.into_iter().map(|peer| (PeerId(peer), share)).collect();
            let weights = Row::new(weights).unwrap();
            sign(
                &state,
                &keys[peer as usize],
                Action::Market(market::Action::SetWeights { weights }),
            )
        })
        .collect();
    for (time, chunk) in (2..).zip(rows.chunks(512)) {
        let (included, execution) =
            propose(&state, &header, time, proposer(), chunk.iter().cloned()).unwrap();
        assert_eq!(included.len(), chunk.len());
        let height = execution.state.height();
        let (root, batch) = tree::update(&tree, height, &execution.changes).unwrap();
        tree.write(&batch);
        header = execution.block(&header, proposer(), included, root).header;
        state = execution.state;
    }
    assert_eq!(state.height().0, EPOCH_BLOCKS - 1);
    let mut group = c.benchmark_group("empty block with an epoch of 4,096 peers");
    group.sample_size(10);
    let end = || propose(&state, &header, 1_000, proposer(), std::iter::empty()).unwrap().1;
    group.bench_function("execute", |b| b.iter(end));
    group.bench_function("tree", |b| {
        b.iter_batched(
            end,
            |execution| tree::update(&tree, execution.state.height(), &execution.changes).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// Designs of 10,000 players and malicious units: one as people make them, and two whose deadlines
/// are as hard to find as can be.
fn designs() -> Vec<(&'static str, Design)> {
    let real = |number| Real::new(number).unwrap();
    let poisson = |mean, largest| Belief::Poisson { mean: real(mean), largest };
    let usual = Design {
        players: poisson(4_000.0, 6_000),
        malicious: poisson(500.0, 4_000),
        payoff: Payoff::Linear { alone: real(0.0), step: real(1.0) },
        null_payoff: real(3_999.5),
        puzzle: Puzzle::Sha256,
        difficulty: 1 << 40,
        tries_per_second: real(1e6),
        solutions: 1,
        deadline_ms: None,
    };
    let tails = Design {
        players: poisson(1e-300, 6_000),
        malicious: poisson(1e-300, 4_000),
        null_payoff: real(1e-290),
        ..usual.clone()
    };
    vec![
        ("usual", usual.clone()),
        ("32 solutions", Design { solutions: 32, ..usual }),
        ("vanishing tails", tails.clone()),
        ("vanishing tails, 32 solutions", Design { solutions: 32, ..tails }),
    ]
}

fn presence(c: &mut Criterion) {
    let mut group = c.benchmark_group("presence round of 10,000");
    for (name, design) in designs() {
        group.bench_function(BenchmarkId::new("deadlines", name), |b| {
            b.iter(|| black_box(&design).deadlines(10));
        });
    }
    let (genesis, keys) = genesis(0, 1);
    let (state, _, header) = start(&genesis);
    let hundred = Design {
        players: Belief::Listed([0.2, 0.3, 0.5].map(|p| Real::new(p).unwrap()).to_vec()),
        malicious: Belief::Listed(vec![Real::new(1.0).unwrap()]),
        payoff: Payoff::Listed([0.0, 1.0, 3.0].map(|p| Real::new(p).unwrap()).to_vec()),
        null_payoff: Real::new(1.9).unwrap(),
        difficulty: 1 << 30,
        tries_per_second: Real::new(1e8).unwrap(),
        ..designs().remove(0).1
    };
    let open = presence::Action::Open {
        design: Box::new(hundred),
        unlocks: None,
        prize: Grains(0),
        deposit_max: Grains(u64::MAX / 2),
    };
    let open = sign(&state, &keys[0], open.into());
    let (included, execution) =
        propose(&state, &header, 2, proposer(), [open].into_iter()).unwrap();
    assert!(execution.receipts[0].result.is_ok(), "{:?}", execution.receipts);
    let header = execution.block(&header, proposer(), included, Hash::default()).header;
    let begun = propose(&execution.state, &header, 3, proposer(), std::iter::empty()).unwrap().1;
    let guess = Solution { nonce: 1, proof: Vec::new() };
    let solve = presence::Action::Solve { round: RoundId(0), solution: guess };
    let junk = sign(&begun.state, &key(77), solve.into());
    let limits = begun.state.limits();
    group.bench_function("junk solution refused", |b| {
        b.iter(|| {
            black_box(&junk).check_form(&limits).unwrap();
            check(&begun.state, black_box(&junk)).unwrap_err()
        });
    });
    group.finish();
}

criterion_group!(benches, transfers, epoch, presence);
criterion_main!(benches);
