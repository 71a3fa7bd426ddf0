//! Own work of the model's thread: steps, evaluations, checkpoints, and what the others are worth.

use crate::behaviour::conduct::Conduct;
use crate::exchange::client::Callee;
use crate::exchange::notice::{Fetched, Notice};
use crate::exchange::replay::RequestId;
use crate::exchange::shared::Exchange;
use crate::ledger::directory::Weights;
use crate::model::clock::Meter;
use crate::model::contacts::{ANSWER_TIMEOUT_MAX, Contacts};
use crate::model::progress::Progress;
use crate::model::seam::{Model, ModelError, Pending};
use muster_files::Readers;
use muster_learning::PeerIndex;
use muster_ledger::types::PeerId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Oldest that a checkpoint gets while steps are made: what a crash can cost at most.
const CHECKPOINT_AGE_MAX: Duration = Duration::from_secs(15);

/// How own work is gone about.
pub struct WorkerSettings {
    /// Where the checkpoint goes.
    pub checkpoint: PathBuf,
    /// Steps between checkpoints.
    pub checkpoint_steps: u64,
    /// Time between evaluations.
    pub evaluation_every: Duration,
    /// Part of its weights that the peer keeps.
    pub self_loop: f64,
}

/// Why the model's thread stopped.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The model cannot go on.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The checkpoint cannot be written.
    #[error("{}: the checkpoint cannot be written: {source}", .path.display())]
    Checkpoint {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What is waited for.
enum Waiting<M: Model> {
    Nothing,
    Step(Box<OwnStep<M::Step>>),
    Evaluation(M::Evaluation),
}

/// An own step that waits for answers.
struct OwnStep<W> {
    work: W,
    callees: Vec<(PeerIndex, Callee)>,
    started: Instant,
}

/// Own work, one piece after the other.
pub(crate) struct Own<M: Model> {
    exchange: Arc<Exchange>,
    settings: WorkerSettings,
    progress: Arc<Mutex<Progress>>,
    waiting: Waiting<M>,
    evaluated: Instant,
    saved: Instant,
    meter: Meter<M>,
}

impl<M: Model> Own<M> {
    /// Nothing is begun; what the thread does from now on is metered.
    pub fn new(
        exchange: Arc<Exchange>,
        model: &M,
        settings: WorkerSettings,
        progress: Arc<Mutex<Progress>>,
    ) -> Self {
        // The first evaluation comes after half the usual time.
        let evaluated = Instant::now().checked_sub(settings.evaluation_every / 2);
        exchange.set_steps(model.steps());
        Self {
            waiting: Waiting::Nothing,
            evaluated: evaluated.unwrap_or_else(Instant::now),
            saved: Instant::now(),
            meter: Meter::new(model),
            exchange,
            settings,
            progress,
        }
    }

    /// Whether nothing is waited for.
    pub fn is_idle(&self) -> bool {
        matches!(self.waiting, Waiting::Nothing)
    }

    /// Begins the next piece of work.
    pub fn begin(&mut self, model: &mut M, contacts: &Contacts) -> Result<(), WorkerError> {
        let peers = contacts.reachable();
        let available: Vec<PeerIndex> = peers.keys().copied().collect();
        self.waiting = if self.evaluated.elapsed() >= self.settings.evaluation_every {
            self.evaluated = Instant::now();
            self.meter.leave_out(|| {
                let Pending { questions, work } = model.begin_evaluation(&available)?;
                contacts.ask(&peers, &questions, false, ANSWER_TIMEOUT_MAX, Notice::Own);
                Ok::<_, ModelError>(Waiting::Evaluation(work))
            })?
        } else {
            let Pending { questions, work } = model.begin_step(&available)?;
            let timeout = contacts.answer_timeout();
            let callees = contacts.ask(&peers, &questions, true, timeout, Notice::Own);
            Waiting::Step(Box::new(OwnStep { work, callees, started: Instant::now() }))
        };
        Ok(())
    }

    /// Goes on with what waited for the answers.
    pub fn go_on(
        &mut self,
        answers: Vec<Fetched>,
        model: &mut M,
        contacts: &mut Contacts,
        conduct: &mut dyn Conduct,
    ) -> Result<(), WorkerError> {
        match std::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => Ok(()),
            Waiting::Step(step) => self.finish_step(*step, answers, model, contacts, conduct),
            Waiting::Evaluation(work) => {
                let evaluation = self.meter.leave_out(|| {
                    let answers = contacts.note(answers);
                    model.finish_evaluation(work, answers)
                })?;
                self.update(|progress| progress.evaluation = Some(evaluation));
                Ok(())
            }
        }
    }

    fn finish_step(
        &mut self,
        step: OwnStep<M::Step>,
        answers: Vec<Fetched>,
        model: &mut M,
        contacts: &mut Contacts,
        conduct: &mut dyn Conduct,
    ) -> Result<(), WorkerError> {
        let OwnStep { work, callees, started } = step;
        let requests: BTreeMap<PeerIndex, RequestId> = answers
            .iter()
            .filter_map(|fetched| Some((fetched.peer, fetched.answer.as_ref().ok()?.0)))
            .collect();
        let outcome = model.finish_step(work, contacts.note(answers))?;
        for (peer, error) in &outcome.refused {
            tracing::debug!(peer = peer.0, %error, "an answer was refused");
            contacts.fail(*peer);
        }
        for (peer, gradient) in outcome.gradients {
            let callee = callees.iter().find(|(index, _)| *index == peer);
            if let (Some((_, callee)), Some(id)) = (callee, requests.get(&peer)) {
                contacts.send_gradient(callee, *id, conduct.gradient(gradient));
            }
        }
        let step_ms = started.elapsed().as_secs_f64() * 1e3;
        let steps = model.steps();
        self.exchange.set_steps(steps);
        let compute = self.meter.relative_to_control(model)?;
        self.update(|progress| {
            progress.steps = steps;
            let mean = progress.step_ms.map_or(step_ms, |mean| 0.95 * mean + 0.05 * step_ms);
            progress.step_ms = Some(mean);
            progress.compute_relative_to_control = compute;
        });
        let due = self.saved.elapsed() >= CHECKPOINT_AGE_MAX;
        if due || steps.is_multiple_of(self.settings.checkpoint_steps) {
            self.saved = Instant::now();
            self.write_checkpoint(model)?;
        }
        Ok(())
    }

    /// The weights that this peer sets, itself included.
    pub fn weights(&self, model: &M, conduct: &mut dyn Conduct) -> Weights {
        let directory = self.exchange.directory();
        let me = self.exchange.identity.public();
        let Some(own) = directory.get(&me) else {
            return Vec::new();
        };
        let row = model.weights(self.settings.self_loop);
        let known = |id: PeerId| directory.peers.values().any(|entry| entry.id == id);
        let mut weights: Weights = row
            .peers
            .iter()
            .map(|(peer, weight)| (PeerId(peer.0), *weight))
            .filter(|(id, _)| known(*id))
            .collect();
        weights.push((own.id, row.self_loop));
        let weights = conduct.weights(weights, &me, &directory);
        self.update(|progress| progress.weights.clone_from(&weights));
        weights
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Replaces the checkpoint as a whole: a crash leaves the old one or the new one.
    pub fn write_checkpoint(&self, model: &M) -> Result<(), WorkerError> {
        let path = &self.settings.checkpoint;
        muster_files::replace(path, &model.checkpoint(), Readers::Everyone)
            .map_err(|source| WorkerError::Checkpoint { path: path.clone(), source })
    }
}
