//! The JSON that a Muster node speaks, and a client for it.
//!
//! This is the one crate that knows how the ledger looks as JSON: amounts are decimal strings of
//! grains (a `u64` does not fit a JavaScript number), keys are SS58 addresses, digests are
//! hexadecimal, errors are RFC 9457 problem documents.
//!
//! ```no_run
//! # async fn example() -> Result<(), muster_api::ClientError> {
//! let client = muster_api::Client::new(vec!["http://127.0.0.1:7700".to_string()])?;
//! let status = client.status().await?;
//! println!("height {}", status.height);
//! # Ok(())
//! # }
//! ```

pub mod account;
mod action;
pub mod chain;
mod client;
mod event;
pub mod governance;
pub mod light;
pub mod market;
mod pages;
mod parameters;
pub mod presence;
mod problem;
mod scalar;
pub mod snapshot;
mod sse;
pub mod stake;
mod status;
mod telemetry;

pub use account::Account;
pub use action::Action;
pub use chain::{
    Accepted, BatchAccepted, Block, BlockSummary, Blocks, Certificate, CommitSignature, Proof,
    Receipt, Transaction, TransactionState,
};
pub use client::{Client, ClientError};
pub use event::{Event, EventBody};
pub use governance::{Agreed, Proposal, Proposals};
pub use light::{CommitteeChange, CommitteeChanges, FollowError, Member};
pub use market::{
    Earned, Endpoint, History, HistoryEpoch, HistoryPeer, Market, Payment, Peer, Peers, Weights,
};
pub use parameters::Parameters;
pub use problem::{PROBLEM_JSON, Problem};
pub use scalar::{Address, Amount, Digest, HexBytes, ScalarError, SignatureHex};
pub use snapshot::{Snapshot, SnapshotSummary, Snapshots};
pub use stake::{Delegation, Unbonding};
pub use status::{
    Committee, Equivocation, MempoolStatus, Protocol, Status, Supply, Upgrade, ValidatorStatus,
};
pub use telemetry::{NAME_BYTES_MAX, Telemetry, TelemetryError, TelemetryReport, check_name};
