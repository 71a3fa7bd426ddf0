//! A flooder: hands in numbers that solve nothing, each with a key of its own, as long as a round
//! is open.

use std::time::{Duration, Instant};

use muster_api::Client;
use muster_api::presence::Phase;
use muster_ledger::crypto::{SecretKey, hash};
use muster_ledger::money::Grains;
use muster_ledger::presence::{Puzzle, Solution};
use muster_ledger::transaction::presence::Action;
use muster_ledger::transaction::{SignedTransaction, Transaction};
use muster_ledger::types::{Height, RoundId};

use muster_presence::board::EXPIRY_BLOCKS;
use muster_presence::round::{LOOK_INTERVAL, PresenceError, begun, look};

/// How long it waits between two numbers.
const PAUSE: Duration = Duration::from_millis(20);

/// Floods a round until it is over, and says what came of it.
pub async fn flood(client: &Client, round: u64, keys: &[SecretKey]) -> Result<(), PresenceError> {
    let mut standing = begun(client, round).await?;
    let mut looked = Instant::now();
    let (mut refused, mut taken, mut unanswered) = (0u64, 0u64, 0u64);
    let puzzle = Puzzle::from(standing.round.puzzle);
    let Some((chain, secret)) = client.pinned().zip(keys.first()) else { return Ok(()) };
    while standing.round.phase == Phase::Open {
        tokio::time::sleep(PAUSE).await;
        let count = refused + taken + unanswered;
        let seed = hash("junk solver", &[&secret.seed()[..], &count.to_le_bytes()]);
        let key = SecretKey::from_seed(seed.0);
        let transaction = Transaction {
            chain,
            signer: key.public(),
            nonce: 0,
            expires: Height(standing.height.saturating_add(EXPIRY_BLOCKS)),
            tip: Grains::ZERO,
            action: Action::Solve {
                round: RoundId(round),
                solution: Solution { nonce: count, proof: vec![0; puzzle.proof_bytes()] },
            }
            .into(),
        };
        match client.submit(&SignedTransaction::sign(transaction, &key)).await {
            Ok(_) => taken += 1,
            Err(error) if error.status().is_some() => refused += 1,
            Err(_) => unanswered += 1,
        }
        if looked.elapsed() >= LOOK_INTERVAL {
            looked = Instant::now();
            standing = look(client, round).await?.unwrap_or(standing);
        }
    }
    tracing::info!(round, refused, taken, unanswered, "a presence round is over for a flooder");
    Ok(())
}
