//! Writing a continuation: the student drafts some bytes, the peers that the gate chooses are asked
//! about all of them at once, and those that the network draws itself stay.
//!
//! Several continuations and everything else take turns on the model's thread: a draft is a turn.

use crate::exchange::admission::ReservationSlot;
use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::inbox::{Answer, Piece};
use crate::exchange::notice::{Fetched, Notice};
use crate::model::contacts::Contacts;
use crate::model::seam::{Model, Pending};
use muster_learning::Sampling;
use muster_learning::generation::DRAFT_MAX;
use muster_ledger::crypto::PublicKey;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Continuations written at once.
const GENERATIONS_MAX: usize = 4;
/// Bytes in one piece of the answer.
const PIECE_BYTES: usize = 8;
/// How long a peer's answer about one draft is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that the student drafts at first; it drafts more where it is right, and less where not.
const DRAFT_START: usize = 4;
/// Temperature of the draws where a seed asks for draws.
const TEMPERATURE: f64 = 0.8;

/// A continuation being written.
pub(crate) struct Generation<D> {
    text: Vec<u8>,
    bytes: usize,
    sampling: Sampling,
    /// The student's continuation, as far as it was not sent yet.
    student: Vec<u8>,
    piece: Piece,
    generated: usize,
    /// Bytes to draft for the next question.
    draft: usize,
    pending: Option<D>,
    asked: Vec<PublicKey>,
    pieces: mpsc::Sender<Result<Piece, Refusal>>,
    reply: oneshot::Sender<Result<Answer, Refusal>>,
    _reservation: ReservationSlot,
}

impl<D> Generation<D> {
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
            pending: None,
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

/// The continuations being written.
pub(crate) struct Generations<M: Model> {
    running: BTreeMap<u64, Generation<M::Draft>>,
    begun: u64,
}

impl<M: Model> Generations<M> {
    /// None.
    pub fn new() -> Self {
        Self { running: BTreeMap::new(), begun: 0 }
    }

    /// Whether no further one may begin.
    pub fn is_full(&self) -> bool {
        self.running.len() >= GENERATIONS_MAX
    }

    /// Begins a continuation: the student's at once, the network's draft by draft.
    pub fn begin(
        &mut self,
        mut generation: Generation<M::Draft>,
        model: &mut M,
        contacts: &Contacts,
    ) {
        let student = model.write_alone(&generation.text, generation.bytes, generation.sampling);
        match student {
            Ok(student) => generation.student = student,
            Err(refusal) => return generation.end(Err(refusal)),
        }
        self.begun += 1;
        self.next_draft(self.begun, generation, model, contacts);
    }

    /// Asks the peers that the model chooses about the next draft.
    fn next_draft(
        &mut self,
        number: u64,
        mut generation: Generation<M::Draft>,
        model: &mut M,
        contacts: &Contacts,
    ) {
        let peers = contacts.reachable();
        let available: Vec<_> = peers.keys().copied().collect();
        let position = generation.generated;
        let draft = generation.draft.min(generation.bytes - position - 1);
        let (text, sampling) = (&generation.text, generation.sampling);
        let Pending { questions, work } =
            match model.begin_draft(text, draft, sampling, position as u64, &available) {
                Ok(pending) => pending,
                Err(refusal) => return generation.end(Err(refusal)),
            };
        let notice = move |answers| Notice::Continuation { number, answers };
        let asked = contacts.ask(&peers, &questions, false, ANSWER_TIMEOUT, notice);
        generation.piece.requests += asked.len() as u32;
        generation.asked = asked.into_iter().map(|(_, callee)| callee.key).collect();
        generation.pending = Some(work);
        self.running.insert(number, generation);
    }

    /// Draws the next bytes from the answers, and goes on to those after.
    pub fn go_on(
        &mut self,
        number: u64,
        answers: Vec<Fetched>,
        model: &mut M,
        contacts: &mut Contacts,
    ) {
        let Some(mut generation) = self.running.remove(&number) else {
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
        let answers = contacts.note(answers);
        let Some(draft) = generation.pending.take() else {
            return;
        };
        let position = generation.generated as u64;
        let bytes = match model.finish_draft(draft, answers, generation.sampling, position) {
            Ok(bytes) => bytes,
            Err(refusal) => return generation.end(Err(refusal)),
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
            self.next_draft(number, generation, model, contacts);
        }
    }
}
