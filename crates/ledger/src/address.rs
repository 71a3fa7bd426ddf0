//! Addresses: a public key as text in SS58 with prefix 42.

use std::fmt;
use std::str::FromStr;

use blake2::{Blake2b512, Digest};

use crate::crypto::PublicKey;

/// The SS58 network prefix of addresses (42: any Substrate-style network).
pub const SS58_PREFIX: u8 = 42;

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Letters outside the base-58 alphabet, or far too long.
    #[error("the address is not base-58 text of 47 or 48 letters")]
    Alphabet,
    /// Another length than one prefix byte, a key and two bytes of checksum.
    #[error("the address holds {0} bytes instead of 35: letters are missing or added")]
    Length(usize),
    /// For another network.
    #[error("the address has network prefix {0}, here it is 42")]
    Prefix(u8),
    /// A letter is wrong.
    #[error("the address fails its checksum: at least one letter is wrong")]
    Checksum,
}

fn checksum(body: &[u8]) -> [u8; 2] {
    let digest = Blake2b512::new().chain_update(b"SS58PRE").chain_update(body).finalize();
    [digest[0], digest[1]]
}

/// The address of a key.
pub fn to_ss58(key: &PublicKey) -> String {
    let mut body = [0; 35];
    body[0] = SS58_PREFIX;
    body[1..33].copy_from_slice(&key.0);
    let check = checksum(&body[..33]);
    body[33..].copy_from_slice(&check);
    bs58::encode(body).into_string()
}

/// The key of an address.
pub fn from_ss58(text: &str) -> Result<PublicKey, AddressError> {
    if text.len() > 64 {
        return Err(AddressError::Alphabet);
    }
    let body = bs58::decode(text).into_vec().map_err(|_| AddressError::Alphabet)?;
    if body.len() != 35 {
        return Err(AddressError::Length(body.len()));
    }
    if checksum(&body[..33]) != body[33..] {
        return Err(AddressError::Checksum);
    }
    if body[0] != SS58_PREFIX {
        return Err(AddressError::Prefix(body[0]));
    }
    let mut key = [0; 32];
    key.copy_from_slice(&body[1..33]);
    Ok(PublicKey(key))
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&to_ss58(self))
    }
}

impl FromStr for PublicKey {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        from_ss58(text)
    }
}
