//! SHA-256: the first 16 bytes of digests, one after another, with the first block hashed once.
//!
//! The compression function is that of the crate `sha2`, which uses the instructions for it where
//! the processor has them.

use std::ops::Range;

use sha2_blocks::block_api::compress256;
use sha2_blocks::{Digest, Sha256};

/// Bytes of what a number is tried with, of which the last eight are the number.
pub const MESSAGE_BYTES: usize = 104;
/// What the compression begins with (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
const BLOCK_BYTES: usize = 64;
/// Where the number stands in the second block.
const NONCE_AT: usize = MESSAGE_BYTES - 8 - BLOCK_BYTES;

/// The first 16 bytes, big-endian, of the digest of a message with what is appended to it.
pub fn head(message: &[u8; MESSAGE_BYTES], appended: &[u8]) -> u128 {
    let digest = Sha256::new().chain_update(message).chain_update(appended).finalize();
    let mut head = [0; 16];
    head.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(head)
}

/// Looks for a number that solves a work: the message is two blocks long, of which the first never
/// changes.
pub struct Tries {
    middle: [u32; 8],
    block: [u8; BLOCK_BYTES],
    target: u128,
}

impl Tries {
    /// The numbers in place of the last eight bytes of a message, and the largest head that solves
    /// it.
    pub fn new(message: &[u8; MESSAGE_BYTES], target: u128) -> Self {
        let mut first = [0; BLOCK_BYTES];
        first.copy_from_slice(&message[..BLOCK_BYTES]);
        let mut middle = INITIAL;
        compress256(&mut middle, &[first]);
        let mut block = [0; BLOCK_BYTES];
        block[..MESSAGE_BYTES - BLOCK_BYTES].copy_from_slice(&message[BLOCK_BYTES..]);
        // The padding: a bit, and the length of the message in bits.
        block[MESSAGE_BYTES - BLOCK_BYTES] = 0x80;
        block[BLOCK_BYTES - 8..].copy_from_slice(&(8 * MESSAGE_BYTES as u64).to_be_bytes());
        Self { middle, block, target }
    }

    /// The first of these numbers that solves it.
    pub fn first(&mut self, nonces: Range<u64>) -> Option<u64> {
        for nonce in nonces {
            self.block[NONCE_AT..NONCE_AT + 8].copy_from_slice(&nonce.to_le_bytes());
            let mut state = self.middle;
            compress256(&mut state, std::slice::from_ref(&self.block));
            let head = state[..4].iter().fold(0, |head, word| head << 32 | u128::from(*word));
            if head <= self.target {
                return Some(nonce);
            }
        }
        None
    }
}
