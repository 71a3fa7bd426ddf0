//! Snapshots of the state, in chunks that are checked one by one ([`muster_ledger::snapshot`]).

use muster_ledger::block::Header;
use muster_ledger::encoding::decode;
use muster_ledger::light::Follower;
use muster_ledger::snapshot::{CHUNKS_MAX, Line};
use muster_ledger::vote;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chain::Certificate;
use crate::client::{Client, ClientError, Request};
use crate::light::{FollowError, Followed, FollowedChange, HEADER_BYTES_MAX};
use crate::scalar::HexBytes;

/// Longest outline that is read, bytes.
const OUTLINE_BYTES_MAX: usize = CHUNKS_MAX * 72;

/// `GET /v1/snapshots`: newest first; none where this node makes none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshots {
    /// The snapshots that this node gives.
    pub snapshots: Vec<SnapshotSummary>,
}

/// A snapshot in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotSummary {
    /// The block after which the state is this.
    pub height: u64,
    /// How many chunks it has.
    pub chunks: u64,
    /// How many bytes they have together, as they travel.
    pub bytes: u64,
}

/// `GET /v1/snapshots/{height}`: what it takes to check each chunk by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Snapshot {
    /// The block after which the state is this.
    pub height: u64,
    /// Borsh encoding of the block's header.
    pub header: HexBytes,
    /// The committee's certificate for that header.
    pub certificate: Certificate,
    /// Borsh encoding of the outline: the hashes over the chunks, which fold to the state root.
    pub outline: HexBytes,
}

/// A snapshot whose header follows from a genesis; its outline is as the node gave it.
#[derive(Clone, Debug)]
pub struct FollowedSnapshot {
    /// The block after which the state is this.
    pub block: Followed,
    /// All changes of the committee before it.
    pub changes: Vec<FollowedChange>,
    /// The outline.
    pub outline: Vec<Line>,
}

impl Client {
    /// `GET /v1/snapshots`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn snapshots(&self) -> Result<Snapshots, ClientError> {
        self.get("v1/snapshots", &[]).await
    }

    /// `GET /v1/snapshots/{height}/chunks/{number}`: a chunk as it travels.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn snapshot_chunk(&self, height: u64, number: usize) -> Result<Vec<u8>, ClientError> {
        let path = format!("v1/snapshots/{height}/chunks/{number}");
        let request = Request { method: Method::GET, path: &path, query: &[], body: None };
        Ok(self.ask(&request).await?.1)
    }

    /// A snapshot, whose header is checked against committees followed from a genesis: `follower`
    /// trusts that and nothing more.
    ///
    /// # Errors
    /// [`FollowError`]: no answer, or one that does not follow from the genesis.
    pub async fn follow_snapshot(
        &self,
        mut follower: Follower,
        height: u64,
    ) -> Result<FollowedSnapshot, FollowError> {
        let answer: Snapshot = self.get(&format!("v1/snapshots/{height}"), &[]).await?;
        let header: Header = decode("the header", &answer.header.0, HEADER_BYTES_MAX)?;
        let outline: Vec<Line> = decode("the outline", &answer.outline.0, OUTLINE_BYTES_MAX)?;
        let changes = self.follow_all(&mut follower, header.height.0).await?;
        let certificate: vote::Certificate = (&answer.certificate).into();
        let light = |reason| FollowError::Light { height: header.height.0, reason };
        follower.check(&header, &certificate).map_err(light)?;
        let block = Followed { header, certificate, committee: follower.committee().to_vec() };
        Ok(FollowedSnapshot { block, changes, outline })
    }
}
