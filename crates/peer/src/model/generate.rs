//! Writing a continuation: the student drafts some bytes, the peers that the gate chooses are asked
//! about all of them at once, and those that the network draws itself stay.
//!
//! Several continuations and everything else take turns on the model's thread: a draft is a turn.

use crate::exchange::admission::ReservationSlot;
use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::inbox::{Answer, Piece};
use crate::exchange::tensor::from_tokens;
use crate::model::worker::{Event, Fetched, Question, Worker, fetch};
use muster_learning::generation::DRAFT_MAX;
use muster_learning::{AskPlan, Sampling};
use muster_ledger::crypto::PublicKey;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Bytes in one piece of the answer.
const PIECE_BYTES: usize = 8;
/// How long a peer's answer about one draft is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that the student drafts at first; it drafts more where it is right, and less where not.
const DRAFT_START: usize = 4;
/// Temperature of the draws where a seed asks for draws.
const TEMPERATURE: f64 = 0.8;

/// A continuation being written.
pub(crate) struct Generation {
    text: Vec<u8>,
    bytes: usize,
    sampling: Sampling,
    /// The student's continuation, as far as it was not sent yet.
    student: Vec<u8>,
    piece: Piece,
    generated: usize,
    /// Bytes to draft for the next question.
    draft: usize,
    plan: Option<AskPlan>,
    asked: Vec<PublicKey>,
    pieces: mpsc::Sender<Result<Piece, Refusal>>,
    reply: oneshot::Sender<Result<Answer, Refusal>>,
    _reservation: ReservationSlot,
}

impl Generation {
    pub(crate) fn new(
        text: Vec<u8>,
        bytes: usize,
        seed: u64,
        pieces: mpsc::Sender<Result<Piece, Refusal>>,
        reply: oneshot::Sender<Result<Answer, Refusal>>,
        reservation: ReservationSlot,
    ) -> Self {
        let temperature = if seed == 0 { 0.0 } else { TEMPERATURE };
        Self {
            text,
            bytes,
            sampling: Sampling { temperature, seed },
            student: Vec::new(),
            piece: Piece::default(),
            generated: 0,
            draft: DRAFT_START,
            plan: None,
            asked: Vec::new(),
            pieces,
            reply,
            _reservation: reservation,
        }
    }

    fn end(self, result: Result<(), Refusal>) {
        let _ = self.reply.send(result.map(|()| Answer::Told));
    }
}

impl Worker {
    /// Begins a continuation: the student's at once, the network's draft by draft.
    pub(crate) fn generate(&mut self, mut generation: Generation) {
        let student =
            self.learner.generate_offline(&generation.text, generation.bytes, generation.sampling);
        match student {
            Ok(student) => generation.student = student,
            Err(error) => return generation.end(Err(Refusal::new(Reason::Tensor, error))),
        }
        self.generations_begun += 1;
        self.next_draft(self.generations_begun, generation);
    }

    /// Asks the peers that the gate chooses about the next draft.
    fn next_draft(&mut self, number: u64, mut generation: Generation) {
        let peers = self.reachable();
        let available: Vec<_> = peers.keys().copied().collect();
        let position = generation.generated;
        let draft = generation.draft.min(generation.bytes - position - 1);
        let (text, sampling) = (&generation.text, generation.sampling);
        let plan = self.learner.begin_ask(text, draft, sampling, position as u64, &available);
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return generation.end(Err(Refusal::new(Reason::Tensor, error))),
        };
        let questions: Vec<Question> = plan
            .requests
            .iter()
            .filter_map(|(peer, tokens)| {
                let callee = peers.get(peer)?.clone();
                Some(Question { peer: *peer, callee, input: from_tokens(tokens) })
            })
            .collect();
        generation.asked = questions.iter().map(|question| question.callee.key).collect();
        generation.piece.requests += questions.len() as u32;
        generation.plan = Some(plan);
        let (caller, exchange) = (self.caller.clone(), self.exchange.clone());
        self.runtime.spawn(async move {
            let answers = fetch(&caller, questions, false, ANSWER_TIMEOUT).await;
            exchange.inbox.notify(Event::Generation { number, answers });
        });
        self.generations.insert(number, generation);
    }

    /// Draws the next bytes from the answers, and goes on to those after.
    pub(crate) fn go_on(&mut self, number: u64, answers: Vec<Fetched>) {
        let Some(mut generation) = self.generations.remove(&number) else {
            return;
        };
        if generation.reply.is_closed() {
            return;
        }
        for (fetched, key) in answers.iter().zip(&generation.asked) {
            if fetched.answer.is_ok() && !generation.piece.asked.contains(key) {
                generation.piece.asked.push(*key);
            }
        }
        let answers = self.note(answers);
        let Some(plan) = generation.plan.take() else {
            return;
        };
        let position = generation.generated as u64;
        let bytes = match self.learner.finish_ask(&plan, answers, generation.sampling, position) {
            Ok(bytes) => bytes,
            Err(error) => return generation.end(Err(Refusal::new(Reason::Unavailable, error))),
        };
        // All of the draft and one byte more, or as much as was right and one.
        let right = bytes.len() - 1;
        generation.draft =
            if right >= generation.draft { (2 * right).min(DRAFT_MAX) } else { right + 1 };
        generation.text.extend_from_slice(&bytes);
        generation.piece.network.extend_from_slice(&bytes);
        generation.generated += bytes.len();
        let done = generation.generated >= generation.bytes;
        if done || generation.piece.network.len() >= PIECE_BYTES {
            let count = generation.piece.network.len().min(generation.student.len());
            generation.piece.student = generation.student.drain(..count).collect();
            let piece = std::mem::take(&mut generation.piece);
            if generation.pieces.try_send(Ok(piece)).is_err() {
                let message = "the asker does not read";
                return generation.end(Err(Refusal::new(Reason::Deadline, message)));
            }
        }
        if done {
            generation.end(Ok(()));
        } else {
            self.next_draft(number, generation);
        }
    }
}
