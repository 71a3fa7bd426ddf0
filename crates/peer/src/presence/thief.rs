//! A thief: hands in as its own what others found, as soon as it stands in a block.

use std::collections::BTreeSet;

use muster_api::Client;
use muster_api::presence::{Action as Said, Phase};
use muster_ledger::crypto::SecretKey;
use muster_ledger::presence::Solution;
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;

use muster_presence::board::{Board, BoardError};
use muster_presence::round::{LOOK_INTERVAL, PresenceError, begun, look};

/// Steals in a round until it is over, and says what came of it.
pub async fn steal(client: &Client, round: u64, keys: &[SecretKey]) -> Result<(), PresenceError> {
    let mut standing = begun(client, round).await?;
    let mut looked_at = standing.height;
    let (mut stolen, mut taken) = (BTreeSet::new(), 0);
    let mut keys = keys.iter();
    while standing.round.phase == Phase::Open {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let Some(newer) = look(client, round).await? else { continue };
        standing = newer;
        while looked_at < standing.height {
            let Ok(found) = solved(client, looked_at + 1, round).await else { break };
            looked_at += 1;
            for solution in found.into_iter().filter(|found| stolen.insert(found.nonce)) {
                let Some(key) = keys.next() else { break };
                let action = Action::Solve { round: RoundId(round), solution };
                let signed = Board::prepare(client, key, action).await?;
                match Board::submit(client, &signed).await {
                    Ok(()) => taken += 1,
                    Err(error) => tracing::info!(round, %error, "a stolen solution was refused"),
                }
            }
        }
    }
    tracing::info!(round, stolen = stolen.len(), taken, "a presence round is over for a thief");
    Ok(())
}

/// What solved a round in a block.
async fn solved(client: &Client, height: u64, wanted: u64) -> Result<Vec<Solution>, BoardError> {
    let items = client.block(height).await?.items;
    let solved = items.into_iter().filter_map(|item| match item.action {
        muster_api::Action::Presence(Said::SolveRound { round, nonce, proof }) => {
            (round == wanted).then_some(Solution { nonce, proof: proof.0 })
        }
        _ => None,
    });
    Ok(solved.collect())
}
