//! What validators sign, each kind of message under its own domain and bound to the chain.

use std::sync::Arc;

use async_trait::async_trait;
use malachitebft_core_types::{
    NilOrVal, Round, SignedMessage, ValidatorProof, VoteExtensionScope, VoteType,
};
use malachitebft_signing::{Error, Signer, VerificationResult, Verifier};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, Signature, hash, verify};

use muster_ledger::types::Height;
use muster_ledger::vote::{VOTE_DOMAIN, VoteKind, vote_bytes};

use super::context::{
    Announcement, EnginePublicKey, EngineSignature, MusterContext, Proposal, Vote,
};

const PROPOSAL_DOMAIN: &str = "consensus-proposal";
const ANNOUNCEMENT_DOMAIN: &str = "consensus-announcement";
const IDENTITY_DOMAIN: &str = "consensus-identity";

/// A round as bytes; nil differs from every number.
fn round_bytes(round: Round) -> [u8; 8] {
    round.as_i64().to_le_bytes()
}

/// What a vote signs: see [`muster_ledger::vote::vote_bytes`]. `None` for a vote without a round,
/// which nobody can sign.
fn signed_vote(chain: &Hash, vote: &Vote) -> Option<[u8; 32]> {
    let kind = match vote.kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    };
    let block = match &vote.value {
        NilOrVal::Nil => None,
        NilOrVal::Val(block) => Some(&block.0),
    };
    Some(vote_bytes(chain, kind, Height(vote.height.0), vote.round.as_u32()?, block))
}

fn signed_proposal(chain: &Hash, proposal: &Proposal) -> Hash {
    hash(
        PROPOSAL_DOMAIN,
        &[
            &chain.0,
            &proposal.height.0.to_le_bytes(),
            &round_bytes(proposal.round),
            &proposal.value.0.0,
            &round_bytes(proposal.pol_round),
            &proposal.address.0.0,
        ],
    )
}

fn signed_announcement(chain: &Hash, announcement: &Announcement) -> Hash {
    let (origin_round, origin_signature) = match &announcement.origin {
        None => (Round::Nil, Signature([0; 64])),
        Some(origin) => (origin.round, origin.signature),
    };
    hash(
        ANNOUNCEMENT_DOMAIN,
        &[
            &chain.0,
            &announcement.height.0.to_le_bytes(),
            &round_bytes(announcement.round),
            &round_bytes(announcement.valid_round),
            &announcement.proposer.0.0,
            &announcement.block.0,
            &announcement.bytes.to_le_bytes(),
            &announcement.pieces.0,
            &round_bytes(origin_round),
            &origin_signature.0,
        ],
    )
}

/// Checks signatures of one chain.
#[derive(Clone, Copy, Debug)]
pub struct ChainVerifier {
    /// The chain.
    pub chain: Hash,
}

impl ChainVerifier {
    /// Whether the proposer named in an announcement signed it.
    pub fn announcement(&self, announcement: &Announcement) -> bool {
        let digest = signed_announcement(&self.chain, announcement);
        verify(&announcement.proposer.0, ANNOUNCEMENT_DOMAIN, &digest.0, &announcement.signature)
    }
}

#[async_trait]
impl Verifier<MusterContext> for ChainVerifier {
    async fn verify_signed_vote(
        &self,
        vote: &Vote,
        signature: &EngineSignature,
        key: &EnginePublicKey,
    ) -> Result<VerificationResult, Error> {
        let valid = signed_vote(&self.chain, vote)
            .is_some_and(|bytes| verify(&key.0, VOTE_DOMAIN, &bytes, &signature.0));
        Ok(VerificationResult::from_bool(valid))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        signature: &EngineSignature,
        key: &EnginePublicKey,
    ) -> Result<VerificationResult, Error> {
        let digest = signed_proposal(&self.chain, proposal);
        let valid = verify(&key.0, PROPOSAL_DOMAIN, &digest.0, &signature.0);
        Ok(VerificationResult::from_bool(valid))
    }

    async fn verify_signed_vote_extension(
        &self,
        _scope: &VoteExtensionScope<MusterContext>,
        _extension: &(),
        _signature: &EngineSignature,
        _key: &EnginePublicKey,
    ) -> Result<VerificationResult, Error> {
        // Extensions are not used, so none is valid.
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(
        &self,
        proof: &ValidatorProof<MusterContext>,
    ) -> Result<VerificationResult, Error> {
        let Ok(key) = proof.decoded_public_key() else {
            return Ok(VerificationResult::Invalid);
        };
        let valid = verify(&key.0, IDENTITY_DOMAIN, &proof.preimage(), &proof.signature.0);
        Ok(VerificationResult::from_bool(valid))
    }
}

/// Signs for one validator on one chain. Cheap to clone; the key is shared, not copied.
#[derive(Clone)]
pub struct ValidatorSigner {
    chain: Hash,
    key: Arc<SecretKey>,
}

impl ValidatorSigner {
    /// A signer for `chain`.
    pub fn new(chain: Hash, key: Arc<SecretKey>) -> Self {
        Self { chain, key }
    }

    /// The validator's public key.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Signs an announcement in place.
    pub fn sign_announcement(&self, announcement: &mut Announcement) {
        let digest = signed_announcement(&self.chain, announcement);
        announcement.signature = self.key.sign(ANNOUNCEMENT_DOMAIN, &digest.0);
    }

    /// A signature of no use, to be replaced by [`Self::sign_announcement`].
    pub fn unsigned() -> Signature {
        Signature([0; 64])
    }
}

#[async_trait]
impl Signer<MusterContext> for ValidatorSigner {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<MusterContext, Vote>, Error> {
        let bytes = signed_vote(&self.chain, &vote).ok_or_else(Error::new)?;
        let signature = self.key.sign(VOTE_DOMAIN, &bytes);
        Ok(SignedMessage::new(vote, EngineSignature(signature)))
    }

    async fn sign_proposal(
        &self,
        proposal: Proposal,
    ) -> Result<SignedMessage<MusterContext, Proposal>, Error> {
        let digest = signed_proposal(&self.chain, &proposal);
        let signature = self.key.sign(PROPOSAL_DOMAIN, &digest.0);
        Ok(SignedMessage::new(proposal, EngineSignature(signature)))
    }

    async fn sign_vote_extension(
        &self,
        _scope: VoteExtensionScope<MusterContext>,
        _extension: (),
    ) -> Result<SignedMessage<MusterContext, ()>, Error> {
        Err(Error::new())
    }

    async fn sign_validator_proof(
        &self,
        public_key: Vec<u8>,
        peer_id: Vec<u8>,
    ) -> Result<ValidatorProof<MusterContext>, Error> {
        let preimage = ValidatorProof::<MusterContext>::signing_bytes(&public_key, &peer_id);
        let signature = self.key.sign(IDENTITY_DOMAIN, &preimage);
        Ok(ValidatorProof::new(public_key, peer_id, EngineSignature(signature)))
    }
}
