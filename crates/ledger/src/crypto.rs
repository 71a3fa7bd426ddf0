//! Hashes and signatures.
//!
//! SHA-256 with a domain tag and length-prefixed fields, so that no two messages of different
//! meaning hash alike; Ed25519 as ZIP-215 defines validity (crate `ed25519-zebra`), so that
//! single and batch verification agree on every signature, which a ledger needs.

use std::fmt;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use rayon::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Signatures checked together; larger batches gain little and spread worse over cores.
const BATCH: usize = 64;

/// A SHA-256 digest. Displays and parses as 64 hexadecimal digits.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Hash(pub [u8; 32]);

/// Hashes `parts` under `domain`: SHA-256 over the tag `muster/<domain>` and the parts, each with
/// its length before it (64 bits, little-endian).
///
/// ```
/// use muster_ledger::crypto::hash;
/// assert_ne!(hash("example", &[b"ab", b"c"]), hash("example", &[b"a", b"bc"]));
/// assert_ne!(hash("example", &[b"abc"]), hash("other", &[b"abc"]));
/// ```
pub fn hash(domain: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update((7 + domain.len() as u64).to_le_bytes());
    hasher.update(b"muster/");
    hasher.update(domain.as_bytes());
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

impl Hash {
    /// Whether it is worth `difficulty` tries on average: its first 16 bytes, big-endian, are at
    /// most `2^128 / difficulty`.
    pub fn meets(&self, difficulty: u64) -> bool {
        let mut head = [0; 16];
        head.copy_from_slice(&self.0[..16]);
        u128::from_be_bytes(head) <= u128::MAX / u128::from(difficulty.max(1))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({self})")
    }
}

/// Why a text is not a hash, key or signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Not so many hexadecimal digits.
    #[error("expected {digits} hexadecimal digits, found {found} characters or other letters")]
    Hexadecimal {
        /// Digits expected.
        digits: usize,
        /// Characters found.
        found: usize,
    },
}

fn from_hexadecimal<const N: usize>(text: &str) -> Result<[u8; N], CryptoError> {
    let error = CryptoError::Hexadecimal { digits: 2 * N, found: text.len() };
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| error)?;
    Ok(bytes)
}

impl FromStr for Hash {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        from_hexadecimal(text).map(Self)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An Ed25519 public key in its compressed encoding. Displays and parses as an SS58 address
/// (prefix 42). Any 32 bytes can be held; [`PublicKey::is_valid`] says whether they are a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PublicKey(pub [u8; 32]);

/// The y of the eight points of small order, whose signs the encodings of most of them differ in.
/// For such a key ZIP-215 needs no secret: the identity as R and zero as s sign everything.
const SMALL_ORDER: [[u8; 32]; 5] = [
    *b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
      \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    *b"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
      \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    *b"\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\
      \xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\
      \x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
];

impl PublicKey {
    /// Whether the bytes have the form of a key: y is reduced below 2^255 - 19, and is not that of
    /// a point of small order, for which anybody could sign. Cheap; whether a point has this y
    /// only [`PublicKey::is_valid`] says, and every valid signature implies.
    pub fn is_well_formed(&self) -> bool {
        let mut y = self.0;
        y[31] &= 0x7f;
        let mut modulus = [0xff_u8; 32];
        modulus[0] = 0xed;
        modulus[31] = 0x7f;
        let reduced = y.iter().rev().lt(modulus.iter().rev());
        reduced && !SMALL_ORDER.contains(&y)
    }

    /// Whether the bytes are the canonical encoding of a point of the curve that is not of small
    /// order. Only such keys may hold money or stand for a peer or validator.
    pub fn is_valid(&self) -> bool {
        self.is_well_formed() && VerificationKey::try_from(self.0).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({self})")
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An Ed25519 signature. Displays and parses as 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        from_hexadecimal(text).map(Self)
    }
}

/// An Ed25519 secret key; wiped from memory when dropped, never shown by `Debug`.
///
/// ```
/// use muster_ledger::crypto::{verify, SecretKey};
/// let key = SecretKey::from_seed([7; 32]);
/// let signature = key.sign("example", b"message");
/// assert!(verify(&key.public(), "example", b"message", &signature));
/// assert!(!verify(&key.public(), "other", b"message", &signature));
/// ```
#[derive(Clone)]
pub struct SecretKey {
    // `SigningKey` does not wipe itself.
    key: zeroize::Zeroizing<SigningKey>,
    public: PublicKey,
}

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = zeroize::Zeroizing::new(SigningKey::from(seed));
        let public = PublicKey(key.verification_key().into());
        Self { key, public }
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The seed. Handle it like the key itself.
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.key.to_bytes())
    }

    /// Signs `hash(domain, [bytes])`.
    pub fn sign(&self, domain: &str, bytes: &[u8]) -> Signature {
        Signature(self.key.sign(&hash(domain, &[bytes]).0).into())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretKey(of {})", self.public)
    }
}

/// Whether `signature` is `key`'s over `hash(domain, [bytes])`.
pub fn verify(key: &PublicKey, domain: &str, bytes: &[u8], signature: &Signature) -> bool {
    Claim::new(*key, domain, bytes, *signature).verify()
}

/// One signature to be checked: who is said to have signed which digest.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    key: PublicKey,
    digest: Hash,
    signature: Signature,
}

impl Claim {
    /// The claim that `signature` is `key`'s over `hash(domain, [bytes])`.
    pub fn new(key: PublicKey, domain: &str, bytes: &[u8], signature: Signature) -> Self {
        Self { key, digest: hash(domain, &[bytes]), signature }
    }

    /// Checks this claim alone. Nothing is signed by a key that is not well formed, whatever the
    /// equation says.
    pub fn verify(&self) -> bool {
        let signature = ed25519_zebra::Signature::from(self.signature.0);
        self.key.is_well_formed()
            && VerificationKey::try_from(self.key.0)
                .is_ok_and(|key| key.verify(&signature, &self.digest.0).is_ok())
    }
}

/// Checks many signatures, in batches over all cores; the answer at each index is exactly what
/// [`Claim::verify`] gives for that claim.
pub fn verify_batch(claims: &[Claim]) -> Vec<bool> {
    claims
        .par_chunks(BATCH)
        .flat_map_iter(|chunk| {
            let all = verify_chunk(chunk);
            chunk.iter().map(move |claim| all || claim.verify()).collect::<Vec<_>>()
        })
        .collect()
}

/// Whether every claim of the chunk holds, by one combined equation.
fn verify_chunk(chunk: &[Claim]) -> bool {
    if !chunk.iter().all(|claim| claim.key.is_well_formed()) {
        return false;
    }
    let mut verifier = batch::Verifier::new();
    let mut transcript = Sha256::new();
    for claim in chunk {
        let signature = ed25519_zebra::Signature::from(claim.signature.0);
        verifier.queue((VerificationKeyBytes::from(claim.key.0), signature, &claim.digest.0));
        transcript.update(claim.key.0);
        transcript.update(claim.digest.0);
        transcript.update(claim.signature.0);
    }
    verifier.verify(Coefficients { seed: transcript.finalize().into(), counter: 0 }).is_ok()
}

/// The coefficients of a batch, derived from a hash of all that the batch holds (Fiat-Shamir), so
/// that this crate needs no source of randomness and a forger cannot choose them.
struct Coefficients {
    seed: [u8; 32],
    counter: u64,
}

impl rand_core::RngCore for Coefficients {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        for chunk in destination.chunks_mut(32) {
            let block = hash("batch", &[&self.seed, &self.counter.to_le_bytes()]);
            self.counter += 1;
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(destination);
        Ok(())
    }
}

impl rand_core::CryptoRng for Coefficients {}
