//! Encryption with a passphrase: the age format (version 1) with a scrypt recipient.

use age::secrecy::SecretString;
use zeroize::Zeroizing;

/// Longest ciphertext that [`decrypt`] looks at, in bytes.
pub const CIPHERTEXT_BYTES_MAX: usize = 1 << 20;
/// Scrypt work (log2 of its cost) of [`encrypt`]: about a quarter of a second and 256 MiB.
pub const WORK_FACTOR: u8 = 18;
/// The most scrypt work that [`decrypt`] is willing to do: about a second and 1 GiB.
pub const WORK_FACTOR_MAX: u8 = 20;

/// Why bytes could not be encrypted or decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another passphrase was used.
    #[error("the passphrase is wrong")]
    Passphrase,
    /// Not what [`encrypt`] writes, or damaged.
    #[error("the encrypted file is damaged or of another kind: {0}")]
    Ciphertext(String),
    /// The operating system gave no randomness, or memory was short.
    #[error("encryption failed: {0}")]
    Encrypt(String),
}

/// Encrypts bytes with a passphrase into an age file; see [`WORK_FACTOR`].
///
/// # Errors
/// [`SealError::Encrypt`].
pub fn encrypt(passphrase: &str, bytes: &[u8], work_factor: u8) -> Result<Vec<u8>, SealError> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(work_factor.clamp(1, WORK_FACTOR_MAX));
    age::encrypt(&recipient, bytes).map_err(|error| SealError::Encrypt(error.to_string()))
}

/// Decrypts what [`encrypt`] made; refuses long input and excessive work.
///
/// # Errors
/// [`SealError::Passphrase`] or [`SealError::Ciphertext`].
pub fn decrypt(passphrase: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if bytes.len() > CIPHERTEXT_BYTES_MAX {
        let reason = format!("{} bytes, at most {CIPHERTEXT_BYTES_MAX} are read", bytes.len());
        return Err(SealError::Ciphertext(reason));
    }
    let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.to_owned()));
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let plain = age::decrypt(&identity, bytes).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            SealError::Passphrase
        }
        other => SealError::Ciphertext(other.to_string()),
    })?;
    Ok(Zeroizing::new(plain))
}
