//! Taking part in presence rounds: whoever is there shows it by its work.
//!
//! A peer or validator works in every round that is open, as one of the machines that the round
//! reckons with and no faster, within a part of one core that leaves its other work alone, and
//! stops when the round is over. Each solution is signed with a key of its own, made from the own
//! key, the chain, the round and a count: nobody else can tell whose it is, and its owner finds it
//! again.
//!
//! - [`work`]: the search, on a thread of its own;
//! - [`round`]: one round until it is over;
//! - [`keep`]: all rounds, for ever, and the prizes;
//! - [`board`]: how the ledger is asked.

pub mod board;
pub mod keep;
pub mod round;
pub mod work;

use muster_ledger::crypto::{Hash, SecretKey, hash};

pub use board::{Board, BoardError};
pub use keep::{Keeper, work_in};
pub use round::{Participation, PresenceError, participate};
pub use work::{Budget, Effort};

/// Most solutions of one machine in one round: as many as a round can ask for.
pub const KEYS: u32 = 32;

/// The key with which the owner of a secret signs its solution of this count in a round.
#[must_use]
pub fn solver_key(secret: &SecretKey, chain: &Hash, round: u64, count: u32) -> SecretKey {
    let parts: [&[u8]; 4] =
        [&secret.seed()[..], &chain.0, &round.to_le_bytes(), &count.to_le_bytes()];
    SecretKey::from_seed(hash("presence solver", &parts).0)
}

/// All of them.
#[must_use]
pub fn solver_keys(secret: &SecretKey, chain: &Hash, round: u64) -> Vec<SecretKey> {
    (0..KEYS).map(|count| solver_key(secret, chain, round, count)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_key_is_of_one_chain_one_round_and_one_count() {
        let (one, other) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
        let chain = Hash([3; 32]);
        let keys = [
            solver_key(&one, &chain, 0, 0),
            solver_key(&one, &chain, 0, 1),
            solver_key(&one, &chain, 1, 0),
            solver_key(&one, &Hash([4; 32]), 0, 0),
            solver_key(&other, &chain, 0, 0),
            one.clone(),
        ];
        let different: BTreeSet<[u8; 32]> = keys.iter().map(|key| key.public().0).collect();
        assert_eq!(different.len(), keys.len());
        let all = solver_keys(&one, &chain, 0);
        assert_eq!(all.len(), KEYS as usize);
        assert_eq!(all[1].public(), keys[1].public());
    }
}
