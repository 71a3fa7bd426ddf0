//! What can be known of a chain without executing it: headers by the signatures of the committee
//! that decides, entries of the state by proofs against a header, and committees followed from
//! the genesis, each named by the hash in a header that the one before certified.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::block::Header;
use crate::committee::{Validator, committee_hash};
use crate::crypto::{Hash, PublicKey};
use crate::genesis::{Genesis, GenesisError};
use crate::state::{Key, Value};
use crate::tree::{Proof, TreeError};
use crate::types::Height;
use crate::vote::{Certificate, CertificateError};

/// Why something does not follow from what is trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// A header of another chain.
    #[error("the header is of chain {found}, the one followed is {expected}")]
    Chain {
        /// The chain followed.
        expected: Hash,
        /// The header's.
        found: Hash,
    },
    /// Nothing new.
    #[error("the header has height {found}, height {known} is known already")]
    Height {
        /// The latest height known.
        known: Height,
        /// The header's.
        found: Height,
    },
    /// The certificate was made for another block.
    #[error("the certificate is for block {certified} at height {height}, not for this header")]
    OtherBlock {
        /// The block that it certifies.
        certified: Hash,
        /// The height that it certifies.
        height: Height,
    },
    /// The certificate does not hold.
    #[error("the certificate does not hold: {0}")]
    Certificate(#[from] CertificateError),
    /// The members are not those that the header names.
    #[error("the members hash to {found}, the header names committee {expected}")]
    Committee {
        /// The hash in the header.
        expected: Hash,
        /// The hash of the members.
        found: Hash,
    },
    /// The proof shows something else.
    #[error("the entry does not stand in this block: {0}")]
    Entry(#[from] TreeError),
}

/// Checks that more than two thirds of a committee certify a header.
///
/// # Errors
/// The certificate is for another block, or does not hold.
pub fn verify(
    header: &Header,
    certificate: &Certificate,
    committee: &[Validator],
) -> Result<(), LightError> {
    if certificate.block != header.hash() || certificate.height != header.height {
        let (certified, height) = (certificate.block, certificate.height);
        return Err(LightError::OtherBlock { certified, height });
    }
    let keys: Vec<PublicKey> = committee.iter().map(|member| member.key).collect();
    Ok(certificate.check(&header.chain, &keys)?)
}

/// Checks that `key` has exactly `value` (`None`: is not there) in the state after a block whose
/// header is trusted.
///
/// # Errors
/// The proof shows something else.
pub fn verify_entry(
    header: &Header,
    key: &Key,
    value: Option<&Value>,
    proof: &Proof,
) -> Result<(), LightError> {
    Ok(proof.verify(&header.state_root, key, value)?)
}

/// Checks that these members are the committee that a header names for the block after it.
///
/// # Errors
/// They hash to something else.
pub fn verify_committee(header: &Header, members: &[Validator]) -> Result<(), LightError> {
    let (expected, found) = (header.next_committee, committee_hash(members));
    if expected == found { Ok(()) } else { Err(LightError::Committee { expected, found }) }
}

/// Follows committees from the genesis.
///
/// A header may be any later one: blocks in between are skipped, as long as the committee that is
/// trusted still certifies it. What this takes: more than two thirds of every committee on the
/// way stay honest, also after they have left it, for as long as somebody follows from it. Where
/// the committee changed, the header that names the next one has to be shown first.
///
/// Its encoding is where it stands, so that whoever keeps it goes on from there.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Follower {
    chain: Hash,
    height: Height,
    committee: Vec<Validator>,
}

impl Follower {
    /// Trusts a genesis, and with it the committee of block 1.
    ///
    /// # Errors
    /// The genesis is not possible.
    pub fn new(genesis: &Genesis) -> Result<Self, GenesisError> {
        genesis.validate()?;
        let (chain, committee) = (genesis.chain_id(), genesis.committee());
        Ok(Self { chain, height: Height(0), committee })
    }

    /// The chain that is followed.
    pub fn chain(&self) -> Hash {
        self.chain
    }

    /// The latest height that is trusted.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Who decides the block after the latest trusted one.
    pub fn committee(&self) -> &[Validator] {
        &self.committee
    }

    /// Checks that the trusted committee certifies a later header.
    ///
    /// # Errors
    /// Another chain, nothing new, a certificate that does not hold.
    pub fn check(&self, header: &Header, certificate: &Certificate) -> Result<(), LightError> {
        let (expected, found) = (self.chain, header.chain);
        if expected != found {
            return Err(LightError::Chain { expected, found });
        }
        let (known, found) = (self.height, header.height);
        if found <= known {
            return Err(LightError::Height { known, found });
        }
        verify(header, certificate, &self.committee)
    }

    /// Trusts a later header that the trusted committee certifies, and the committee `next` that
    /// it names. On error nothing changes.
    ///
    /// # Errors
    /// As [`Self::check`], and other members than named.
    pub fn follow(
        &mut self,
        header: &Header,
        certificate: &Certificate,
        next: &[Validator],
    ) -> Result<(), LightError> {
        self.check(header, certificate)?;
        verify_committee(header, next)?;
        self.height = header.height;
        self.committee = next.to_vec();
        Ok(())
    }
}
