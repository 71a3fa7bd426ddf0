//! The consensus engine alone: four processes agree on random bodies, made durable before they are
//! voted for, without a ledger. What the ledger adds is the difference to the example `load`.
//!
//! `cargo run --release -p muster-node --example engine -- --bytes 1048576 --block-ms 500`

#![allow(clippy::print_stdout, reason = "the report is the result")]
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use malachitebft_app_channel::app::engine::host::{HeightParams, Next, SyncedValueOutcome};
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::sync::RawDecidedValue;
use malachitebft_app_channel::app::types::{LocallyProposedValue, ProposedValue};
use malachitebft_app_channel::{AppMsg, NetworkMsg};
use malachitebft_core_types::{LinearTimeouts, Round, Validity};
use muster_chain::consensus::StoredCertificate;
use muster_chain::consensus::context::{
    Address, Announcement, BlockId, Height, MusterContext, ValidatorSet,
};
use muster_chain::consensus::parts::{Assembler, Outcome, Pieces, Present};
use muster_ledger::crypto::{Hash, SecretKey, hash};
use muster_node::Gossip;
use muster_node::consensus::{Engine, EngineSettings, meet, start};

#[path = "../tests/it/ports.rs"]
mod ports;

use ports::free_ports;

const CHILD: &str = "MUSTER_ENGINE_CHILD";
const NODES: usize = 4;
/// Decided blocks that are kept for others.
const HISTORY: u64 = 16;
const CHAIN: Hash = Hash([7; 32]);

fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn key(index: usize) -> SecretKey {
    SecretKey::from_seed([index as u8 + 1; 32])
}

fn params(block_ms: u64) -> HeightParams<MusterContext> {
    let target = (block_ms > 0).then(|| Duration::from_millis(block_ms));
    let committee = ValidatorSet::new((0..NODES).map(|index| key(index).public()));
    HeightParams::new(committee, LinearTimeouts::default(), target)
}

/// One node: index, directory and all consensus ports in the arguments.
async fn child(index: usize, directory: &Path, ports: &[u16]) {
    let settings = EngineSettings {
        name: format!("n{index}"),
        chain: CHAIN,
        listen: ([127, 0, 0, 1], ports[index]).into(),
        peers: (0..NODES)
            .filter(|o| *o != index)
            .map(|o| format!("127.0.0.1:{}", ports[o]))
            .collect(),
        wal: directory.join(format!("wal-{index}")).join("wal"),
        gossip: argument("--gossip", Gossip::Relay),
        block_bytes_max: 16 << 20,
        block_time: Duration::from_secs(1),
    };
    let engine = start(&settings, Arc::new(key(index)), None).await.expect("starts");
    let directory = directory.join(format!("bodies-{index}"));
    fs::create_dir_all(&directory).expect("made");
    tokio::task::spawn_blocking(move || application(engine, &directory)).await.expect("ends");
}

fn application(engine: Engine, directory: &Path) {
    let (mut channels, signer, verifier, _stopper) = engine.split();
    let (bytes, block_ms) = (argument("--bytes", 1_024usize), argument("--block-ms", 0u64));
    let warm_up = argument("--warm-up", 10u64);
    let committee = ValidatorSet::new((0..NODES).map(|index| key(index).public()));
    let present = |height: u64, round: u32| {
        let committee = committee.clone();
        Present { height, round, committee, block_bytes_max: 16 << 20 }
    };
    let mut assembler = Assembler::new(verifier, present(1, 0));
    let mut bodies: HashMap<Hash, Bytes> = HashMap::new();
    // For a node that missed something: `broadcast` sends nothing twice.
    let mut history: BTreeMap<u64, RawDecidedValue<MusterContext>> = BTreeMap::new();
    let mut values: Vec<ProposedValue<MusterContext>> = Vec::new();
    let (mut began, mut first) = (Instant::now(), None::<(u64, Instant)>);
    let (mut seed, mut deciding) = (signer.public().0[0] as u64, Duration::ZERO);
    let persist = |hash: &Hash, body: &[u8]| {
        let mut file = File::create(directory.join(format!("{hash}"))).expect("made");
        file.write_all(body).expect("written");
        file.sync_data().expect("durable");
    };
    while let Some(message) = channels.consensus.blocking_recv() {
        match message {
            AppMsg::ConsensusReady { reply } => {
                let committee: Vec<_> = (0..NODES).map(|index| key(index).public()).collect();
                meet(&channels.net_requests, &signer.public(), &committee);
                let _ = reply.send((Height(1), params(block_ms)));
            }
            AppMsg::StartedRound { height: started, round, reply_value, .. } => {
                if round == Round::ZERO {
                    began = Instant::now();
                }
                assembler.move_on(present(started.0, round.as_u32().unwrap_or(0)));
                values.retain(|value| value.height == started);
                while let Some((announcement, body)) = assembler.take() {
                    values.extend(checked(&announcement, body, &mut bodies, &persist));
                }
                let _ = reply_value.send(values.clone());
            }
            AppMsg::GetValue { height, round, reply, .. } => {
                let body: Vec<u8> = (0..bytes / 8 + 1)
                    .flat_map(|_| {
                        seed = seed
                            .wrapping_mul(6364136223846793005)
                            .wrapping_add(1442695040888963407);
                        seed.to_le_bytes()
                    })
                    .take(bytes)
                    .collect();
                let block = hash("body", &[&body]);
                persist(&block, &body);
                let body = Bytes::from(body);
                let pieces = Pieces::of(body.clone());
                let own = Address(signer.public());
                let mut announcement = pieces.announcement(height, round, own, block);
                signer.sign_announcement(&mut announcement);
                let name = [height.0.to_be_bytes(), round.as_i64().to_be_bytes()].concat();
                let name = StreamId::new(name.into());
                for (sequence, part) in (0u64..).zip(pieces.parts(&announcement)) {
                    let content = StreamContent::Data(part);
                    let part = StreamMessage::new(name.clone(), sequence, content);
                    let _ = channels.network.blocking_send(NetworkMsg::PublishProposalPart(part));
                }
                bodies.insert(block, body);
                let _ = reply.send(LocallyProposedValue::new(height, round, BlockId(block)));
            }
            AppMsg::ReceivedProposalPart { part, reply, .. } => {
                let mut answer = None;
                if let StreamContent::Data(part) = part.content
                    && assembler.insert(part) == Outcome::Complete
                    && let Some((announcement, body)) = assembler.take()
                {
                    answer = checked(&announcement, body, &mut bodies, &persist);
                    values.extend(answer.clone());
                }
                let _ = reply.send(answer);
            }
            AppMsg::Decided { certificate, reply, .. } => {
                let decided = certificate.height.0;
                // What stands for applying: one small durable record.
                persist(&Hash([0; 32]), &decided.to_le_bytes());
                assembler.move_on(present(decided + 1, 0));
                if let Some(body) = bodies.remove(&certificate.value_id.0) {
                    let signatures = &certificate.commit_signatures;
                    let stored = StoredCertificate::new(
                        certificate.height,
                        certificate.round,
                        certificate.value_id,
                        signatures.iter().map(|commit| (commit.address, commit.signature)),
                    );
                    history.insert(decided, RawDecidedValue::new(body, stored.to_engine()));
                }
                history.retain(|height, _| height + HISTORY > decided);
                bodies.clear();
                let _ = reply.send(());
                if decided == warm_up {
                    first = Some((decided, Instant::now()));
                    deciding = Duration::ZERO;
                }
                deciding += began.elapsed();
                if let Some((start, at)) = first
                    && decided > start
                    && decided % 10 == 0
                {
                    let blocks = (decided - start) as f64;
                    eprintln!(
                        "{decided} {:.3} {:.3}",
                        at.elapsed().as_secs_f64() * 1_000.0 / blocks,
                        deciding.as_secs_f64() * 1_000.0 / (blocks + 1.0),
                    );
                }
            }
            AppMsg::Finalized { certificate, reply, .. } => {
                let _ = reply.send(Next::Start(Height(certificate.height.0 + 1), params(block_ms)));
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let block = hash("body", &[&value_bytes]);
                persist(&block, &value_bytes);
                bodies.insert(block, value_bytes);
                let value = ProposedValue {
                    height,
                    round,
                    valid_round: Round::Nil,
                    proposer,
                    value: BlockId(block),
                    validity: Validity::Valid,
                };
                let _ = reply.send(SyncedValueOutcome::Verdict(value));
            }
            AppMsg::GetDecidedValues { range, reply } => {
                let values = history.range(range.start().0..=range.end().0).map(|(_, v)| v.clone());
                let _ = reply.send(values.collect());
            }
            AppMsg::GetHistoryMinHeight { reply } => {
                let _ = reply.send(Height(1));
            }
            AppMsg::ExtendVote { reply, .. } => {
                let _ = reply.send(None);
            }
            AppMsg::VerifyVoteExtensions { reply, .. } => {
                let _ = reply.send(Vec::new());
            }
            AppMsg::RestreamProposal { .. } => {}
        }
    }
}

/// A complete body, durable and for the vote if it is the one announced.
fn checked(
    announcement: &Announcement,
    body: Vec<u8>,
    bodies: &mut HashMap<Hash, Bytes>,
    persist: &impl Fn(&Hash, &[u8]),
) -> Option<ProposedValue<MusterContext>> {
    if hash("body", &[&body]) != announcement.block {
        return None;
    }
    persist(&announcement.block, &body);
    bodies.insert(announcement.block, body.into());
    Some(ProposedValue {
        height: announcement.height,
        round: announcement.round,
        valid_round: announcement.valid_round,
        proposer: announcement.proposer,
        value: BlockId(announcement.block),
        validity: Validity::Valid,
    })
}

fn main() {
    if let Ok(told) = std::env::var(CHILD) {
        let level = std::env::var("RUST_LOG").unwrap_or_else(|_| "off".to_string());
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(level))
            .with_ansi(false)
            .with_writer(std::io::stderr)
            .init();
        let mut parts = told.split('|');
        let index = parts.next().and_then(|part| part.parse().ok()).expect("an index");
        let directory = PathBuf::from(parts.next().expect("a directory"));
        let ports: Vec<u16> = parts.filter_map(|part| part.parse().ok()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        return runtime.block_on(child(index, &directory, &ports));
    }
    let directory = std::env::temp_dir().join(format!("muster-engine-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("made");
    let ports: Vec<String> = free_ports(NODES).iter().map(u16::to_string).collect();
    let mut children: Vec<Child> = (0..NODES)
        .map(|index| {
            let log = File::create(directory.join(format!("{index}.log"))).expect("made");
            let told = format!("{index}|{}|{}", directory.display(), ports.join("|"));
            Command::new(std::env::current_exe().expect("known"))
                .args(std::env::args().skip(1))
                .env(CHILD, told)
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("starts")
        })
        .collect();
    std::thread::sleep(Duration::from_secs(argument("--seconds", 15)));
    let log = fs::read_to_string(directory.join("0.log")).unwrap_or_default();
    for child in &mut children {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
    match log.lines().last().map(|line| line.split(' ').collect::<Vec<_>>()) {
        Some(fields) if fields.len() == 3 => println!(
            "height {}: {} ms a block, {} ms from the start of a height to its decision",
            fields[0], fields[1], fields[2]
        ),
        _ => println!("nothing was decided; the log says:\n{log}"),
    }
    let _ = fs::remove_dir_all(&directory);
}
