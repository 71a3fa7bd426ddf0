//! Keys at rest and in people's hands: words, derivation by name, files, encryption with a
//! passphrase.
//!
//! - Mnemonics are BIP-39, English, 24 words (256 bits); the seed is PBKDF2 as BIP-39 says.
//! - Derivation is SLIP-0010 for Ed25519 (hardened steps only). A path is either numbers, such as
//!   `m/44'/0'`, or a name, such as `cold/peer-0`, of which each part becomes two steps.
//! - A key of its own lies in a file of 64 hexadecimal digits that only its owner may read.
//! - Encryption is the age format (version 1) with a scrypt recipient.
//!
//! What a key *is*, and what it signs, stands in `muster-ledger`, which never makes one:
//! [`Mnemonic::generate`], [`new_key`] and [`encrypt`] draw from the operating system's
//! randomness, and nothing that the ledger executes calls them.

mod file;
mod mnemonic;
mod random;
mod seal;

pub use file::{KeyFileError, read_key, read_passphrase, write_key};
pub use mnemonic::{Mnemonic, MnemonicError, derive};
pub use random::{RandomError, new_key};
pub use seal::{CIPHERTEXT_BYTES_MAX, SealError, WORK_FACTOR, WORK_FACTOR_MAX, decrypt, encrypt};
