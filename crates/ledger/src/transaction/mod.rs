//! What people and peers may ask of the ledger: transactions, and what can be said about one
//! without any state.

use borsh::{BorshDeserialize, BorshSerialize};

use self::form::{Form, check_key};
use crate::crypto::{Claim, Hash, PublicKey, SecretKey, Signature, hash};
use crate::encoding::{DecodeError, decode, encode};
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::parameters::Parameters;
use crate::types::Height;

pub mod account;
pub mod form;
pub mod governance;
pub mod market;
pub mod presence;
pub mod stake;

pub use form::{Limits, Payer, TRANSACTION_BYTES_MAX, Terms};

/// The domain under which transactions are signed.
const DOMAIN: &str = "transaction";

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// To accounts.
    Account(account::Action),
    /// To stake.
    Stake(stake::Action),
    /// In the market of peers.
    Market(market::Action),
    /// To the parameters and rules.
    Governance(governance::Action),
    /// In presence rounds.
    Presence(presence::Action),
}

impl Action {
    fn form(&self) -> &dyn Form {
        match self {
            Self::Account(action) => action,
            Self::Stake(action) => action,
            Self::Market(action) => action,
            Self::Governance(action) => action,
            Self::Presence(action) => action,
        }
    }

    /// On what terms it is taken.
    pub fn terms(&self) -> Terms {
        self.form().terms()
    }

    /// The most that it takes from the signer's account, beside fee and tip; nothing when it fails.
    pub fn spends(&self, parameters: &Parameters) -> Grains {
        self.form().spends(parameters)
    }
}

impl From<account::Action> for Action {
    fn from(action: account::Action) -> Self {
        Self::Account(action)
    }
}

impl From<stake::Action> for Action {
    fn from(action: stake::Action) -> Self {
        Self::Stake(action)
    }
}

impl From<market::Action> for Action {
    fn from(action: market::Action) -> Self {
        Self::Market(action)
    }
}

impl From<governance::Action> for Action {
    fn from(action: governance::Action) -> Self {
        Self::Governance(action)
    }
}

impl From<presence::Action> for Action {
    fn from(action: presence::Action) -> Self {
        Self::Presence(action)
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// The chain that it is meant for ([`crate::genesis::Genesis::chain_id`]).
    pub chain: Hash,
    /// Who signs and pays.
    pub signer: PublicKey,
    /// That of the signer's account ([`crate::state::account::Account::nonce`]), so that it is
    /// included once and in order; 0 for work without an account.
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
        claims.extend(transaction.action.form().claim(&transaction.chain));
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
        let form = transaction.action.form();
        let (since, version) = (form.terms().since, limits.version);
        if since > version {
            return Err(Rejection::Version { since, version });
        }
        form.check(&transaction.signer, limits)
    }
}
