//! What a validator signs, and how a light client checks a certificate.

use muster_ledger::crypto::{Hash, PublicKey, hash, verify};

use crate::chain::Certificate;

/// Domain of validators' signatures on votes.
pub const VOTE_DOMAIN: &str = "consensus-vote";

/// The two kinds of votes of a round (Tendermint, Buchman et al. 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteKind {
    /// First vote of a round.
    Prevote,
    /// Second vote: more than two thirds of them decide.
    Precommit,
}

/// The bytes that a validator signs, in domain [`VOTE_DOMAIN`]: a digest over the chain, the kind,
/// height, round and the hash of the block (`None` is a vote for nil).
#[must_use]
pub fn vote_bytes(
    chain: &Hash,
    kind: VoteKind,
    height: u64,
    round: u32,
    block: Option<&Hash>,
) -> [u8; 32] {
    let kind = match kind {
        VoteKind::Prevote => [0u8],
        VoteKind::Precommit => [1u8],
    };
    let block: &[u8] = block.map_or(&[], |block| &block.0);
    hash(VOTE_DOMAIN, &[&chain.0, &kind, &height.to_le_bytes(), &round.to_le_bytes(), block]).0
}

/// Why a certificate does not prove a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A signer is no member of the committee, or signs twice.
    #[error("{0} is no member of the committee or signs twice")]
    Stranger(PublicKey),
    /// A signature does not fit.
    #[error("the signature of {0} does not fit")]
    Signature(PublicKey),
    /// Too few sign.
    #[error("{signed} of {committee} sign; more than two thirds must")]
    TooFew {
        /// Valid signatures.
        signed: usize,
        /// Members.
        committee: usize,
    },
}

impl Certificate {
    /// Checks that more than two thirds of `committee` (equal votes) precommitted to the block.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, chain: &Hash, committee: &[PublicKey]) -> Result<(), CertificateError> {
        let bytes =
            vote_bytes(chain, VoteKind::Precommit, self.height, self.round, Some(&self.block.0));
        let mut waiting: Vec<PublicKey> = committee.to_vec();
        for signature in &self.signatures {
            let key = signature.validator.0;
            let Some(position) = waiting.iter().position(|member| *member == key) else {
                return Err(CertificateError::Stranger(key));
            };
            waiting.swap_remove(position);
            if !verify(&key, VOTE_DOMAIN, &bytes, &signature.signature.0) {
                return Err(CertificateError::Signature(key));
            }
        }
        let signed = committee.len() - waiting.len();
        if signed * 3 <= committee.len() * 2 {
            return Err(CertificateError::TooFew { signed, committee: committee.len() });
        }
        Ok(())
    }
}
