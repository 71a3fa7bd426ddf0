//! The model's thread: own steps, others' requests, and bought continuations, in turns.
//!
//! The learner lives here alone. While an own step waits for the answers of other peers, the thread
//! serves; between own steps it serves for at most `SERVE_SHARE` times as long as an own step
//! takes, so neither side starves the other. Answers arrive as events.

use crate::behaviour::{Conduct, Shares};
use crate::exchange::client::{Callee, Caller};
use crate::exchange::inbox::{Job, Received};
use crate::exchange::proto::Tensor;
use crate::exchange::replay::RequestId;
use crate::exchange::server::Exchange;
use crate::exchange::tensor::{from_activations, from_tokens};
use crate::ledger::directory::Directory;
use crate::model::clock::{ControlCost, thread_seconds};
use crate::model::generate::Generation;
use muster_files::Readers;
use muster_learning::gate::PEERS_MAX;
use muster_learning::{
    Activations, Evaluation, EvaluationPlan, Learner, LearnerError, PeerIndex, StepOutcome,
    StepPlan,
};
use muster_ledger::transaction::PeerId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

/// Serving may take this many times as long as own steps while requests wait.
const SERVE_SHARE: f64 = 4.0;
/// Longest wait for the answers to an own step; it adapts to what peers take, down to the shortest.
const ANSWER_TIMEOUT_MAX: Duration = Duration::from_secs(4);
const ANSWER_TIMEOUT_MIN: Duration = Duration::from_millis(1500);
/// How long a gradient may take to be taken.
const GRADIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Gradients on their way at once; further ones are not sent.
const GRADIENTS_MAX: usize = 16;
/// How long a peer that did not answer is left alone: at first, and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Oldest that a checkpoint gets while steps are made: what a crash can cost at most.
const CHECKPOINT_AGE_MAX: Duration = Duration::from_secs(15);
/// Continuations generated at once.
pub(crate) const GENERATIONS_MAX: usize = 4;

/// The answer of one peer, or why there is none.
#[derive(Debug)]
pub struct Fetched {
    /// Who was asked.
    pub peer: PeerIndex,
    /// The request's id and the answer.
    pub answer: Result<(RequestId, Activations), String>,
    /// How long it took.
    pub took: Duration,
}

/// What the model's thread hears besides requests.
#[derive(Debug)]
pub enum Event {
    /// Answers to the own step.
    Step(Vec<Fetched>),
    /// Answers to an evaluation: for each batch, one of each peer.
    Evaluation(Vec<Vec<Fetched>>),
    /// Answers for a continuation.
    Generation {
        /// Which.
        number: u64,
        /// One of each peer that was asked.
        answers: Vec<Fetched>,
    },
    /// The ledger wants to hear the weights.
    Weights(oneshot::Sender<Shares>),
}

/// What a learner tells of itself; the reporter reads it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Own steps.
    pub steps: u64,
    /// Running mean of the duration of an own step in milliseconds, waiting included.
    pub step_ms: Option<f64>,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    /// Processor time of the model's thread for learning and serving, relative to the control's.
    pub compute_relative_to_control: Option<f64>,
    /// Last row of weights handed to the ledger.
    pub weights: Shares,
}

/// How the worker goes about it.
pub struct WorkerSettings {
    /// Where the checkpoint goes.
    pub checkpoint: PathBuf,
    /// Steps between checkpoints.
    pub checkpoint_steps: u64,
    /// Time between evaluations.
    pub evaluation_every: Duration,
    /// Share of its weights that the peer keeps.
    pub self_loop: f64,
}

/// A peer that did not answer.
#[derive(Debug, Clone, Copy)]
struct Backoff {
    failures: u32,
    until: Instant,
}

/// Own work that waits for others.
enum Own {
    Ready,
    Step(Box<OwnStep>),
    Evaluation(EvaluationPlan),
}

/// An own step that waits for answers.
struct OwnStep {
    plan: StepPlan,
    callees: Vec<(PeerIndex, Callee)>,
    started: Instant,
}

/// The model's thread.
pub struct Worker {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) runtime: Handle,
    pub(crate) learner: Learner,
    pub(crate) conduct: Box<dyn Conduct>,
    pub(crate) generations: BTreeMap<u64, Generation>,
    pub(crate) generations_begun: u64,
    /// Requests of a peer that never answers, until their deadlines.
    pub(crate) held: Vec<(Instant, Job)>,
    settings: WorkerSettings,
    progress: Arc<Mutex<Progress>>,
    gradients: Arc<Semaphore>,
    backoff: BTreeMap<PeerIndex, Backoff>,
    own: Own,
    /// Running mean of how long answers take.
    latency: Duration,
    evaluated: Instant,
    saved: Instant,
    control_cost: Option<ControlCost>,
    /// Processor time of evaluations, which are no part of learning.
    evaluation_seconds: f64,
    cpu_start: f64,
    steps_start: u64,
}

impl Worker {
    /// A worker around `learner`.
    #[must_use]
    pub fn new(
        exchange: Arc<Exchange>,
        runtime: Handle,
        learner: Learner,
        conduct: Box<dyn Conduct>,
        settings: WorkerSettings,
        progress: Arc<Mutex<Progress>>,
    ) -> Self {
        // The first evaluation comes after half the usual time.
        let evaluated = Instant::now().checked_sub(settings.evaluation_every / 2);
        Self {
            caller: Arc::new(exchange.caller()),
            gradients: Arc::new(Semaphore::new(GRADIENTS_MAX)),
            generations: BTreeMap::new(),
            generations_begun: 0,
            held: Vec::new(),
            backoff: BTreeMap::new(),
            own: Own::Ready,
            latency: ANSWER_TIMEOUT_MAX / 8,
            evaluated: evaluated.unwrap_or_else(Instant::now),
            control_cost: None,
            saved: Instant::now(),
            evaluation_seconds: 0.0,
            cpu_start: 0.0,
            steps_start: learner.steps(),
            exchange,
            runtime,
            learner,
            conduct,
            settings,
            progress,
        }
    }

    /// Works until the inbox is closed; then writes the checkpoint.
    ///
    /// # Errors
    /// A failure to write the checkpoint, or of our own making.
    pub fn run(mut self) -> Result<(), WorkerError> {
        self.cpu_start = thread_seconds();
        self.exchange.set_steps(self.learner.steps());
        let (mut served, mut own_took) = (Duration::ZERO, Duration::ZERO);
        loop {
            let (idle, learns) = (matches!(self.own, Own::Ready), self.conduct.learns());
            let may_serve = !idle || !learns || served <= own_took.mul_f64(SERVE_SHARE);
            // With own work to do, only what waits already is served first.
            let patience = if idle && learns { Duration::ZERO } else { Duration::from_millis(200) };
            let began = Instant::now();
            match self.exchange.inbox.receive(patience, may_serve) {
                Received::Closed => break,
                Received::Job(job) => {
                    self.serve(*job);
                    served += began.elapsed();
                }
                Received::Event(event) => {
                    own_took += self.hear(event)?;
                }
                Received::Nothing if idle && learns => {
                    let began = Instant::now();
                    self.begin()?;
                    own_took = began.elapsed();
                    served = Duration::ZERO;
                }
                Received::Nothing => {}
            }
            self.held
                .retain(|(deadline, job)| *deadline > Instant::now() && !job.reply.is_closed());
        }
        self.write_checkpoint()
    }

    /// Begins the next piece of own work.
    fn begin(&mut self) -> Result<(), WorkerError> {
        let peers = self.reachable();
        let available: Vec<PeerIndex> = peers.keys().copied().collect();
        if self.evaluated.elapsed() >= self.settings.evaluation_every {
            self.evaluated = Instant::now();
            let cpu = thread_seconds();
            let plan = self.learner.begin_evaluation(&available)?;
            let callees = chosen(&peers, &plan.chosen);
            let questions: Vec<Vec<Question>> =
                plan.requests().map(|tokens| ask_all(&callees, &from_tokens(tokens))).collect();
            let (caller, exchange) = (self.caller.clone(), self.exchange.clone());
            self.runtime.spawn(async move {
                let batches = questions
                    .into_iter()
                    .map(|questions| fetch(&caller, questions, false, ANSWER_TIMEOUT_MAX));
                let answers = futures::future::join_all(batches).await;
                exchange.inbox.notify(Event::Evaluation(answers));
            });
            self.own = Own::Evaluation(plan);
            self.evaluation_seconds += thread_seconds() - cpu;
            return Ok(());
        }
        let plan = self.learner.begin_step(&available)?;
        let callees = chosen(&peers, &plan.chosen);
        let questions = ask_all(&callees, &from_tokens(&plan.tokens));
        let (caller, exchange) = (self.caller.clone(), self.exchange.clone());
        let timeout = self.answer_timeout();
        self.runtime.spawn(async move {
            let answers = fetch(&caller, questions, true, timeout).await;
            exchange.inbox.notify(Event::Step(answers));
        });
        let started = Instant::now();
        self.own = Own::Step(Box::new(OwnStep { plan, callees, started }));
        Ok(())
    }

    /// Goes on with what waited for the event; says how long own work took.
    fn hear(&mut self, event: Event) -> Result<Duration, WorkerError> {
        let began = Instant::now();
        match event {
            Event::Step(answers) => {
                let own = std::mem::replace(&mut self.own, Own::Ready);
                if let Own::Step(step) = own {
                    self.finish_step(*step, answers)?;
                }
            }
            Event::Evaluation(answers) => {
                let own = std::mem::replace(&mut self.own, Own::Ready);
                if let Own::Evaluation(plan) = own {
                    let cpu = thread_seconds();
                    let answers = answers.into_iter().map(|batch| self.note(batch)).collect();
                    let evaluation = self.learner.finish_evaluation(plan, answers)?;
                    self.update(|progress| progress.evaluation = Some(evaluation));
                    self.evaluation_seconds += thread_seconds() - cpu;
                }
            }
            Event::Generation { number, answers } => self.go_on(number, answers),
            Event::Weights(reply) => {
                let weights = self.weights();
                self.update(|progress| progress.weights.clone_from(&weights));
                let _ = reply.send(weights);
            }
        }
        Ok(began.elapsed())
    }

    fn finish_step(&mut self, step: OwnStep, answers: Vec<Fetched>) -> Result<(), WorkerError> {
        let OwnStep { plan, callees, started } = step;
        let requests: BTreeMap<PeerIndex, RequestId> = answers
            .iter()
            .filter_map(|fetched| Some((fetched.peer, fetched.answer.as_ref().ok()?.0)))
            .collect();
        let answers = self.note(answers);
        let outcome = self.learner.finish_step(plan, answers)?;
        for (peer, error) in &outcome.refused {
            tracing::debug!(peer = peer.0, %error, "an answer was refused");
            self.fail(*peer);
        }
        self.send_gradients(outcome, &requests, &callees);
        let step_ms = started.elapsed().as_secs_f64() * 1e3;
        let steps = self.learner.steps();
        self.exchange.set_steps(steps);
        let compute = self.compute_relative_to_control()?;
        self.update(|progress| {
            progress.steps = steps;
            let mean = progress.step_ms.map_or(step_ms, |mean| 0.95 * mean + 0.05 * step_ms);
            progress.step_ms = Some(mean);
            progress.compute_relative_to_control = compute;
        });
        let due = self.saved.elapsed() >= CHECKPOINT_AGE_MAX;
        if due || steps.is_multiple_of(self.settings.checkpoint_steps) {
            self.saved = Instant::now();
            self.write_checkpoint()?;
        }
        Ok(())
    }

    /// Sends the gradients on their way; nobody waits for them.
    fn send_gradients(
        &mut self,
        outcome: StepOutcome,
        requests: &BTreeMap<PeerIndex, RequestId>,
        callees: &[(PeerIndex, Callee)],
    ) {
        for (peer, gradient) in outcome.gradients {
            let callee = callees.iter().find(|(index, _)| *index == peer);
            let (Some((_, callee)), Some(id)) = (callee, requests.get(&peer)) else {
                continue;
            };
            let Ok(permit) = self.gradients.clone().try_acquire_owned() else {
                continue;
            };
            let gradient = from_activations(self.conduct.gradient(gradient));
            let (caller, callee, id) = (self.caller.clone(), callee.clone(), *id);
            self.runtime.spawn(async move {
                let sent = caller.backward(&callee, id, gradient, GRADIENT_TIMEOUT).await;
                if let Err(error) = sent {
                    tracing::debug!(peer = %callee.key, %error, "a gradient was not taken");
                }
                drop(permit);
            });
        }
    }

    /// The weights that this peer sets, itself included.
    fn weights(&mut self) -> Shares {
        let directory = self.exchange.directory();
        let me = self.exchange.identity.public();
        let Some(own) = directory.get(&me) else {
            return Vec::new();
        };
        let row = self.learner.weights(self.settings.self_loop);
        let known = |id: PeerId| directory.peers.values().any(|entry| entry.id == id);
        let mut shares: Shares = row
            .peers
            .iter()
            .map(|(peer, share)| (PeerId(peer.0), *share))
            .filter(|(id, _)| known(*id))
            .collect();
        shares.push((own.id, row.self_loop));
        self.conduct.weights(shares, &me, &directory)
    }

    /// Peers that can be asked now, by their index.
    pub(crate) fn reachable(&self) -> BTreeMap<PeerIndex, Callee> {
        let directory = self.exchange.directory();
        let me = self.exchange.identity.public();
        if directory.get(&me).is_none() {
            // Nobody answers a key that is not registered.
            return BTreeMap::new();
        }
        let (now, chain) = (Instant::now(), directory.chain);
        let waits = |peer: &PeerIndex| self.backoff.get(peer).is_some_and(|b| b.until > now);
        directory
            .peers
            .iter()
            .filter(|(key, entry)| **key != me && entry.id.0 < PEERS_MAX)
            .filter(|(_, entry)| !entry.endpoint.is_empty())
            .map(|(key, entry)| (PeerIndex(entry.id.0), (*key, entry.endpoint.clone())))
            .filter(|(peer, _)| !waits(peer))
            .filter_map(|(peer, (key, endpoint))| {
                Some((peer, Callee { key, endpoint, chain: chain? }))
            })
            .collect()
    }

    /// Notes who answered and who did not, and gives the answers.
    pub(crate) fn note(&mut self, fetched: Vec<Fetched>) -> Vec<Option<Activations>> {
        let mut answers = Vec::with_capacity(fetched.len());
        for Fetched { peer, answer, took } in fetched {
            // Those that never came count as well: a busy network is given more time.
            self.latency = self.latency.mul_f64(0.95) + took.mul_f64(0.05);
            match answer {
                Ok((_, answer)) => {
                    self.backoff.remove(&peer);
                    answers.push(Some(answer));
                }
                Err(error) => {
                    tracing::debug!(peer = peer.0, %error, "a peer did not answer");
                    self.fail(peer);
                    answers.push(None);
                }
            }
        }
        answers
    }

    fn fail(&mut self, peer: PeerIndex) {
        let failures = self.backoff.get(&peer).map_or(0, |backoff| backoff.failures);
        let wait = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(failures)).min(BACKOFF_MAX);
        let until = Instant::now() + wait;
        self.backoff.insert(peer, Backoff { failures: failures.saturating_add(1), until });
    }

    fn answer_timeout(&self) -> Duration {
        (self.latency * 8).clamp(ANSWER_TIMEOUT_MIN, ANSWER_TIMEOUT_MAX)
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Processor time of learning and serving since the start, for each step, relative to that of
    /// a step of the control; what the control itself takes is left out.
    fn compute_relative_to_control(&mut self) -> Result<Option<f64>, WorkerError> {
        if !self.learner.training().control {
            return Ok(None);
        }
        let cost = match &mut self.control_cost {
            Some(cost) => cost,
            None => {
                let cpu = thread_seconds();
                let cost = self.control_cost.insert(ControlCost::new(&self.learner)?);
                self.cpu_start += thread_seconds() - cpu;
                cost
            }
        };
        let (control, spent) = cost.measure(self.learner.steps())?;
        // The measurement itself is no part of learning.
        self.cpu_start += spent;
        let Some(control) = control else { return Ok(None) };
        let steps = (self.learner.steps() - self.steps_start) as f64;
        let spent = thread_seconds() - self.cpu_start - self.evaluation_seconds - steps * control;
        Ok((control > 0.0 && steps > 0.0).then(|| spent / (steps * control)))
    }

    /// Replaces the checkpoint as a whole: a crash leaves the old one or the new one.
    fn write_checkpoint(&self) -> Result<(), WorkerError> {
        let path = &self.settings.checkpoint;
        muster_files::replace(path, &self.learner.checkpoint(), Readers::Everyone)
            .map_err(|source| WorkerError::Checkpoint { path: path.clone(), source })
    }

    /// The ledger's view.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.exchange.directory()
    }
}

/// Why the model's thread stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The learner refused what the worker gave it.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The checkpoint cannot be written.
    #[error("{}: the checkpoint cannot be written: {source}", .path.display())]
    Checkpoint {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What one peer is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub peer: PeerIndex,
    pub callee: Callee,
    pub input: Tensor,
}

/// The same question to each callee.
fn ask_all(callees: &[(PeerIndex, Callee)], input: &Tensor) -> Vec<Question> {
    let question = |(peer, callee): &(PeerIndex, Callee)| Question {
        peer: *peer,
        callee: callee.clone(),
        input: input.clone(),
    };
    callees.iter().map(question).collect()
}

/// The callees of the chosen peers, in order.
fn chosen(peers: &BTreeMap<PeerIndex, Callee>, chosen: &[PeerIndex]) -> Vec<(PeerIndex, Callee)> {
    chosen.iter().filter_map(|peer| Some((*peer, peers.get(peer)?.clone()))).collect()
}

/// Asks the peers at the same time; one answer, or a reason, for each in order.
pub(crate) async fn fetch(
    caller: &Caller,
    questions: Vec<Question>,
    keep: bool,
    timeout: Duration,
) -> Vec<Fetched> {
    let calls = questions.into_iter().map(|Question { peer, callee, input }| async move {
        let began = Instant::now();
        let answer = caller.forward(&callee, input, keep, timeout).await;
        let answer = answer.map_err(|error| error.to_string());
        Fetched { peer, answer, took: began.elapsed() }
    });
    futures::future::join_all(calls).await
}
