//! The market of peers: registration, weights, pay.

use borsh::{BorshDeserialize, BorshSerialize};

use super::form::{Form, Limits, Payer, Terms, check_key};
use crate::crypto::{Claim, Hash, PublicKey, SecretKey, Signature, hash};
use crate::encoding::encode;
use crate::money::Grains;
use crate::outcome::{Rejection, market};
use crate::parameters::Parameters;
use crate::protocol::Version;
use crate::sealed::seal;
use crate::types::{Endpoint, PeerId, Row};

/// The domain under which a hot key agrees to its registration.
const REGISTRATION_DOMAIN: &str = "registration";
/// The domain under which a hot key agrees to replace another.
const REPLACEMENT_DOMAIN: &str = "hot key replacement";
/// The domain of registration work.
const WORK_DOMAIN: &str = "registration work";
/// The domain of commitments to rows.
const WEIGHTS_DOMAIN: &str = "weights commitment";

/// How a registration is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Payment {
    /// Proof of work: a number for which [`work_hash`] meets the difficulty. Costs no money; the
    /// signer needs no account.
    Work {
        /// The number found.
        nonce: u64,
    },
    /// The current price is burned by the signer: the cold key itself, or a sponsor.
    Burn {
        /// The most that the signer is willing to burn.
        price_max: Grains,
    },
}

/// A request for a place in the market.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Registration {
    /// The key that will sign for the peer; must not stand for a peer already.
    pub hot: PublicKey,
    /// The key that will own the peer; may be the same.
    pub cold: PublicKey,
    /// Where the peer answers.
    pub endpoint: Endpoint,
    /// How it is paid for.
    pub payment: Payment,
    /// The hot key's agreement, made by [`Registration::agree`].
    pub hot_signature: Signature,
}

impl Registration {
    /// The bytes that the hot key signs: everything but its signature, and the chain.
    fn agreement(&self, chain: &Hash) -> Vec<u8> {
        encode(&(chain, &self.hot, &self.cold, &self.endpoint, &self.payment))
    }

    /// A registration that the hot key agrees to.
    pub fn agree(
        chain: &Hash,
        hot: &SecretKey,
        cold: PublicKey,
        endpoint: Endpoint,
        payment: Payment,
    ) -> Self {
        let hot_signature = Signature([0; 64]);
        let mut registration = Self { hot: hot.public(), cold, endpoint, payment, hot_signature };
        registration.hot_signature = hot.sign(REGISTRATION_DOMAIN, &registration.agreement(chain));
        registration
    }
}

impl Registration {
    fn claim(&self, chain: &Hash) -> Claim {
        Claim::new(self.hot, REGISTRATION_DOMAIN, &self.agreement(chain), self.hot_signature)
    }

    /// Its keys, and that whoever pays with work registers a peer of its own.
    fn check(&self, signer: &PublicKey) -> Result<(), Rejection> {
        for key in [self.hot, self.cold] {
            if !key.is_valid() {
                return Err(Rejection::Key { key });
            }
        }
        let own = *signer == self.cold || *signer == self.hot;
        match self.payment {
            Payment::Work { .. } if !own => Err(market::Rejection::WorkSigner.into()),
            Payment::Work { .. } | Payment::Burn { .. } => Ok(()),
        }
    }
}

/// A request for another hot key of a peer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HotKeyReplacement {
    /// The peer.
    pub peer: PeerId,
    /// The key that will sign for it; must not stand for a peer already.
    pub hot: PublicKey,
    /// The new hot key's agreement, made by [`HotKeyReplacement::agree`].
    pub hot_signature: Signature,
}

impl HotKeyReplacement {
    /// A replacement that the new hot key agrees to.
    pub fn agree(chain: &Hash, peer: PeerId, hot: &SecretKey) -> Self {
        let hot_signature = hot.sign(REPLACEMENT_DOMAIN, &encode(&(chain, peer)));
        Self { peer, hot: hot.public(), hot_signature }
    }

    fn claim(&self, chain: &Hash) -> Claim {
        let bytes = encode(&(chain, self.peer));
        Claim::new(self.hot, REPLACEMENT_DOMAIN, &bytes, self.hot_signature)
    }
}

/// The hash that registration work must bring below the target: over the chain, a recent
/// challenge, both keys and the number tried.
pub fn work_hash(
    chain: &Hash,
    challenge: &Hash,
    hot: &PublicKey,
    cold: &PublicKey,
    nonce: u64,
) -> Hash {
    hash(WORK_DOMAIN, &[&chain.0, &challenge.0, &hot.0, &cold.0, &nonce.to_le_bytes()])
}

/// Searches for registration work from `start`, at most `tries` numbers.
pub fn find_work(
    chain: &Hash,
    challenge: &Hash,
    hot: &PublicKey,
    cold: &PublicKey,
    difficulty: u64,
    start: u64,
    tries: u64,
) -> Option<u64> {
    (start..start.saturating_add(tries))
        .find(|nonce| work_hash(chain, challenge, hot, cold, *nonce).meets(difficulty))
}

/// The commitment to a row of the peer of a hot key.
pub fn weights_commitment(chain: &Hash, hot: &PublicKey, weights: &Row, salt: &[u8; 32]) -> Hash {
    seal(WEIGHTS_DOMAIN, chain, hot, &encode(weights), salt)
}

/// What one can do in the market.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Registers a peer.
    Register {
        /// The request; boxed, because it is five times as long as any other action.
        registration: Box<Registration>,
    },
    /// Says where the peer of this hot key answers.
    SetEndpoint {
        /// The new endpoint.
        endpoint: Endpoint,
    },
    /// Commits to weights without showing them; they are revealed in the next epoch.
    CommitWeights {
        /// [`weights_commitment`] of the peer, the row and a salt.
        commitment: Hash,
    },
    /// Shows the weights committed to in the previous epoch, and sets them.
    RevealWeights {
        /// The row.
        weights: Row,
        /// The salt of the commitment.
        salt: [u8; 32],
    },
    /// Sets the weights of the peer of this hot key.
    SetWeights {
        /// The row.
        weights: Row,
    },
    /// Pays out what the peer of this hot key has accrued, without changing its weights.
    Emit,
    /// Gives a peer another hot key; signed by its cold key. From protocol version 2 on.
    ReplaceHotKey {
        /// The replacement; boxed, because it is longer than any other action but one.
        replacement: Box<HotKeyReplacement>,
    },
    /// Ends a peer: its place is free, and all stake with it starts its way back; signed by its
    /// cold key. From protocol version 2 on.
    Leave {
        /// The peer.
        peer: PeerId,
    },
}

impl Form for Action {
    fn check(&self, signer: &PublicKey, limits: &Limits) -> Result<(), Rejection> {
        match self {
            Self::Register { registration } => {
                check_endpoint(&registration.endpoint)?;
                registration.check(signer)
            }
            Self::SetEndpoint { endpoint } => check_endpoint(endpoint),
            Self::RevealWeights { weights, .. } | Self::SetWeights { weights } => {
                let (length, length_max) = (weights.len() as u64, limits.row_length_max as u64);
                if length > length_max {
                    return Err(market::Rejection::RowTooLong { length, length_max }.into());
                }
                Ok(())
            }
            Self::ReplaceHotKey { replacement } => check_key(&replacement.hot),
            Self::CommitWeights { .. } | Self::Emit | Self::Leave { .. } => Ok(()),
        }
    }

    fn claim(&self, chain: &Hash) -> Option<Claim> {
        match self {
            Self::Register { registration } => Some(registration.claim(chain)),
            Self::ReplaceHotKey { replacement } => Some(replacement.claim(chain)),
            Self::SetEndpoint { .. }
            | Self::CommitWeights { .. }
            | Self::RevealWeights { .. }
            | Self::SetWeights { .. }
            | Self::Emit
            | Self::Leave { .. } => None,
        }
    }

    fn terms(&self) -> Terms {
        match self {
            Self::Register { registration } => match registration.payment {
                Payment::Work { .. } => Terms::new(Payer::Work, 200),
                Payment::Burn { .. } => Terms::new(Payer::Account, 200),
            },
            Self::RevealWeights { weights, .. } | Self::SetWeights { weights } => {
                let weights = weights.len() as u64;
                Terms { weights, ..Terms::new(Payer::Peer, 60 + weights) }
            }
            Self::SetEndpoint { .. } | Self::CommitWeights { .. } | Self::Emit => {
                Terms::new(Payer::Peer, 60)
            }
            Self::ReplaceHotKey { .. } | Self::Leave { .. } => {
                Terms { since: Version(2), ..Terms::new(Payer::Account, 200) }
            }
        }
    }

    fn spends(&self, parameters: &Parameters) -> Grains {
        match self {
            Self::Register { registration } => match registration.payment {
                Payment::Work { .. } => Grains::ZERO,
                Payment::Burn { price_max } => price_max,
            },
            Self::SetEndpoint { .. }
            | Self::CommitWeights { .. }
            | Self::RevealWeights { .. }
            | Self::SetWeights { .. }
            | Self::Emit
            | Self::Leave { .. } => Grains::ZERO,
            // It may open the new key's account.
            Self::ReplaceHotKey { .. } => parameters.account_deposit,
        }
    }
}

fn check_endpoint(endpoint: &Endpoint) -> Result<(), Rejection> {
    Ok(endpoint.check().map_err(|_| market::Rejection::Endpoint)?)
}
