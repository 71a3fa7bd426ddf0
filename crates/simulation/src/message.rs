//! What travels between simulated nodes. Messages of consensus cross the simulated network in the
//! bytes of the real codec and are decoded by each receiver.

use bytes::Bytes;
use malachitebft_app::consensus::{LivenessMsg, SignedConsensusMsg};
use malachitebft_app::engine::util::streaming::StreamMessage;
use malachitebft_codec::Codec;
use malachitebft_sync::{RawDecidedValue, Response, ValueResponse};
use muster_chain::consensus::codec::EngineCodec;
use muster_chain::consensus::context::{Height, MusterContext, Part};
use muster_ledger::encoding::{decode, encode};
use muster_ledger::transaction::SignedTransaction;

/// Longest list of transactions in one packet, bytes.
const TRANSACTIONS_BYTES_MAX: usize = 1 << 20;

/// A message of one node to others.
#[derive(Clone, Debug)]
pub enum Message {
    /// A proposal or a vote.
    Consensus(SignedConsensusMsg<MusterContext>),
    /// A repeated vote or a certificate.
    Liveness(LivenessMsg<MusterContext>),
    /// A part of a block.
    Part(Box<StreamMessage<Part>>),
    /// The height of the newest decided block.
    Status(u64),
    /// Asks for decided blocks from a height to another: the asker's number for it, both heights.
    Ask(u64, u64, u64),
    /// Answers what was asked under this number.
    Answer(u64, Vec<RawDecidedValue<MusterContext>>),
    /// Transactions that wait.
    Transactions(Vec<SignedTransaction>),
}

/// A message as it is on the wire: its kind, and its bytes.
#[derive(Clone, Debug)]
pub struct Packet {
    kind: u8,
    bytes: Bytes,
}

impl Message {
    /// A word for its kind, for the trace.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Consensus(SignedConsensusMsg::Proposal(_)) => "proposal",
            Self::Consensus(SignedConsensusMsg::Vote(_)) => "vote",
            Self::Liveness(LivenessMsg::Vote(_)) => "vote-again",
            Self::Liveness(LivenessMsg::PolkaCertificate(_)) => "polka",
            Self::Liveness(LivenessMsg::SkipRoundCertificate(_)) => "round-certificate",
            Self::Part(_) => "part",
            Self::Status(_) => "status",
            Self::Ask(..) => "ask",
            Self::Answer(..) => "answer",
            Self::Transactions(_) => "transactions",
        }
    }

    /// Its bytes.
    ///
    /// # Panics
    /// Where the codec cannot encode what the engine made: a fault of the codec.
    pub fn pack(&self) -> Packet {
        let codec = EngineCodec::default();
        let fits = "the codec encodes what the engine makes";
        let (kind, bytes) = match self {
            Self::Consensus(message) => (0, codec.encode(message).expect(fits)),
            Self::Liveness(message) => (1, codec.encode(message).expect(fits)),
            Self::Part(message) => (2, codec.encode(&**message).expect(fits)),
            Self::Status(tip) => (3, Bytes::from(encode(tip))),
            Self::Ask(number, first, last) => (4, Bytes::from(encode(&(number, first, last)))),
            Self::Answer(number, values) => {
                let start = values.first().map_or(Height(0), RawDecidedValue::height);
                let answer = Response::ValueResponse(ValueResponse::new(start, values.clone()));
                let mut bytes = encode(number);
                bytes.extend_from_slice(&codec.encode(&answer).expect(fits));
                (5, Bytes::from(bytes))
            }
            Self::Transactions(transactions) => (6, Bytes::from(encode(transactions))),
        };
        Packet { kind, bytes }
    }
}

impl Packet {
    /// The message, as a node's codec reads it; `None` where the bytes are none. Parts of proposals
    /// go into the codec's inlet, and a note of that comes out.
    pub fn open(&self, codec: &EngineCodec) -> Option<Message> {
        let bytes = self.bytes.clone();
        match self.kind {
            0 => codec.decode(bytes).ok().map(Message::Consensus),
            1 => codec.decode(bytes).ok().map(Message::Liveness),
            2 => codec.decode(bytes).ok().map(|part| Message::Part(Box::new(part))),
            3 => decode("status", &bytes, 8).ok().map(Message::Status),
            4 => {
                let (number, first, last) = decode("question", &bytes, 24).ok()?;
                Some(Message::Ask(number, first, last))
            }
            5 => {
                let number = decode("number", bytes.get(..8)?, 8).ok()?;
                let answer: Response<MusterContext> = codec.decode(bytes.slice(8..)).ok()?;
                let Response::ValueResponse(answer) = answer;
                Some(Message::Answer(number, answer.values))
            }
            _ => decode("transactions", &bytes, TRANSACTIONS_BYTES_MAX)
                .ok()
                .map(Message::Transactions),
        }
    }

    /// Its length, bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}
