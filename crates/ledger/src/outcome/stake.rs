//! What comes of staking.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::types::{Height, PeerId};

/// Something that happened to stake.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, reason = "the fields are what each variant's sentence names")]
pub enum Event {
    /// An owner put money behind a peer.
    Staked { owner: PublicKey, peer: PeerId, amount: Grains },
    /// An owner took stake back, which arrives when due.
    Unstaked { owner: PublicKey, peer: PeerId, amount: Grains, due: Height },
    /// Unbonded stake arrived at its owner's account.
    Unbonded { owner: PublicKey, peer: PeerId, amount: Grains },
}

/// Why staking is refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are the evidence that each sentence shows")]
pub enum Rejection {
    #[error("{amount} is below the least stake, {minimum}: stake or take back more at once")]
    TooSmall { amount: Grains, minimum: Grains },
    #[error("{needed} are to be unstaked, the signer's stake with peer {peer} is {available}")]
    NotEnough { peer: PeerId, needed: Grains, available: Grains },
}
