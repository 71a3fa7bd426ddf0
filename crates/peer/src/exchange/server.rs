//! Answering other peers: each request of the gRPC service is authenticated, checked, and queued.

use crate::exchange::admission::{Admission, Remote, ReservationSlot};
use crate::exchange::counters::{Reason, Refusal};
use crate::exchange::inbox::{Answer, Work};
use crate::exchange::proto::peer_server::{Peer, PeerServer};
use crate::exchange::proto::{
    AskRequest, BackwardRequest, BackwardResponse, DescribeRequest, DescribeResponse,
    ForwardRequest, ForwardResponse,
};
use crate::exchange::shared::{Exchange, Opened};
use crate::exchange::tensor::{from_activations, to_activations, to_tokens};
use crate::sale::ask;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// Room for everything in a message but its tensor.
const ENVELOPE_BYTES: usize = 1024;

/// The gRPC service over an [`Exchange`].
pub struct PeerService {
    exchange: Arc<Exchange>,
}

impl PeerService {
    fn finish<M>(&self, result: Result<M, Refusal>) -> Result<Response<M>, Status> {
        match result {
            Ok(message) => {
                self.exchange.counters.count_answered();
                Ok(Response::new(message))
            }
            Err(refusal) => Err(self.refuse(refusal)),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Status {
        self.exchange.counters.count_refused(refusal.reason);
        refusal.into()
    }

    fn described(&self, request: &Request<DescribeRequest>) -> Result<DescribeResponse, Refusal> {
        let Opened { tag, .. } = self.exchange.open(request, false)?;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let offer = &self.exchange.offer;
        let response = DescribeResponse {
            envelope: None,
            name: offer.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            modality: "text".into(),
            context: number(offer.context),
            width: number(offer.width),
            vocabulary: number(muster_learning::VOCABULARY),
            batch_max: number(offer.batch_max),
            message_bytes_max: self.exchange.limits.staked.message_bytes_max as u64,
            price_per_byte: offer.price_per_byte,
            steps: self.exchange.steps(),
            ask_text_max: number(offer.ask_text_max),
            ask_bytes_max: number(offer.ask_bytes_max),
        };
        self.exchange.seal(response, &tag)
    }

    async fn answered(&self, request: Request<ForwardRequest>) -> Result<ForwardResponse, Refusal> {
        let opened = self.exchange.open(&request, true)?;
        let tag = opened.tag;
        let (timeout, slot) = (self.timeout(&request), slot(&request)?);
        let ForwardRequest { input, keep, .. } = request.into_inner();
        let bad = |error: &dyn std::fmt::Display| Refusal::new(Reason::Tensor, error);
        let tokens = to_tokens(input).map_err(|error| bad(&error))?;
        tokens
            .check(self.exchange.offer.batch_max, self.exchange.offer.context)
            .map_err(|error| bad(&error))?;
        let answer_bytes =
            tokens.ids.len().saturating_mul(self.exchange.offer.width).saturating_mul(4);
        if answer_bytes.saturating_add(ENVELOPE_BYTES)
            > self.exchange.limits.staked.message_bytes_max
        {
            let message = format!(
                "the answer would have {answer_bytes} bytes, more than one message holds: send fewer sequences"
            );
            return Err(Refusal::new(Reason::Size, message));
        }
        // The answer is held until it was read, so it is reserved with the request.
        slot.grow(answer_bytes)?;
        match self.exchange.work(opened, Work::Forward { tokens, keep }, slot, timeout).await? {
            Answer::Output(output) => {
                let output = Some(from_activations(output));
                self.exchange.seal(ForwardResponse { envelope: None, output }, &tag)
            }
            _ => Err(Refusal::new(Reason::Unavailable, "this peer does not answer")),
        }
    }

    async fn applied(
        &self,
        request: Request<BackwardRequest>,
    ) -> Result<BackwardResponse, Refusal> {
        let opened = self.exchange.open(&request, true)?;
        let tag = opened.tag;
        let (timeout, slot) = (self.timeout(&request), slot(&request)?);
        let BackwardRequest { forward_id, gradient, .. } = request.into_inner();
        let forward_id = forward_id
            .as_ref()
            .try_into()
            .map_err(|_| Refusal::new(Reason::UnknownRequest, "forward_id must have 16 bytes"))?;
        let gradient =
            to_activations(gradient).map_err(|error| Refusal::new(Reason::Tensor, error))?;
        match self
            .exchange
            .work(opened, Work::Backward { forward_id, gradient }, slot, timeout)
            .await?
        {
            Answer::Applied(applied) => {
                self.exchange.seal(BackwardResponse { envelope: None, applied }, &tag)
            }
            _ => Err(Refusal::new(Reason::Unavailable, "this peer does not answer")),
        }
    }

    /// The caller's deadline, bounded by ours.
    fn timeout<M>(&self, request: &Request<M>) -> Duration {
        let header = request.metadata().get("grpc-timeout").and_then(|v| v.to_str().ok());
        header.and_then(parse_timeout).map_or(self.exchange.limits.request_timeout, |t| {
            t.min(self.exchange.limits.request_timeout)
        })
    }
}

fn slot<M>(request: &Request<M>) -> Result<ReservationSlot, Refusal> {
    let slot = request.extensions().get::<ReservationSlot>().cloned();
    slot.ok_or_else(|| Refusal::new(Reason::Signature, "the connection carries no key"))
}

/// Reads a `grpc-timeout`: up to eight digits and a unit.
fn parse_timeout(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[tonic::async_trait]
impl Peer for PeerService {
    type AskStream = ask::Answers;

    async fn describe(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        self.finish(self.described(&request))
    }

    async fn forward(
        &self,
        request: Request<ForwardRequest>,
    ) -> Result<Response<ForwardResponse>, Status> {
        self.finish(self.answered(request).await)
    }

    async fn backward(
        &self,
        request: Request<BackwardRequest>,
    ) -> Result<Response<BackwardResponse>, Status> {
        self.finish(self.applied(request).await)
    }

    async fn ask(&self, request: Request<AskRequest>) -> Result<Response<Self::AskStream>, Status> {
        let opened = self.exchange.open(&request, false).and_then(|o| Ok((o, slot(&request)?)));
        let (opened, slot) = opened.map_err(|refusal| self.refuse(refusal))?;
        let stream = ask::answer(self.exchange.clone(), opened, request.into_inner(), slot).await;
        self.finish(stream)
    }
}

/// The metered gRPC service, ready to be served.
#[must_use]
pub fn service(exchange: Arc<Exchange>) -> Admission<PeerServer<PeerService>> {
    let (in_flight, counters) = (exchange.in_flight.clone(), exchange.counters.clone());
    let limits = Arc::new(exchange.limits.clone());
    let max = limits.staked.message_bytes_max;
    let view = exchange.clone();
    let claim_of = Arc::new(move |remote: &Remote| view.claim(&remote.key, remote.place.network()));
    let server = PeerServer::new(PeerService { exchange })
        .max_decoding_message_size(max)
        .max_encoding_message_size(max);
    Admission::new(server, in_flight, counters, limits, claim_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_grpc_writes_them() {
        let cases = [
            ("5S", Some(Duration::from_secs(5))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("", None),
            ("S", None),
            ("5", None),
            ("123456789S", None),
            ("-5S", None),
            ("5é", None),
        ];
        for (header, expected) in cases {
            assert_eq!(parse_timeout(header), expected, "{header:?}");
        }
    }
}
