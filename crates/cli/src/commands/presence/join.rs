//! Taking part in a round: every core given works until the round is over.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use muster_api::presence::{Phase, Round, RoundReport};
use muster_api::{Address, Client, ClientError};
use muster_ledger::crypto::{PublicKey, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::presence::{Puzzle, Task, WORK_DOMAIN};
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;
use muster_puzzle::{Trial, Work, search_on_cores};

use super::round::{key_name, report, seconds};
use crate::keyring::Keyring;
use crate::meant::meant;
use crate::network::Network;
use crate::output;

/// How often the round is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How many blocks a solution may wait for its inclusion.
const EXPIRY_BLOCKS: u64 = 20;

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
    let (mut keys, mut tries, mut worked) = (Vec::new(), 0, Duration::ZERO);
    let mut seen = begun(&client, round).await?;
    while seen.round.phase == Phase::Open {
        let name = key_name(&chain, round, keys.len() as u32);
        let (key, _) = keyring.key(&name, Some(network))?;
        keys.push(key.public());
        if is_solved_by(&seen.round, &key.public()) {
            continue;
        }
        let task = task(&seen, key.public()).context("the round has not begun")?;
        let start = Instant::now();
        let found = work(&client, round, task, cores).await?;
        (tries, worked) = (tries + found.tries, worked + start.elapsed());
        if let Some(solution) = found.solution {
            hand_in(&client, &key, round, solution.nonce).await?;
        }
        seen = report(&client, round).await?;
    }
    let solved = seen.round.solutions.iter().map(|solution| solution.solver);
    let own = |solver: &Address| keys.contains(&solver.0);
    let joined = Joined {
        round,
        acted: seen.round.phase == Phase::Acted,
        cores: cores.get(),
        tries,
        tries_per_second: tries as f64 / worked.as_secs_f64().max(1e-3),
        solutions: solved.clone().filter(own).count(),
        first: solved.clone().next().as_ref().is_some_and(own),
    };
    if network.json {
        return output::print_json(&joined);
    }
    output::print(&told(&joined, &seen))
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

/// Waits until a round has begun.
async fn begun(client: &Client, round: u64) -> Result<RoundReport> {
    loop {
        let seen = report(client, round).await?;
        if seen.round.began_ms.is_some() {
            return Ok(seen);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn is_solved_by(round: &Round, key: &PublicKey) -> bool {
    round.solutions.iter().any(|solution| solution.solver.0 == *key)
}

/// What a key has to solve, once the round has begun.
fn task(seen: &RoundReport, solver: PublicKey) -> Option<Task> {
    let Round { puzzle, difficulty, challenge, .. } = &seen.round;
    Some(Task {
        puzzle: (*puzzle).into(),
        difficulty: *difficulty,
        challenge: challenge.as_ref()?.0,
        solver,
    })
}

/// Works on all cores until a solution is found or the round is over; says how many numbers were
/// tried.
async fn work(client: &Client, round: u64, task: Task, cores: NonZeroUsize) -> Result<Trial> {
    let stop = Arc::new(AtomicBool::new(false));
    // Whatever ends this future ends the search.
    let stopper = Stopper(stop.clone());
    let mut search = tokio::task::spawn_blocking(move || search(&task, cores, &stop));
    loop {
        tokio::select! {
            found = &mut search => return found.context("the search failed")?,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        // A node that does not answer for a moment is no reason to stop working.
        let Ok(seen) = report(client, round).await else { continue };
        if seen.round.phase != Phase::Open {
            stopper.0.store(true, Ordering::Relaxed);
            let found = search.await.context("the search failed")??;
            return Ok(Trial { solution: None, ..found });
        }
        let began = seen.round.began_ms.unwrap_or(seen.time_ms);
        let until = began.saturating_add(seen.round.deadline_ms);
        output::progress(&format!(
            "round {round}: {} left, {} of {} solutions",
            seconds(until.saturating_sub(seen.time_ms)),
            seen.round.solutions.len(),
            seen.round.solutions_wanted,
        ));
    }
}

/// Ends a search when it is dropped.
struct Stopper(Arc<AtomicBool>);

impl Drop for Stopper {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tries numbers on several cores until one solves the task or it is told to stop.
fn search(task: &Task, cores: NonZeroUsize, stop: &AtomicBool) -> Result<Trial> {
    let puzzle = match task.puzzle {
        Puzzle::Sha256 => muster_puzzle::Puzzle::Sha256,
    };
    let (challenge, solver) = (task.challenge.0, task.solver.0);
    let work = Work::new(puzzle, task.difficulty, *WORK_DOMAIN, challenge, solver)?;
    Ok(search_on_cores(&work, 0..u64::MAX, cores, &|| stop.load(Ordering::Relaxed)))
}

/// Hands a solution in, and waits until it is decided or comes too late.
async fn hand_in(client: &Client, key: &SecretKey, round: u64, nonce: u64) -> Result<()> {
    let action = Action::Solve { round: RoundId(round), nonce };
    let solution = client.prepare(key, action.into(), Grains::ZERO, EXPIRY_BLOCKS).await?;
    match client.submit(&solution).await {
        Ok(_) => {}
        // Another was faster: whether the round is over is looked at next.
        Err(ClientError::Problem { problem, .. }) if problem.status < 500 => {
            output::say(&format!("the solution comes too late: {}", problem.detail));
        }
        Err(error) => return Err(error.into()),
    }
    loop {
        let seen = report(client, round).await?;
        let over = seen.round.phase != Phase::Open;
        if over || is_solved_by(&seen.round, &key.public()) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_ledger::crypto::Hash;

    #[test]
    fn what_is_found_is_what_the_ledger_takes() {
        let solver = SecretKey::from_seed([1; 32]).public();
        let puzzle = Puzzle::Sha256;
        let task = Task { puzzle, difficulty: 50_000, challenge: Hash([7; 32]), solver };
        let cores = NonZeroUsize::new(3).expect("three");
        let found = search(&task, cores, &AtomicBool::new(false)).expect("possible");
        assert!(task.is_solved_by(found.solution.expect("there are numbers enough").nonce));
        let stopped = search(&task, cores, &AtomicBool::new(true)).expect("possible");
        assert_eq!((stopped.solution, stopped.tries), (None, 0));
        assert!(search(&Task { difficulty: 0, ..task }, cores, &AtomicBool::new(true)).is_err());
    }
}
