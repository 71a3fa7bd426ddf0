//! Serving a bought continuation.

use crate::exchange::admission::ReservationSlot;
use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::envelope::Tag;
use crate::exchange::inbox::{Piece, Work};
use crate::exchange::proto::{AskRequest, AskResponse};
use crate::exchange::shared::{Exchange, Opened};
use crate::sale::till::Paid;
use bytes::Bytes;
use futures::Stream;
use muster_ledger::crypto::PublicKey;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Longest time that a continuation may take.
pub(crate) const ASK_TIMEOUT: Duration = Duration::from_secs(120);
/// Pieces that may wait for a slow reader, or for the money: more than a continuation has.
const PIECES_WAITING_MAX: usize = 64;

/// The stream of an answer.
pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<AskResponse, Status>> + Send>>;

/// Checks the request, takes the payment, and lets the model generate.
pub(crate) async fn answer(
    exchange: Arc<Exchange>,
    opened: Opened,
    request: AskRequest,
    reservation: ReservationSlot,
) -> Result<Answers, Refusal> {
    let AskRequest { text, bytes, payment, seed, .. } = request;
    let offer = &exchange.offer;
    let length = bytes as usize;
    if text.is_empty() || text.len() > offer.ask_text_max {
        return Err(Refusal::new(
            Reason::Tensor,
            format!("the text has {} bytes: 1 to {} are accepted", text.len(), offer.ask_text_max),
        ));
    }
    if length == 0 || length > offer.ask_bytes_max {
        return Err(Refusal::new(
            Reason::Tensor,
            format!("{length} bytes were asked for: 1 to {} are sold", offer.ask_bytes_max),
        ));
    }
    let directory = exchange.directory();
    let chain = exchange.chain()?;
    let me = exchange.identity.public();
    let paid = exchange.till.take(&payment, length, me, chain, directory.height).await?;
    let (pieces, receive) = mpsc::channel(PIECES_WAITING_MAX);
    let (send, answers) = mpsc::channel(PIECES_WAITING_MAX);
    let work =
        Work::Ask { text: text.to_vec(), bytes: length, seed, paid: paid.amount > 0, pieces };
    tokio::spawn(async move {
        let told = tell(&exchange, &opened.tag, paid, receive, &send);
        let worked = exchange.work(opened, work, reservation, ASK_TIMEOUT);
        let (worked, told) = tokio::join!(worked, told);
        if let Err(refusal) = told.and(worked.map(drop)) {
            exchange.counters.count_refused(refusal.reason);
            let _ = send.send(Err(refusal.into())).await;
        }
    });
    Ok(Box::pin(ReceiverStream::new(answers)))
}

/// Signs each piece and sends it on; the last response has the totals.
async fn tell(
    exchange: &Exchange,
    tag: &Tag,
    paid: Paid,
    mut pieces: mpsc::Receiver<Result<Piece, Refusal>>,
    send: &mpsc::Sender<Result<AskResponse, Status>>,
) -> Result<(), Refusal> {
    let mut asked: BTreeSet<PublicKey> = BTreeSet::new();
    let (mut index, mut requests, mut generated) = (0, 0, 0);
    let gone = |_| Refusal::new(Reason::Deadline, "the asker has gone");
    while let Some(piece) = pieces.recv().await {
        let piece = piece?;
        asked.extend(piece.asked);
        requests += piece.requests;
        generated += piece.network.len();
        let response = AskResponse {
            index,
            network: piece.network.into(),
            student: piece.student.into(),
            ..AskResponse::default()
        };
        index += 1;
        send.send(Ok(exchange.seal(response, tag)?)).await.map_err(gone)?;
        if index == 1 {
            // The rest waits, written or not, until the money has moved: usually for a block.
            exchange.till.settle(&paid).await?;
        }
    }
    if generated == 0 {
        // The model's thread says why in its own answer.
        return Ok(());
    }
    let last = AskResponse {
        index,
        done: true,
        asked: asked.iter().map(|key| Bytes::copy_from_slice(&key.0)).collect(),
        requests,
        cost: paid.amount,
        payment_hash: paid
            .transfer
            .map(|transfer| Bytes::copy_from_slice(&transfer.hash.0))
            .unwrap_or_default(),
        ..AskResponse::default()
    };
    send.send(Ok(exchange.seal(last, tag)?)).await.map_err(gone)
}
