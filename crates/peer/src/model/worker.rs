//! The model's thread: own steps, others' requests, and bought continuations, in turns.
//!
//! The model lives here alone. While an own step waits for the answers of other peers, the thread
//! serves; between own steps it serves for at most `SERVE_SHARE` times as long as an own step
//! takes, so neither side starves the other. Who has nothing at stake and does not pay gets at most
//! `UNBACKED_SHARE` times as long, at any time. Answers arrive as notices.

use crate::behaviour::conduct::{Answering, Conduct};
use crate::exchange::inbox::{Job, Jobs, Received};
use crate::exchange::notice::Notice;
use crate::exchange::shared::Exchange;
use crate::model::contacts::Contacts;
use crate::model::generate::Generations;
use crate::model::noise::Noise;
use crate::model::own::{Own, WorkerError, WorkerSettings};
use crate::model::progress::Progress;
use crate::model::seam::Model;
use crate::model::serve::serve;
use muster_learning::PeerIndex;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Serving may take this many times as long as own steps while requests wait.
const SERVE_SHARE: f64 = 4.0;
/// The same for requests behind which there is neither stake nor a payment.
const UNBACKED_SHARE: f64 = 0.25;
/// Requests held by a peer that never answers.
const HELD_MAX: usize = 64;

/// Works on this thread until the inbox is closed; then writes the checkpoint. `model` learns and
/// writes; what answers the others is for `conduct` to say.
///
/// # Errors
/// A failure to write the checkpoint, or of our own making.
pub fn work(
    exchange: Arc<Exchange>,
    runtime: Handle,
    model: impl Model,
    conduct: Box<dyn Conduct>,
    settings: WorkerSettings,
    progress: Arc<Mutex<Progress>>,
) -> Result<(), WorkerError> {
    match conduct.answering() {
        Answering::Noise => {
            let model = Noise::new(model);
            Worker::new(exchange, runtime, model, conduct, settings, progress).run()
        }
        Answering::Model | Answering::Never => {
            Worker::new(exchange, runtime, model, conduct, settings, progress).run()
        }
    }
}

/// The model's thread.
struct Worker<M: Model> {
    exchange: Arc<Exchange>,
    model: M,
    conduct: Box<dyn Conduct>,
    contacts: Contacts,
    own: Own<M>,
    generations: Generations<M>,
    /// Requests of a peer that never answers, until their deadlines.
    held: Vec<(Instant, Job)>,
}

impl<M: Model> Worker<M> {
    fn new(
        exchange: Arc<Exchange>,
        runtime: Handle,
        model: M,
        conduct: Box<dyn Conduct>,
        settings: WorkerSettings,
        progress: Arc<Mutex<Progress>>,
    ) -> Self {
        Self {
            contacts: Contacts::new(exchange.clone(), runtime),
            own: Own::new(exchange.clone(), &model, settings, progress),
            generations: Generations::new(),
            held: Vec::new(),
            exchange,
            model,
            conduct,
        }
    }

    fn run(mut self) -> Result<(), WorkerError> {
        let (mut served, mut own_took) = (Duration::ZERO, Duration::ZERO);
        let mut served_unbacked = Duration::ZERO;
        loop {
            let (idle, learns) = (self.own.is_idle(), self.conduct.learns());
            let jobs = if learns && idle && served > own_took.mul_f64(SERVE_SHARE) {
                Jobs::None
            } else if learns && served_unbacked > own_took.mul_f64(UNBACKED_SHARE) {
                Jobs::Backed
            } else {
                Jobs::All
            };
            // With own work to do, only what waits already is served first.
            let patience = if idle && learns { Duration::ZERO } else { Duration::from_millis(200) };
            let began = Instant::now();
            match self.exchange.inbox.receive(patience, jobs) {
                Received::Closed => break,
                Received::Job(job) => {
                    let backed = job.is_backed();
                    self.serve(*job);
                    served += began.elapsed();
                    if !backed {
                        served_unbacked += began.elapsed();
                    }
                }
                Received::Notice(notice) => {
                    let began = Instant::now();
                    self.hear(notice)?;
                    own_took += began.elapsed();
                }
                Received::Nothing if idle && learns => {
                    let began = Instant::now();
                    self.own.begin(&mut self.model, &self.contacts)?;
                    own_took = began.elapsed();
                    (served, served_unbacked) = (Duration::ZERO, Duration::ZERO);
                }
                Received::Nothing => {}
            }
            self.held
                .retain(|(deadline, job)| *deadline > Instant::now() && !job.reply.is_closed());
        }
        self.own.write_checkpoint(&self.model)
    }

    /// Does what the request asks for, or holds it where this peer never answers.
    fn serve(&mut self, job: Job) {
        if self.conduct.answering() != Answering::Never {
            let directory = self.exchange.directory();
            let sender = directory.get(&job.tag.asker).map(|entry| PeerIndex(entry.id.0));
            serve(job, sender, &mut self.model, &mut self.generations, &self.contacts);
        } else if self.held.len() < HELD_MAX {
            let until = Instant::now() + self.exchange.limits.request_timeout;
            self.held.push((until, job));
        }
    }

    /// Goes on with what waited for the notice.
    fn hear(&mut self, notice: Notice) -> Result<(), WorkerError> {
        let conduct = self.conduct.as_mut();
        match notice {
            Notice::Own(answers) => {
                self.own.go_on(answers, &mut self.model, &mut self.contacts, conduct)?;
            }
            Notice::Continuation { number, answers } => {
                self.generations.go_on(number, answers, &mut self.model, &mut self.contacts);
            }
            Notice::Weights(reply) => {
                let _ = reply.send(self.own.weights(&self.model, conduct));
            }
        }
        Ok(())
    }
}
