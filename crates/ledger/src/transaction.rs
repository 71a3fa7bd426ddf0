//! What people and peers may ask of the ledger: transactions, and what can be said about one
//! without any state.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::crypto::{Claim, Hash, PublicKey, SecretKey, Signature, hash};
use crate::encoding::{DecodeError, decode, encode};
use crate::money::Grains;
use crate::parameters::{ParameterChange, Parameters};
use crate::rejection::Rejection;
use crate::types::{Endpoint, Height, PeerId, Row};

/// Longest encoding of a signed transaction that any decoder accepts, whatever the parameters.
pub const TRANSACTION_BYTES_MAX: usize = 1 << 20;

/// The domain under which transactions are signed.
const DOMAIN: &str = "transaction";
/// The domain under which a hot key agrees to its registration.
const REGISTRATION_DOMAIN: &str = "registration";
/// The domain of registration work.
const WORK_DOMAIN: &str = "registration work";

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

/// Whether a hash is worth `difficulty` tries on average: its first 16 bytes, big-endian, are at
/// most `2^128 / difficulty`.
pub fn meets_difficulty(work: &Hash, difficulty: u64) -> bool {
    let mut head = [0; 16];
    head.copy_from_slice(&work.0[..16]);
    u128::from_be_bytes(head) <= u128::MAX / u128::from(difficulty.max(1))
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
        .find(|nonce| meets_difficulty(&work_hash(chain, challenge, hot, cold, *nonce), difficulty))
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Moves money from the signer to another account.
    Transfer {
        /// Who receives it.
        to: PublicKey,
        /// How much.
        amount: Grains,
    },
    /// Puts money behind a peer, one's own or another's (delegation), for shares of its pool.
    Stake {
        /// The peer.
        peer: PeerId,
        /// How much.
        amount: Grains,
    },
    /// Takes stake back; the money arrives after the unbonding delay.
    Unstake {
        /// The peer.
        peer: PeerId,
        /// How much, of what the signer's shares are worth now.
        amount: Grains,
    },
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
    /// Proposes to change a parameter; counts as the signer's approval.
    Propose {
        /// The change.
        change: ParameterChange,
    },
    /// Approves or rejects a proposal; counts with the signer's stake at the end of the epoch.
    Vote {
        /// The proposal's number.
        proposal: u64,
        /// Whether the signer wants it.
        approve: bool,
    },
}

/// What pays for a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payer {
    /// The signer's account.
    Account,
    /// The signer's account and, before it, what the emission of the peer that the signer is the
    /// hot key of gives to that peer itself.
    Peer,
    /// The work that it carries: no fee is taken, and without the work it may not stand in a
    /// block.
    Work,
}

impl Action {
    /// What pays for it.
    pub fn payer(&self) -> Payer {
        match self {
            Self::Register { registration } => match registration.payment {
                Payment::Work { .. } => Payer::Work,
                Payment::Burn { .. } => Payer::Account,
            },
            Self::SetEndpoint { .. }
            | Self::CommitWeights { .. }
            | Self::RevealWeights { .. }
            | Self::SetWeights { .. }
            | Self::Emit => Payer::Peer,
            Self::Transfer { .. }
            | Self::Stake { .. }
            | Self::Unstake { .. }
            | Self::Propose { .. }
            | Self::Vote { .. } => Payer::Account,
        }
    }

    /// Entries of the row that it carries, for which a fee is taken.
    pub fn weights(&self) -> u64 {
        match self {
            Self::SetWeights { weights } | Self::RevealWeights { weights, .. } => {
                weights.len() as u64
            }
            Self::Transfer { .. }
            | Self::Stake { .. }
            | Self::Unstake { .. }
            | Self::Register { .. }
            | Self::SetEndpoint { .. }
            | Self::CommitWeights { .. }
            | Self::Emit
            | Self::Propose { .. }
            | Self::Vote { .. } => 0,
        }
    }
}

/// The commitment to a row: bound to the chain, the peer and a salt, so that nobody can copy
/// another's commitment.
pub fn weights_commitment(chain: &Hash, hot: &PublicKey, weights: &Row, salt: &[u8; 32]) -> Hash {
    hash("weights commitment", &[&chain.0, &hot.0, &encode(weights), salt])
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// The chain that it is meant for ([`crate::genesis::Genesis::chain_id`]).
    pub chain: Hash,
    /// Who signs and pays.
    pub signer: PublicKey,
    /// How many transactions of the signer were included before this one.
    pub nonce: u64,
    /// The last height at which it may be included.
    pub expires: Height,
    /// Paid to the proposer on top of the fee, for earlier inclusion.
    pub tip: Grains,
    /// What it does.
    pub action: Action,
}

/// A transaction with its signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedTransaction {
    /// What is signed.
    pub transaction: Transaction,
    /// The signer's signature over the transaction's encoding.
    pub signature: Signature,
}

/// What a transaction may not exceed whatever the state; taken from the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The chain that transactions must name.
    pub chain: Hash,
    /// Longest encoding of a signed transaction, in bytes.
    pub transaction_bytes_max: usize,
    /// Most entries of a row of weights.
    pub row_length_max: usize,
    /// Longest encoding of a block, in bytes.
    pub block_bytes_max: usize,
}

impl Limits {
    /// The limits that parameters set.
    pub fn new(chain: Hash, parameters: &Parameters) -> Self {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            chain,
            transaction_bytes_max: size(parameters.transaction_bytes_max)
                .min(TRANSACTION_BYTES_MAX),
            row_length_max: size(parameters.row_length_max),
            block_bytes_max: size(parameters.block_bytes_max),
        }
    }
}

impl SignedTransaction {
    /// Signs a transaction.
    ///
    /// # Panics
    /// Never; a key that is not the signer's gives a transaction that fails its check.
    pub fn sign(transaction: Transaction, key: &SecretKey) -> Self {
        let signature = key.sign(DOMAIN, &encode(&transaction));
        Self { transaction, signature }
    }

    /// Its name: the hash of what is signed, so that signing twice gives one name.
    pub fn hash(&self) -> Hash {
        hash("transaction id", &[&encode(&self.transaction)])
    }

    /// Its canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The length of its encoding, in bytes.
    pub fn encoded_len(&self) -> usize {
        borsh::object_length(self).expect("no length exceeds u32")
    }

    /// Reads one from bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("transaction", bytes, TRANSACTION_BYTES_MAX)
    }

    /// Everything that can be said without state, signatures included.
    pub fn check_stateless(&self, limits: &Limits) -> Result<(), Rejection> {
        self.check_form(limits)?;
        if self.claims().iter().all(Claim::verify) { Ok(()) } else { Err(Rejection::Signature) }
    }

    /// The signatures that it carries, to be checked alone or in a batch with others'.
    pub fn claims(&self) -> Vec<Claim> {
        let transaction = &self.transaction;
        let mut claims =
            vec![Claim::new(transaction.signer, DOMAIN, &encode(transaction), self.signature)];
        if let Action::Register { registration } = &transaction.action {
            let agreement = registration.agreement(&transaction.chain);
            let signature = registration.hot_signature;
            claims.push(Claim::new(registration.hot, REGISTRATION_DOMAIN, &agreement, signature));
        }
        claims
    }

    /// Everything that can be said without state, but for the signatures: chain, size, ranges,
    /// canonical keys, sorted rows.
    pub fn check_form(&self, limits: &Limits) -> Result<(), Rejection> {
        let transaction = &self.transaction;
        if transaction.chain != limits.chain {
            return Err(Rejection::Chain { expected: limits.chain, found: transaction.chain });
        }
        let bytes = self.encoded_len();
        if bytes > limits.transaction_bytes_max {
            let bytes_max = limits.transaction_bytes_max as u64;
            return Err(Rejection::TooLong { bytes: bytes as u64, bytes_max });
        }
        check_key(&transaction.signer)?;
        check_action(&transaction.action, &transaction.signer, limits)
    }
}

fn check_key(key: &PublicKey) -> Result<(), Rejection> {
    if key.is_canonical() { Ok(()) } else { Err(Rejection::Key { key: *key }) }
}

fn check_amount(amount: Grains) -> Result<(), Rejection> {
    if amount.is_zero() { Err(Rejection::Nothing) } else { Ok(()) }
}

fn check_action(action: &Action, signer: &PublicKey, limits: &Limits) -> Result<(), Rejection> {
    match action {
        Action::Transfer { to, amount } => {
            check_key(to)?;
            check_amount(*amount)
        }
        Action::Stake { amount, .. } | Action::Unstake { amount, .. } => check_amount(*amount),
        Action::Register { registration } => {
            for key in [registration.hot, registration.cold] {
                if !key.is_valid() {
                    return Err(Rejection::Key { key });
                }
            }
            registration.endpoint.check().map_err(|_| Rejection::Endpoint)?;
            let own = *signer == registration.cold || *signer == registration.hot;
            match registration.payment {
                Payment::Work { .. } if !own => Err(Rejection::WorkSigner),
                _ => Ok(()),
            }
        }
        Action::SetEndpoint { endpoint } => endpoint.check().map_err(|_| Rejection::Endpoint),
        Action::RevealWeights { weights, .. } | Action::SetWeights { weights } => {
            let (length, length_max) = (weights.len() as u64, limits.row_length_max as u64);
            if length > length_max {
                return Err(Rejection::RowTooLong { length, length_max });
            }
            Ok(())
        }
        Action::Propose { change } => {
            change.check_form().map_err(|error| Rejection::Parameter { reason: error.to_string() })
        }
        Action::CommitWeights { .. } | Action::Emit | Action::Vote { .. } => Ok(()),
    }
}
