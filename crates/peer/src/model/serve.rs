//! Answering one request that came out of the queue.

use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::inbox::{Answer, Job, Work};
use crate::exchange::replay::RequestId;
use crate::model::contacts::Contacts;
use crate::model::generate::{Generation, Generations};
use crate::model::seam::Model;
use muster_learning::{Keep, PeerIndex, RequestKey};

/// Does what the request asks for, or says why not. `sender` is who asks, where it is registered.
pub(crate) fn serve<M: Model>(
    job: Job,
    sender: Option<PeerIndex>,
    model: &mut M,
    generations: &mut Generations<M>,
    contacts: &Contacts,
) {
    let Job { tag, work, gradient_standing, reply, reservation, .. } = job;
    let answer = match work {
        Work::Forward { tokens, keep } => {
            let kept = sender.filter(|_| keep && gradient_standing > 0.0).map(|sender| Keep {
                key: request_key(sender, &tag.id),
                standing: gradient_standing,
            });
            model.forward(kept, &tokens).map(Answer::Output)
        }
        Work::Backward { forward_id, gradient } => match sender {
            // Nothing was kept of who has nothing at stake, and nothing is learned from it.
            Some(_) if gradient_standing == 0.0 => Ok(Answer::Applied(false)),
            Some(sender) => {
                let key = request_key(sender, &forward_id);
                model.backward(key, &gradient, gradient_standing).map(Answer::Applied)
            }
            None => Err(Refusal::new(Reason::Stranger, "you are no longer registered")),
        },
        Work::Ask { text, bytes, seed, pieces, .. } => {
            if generations.is_full() {
                let message = "several continuations are being written already: try later";
                Err(Refusal::new(Reason::Load, message))
            } else {
                let generation = Generation::new(text, bytes, seed, pieces, reply, reservation);
                generations.begin(generation, model, contacts);
                return;
            }
        }
    };
    let _ = reply.send(answer);
}

/// The model's name for a request: who asked, and half of its random id.
fn request_key(sender: PeerIndex, id: &RequestId) -> RequestKey {
    let mut half = [0; 8];
    half.copy_from_slice(&id[..8]);
    RequestKey { sender, request: u64::from_le_bytes(half) }
}
