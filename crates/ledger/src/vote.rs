//! What a validator signs when it votes, and the certificate that enough votes make.
//!
//! The engine that collects votes knows no more of them than these bytes; a light client and
//! whoever judges two votes for one round need nothing else.

use crate::crypto::{Claim, Hash, PublicKey, Signature, hash, verify_batch};
use crate::types::Height;

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
    height: Height,
    round: u32,
    block: Option<&Hash>,
) -> [u8; 32] {
    let kind = match kind {
        VoteKind::Prevote => [0u8],
        VoteKind::Precommit => [1u8],
    };
    let block: &[u8] = block.map_or(&[], |block| &block.0);
    hash(VOTE_DOMAIN, &[&chain.0, &kind, &height.0.to_le_bytes(), &round.to_le_bytes(), block]).0
}

/// The precommits of one round for one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The block's position.
    pub height: Height,
    /// The round that decided.
    pub round: u32,
    /// The block's hash.
    pub block: Hash,
    /// Who precommitted, each once, with the signature over [`vote_bytes`].
    pub signatures: Vec<(PublicKey, Signature)>,
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
            vote_bytes(chain, VoteKind::Precommit, self.height, self.round, Some(&self.block));
        let mut waiting: Vec<PublicKey> = committee.to_vec();
        let mut claims = Vec::with_capacity(waiting.len());
        for (key, signature) in &self.signatures {
            let Some(position) = waiting.iter().position(|member| member == key) else {
                return Err(CertificateError::Stranger(*key));
            };
            waiting.swap_remove(position);
            claims.push(Claim::new(*key, VOTE_DOMAIN, &bytes, *signature));
        }
        let bad = verify_batch(&claims).iter().position(|valid| !valid);
        if let Some(position) = bad {
            return Err(CertificateError::Signature(self.signatures[position].0));
        }
        let signed = claims.len();
        if signed * 3 <= committee.len() * 2 {
            return Err(CertificateError::TooFew { signed, committee: committee.len() });
        }
        Ok(())
    }
}
