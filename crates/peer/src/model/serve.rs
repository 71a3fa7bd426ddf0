//! Answering one request that came out of the queue.

use crate::behaviour::Answering;
use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::inbox::{Answer, Job, Work};
use crate::exchange::replay::RequestId;
use crate::model::generate::Generation;
use crate::model::worker::{GENERATIONS_MAX, Worker};
use muster_learning::random::Stream;
use muster_learning::{Activations, LearnerError, PeerIndex, RequestKey, Tokens};
use std::time::Instant;

/// Requests held by a peer that never answers.
const HELD_MAX: usize = 64;

impl Worker {
    /// Does what the request asks for, or says why not.
    pub(crate) fn serve(&mut self, job: Job) {
        if self.conduct.answering() == Answering::Never {
            if self.held.len() < HELD_MAX {
                let until = Instant::now() + self.exchange.limits.request_timeout;
                self.held.push((until, job));
            }
            return;
        }
        let Job { tag, work, gradient_standing, reply, reservation } = job;
        let sender = self.directory().get(&tag.asker).map(|entry| PeerIndex(entry.id.0));
        let answer = match work {
            Work::Forward { tokens, keep } => {
                let key = sender.filter(|_| keep).map(|sender| request_key(sender, &tag.id));
                self.forward(key, &tokens)
            }
            Work::Backward { forward_id, gradient } => match sender {
                Some(sender) => {
                    let key = request_key(sender, &forward_id);
                    self.backward(key, &gradient, gradient_standing)
                }
                None => Err(Refusal::new(Reason::Stranger, "you are no longer registered")),
            },
            Work::Ask { text, bytes, seed, pieces } => {
                if self.generations.len() >= GENERATIONS_MAX {
                    let message = "several continuations are being written already: try later";
                    Err(Refusal::new(Reason::Load, message))
                } else {
                    let generation = Generation::new(text, bytes, seed, pieces, reply, reservation);
                    self.generate(generation);
                    return;
                }
            }
        };
        let _ = reply.send(answer);
    }

    fn forward(&mut self, key: Option<RequestKey>, tokens: &Tokens) -> Result<Answer, Refusal> {
        if self.conduct.answering() == Answering::Noise {
            return Ok(Answer::Output(self.noise(tokens)));
        }
        self.learner.forward(key, tokens).map(Answer::Output).map_err(refusal)
    }

    fn backward(
        &mut self,
        key: RequestKey,
        gradient: &Activations,
        standing: f64,
    ) -> Result<Answer, Refusal> {
        if self.conduct.answering() == Answering::Noise {
            return Ok(Answer::Applied(false));
        }
        match self.learner.backward(key, gradient, standing) {
            Ok(received) => {
                let applied = standing > 0.0 && received.norm > 0.0 && !received.reverted;
                Ok(Answer::Applied(applied))
            }
            Err(LearnerError::BudgetSpent { .. } | LearnerError::SenderBudgetSpent { .. }) => {
                Ok(Answer::Applied(false))
            }
            Err(error) => Err(refusal(error)),
        }
    }

    /// Normal noise in the shape of an answer.
    fn noise(&self, tokens: &Tokens) -> Activations {
        let shape = tokens.answer_shape(self.learner.model().out_dim);
        let mut stream = Stream::new(self.exchange.counters.answered(), "noise", 0);
        let values = (0..shape.values().unwrap_or(0)).map(|_| stream.normal() as f32).collect();
        Activations { shape, values }
    }
}

/// The learner's name for a request: who asked, and half of its random id.
fn request_key(sender: PeerIndex, id: &RequestId) -> RequestKey {
    let mut half = [0; 8];
    half.copy_from_slice(&id[..8]);
    RequestKey { sender, request: u64::from_le_bytes(half) }
}

fn refusal(error: LearnerError) -> Refusal {
    let reason = match error {
        LearnerError::Tensor(_) => Reason::Tensor,
        LearnerError::UnknownRequest { .. } => Reason::UnknownRequest,
        LearnerError::SenderDropped { .. } => Reason::Dropped,
        LearnerError::BudgetSpent { .. } | LearnerError::SenderBudgetSpent { .. } => Reason::Load,
        _ => Reason::Unavailable,
    };
    Refusal::new(reason, error)
}
