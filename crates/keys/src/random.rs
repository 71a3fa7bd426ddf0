//! New keys, from the operating system's randomness.

use muster_ledger::crypto::SecretKey;
use zeroize::Zeroizing;

/// The operating system gave no randomness.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct RandomError(getrandom::Error);

/// 32 random bytes.
pub(crate) fn entropy() -> Result<Zeroizing<[u8; 32]>, RandomError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(RandomError)?;
    Ok(bytes)
}

/// A new key that nothing else is derived from.
///
/// # Errors
/// Where the system gives no random numbers.
pub fn new_key() -> Result<SecretKey, RandomError> {
    Ok(SecretKey::from_seed(*entropy()?))
}
