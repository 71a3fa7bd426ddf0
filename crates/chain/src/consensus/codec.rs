//! The encoding of what travels between engines and into the engine's log: borsh, canonical, with
//! the whole input consumed. The engine bounds the size of what arrives before it decodes.

use std::io;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use malachitebft_codec::{Codec, HasEncodedLen};
use malachitebft_core_consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use malachitebft_core_types::{
    ExtendedCommitCertificate, ExtendedCommitSignature, PolkaCertificate, Round, ValidatorProof,
};
use malachitebft_engine::util::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_sync as sync;
use muster_ledger::crypto::Hash;

use super::context::{Address, BlockId, EngineSignature, Height, MusterContext, Part};
use super::inlet::Inlet;

/// Highest round that is taken from the network. No honest network comes near it (timeouts grow
/// with every round); the engine adds to round numbers without looking.
const ROUND_MAX: u32 = 1 << 24;

/// The codec for everything that the engine encodes.
#[derive(Clone, Debug, Default)]
pub struct EngineCodec {
    /// Where parts of proposals go as they are decoded; without it they go on to the engine.
    pub inlet: Option<Arc<Inlet>>,
}

fn decode<T: BorshDeserialize>(bytes: &[u8]) -> io::Result<T> {
    borsh::from_slice(bytes)
}

fn encode<T: BorshSerialize + ?Sized>(value: &T) -> io::Result<Bytes> {
    borsh::to_vec(value).map(Bytes::from)
}

fn check_round(round: Round) -> io::Result<()> {
    match round.as_u32() {
        Some(number) if number <= ROUND_MAX => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "round out of range")),
    }
}

impl Codec<SignedConsensusMsg<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<SignedConsensusMsg<MusterContext>> {
        let message: SignedConsensusMsg<MusterContext> = decode(&bytes)?;
        check_round(message.round())?;
        Ok(message)
    }

    fn encode(&self, message: &SignedConsensusMsg<MusterContext>) -> io::Result<Bytes> {
        encode(message)
    }
}

impl Codec<LivenessMsg<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<LivenessMsg<MusterContext>> {
        let message: LivenessMsg<MusterContext> = decode(&bytes)?;
        check_round(match &message {
            LivenessMsg::Vote(vote) => vote.message.round,
            LivenessMsg::PolkaCertificate(certificate) => certificate.round,
            LivenessMsg::SkipRoundCertificate(certificate) => certificate.round,
        })?;
        Ok(message)
    }

    fn encode(&self, message: &LivenessMsg<MusterContext>) -> io::Result<Bytes> {
        encode(message)
    }
}

impl Codec<Part> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<Part> {
        decode(&bytes)
    }

    fn encode(&self, part: &Part) -> io::Result<Bytes> {
        encode(part)
    }
}

impl Codec<StreamMessage<Part>> for EngineCodec {
    type Error = io::Error;

    /// With an inlet, all that goes on is the note that something came, whatever it was: who sent
    /// it is known to whoever gets the note.
    fn decode(&self, bytes: Bytes) -> io::Result<StreamMessage<Part>> {
        let message: io::Result<StreamMessage<Part>> = decode(&bytes);
        let Some(inlet) = &self.inlet else { return message };
        match message {
            Ok(StreamMessage { content: StreamContent::Data(part), .. }) => inlet.insert(part),
            Ok(_) => {}
            Err(_) => inlet.refuse(),
        }
        Ok(StreamMessage::new(StreamId::new(Bytes::new()), 0, StreamContent::Fin))
    }

    fn encode(&self, message: &StreamMessage<Part>) -> io::Result<Bytes> {
        encode(message)
    }
}

impl Codec<ProposedValue<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<ProposedValue<MusterContext>> {
        decode(&bytes)
    }

    fn encode(&self, value: &ProposedValue<MusterContext>) -> io::Result<Bytes> {
        encode(value)
    }
}

impl Codec<PolkaCertificate<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<PolkaCertificate<MusterContext>> {
        decode(&bytes)
    }

    fn encode(&self, certificate: &PolkaCertificate<MusterContext>) -> io::Result<Bytes> {
        encode(certificate)
    }
}

impl Codec<sync::Status<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<sync::Status<MusterContext>> {
        decode(&bytes)
    }

    fn encode(&self, status: &sync::Status<MusterContext>) -> io::Result<Bytes> {
        encode(status)
    }
}

impl Codec<sync::Request<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<sync::Request<MusterContext>> {
        decode(&bytes)
    }

    fn encode(&self, request: &sync::Request<MusterContext>) -> io::Result<Bytes> {
        encode(request)
    }
}

/// A commit certificate as it is stored and sent. The engine's own type has no borsh encoding, and
/// this one leaves out vote extensions, which are not used.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StoredCertificate {
    /// The height decided.
    pub height: u64,
    /// The round in which it was.
    pub round: u32,
    /// Hash of the block.
    pub block: Hash,
    /// Precommits, in the order of the keys.
    pub signatures: Vec<(Address, EngineSignature)>,
}

impl StoredCertificate {
    /// From the pieces that the engine's certificates consist of.
    pub fn new(
        height: Height,
        round: Round,
        block: BlockId,
        signatures: impl IntoIterator<Item = (Address, EngineSignature)>,
    ) -> Self {
        let mut signatures: Vec<_> = signatures.into_iter().collect();
        signatures.sort_unstable_by_key(|(address, _)| *address);
        Self { height: height.0, round: round.as_u32().unwrap_or(0), block: block.0, signatures }
    }

    /// As the engine's sync protocol wants it.
    pub fn to_engine(&self) -> ExtendedCommitCertificate<MusterContext> {
        ExtendedCommitCertificate {
            height: Height(self.height),
            round: Round::new(self.round),
            value_id: BlockId(self.block),
            commit_signatures: self
                .signatures
                .iter()
                .map(|(address, signature)| {
                    ExtendedCommitSignature::new(*address, *signature, None)
                })
                .collect(),
        }
    }
}

impl From<&ExtendedCommitCertificate<MusterContext>> for StoredCertificate {
    fn from(certificate: &ExtendedCommitCertificate<MusterContext>) -> Self {
        Self::new(
            certificate.height,
            certificate.round,
            certificate.value_id,
            certificate.commit_signatures.iter().map(|commit| (commit.address, commit.signature)),
        )
    }
}

/// A synced block with its certificate on the wire.
#[derive(BorshSerialize, BorshDeserialize)]
struct SyncedBlock {
    block: Bytes,
    certificate: StoredCertificate,
}

impl Codec<sync::Response<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<sync::Response<MusterContext>> {
        let (start, blocks): (Height, Vec<SyncedBlock>) = decode(&bytes)?;
        let values = blocks
            .into_iter()
            .map(|synced| {
                check_round(Round::new(synced.certificate.round))?;
                if !synced.certificate.signatures.is_sorted_by(|(one, _), (next, _)| one < next) {
                    let reason = "signatures of a certificate are not in the order of their keys";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
                }
                Ok(sync::RawDecidedValue::new(synced.block, synced.certificate.to_engine()))
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(sync::Response::ValueResponse(sync::ValueResponse::new(start, values)))
    }

    fn encode(&self, response: &sync::Response<MusterContext>) -> io::Result<Bytes> {
        let sync::Response::ValueResponse(response) = response;
        let blocks: Vec<SyncedBlock> = response
            .values
            .iter()
            .map(|value| SyncedBlock {
                block: value.value_bytes.clone(),
                certificate: (&value.certificate).into(),
            })
            .collect();
        encode(&(response.start_height, blocks))
    }
}

impl HasEncodedLen<sync::Response<MusterContext>> for EngineCodec {
    fn encoded_len(&self, response: &sync::Response<MusterContext>) -> io::Result<usize> {
        let sync::Response::ValueResponse(response) = response;
        // Height and count, then per block: its length, height, round, hash, count, signatures.
        let block = |value: &sync::RawDecidedValue<MusterContext>| {
            4 + value.value_bytes.len()
                + 8
                + 4
                + 32
                + 4
                + value.certificate.commit_signatures.len() * 96
        };
        Ok(8 + 4 + response.values.iter().map(block).sum::<usize>())
    }
}

impl Codec<ValidatorProof<MusterContext>> for EngineCodec {
    type Error = io::Error;

    fn decode(&self, bytes: Bytes) -> io::Result<ValidatorProof<MusterContext>> {
        let (key, peer, signature): (Vec<u8>, Vec<u8>, EngineSignature) = decode(&bytes)?;
        Ok(ValidatorProof::new(key, peer, signature))
    }

    fn encode(&self, proof: &ValidatorProof<MusterContext>) -> io::Result<Bytes> {
        encode(&(&proof.public_key, &proof.peer_id, &proof.signature))
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
