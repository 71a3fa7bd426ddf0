//! Numbers and bytes as JSON carries them: amounts as decimal strings, keys as SS58, digests as
//! hex.
//!
//! A `u64` does not fit a JavaScript number, so an amount travels as a string of grains.

use std::fmt;
use std::str::FromStr;

use muster_ledger::crypto::{Hash, PublicKey, Signature};
use muster_ledger::money::Grains;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// An amount of money in grains (1 MST = 10^9 grains); JSON: a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, example = "12500000000", pattern = "^[0-9]{1,20}$")]
pub struct Amount(pub Grains);

/// An Ed25519 public key; JSON: its SS58 address (prefix 42).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash, ToSchema)]
#[schema(value_type = String, example = "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu")]
pub struct Address(pub PublicKey);

/// A SHA-256 digest of 32 bytes; JSON: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
pub struct Digest(pub Hash);

/// An Ed25519 signature of 64 bytes; JSON: 128 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-f]{128}$")]
pub struct SignatureHex(pub Signature);

/// Bytes of any length; JSON: hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^([0-9a-f]{2})*$")]
pub struct HexBytes(pub Vec<u8>);

impl HexBytes {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Grains> for Amount {
    fn from(grains: Grains) -> Self {
        Self(grains)
    }
}

impl From<PublicKey> for Address {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

impl From<Hash> for Digest {
    fn from(hash: Hash) -> Self {
        Self(hash)
    }
}

impl Amount {
    /// The number of grains.
    #[must_use]
    pub fn grains(self) -> u64 {
        self.0.0
    }
}

impl fmt::Display for Amount {
    /// The decimal number of grains, as JSON carries it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.fmt(f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SignatureHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.0))
    }
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// Why a string is not the scalar that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct ScalarError {
    /// What was expected, e.g. "an amount of grains".
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl FromStr for Amount {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        text.parse::<u64>()
            .map(|grains| Self(Grains(grains)))
            .map_err(|error| ScalarError { what: "an amount of grains", why: error.to_string() })
    }
}

impl FromStr for Address {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        text.parse::<PublicKey>()
            .map(Self)
            .map_err(|error| ScalarError { what: "an address", why: error.to_string() })
    }
}

impl FromStr for Digest {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        text.parse::<Hash>()
            .map(Self)
            .map_err(|error| ScalarError { what: "a digest", why: error.to_string() })
    }
}

impl FromStr for SignatureHex {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        let mut bytes = [0u8; 64];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|error| ScalarError { what: "a signature", why: error.to_string() })?;
        Ok(Self(Signature(bytes)))
    }
}

impl FromStr for HexBytes {
    type Err = ScalarError;

    fn from_str(text: &str) -> Result<Self, ScalarError> {
        hex::decode(text)
            .map(Self)
            .map_err(|error| ScalarError { what: "hexadecimal bytes", why: error.to_string() })
    }
}

fn from_text<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = ScalarError>,
{
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl Serialize for SignatureHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignatureHex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}
