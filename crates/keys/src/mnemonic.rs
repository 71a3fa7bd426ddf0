//! Mnemonics (BIP-39, English, 24 words) and the keys derived from them by path or name
//! (SLIP-0010 for Ed25519).

use std::str::FromStr;

use hmac::{Hmac, Mac};
use muster_ledger::crypto::{SecretKey, hash};
use sha2::Sha512;
use zeroize::Zeroizing;

use crate::random::{RandomError, entropy};

/// Why words or a path give no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// Not so many words.
    #[error("a mnemonic has 24 words, this one has {0}")]
    WordCount(usize),
    /// A word that is not in the list.
    #[error("word {position} of the mnemonic is not in the English BIP-39 list")]
    Word {
        /// Its place, counted from 1.
        position: usize,
    },
    /// All words are known, but together they are not a mnemonic.
    #[error("the mnemonic fails its checksum: a word is wrong or two are swapped")]
    Checksum,
    /// Neither a name nor a path.
    #[error("\"{0}\" is not a path: write m/44'/0' with hardened steps below 2^31, or a name")]
    Path(String),
}

/// Twenty-four words from which all keys of a wallet follow; wiped from memory when dropped.
///
/// ```
/// use muster_keys::Mnemonic;
/// let mnemonic = Mnemonic::from_entropy(&[0; 32]);
/// assert!(mnemonic.words().ends_with("abandon art"));
/// let key = mnemonic.key("cold/peer-0").unwrap();
/// assert_ne!(key.public(), mnemonic.key("hot/peer-0").unwrap().public());
/// ```
#[derive(Clone)]
pub struct Mnemonic {
    inner: bip39::Mnemonic,
}

impl Mnemonic {
    /// A new one, from the operating system's randomness.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn generate() -> Result<Self, RandomError> {
        Ok(Self::from_entropy(&*entropy()?))
    }

    /// The mnemonic of 256 bits.
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        let inner = bip39::Mnemonic::from_entropy(entropy).expect("256 bits are a valid length");
        Self { inner }
    }

    /// The words, with single spaces.
    pub fn words(&self) -> Zeroizing<String> {
        Zeroizing::new(self.inner.words().collect::<Vec<_>>().join(" "))
    }

    /// The 64-byte BIP-39 seed, with an optional passphrase of its own (empty for none).
    pub fn seed(&self, passphrase: &str) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(self.inner.to_seed_normalized(passphrase))
    }

    /// The key at a path or name, from the seed without a passphrase.
    ///
    /// # Errors
    /// [`MnemonicError::Path`].
    pub fn key(&self, path: &str) -> Result<SecretKey, MnemonicError> {
        derive(self.seed("").as_slice(), path)
    }
}

impl FromStr for Mnemonic {
    type Err = MnemonicError;

    fn from_str(text: &str) -> Result<Self, MnemonicError> {
        // Twenty-four of the longest words (8 letters) with their spaces are 215 bytes.
        let words: Vec<&str> = text.split_whitespace().take(25).collect();
        if words.len() != 24 {
            return Err(MnemonicError::WordCount(text.split_whitespace().count()));
        }
        let joined = Zeroizing::new(words.join(" ").to_lowercase());
        let inner = bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &joined)
            .map_err(|error| match error {
                bip39::Error::UnknownWord(index) => MnemonicError::Word { position: index + 1 },
                _ => MnemonicError::Checksum,
            })?;
        Ok(Self { inner })
    }
}

impl std::fmt::Debug for Mnemonic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Mnemonic(24 words)")
    }
}

/// The key at a path (`m/44'/0'`) or name (`cold/peer-0`) of a seed, by SLIP-0010.
///
/// # Errors
/// [`MnemonicError::Path`].
pub fn derive(seed: &[u8], path: &str) -> Result<SecretKey, MnemonicError> {
    let shown = || MnemonicError::Path(path.chars().take(80).collect());
    let steps = match path.strip_prefix('m') {
        Some("") => Vec::new(),
        Some(rest) if rest.starts_with('/') => rest[1..]
            .split('/')
            .map(|step| {
                let number = step.strip_suffix('\'').ok_or_else(shown)?;
                let plain = number.bytes().all(|byte| byte.is_ascii_digit());
                let number: u32 = number.parse().map_err(|_| shown())?;
                if plain && number < 1 << 31 { Ok(number) } else { Err(shown()) }
            })
            .collect::<Result<_, _>>()?,
        _ if path.is_empty() || path.len() > 128 => return Err(shown()),
        _ => path.split('/').flat_map(name_steps).collect(),
    };
    let mut node = extend(b"ed25519 seed", &[seed]);
    for step in steps {
        let number = (step | 1 << 31).to_be_bytes();
        node = extend(&node[32..], &[&[0], &node[..32], &number]);
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&node[..32]);
    Ok(SecretKey::from_seed(*key))
}

/// The two steps (62 bits) of a part of a name.
fn name_steps(part: &str) -> [u32; 2] {
    let digest = hash("key name", &[part.as_bytes()]).0;
    let number = |at: usize| {
        u32::from_be_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]) >> 1
    };
    [number(0), number(4)]
}

/// HMAC-SHA512: a key in the first half, a chain code in the second.
fn extend(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}
