//! Equihash with n = 120 and k = 5: Wagner's algorithm for the generalised birthday problem, and
//! the check.
//!
//! Source: Biryukov and Khovratovich, "Equihash: Asymmetric Proof-of-Work Based on the Generalized
//! Birthday Problem" (2016), sections III and IV; as Zcash's protocol specification writes it down
//! (personalisation, order of indices, encoding), whose crate checks it.
//!
//! A message gives 2^21 strings of 120 bits, six digits of 20. Wanted are 32 different strings
//! whose sum (exclusive or) is zero, found as a tree: any two that meet agree in the next digit,
//! and the last two in two digits. In each of five rounds the rows are paired whose first digit
//! agrees, and the sums, without that digit, are the rows of the next. Rows lie in buckets by the
//! first 12 bits of their digit; within a bucket those with the same 8 further bits are chained. A
//! row remembers the two that it came from.
//!
//! A run takes the same time whatever it finds: nearly two solutions on average. Buckets have room
//! for 5.6 standard deviations more than the mean; what has no room is dropped, which loses less
//! than one solution in a million.

use blake2b_simd::Params;
use blake2b_simd::many::{HashManyJob, hash_many};

const N: u32 = 120;
const K: u32 = 5;
const ROUNDS: usize = K as usize;
/// Bits of a digit.
const DIGIT_BITS: u32 = N / (K + 1);
/// Strings in a solution.
const LEAVES: usize = 1 << K;
/// Bits of the index of a string.
const INDEX_BITS: u32 = DIGIT_BITS + 1;
/// Strings of a message.
const STRINGS: u32 = 1 << INDEX_BITS;
const STRING_BYTES: usize = N as usize / 8;
/// Strings that are cut from one hash.
const STRINGS_PER_HASH: u32 = 512 / N;
/// Hashes computed side by side.
const LANES: usize = 8;

const BUCKET_BITS: u32 = 12;
const BUCKETS: usize = 1 << BUCKET_BITS;
const CELLS: usize = 1 << (DIGIT_BITS - BUCKET_BITS);
/// Rows that a bucket has room for; 512 on average.
const ROOM: usize = 640;
/// Bits of a place in a bucket.
const PLACE_BITS: u32 = 10;
const ROWS: usize = BUCKETS * ROOM;
const _: () = assert!(ROOM <= 1 << PLACE_BITS && BUCKET_BITS + 2 * PLACE_BITS == 32);

/// Bytes of a solution: the indices of 32 strings, 21 bits each.
pub const PROOF_BYTES: usize = LEAVES * INDEX_BITS as usize / 8;
/// Bytes that a run needs.
pub const MEMORY_BYTES: usize = ROWS * (2 * size_of::<u128>() + ROUNDS * size_of::<u32>());

/// Whether a proof solves Equihash for a message.
pub fn is_solution(message: &[u8], proof: &[u8]) -> bool {
    equihash::is_valid_solution(N, K, message, &[], proof).is_ok()
}

/// Rows of one round, in buckets. The digits that are left stand at the left.
struct Rows {
    rows: Vec<u128>,
    filled: Vec<u16>,
}

impl Rows {
    fn new() -> Self {
        Self { rows: vec![0; ROWS], filled: vec![0; BUCKETS] }
    }

    fn bucket(&self, bucket: usize) -> &[u128] {
        &self.rows[bucket * ROOM..][..usize::from(self.filled[bucket])]
    }

    /// Puts a row into its bucket and remembers where it is from, if there is room.
    #[inline]
    fn push(&mut self, row: u128, origin: u32, origins: &mut [u32]) {
        let bucket = (row >> (u128::BITS - BUCKET_BITS)) as usize;
        let place = usize::from(self.filled[bucket]);
        if place < ROOM {
            self.filled[bucket] += 1;
            self.rows[bucket * ROOM + place] = row;
            origins[bucket * ROOM + place] = origin;
        }
    }
}

/// The memory of a search, used again for each run.
pub struct Solver {
    rows: Rows,
    next: Rows,
    /// For each round, by the row's place: the index of its string at first, then the bucket and
    /// the two places of what it is the sum of.
    origins: [Vec<u32>; ROUNDS],
}

impl Solver {
    pub fn new() -> Self {
        let origins = std::array::from_fn(|_| vec![0; ROWS]);
        Self { rows: Rows::new(), next: Rows::new(), origins }
    }

    /// All solutions for a message, as proofs; none if it was stopped.
    pub fn run(&mut self, message: &[u8], stop: &dyn Fn() -> bool) -> Option<Vec<Vec<u8>>> {
        self.generate(message, stop)?;
        for round in 1..ROUNDS {
            let Self { rows, next, origins } = self;
            next.filled.fill(0);
            let origins = &mut origins[round];
            pairs(rows, stop, |sum, origin| {
                // Equal rows come of equal strings, of which no solution is made.
                if sum != 0 {
                    next.push(sum, origin, origins);
                }
            })?;
            std::mem::swap(rows, next);
        }
        let mut roots = Vec::new();
        pairs(&self.rows, stop, |sum, origin| {
            if sum == 0 {
                roots.push(origin);
            }
        })?;
        let mut solutions: Vec<Vec<u32>> =
            roots.into_iter().filter_map(|root| self.solution(root)).collect();
        solutions.sort_unstable();
        solutions.dedup();
        Some(solutions.iter().map(|indices| pack(indices)).collect())
    }

    /// The strings of a message, as rows.
    fn generate(&mut self, message: &[u8], stop: &dyn Fn() -> bool) -> Option<()> {
        let mut personal = *b"ZcashPoW\0\0\0\0\0\0\0\0";
        personal[8..12].copy_from_slice(&N.to_le_bytes());
        personal[12..].copy_from_slice(&K.to_le_bytes());
        let mut params = Params::new();
        params.hash_length(STRINGS_PER_HASH as usize * STRING_BYTES).personal(&personal);
        self.rows.filled.fill(0);
        let mut inputs: [Vec<u8>; LANES] =
            std::array::from_fn(|_| [message, &[0; size_of::<u32>()]].concat());
        for first in (0..STRINGS / STRINGS_PER_HASH).step_by(LANES) {
            if stop() {
                return None;
            }
            for (hash, input) in (first..).zip(&mut inputs) {
                input[message.len()..].copy_from_slice(&hash.to_le_bytes());
            }
            let mut jobs: [HashManyJob; LANES] =
                std::array::from_fn(|lane| HashManyJob::new(&params, &inputs[lane]));
            hash_many(&mut jobs);
            for (hash, job) in (first..).zip(&jobs) {
                let hashed = job.to_hash();
                let strings = hashed.as_bytes().chunks_exact(STRING_BYTES);
                for (index, string) in (hash * STRINGS_PER_HASH..).zip(strings) {
                    let mut row = [0; size_of::<u128>()];
                    row[..STRING_BYTES].copy_from_slice(string);
                    self.rows.push(u128::from_be_bytes(row), index, &mut self.origins[0]);
                }
            }
        }
        Some(())
    }

    /// The indices under a root, in the order of the specification; nothing if one is there twice.
    fn solution(&self, root: u32) -> Option<Vec<u32>> {
        let mut indices = vec![root];
        for origins in self.origins.iter().rev() {
            indices = indices
                .iter()
                .flat_map(|pair| {
                    let base = (pair >> (2 * PLACE_BITS)) as usize * ROOM;
                    let place = |shift| (pair >> shift) as usize & ((1 << PLACE_BITS) - 1);
                    [place(PLACE_BITS), place(0)].map(|place| origins[base + place])
                })
                .collect();
        }
        let mut distinct = indices.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < LEAVES {
            return None;
        }
        for half in (0..K).map(|level| 1 << level) {
            for subtree in indices.chunks_exact_mut(2 * half) {
                let (left, right) = subtree.split_at_mut(half);
                if left[0] > right[0] {
                    left.swap_with_slice(right);
                }
            }
        }
        Some(indices)
    }
}

/// Gives the sum, without the digit in which they agree, and the origin of each pair of rows that
/// agree in the first digit. Nothing if it was stopped.
fn pairs(rows: &Rows, stop: &dyn Fn() -> bool, mut pair: impl FnMut(u128, u32)) -> Option<()> {
    // Places are counted from one here; zero ends a chain.
    let mut before = [0u16; ROOM];
    for bucket in 0..BUCKETS {
        if stop() {
            return None;
        }
        let mut heads = [0u16; CELLS];
        let rows = rows.bucket(bucket);
        for (place, row) in rows.iter().enumerate() {
            let cell = (row >> (u128::BITS - DIGIT_BITS)) as usize % CELLS;
            let mut other = std::mem::replace(&mut heads[cell], place as u16 + 1);
            before[place] = other;
            while other > 0 {
                let at = usize::from(other) - 1;
                let places = (at << PLACE_BITS | place) as u32;
                pair((row ^ rows[at]) << DIGIT_BITS, (bucket as u32) << (2 * PLACE_BITS) | places);
                other = before[at];
            }
        }
    }
    Some(())
}

/// Indices, 21 bits each, the highest first.
fn pack(indices: &[u32]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(PROOF_BYTES);
    let (mut waiting, mut bits) = (0u64, 0);
    for index in indices {
        waiting = waiting << INDEX_BITS | u64::from(*index);
        bits += INDEX_BITS;
        while bits >= 8 {
            bits -= 8;
            packed.push((waiting >> bits) as u8);
        }
        waiting &= (1 << bits) - 1;
    }
    packed
}
