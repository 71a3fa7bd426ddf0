//! Real learners that teach each other over real connections, without a ledger: the directory is
//! handed to them.

use crate::common::{CHAIN, PATIENCE, identity, limits, until};
use muster_learning::{Corpus, Learner, ModelConfig, TrainingConfig};
use muster_ledger::types::PeerId;
use muster_peer::behaviour::Behaviour;
use muster_peer::exchange::client::Callee;
use muster_peer::exchange::inbox::Piece;
use muster_peer::exchange::notice::Notice;
use muster_peer::exchange::shared::{Exchange, Offer};
use muster_peer::ledger::directory::{Directory, Entry};
use muster_peer::model::own::{WorkerError, WorkerSettings};
use muster_peer::model::progress::Progress;
use muster_peer::model::worker::work;
use muster_peer::sale::till::Till;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;

/// A small model, so that the tests take seconds.
fn model() -> ModelConfig {
    ModelConfig { width: 16, layers: 1, heads: 2, context: 16, out_dim: 12, key_width: 8 }
}

fn training() -> TrainingConfig {
    TrainingConfig { batch: 4, evaluation_batches: 1, ..TrainingConfig::default() }
}

fn corpus(seed: u8) -> Corpus {
    let words: [&[u8]; 4] =
        [b"the cat sat on the mat. ", b"a dog ran off. ", b"oh my! ", b"so it goes, "];
    let text: Vec<u8> = (0..200_usize)
        .flat_map(|i| words[(i * 7 + usize::from(seed) * i / 3) % words.len()].to_vec())
        .collect();
    Corpus::new(text, model().context).expect("long enough")
}

struct Running {
    exchange: Arc<Exchange>,
    progress: Arc<Mutex<Progress>>,
    endpoint: String,
    checkpoint: PathBuf,
    thread: JoinHandle<Result<(), WorkerError>>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn steps(&self) -> u64 {
        self.progress.lock().expect("not poisoned").steps
    }

    /// Stops the peer and gives its checkpoint.
    fn stop(self) -> Vec<u8> {
        self.exchange.inbox.close();
        self.thread.join().expect("no panic").expect("it ends well");
        std::fs::read(&self.checkpoint).expect("it was written")
    }
}

async fn start(seed: u8, behaviour: Behaviour) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let offer = Offer {
        name: format!("peer-{seed}"),
        context: model().context,
        width: model().out_dim,
        batch_max: 16,
        price_per_byte: 0,
        ask_text_max: 1024,
        ask_bytes_max: 64,
    };
    let exchange = Arc::new(Exchange::new(identity(seed), limits(), offer, Till::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("https://{}", listener.local_addr().expect("it is bound"));
    let serving =
        muster_peer::exchange::listen::serve(listener, exchange.clone(), std::future::pending());
    tokio::spawn(serving);
    let learner = Learner::new(model(), training(), corpus(seed), seed.into()).expect("a learner");
    let settings = WorkerSettings {
        checkpoint: checkpoint.clone(),
        checkpoint_steps: 1000,
        evaluation_every: Duration::from_millis(500),
        self_loop: 0.05,
    };
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (shared, runtime) = (exchange.clone(), tokio::runtime::Handle::current());
    let (conduct, told) = (behaviour.conduct(&[]), progress.clone());
    let thread =
        std::thread::spawn(move || work(shared, runtime, learner, conduct, settings, told));
    Running { exchange, progress, endpoint, checkpoint, thread, _folder: folder }
}

/// Makes the peers known to each other, with equal stakes.
fn introduce(peers: &[Running]) {
    introduce_with(peers, &vec![100; peers.len()]);
}

/// Makes the peers known to each other, with these stakes.
fn introduce_with(peers: &[Running], stakes: &[u64]) {
    let entry = |(id, peer): (usize, &Running)| {
        let key = peer.exchange.identity.public();
        let entry = Entry {
            id: PeerId(id as u32),
            cold: key,
            endpoint: peer.endpoint.clone(),
            stake: stakes[id],
            incentive: 0.1,
            trust: 0.5,
            weights: Vec::new(),
        };
        (key, entry)
    };
    for peer in peers {
        peer.exchange.set_directory(Directory {
            chain: Some(CHAIN),
            height: 1,
            epoch: 0,
            epoch_end: 10,
            epoch_blocks: 10,
            block_time_ms: 1000,
            peers: peers.iter().enumerate().map(entry).collect(),
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_learn_from_each_other_and_survive_a_silent_one() {
    let behaviours = [Behaviour::Honest, Behaviour::Honest, Behaviour::Silent, Behaviour::Cabal];
    let mut peers = Vec::new();
    for (seed, behaviour) in (1..).zip(behaviours) {
        peers.push(start(seed, behaviour).await);
    }
    // They begin before they know anybody.
    until("steps alone", || peers[0].steps() > 2).await;
    assert_eq!(peers[0].exchange.counters.asked(), 0);
    introduce(&peers);
    until("steps together", || peers[..2].iter().all(|p| p.exchange.counters.answered() > 20))
        .await;
    until("an evaluation with the network", || {
        peers[..2].iter().all(|peer| {
            let progress = peer.progress.lock().expect("not poisoned");
            progress.evaluation.is_some_and(|e| e.loss_with_network.is_some() && e.gain.is_some())
        })
    })
    .await;
    assert!(peers[3].exchange.counters.answered() > 0, "the cabal answers, with noise");
    assert_eq!(peers[2].exchange.counters.answered(), 0, "the silent one does not");
    assert_eq!((peers[2].steps(), peers[3].steps()), (0, 0), "neither learns");
    assert!(peers[0].exchange.counters.unanswered() > 0, "somebody waited for the silent one");
    until("a comparison with the control", || {
        let progress = peers[0].progress.lock().expect("not poisoned");
        progress.compute_relative_to_control.is_some_and(f64::is_finite)
    })
    .await;

    let (reply, weights) = tokio::sync::oneshot::channel();
    peers[0].exchange.inbox.notify(Notice::Weights(reply));
    let weights = weights.await.expect("the worker answers");
    let total: f64 = weights.iter().map(|(_, share)| share).sum();
    assert!(weights.contains(&(PeerId(0), 0.05)) && total <= 1.0, "{weights:?}");
    assert!(weights.iter().all(|(id, _)| *id != PeerId(2)), "nothing for silence: {weights:?}");

    // What is on disk goes on exactly where it stopped.
    let bytes = peers.remove(0).stop();
    let again = Learner::from_checkpoint(model(), training(), corpus(1), 1, &bytes).expect("whole");
    assert_eq!(again.checkpoint(), bytes);
    assert!(again.steps() > 2);
    peers.into_iter().for_each(|peer| drop(peer.stop()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_continuation_is_written_with_the_help_of_the_others() {
    let mut peers = Vec::new();
    for seed in 1..=3 {
        peers.push(start(seed, Behaviour::Honest).await);
    }
    introduce(&peers);
    until("some learning", || peers.iter().all(|peer| peer.steps() > 5)).await;
    let asking =
        Exchange::new(identity(99), limits(), peers[0].exchange.offer.clone(), Till::default());
    let caller = asking.caller();
    let callee = Callee {
        key: peers[0].exchange.identity.public(),
        endpoint: peers[0].endpoint.clone(),
        chain: CHAIN,
    };
    let request = muster_peer::exchange::proto::AskRequest {
        text: bytes::Bytes::from_static(b"the cat"),
        bytes: 20,
        ..Default::default()
    };
    let (tag, mut stream) =
        caller.ask(&callee, request, Duration::from_secs(60)).await.expect("it sells");
    let (mut all, mut index) = (Piece::default(), 0);
    loop {
        let response = stream.message().await.expect("a message").expect("not the end yet");
        caller.check(&response, &tag, &CHAIN).expect("signed");
        assert_eq!(response.index, index);
        index += 1;
        all.network.extend_from_slice(&response.network);
        all.student.extend_from_slice(&response.student);
        if response.done {
            assert!(!response.asked.is_empty() && response.requests > 0);
            assert_eq!(response.cost, 0);
            break;
        }
    }
    assert_eq!((all.network.len(), all.student.len()), (20, 20));
    assert!(stream.message().await.expect("the end").is_none());

    // Requests that cannot be served are refused in words.
    for (text, bytes, words) in
        [("", 5, "the text has 0 bytes"), ("x", 0, "0 bytes were asked"), ("x", 65, "1 to 64")]
    {
        let request = muster_peer::exchange::proto::AskRequest {
            text: text.into(),
            bytes,
            ..Default::default()
        };
        let error = caller.ask(&callee, request, PATIENCE).await.expect_err("refused").to_string();
        assert!(error.contains(words), "{error}");
    }
    peers.into_iter().for_each(|peer| drop(peer.stop()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_requests_does_not_stop_own_steps() {
    let peers = vec![start(1, Behaviour::Honest).await, start(2, Behaviour::Silent).await];
    introduce(&peers);
    let caller = Arc::new(peers[1].exchange.caller());
    let callee = Callee {
        key: peers[0].exchange.identity.public(),
        endpoint: peers[0].endpoint.clone(),
        chain: CHAIN,
    };
    let tokens = muster_learning::Tokens::new(4, 16, vec![b'a'; 64]).expect("counts agree");
    let input = muster_peer::exchange::tensor::from_tokens(&tokens);
    let flood: Vec<_> = (0..16)
        .map(|_| {
            let (caller, callee, input) = (caller.clone(), callee.clone(), input.clone());
            tokio::spawn(async move {
                loop {
                    let _ = caller.forward(&callee, input.clone(), true, PATIENCE).await;
                }
            })
        })
        .collect();
    until("answers under the flood", || peers[0].exchange.counters.answered() > 100).await;
    let before = peers[0].steps();
    until("own steps under the flood", || peers[0].steps() > before + 5).await;
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    peers.into_iter().for_each(|peer| drop(peer.stop()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_nothing_at_stake_pushes_out_no_answer_that_is_kept() {
    let mut peers = Vec::new();
    for seed in 1..=4 {
        peers.push(start(seed, Behaviour::Cabal).await);
    }
    let victim = start(5, Behaviour::Honest).await;
    peers.push(victim);
    introduce_with(&peers, &[100, 0, 1, 1, 100]);
    let callee = Callee {
        key: peers[4].exchange.identity.public(),
        endpoint: peers[4].endpoint.clone(),
        chain: CHAIN,
    };
    let tokens = muster_learning::Tokens::new(1, 4, b"the ".to_vec()).expect("counts agree");
    let input = muster_peer::exchange::tensor::from_tokens(&tokens);
    let callers: Vec<_> = peers[..4].iter().map(|peer| peer.exchange.caller()).collect();
    let (id, output) =
        callers[0].forward(&callee, input.clone(), true, PATIENCE).await.expect("answered");
    let most = training().retained_requests;
    let mut last = None;
    for caller in &callers[1..] {
        for _ in 0..=most {
            let answer = caller.forward(&callee, input.clone(), true, PATIENCE).await;
            last = Some(answer.expect("answered").0);
        }
    }
    let gradient = || muster_peer::exchange::tensor::from_activations(output.clone());
    // Nothing is learned from who has nothing at stake, and it is told so.
    let (stakeless, _) =
        callers[1].forward(&callee, input.clone(), true, PATIENCE).await.expect("answered");
    let applied = callers[1].backward(&callee, stakeless, gradient(), PATIENCE).await;
    assert!(!applied.expect("looked at"), "nothing is learned from a stakeless peer");
    callers[0].backward(&callee, id, gradient(), PATIENCE).await.expect("it is still kept");
    let last = last.expect("asked often");
    callers[3].backward(&callee, last, gradient(), PATIENCE).await.expect("its own latest is kept");
    peers.into_iter().for_each(|peer| drop(peer.stop()));
}
