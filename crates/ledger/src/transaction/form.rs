//! What every mechanism says of its actions, before any state is looked at.

use crate::crypto::{Claim, Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::parameters::Parameters;
use crate::protocol::Version;

/// Longest encoding of a signed transaction that any decoder accepts, whatever the parameters.
pub const TRANSACTION_BYTES_MAX: usize = 1 << 20;

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

/// On what terms an action is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The protocol version that brought it.
    pub since: Version,
    /// What pays for it.
    pub payer: Payer,
    /// Entries of the row that it carries, for which a fee is taken.
    pub weights: u64,
    /// Worst-case work, in cost units of about a microsecond, signatures included.
    pub units: u64,
}

impl Terms {
    /// The terms of an action without a row that was there from the first version on.
    pub(super) fn new(payer: Payer, units: u64) -> Self {
        Self { since: Version::FIRST, payer, weights: 0, units }
    }
}

/// The form of an action. No method has a default: a new action has to answer each.
pub(super) trait Form {
    /// Everything that can be said without state, but for signatures: ranges, canonical keys.
    fn check(&self, signer: &PublicKey, limits: &Limits) -> Result<(), Rejection>;

    /// The signature that it carries beside the signer's, if any.
    fn claim(&self, chain: &Hash) -> Option<Claim>;

    /// On what terms it is taken.
    fn terms(&self) -> Terms;

    /// The most that it takes from the signer's account, beside fee and tip.
    fn spends(&self, parameters: &Parameters) -> Grains;
}

/// What a transaction may not exceed whatever the state; taken from the parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The chain that transactions must name.
    pub chain: Hash,
    /// The protocol version of the block that they are for.
    pub version: Version,
    /// Longest encoding of a signed transaction, in bytes.
    pub transaction_bytes_max: usize,
    /// Most entries of a row of weights.
    pub row_length_max: usize,
    /// Longest encoding of a block, in bytes.
    pub block_bytes_max: usize,
}

impl Limits {
    /// The limits that version and parameters set.
    pub fn new(chain: Hash, version: Version, parameters: &Parameters) -> Self {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            chain,
            version,
            transaction_bytes_max: size(parameters.transaction_bytes_max)
                .min(TRANSACTION_BYTES_MAX),
            row_length_max: size(parameters.row_length_max),
            block_bytes_max: size(parameters.block_bytes_max),
        }
    }
}

/// Whether a key is one whose bytes are well formed.
pub(super) fn check_key(key: &PublicKey) -> Result<(), Rejection> {
    if key.is_well_formed() { Ok(()) } else { Err(Rejection::Key { key: *key }) }
}

/// Whether an amount is something.
pub(super) fn check_amount(amount: Grains) -> Result<(), Rejection> {
    if amount.is_zero() { Err(Rejection::Nothing) } else { Ok(()) }
}
