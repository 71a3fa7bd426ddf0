//! Taking part in a round: every core given works until the round is over.

use std::num::NonZeroUsize;

use anyhow::Result;
use muster_api::presence::{Phase, RoundReport};
use muster_ledger::money::Grains;
use muster_presence::board::Standing;
use muster_presence::{Effort, KEYS, participate};

use super::round::{key_name, seconds};
use crate::keyring::Keyring;
use crate::meant::meant;
use crate::network::Network;
use crate::output;

/// What taking part came to, for scripts.
#[derive(serde::Serialize)]
struct Joined {
    round: u64,
    acted: bool,
    cores: usize,
    /// Numbers tried.
    tries: u64,
    tries_per_second: f64,
    /// Those of the round's solutions that are this wallet's.
    solutions: usize,
    /// Whether its first solution is this wallet's, so that the prize can be claimed.
    first: bool,
}

/// Works until the round is over, with a key for each solution.
pub async fn run(
    network: &Network,
    keyring: &Keyring,
    round: u64,
    cores: NonZeroUsize,
) -> Result<()> {
    let client = network.client()?;
    let (_, only) = keyring.key("user", Some(network))?;
    let chain = meant(network, &client, only).await?.chain;
    let key = |count| Ok(keyring.key(&key_name(&chain, round, count), Some(network))?.0);
    let keys = (0..KEYS).map(key).collect::<Result<Vec<_>>>()?;
    let done = participate(&client, round, Effort::Cores(cores), &keys, show).await?;
    let first = done.round.solutions.first();
    let joined = Joined {
        round,
        acted: done.round.phase == Phase::Acted,
        cores: cores.get(),
        tries: done.tries,
        tries_per_second: done.tries as f64 / done.worked.as_secs_f64().max(1e-3),
        solutions: done.solutions(&keys).count(),
        first: first.is_some_and(|first| keys.iter().any(|key| key.public() == first.solver.0)),
    };
    if network.json {
        return output::print_json(&joined);
    }
    output::print(&told(&joined, &client.round(round).await?))
}

/// Shows how a round stands.
fn show(standing: &Standing) {
    let Standing { time_ms, round, .. } = standing;
    let began = round.began_ms.unwrap_or(*time_ms);
    let until = began.saturating_add(round.deadline_ms);
    output::progress(&format!(
        "round {}: {} left, {} of {} solutions",
        round.id,
        seconds(until.saturating_sub(*time_ms)),
        round.solutions.len(),
        round.solutions_wanted,
    ));
}

/// What came of it, for people.
fn told(joined: &Joined, seen: &RoundReport) -> String {
    let Joined { round, cores, tries, tries_per_second, solutions, first, .. } = joined;
    let mut text = super::show::verdict(seen);
    text.push_str(&format!(
        "\nthis machine made {tries} tries on {cores} cores ({:.3} million a second) and {}",
        tries_per_second / 1e6,
        match solutions {
            0 => "found no solution that counts".to_owned(),
            1 => "found a solution".to_owned(),
            more => format!("found {more} solutions"),
        },
    ));
    if *first && seen.round.prize.grains() > 0 {
        let prize = Grains(seen.round.prize.grains());
        text.push_str(&format!(
            "\nit was the first: claim the prize of {prize} with `muster presence claim {round}`"
        ));
    }
    text
}
