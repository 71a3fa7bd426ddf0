//! What it takes to trust no node: the genesis, the blocks at which the committee changed, and a
//! client that follows committees from the one through the others.

use muster_ledger::block::Header;
use muster_ledger::committee::Validator;
use muster_ledger::encoding::{DecodeError, decode};
use muster_ledger::genesis::Genesis;
use muster_ledger::light::{Follower, LightError, verify_entry};
use muster_ledger::state::{Key, Value};
use muster_ledger::tree;
use muster_ledger::types::Height;
use muster_ledger::vote;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chain::{Certificate, Proof};
use crate::client::{Client, ClientError};
use crate::scalar::{Address, HexBytes};

/// Longest header that is read, bytes.
pub(crate) const HEADER_BYTES_MAX: usize = 4 << 10;
/// Longest entry of the state that is read, bytes.
const ENTRY_BYTES_MAX: usize = 16 << 20;

/// `GET /v1/committees`: oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitteeChanges {
    /// The blocks at which the committee changed; none where it did not change any more.
    pub changes: Vec<CommitteeChange>,
}

/// A block that names another committee than the one that decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommitteeChange {
    /// Height of the block.
    pub height: u64,
    /// Borsh encoding of the block's header.
    pub header: HexBytes,
    /// The certificate for that header, of the committee before.
    pub certificate: Certificate,
    /// The committee of the next block, in canonical order.
    pub validators: Vec<Member>,
}

/// One member of a committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Name from genesis.
    pub name: String,
    /// Its consensus key.
    pub address: Address,
}

impl From<&Validator> for Member {
    fn from(validator: &Validator) -> Self {
        Self { name: validator.name.clone(), address: validator.key.into() }
    }
}

/// A header that follows from a genesis.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The header.
    pub header: Header,
    /// The certificate that says so.
    pub certificate: vote::Certificate,
    /// The committee that decided the block.
    pub committee: Vec<Validator>,
}

/// A committee that took the place of another.
#[derive(Clone, Debug)]
pub struct FollowedChange {
    /// The block that names it.
    pub block: Followed,
    /// Its members, in canonical order.
    pub next: Vec<Validator>,
}

/// Why something that a node says is not known to be so.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The node does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A part of the answer is none.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Something does not follow from the genesis.
    #[error("block {height} does not follow from the genesis: {reason}")]
    Light {
        /// The block that the node showed.
        height: u64,
        /// Why it does not.
        reason: LightError,
    },
    /// The node is behind what is known already.
    #[error("the node shows block {found}, and block {known} is known already: it is behind")]
    Behind {
        /// The newest block known.
        known: u64,
        /// The node's.
        found: u64,
    },
    /// A proof of something else than what was asked for.
    #[error("the node proved another entry than asked for")]
    OtherEntry,
}

impl Client {
    /// `GET /v1/genesis`. Whoever knows the chain's identity compares it: the genesis is what has
    /// it ([`Genesis::chain_id`]).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn genesis(&self) -> Result<Genesis, ClientError> {
        self.get("v1/genesis", &[]).await
    }

    /// `GET /v1/committees`: the changes of the committee after a height, the oldest of them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn committees(&self, after: u64) -> Result<CommitteeChanges, ClientError> {
        self.get("v1/committees", &[("after", after.to_string())]).await
    }

    /// Moves a follower on by all changes of the committee below `height`: it then knows who
    /// decides that block. The follower keeps what it learned when a later step fails.
    ///
    /// # Errors
    /// [`FollowError`]: no answer, or one that does not follow from what is trusted.
    pub async fn follow(&self, follower: &mut Follower, height: u64) -> Result<(), FollowError> {
        self.follow_all(follower, height).await.map(|_| ())
    }

    /// The same; also the changes on the way.
    pub(crate) async fn follow_all(
        &self,
        follower: &mut Follower,
        height: u64,
    ) -> Result<Vec<FollowedChange>, FollowError> {
        let mut changes = Vec::new();
        loop {
            let known = follower.height();
            for change in &self.committees(known.0).await?.changes {
                let header: Header = decode("the header", &change.header.0, HEADER_BYTES_MAX)?;
                if header.height >= Height(height) {
                    return Ok(changes);
                }
                // A node may repeat what was asked for before.
                if header.height <= follower.height() {
                    continue;
                }
                let next = change
                    .validators
                    .iter()
                    .map(|member| Validator { name: member.name.clone(), key: member.address.0 });
                let light = |reason| FollowError::Light { height: header.height.0, reason };
                let (certificate, next) = ((&change.certificate).into(), next.collect::<Vec<_>>());
                let committee = follower.committee().to_vec();
                follower.follow(&header, &certificate, &next).map_err(light)?;
                changes.push(FollowedChange {
                    block: Followed { header, certificate, committee },
                    next,
                });
            }
            if follower.height() == known {
                return Ok(changes);
            }
        }
    }

    /// The entry that a proof shows, or that it is not there: the certificate is checked against
    /// committees followed from what `follower` trusts, the state's root against the certified
    /// header, the entry against the root.
    ///
    /// # Errors
    /// [`FollowError`]: whatever is not shown by the proof.
    pub async fn check_proof(
        &self,
        follower: &mut Follower,
        proof: &Proof,
        wanted: &Key,
    ) -> Result<Option<Value>, FollowError> {
        let key: Key = decode("the proof's key", &proof.key.0, ENTRY_BYTES_MAX)?;
        if key != *wanted {
            return Err(FollowError::OtherEntry);
        }
        let value: Option<Value> = match &proof.value {
            Some(bytes) => Some(decode("the proof's value", &bytes.0, ENTRY_BYTES_MAX)?),
            None => None,
        };
        let header: Header = decode("the proof's header", &proof.header.0, HEADER_BYTES_MAX)?;
        let merkle = tree::Proof::decode(&proof.proof.0)?;
        let (known, found) = (follower.height().0, header.height.0);
        if found <= known {
            return Err(FollowError::Behind { known, found });
        }
        self.follow(follower, found).await?;
        follower
            .check(&header, &(&proof.certificate).into())
            .and_then(|()| verify_entry(&header, &key, value.as_ref(), &merkle))
            .map_err(|reason| FollowError::Light { height: found, reason })?;
        Ok(value)
    }
}
