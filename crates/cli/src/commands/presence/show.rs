//! Rounds as people read them.

use anyhow::Result;
use muster_api::account;
use muster_api::presence::{Phase, Round, RoundReport, Unlocked, Unlocks};
use muster_ledger::money::Grains;
use muster_ledger::presence::Puzzle;

use super::round::seconds;
use crate::network::Network;
use crate::output::{self, Align, Table, mst};
use crate::unlocks::words;

/// Beliefs of so many numbers are shown one by one; longer ones by what half of it lies below.
const ROWS_MAX: usize = 24;
/// The widest bar, in letters.
const BAR: usize = 30;

/// All rounds that are not forgotten.
pub async fn list(network: &Network) -> Result<()> {
    let rounds = network.client()?.rounds().await?;
    if network.json {
        return output::print_json(&rounds);
    }
    if rounds.rounds.is_empty() {
        return output::print("no round is open, and none was lately");
    }
    let mut table = Table::new(&[
        ("round", Align::Right),
        ("state", Align::Left),
        ("deadline", Align::Right),
        ("T°", Align::Right),
        ("T*", Align::Right),
        ("solutions", Align::Right),
        ("prize (MST)", Align::Right),
        ("opener", Align::Left),
    ]);
    for round in &rounds.rounds {
        table.row(vec![
            round.id.to_string(),
            state(round),
            seconds(round.deadline_ms),
            seconds(round.best_ms),
            seconds(round.largest_ms),
            format!("{}/{}", round.solutions.len(), round.solutions_wanted),
            mst(round.prize.grains()),
            round.opener.to_string(),
        ]);
    }
    table.print()
}

/// One round, with beliefs before and after it was solved.
pub async fn one(network: &Network, round: u64) -> Result<()> {
    let seen = network.client()?.round(round).await?;
    if network.json {
        return output::print_json(&seen);
    }
    let Round { deadline_ms, best_ms, largest_ms, difficulty, solutions, .. } = &seen.round;
    let mut text = verdict(&seen);
    text.push_str(&format!(
        "\n\ndeadline {} (T° {}, T* {}), {} of {} solutions of {difficulty} tries of {} each\n\
         who was there expected it to be solved in time with a probability of {:.1}%\n",
        seconds(*deadline_ms),
        seconds(*best_ms),
        seconds(*largest_ms),
        solutions.len(),
        seen.round.solutions_wanted,
        Puzzle::from(seen.round.puzzle).name(),
        100.0 * seen.acting_probability,
    ));
    text.push_str(&money(&seen.round)?);
    output::print(&text)?;
    beliefs(&seen)
}

/// How a round stands, in a sentence.
pub fn verdict(seen: &RoundReport) -> String {
    let Round { id, phase, solutions, .. } = &seen.round;
    match phase {
        Phase::Open => format!("round {id} is open: {}", clock(seen)),
        Phase::Acted => {
            let after = solutions.last().map_or(0, |last| last.after_ms);
            let players = seen.posterior.as_deref().map_or(f64::NAN, mean);
            format!(
                "round {id} was solved after {}, in time: those who are there act; {players:.1} \
                 players are expected now, {:.1} were before",
                seconds(after),
                mean(&seen.prior),
            )
        }
        Phase::Lapsed => format!(
            "round {id} was not solved within {}: nobody acts",
            seconds(seen.round.deadline_ms)
        ),
    }
}

fn clock(seen: &RoundReport) -> String {
    match seen.round.began_ms {
        None => "it begins with the next block".to_owned(),
        Some(began) => {
            let until = began.saturating_add(seen.round.deadline_ms);
            format!("{} are left", seconds(until.saturating_sub(seen.time_ms)))
        }
    }
}

fn state(round: &Round) -> String {
    match (round.phase, round.solutions.last()) {
        (Phase::Open, _) if round.began_ms.is_none() => "opened".to_owned(),
        (Phase::Open, _) => "open".to_owned(),
        (Phase::Acted, Some(last)) => format!("solved after {}", seconds(last.after_ms)),
        (Phase::Acted, None) => "solved".to_owned(),
        (Phase::Lapsed, _) => "lapsed".to_owned(),
    }
}

/// Deposit, prize, and what it unlocks.
fn money(round: &Round) -> Result<String> {
    let mut lines = Vec::new();
    if let Some(Unlocked { action, carried_out, .. }) = &round.unlocks {
        let what = match action {
            Unlocks::Account(account::Action::Transfer { to, amount }) => {
                format!("{} for {to}", Grains(amount.grains()))
            }
            other => words(other)?,
        };
        lines.push(match (round.phase, carried_out) {
            (Phase::Open, _) => format!("it unlocks {what}"),
            (Phase::Acted, Some(true)) => format!("it unlocked {what}"),
            (Phase::Acted, _) => format!("it was to unlock {what}, which was refused then"),
            (Phase::Lapsed, _) => format!("it was to unlock {what}, and did not"),
        });
    }
    let prize = round.prize.grains();
    if prize > 0 {
        lines.push(format!("the prize of the first solution is {}", Grains(prize)));
    }
    Ok(lines.join("\n"))
}

/// The number of players, before and after.
fn beliefs(seen: &RoundReport) -> Result<()> {
    let posterior = seen.posterior.as_deref();
    if seen.prior.len() > ROWS_MAX {
        let (low, median, high) = spread(posterior.unwrap_or(&seen.prior));
        let when = if posterior.is_some() { "now" } else { "before" };
        return output::print(&format!(
            "players expected {when}: {median} as likely as not, {low} to {high} with 90%"
        ));
    }
    let shown = posterior.unwrap_or(&seen.prior);
    let top = shown.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let mut table = Table::new(&[
        ("players", Align::Right),
        ("before", Align::Right),
        ("once solved", Align::Right),
        ("", Align::Left),
    ]);
    for (index, prior) in seen.prior.iter().enumerate() {
        let after = posterior.and_then(|posterior| posterior.get(index));
        let share = |p: &f64| format!("{:.1}%", 100.0 * p);
        let bar = (shown.get(index).unwrap_or(&0.0) / top * BAR as f64).round() as usize;
        table.row(vec![
            (index + 1).to_string(),
            share(prior),
            after.map_or_else(|| "–".to_owned(), share),
            "█".repeat(bar),
        ]);
    }
    table.print()
}

/// The mean of a belief about the number of players, from 1.
pub fn mean(belief: &[f64]) -> f64 {
    belief.iter().enumerate().map(|(index, p)| p * (index + 1) as f64).sum()
}

/// Below which number a twentieth, half and nineteen twentieths of a belief lie.
fn spread(belief: &[f64]) -> (usize, usize, usize) {
    (quantile(belief, 0.05), quantile(belief, 0.5), quantile(belief, 0.95))
}

/// The least number of players, from 1, up to which this share of a belief lies.
pub fn quantile(belief: &[f64], share: f64) -> usize {
    let mut total = 0.0;
    let reached = belief.iter().position(|p| {
        total += p;
        total >= share
    });
    reached.unwrap_or(belief.len().saturating_sub(1)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_belief_is_told_by_its_middle_and_its_ends() {
        let even = vec![0.01; 100];
        assert_eq!(spread(&even), (5, 50, 95));
        assert!((mean(&even) - 50.5).abs() < 1e-9);
        assert_eq!(spread(&[1.0]), (1, 1, 1));
        let belief = [0.02, 0.5, 0.45, 0.03];
        assert!((mean(&belief) - 2.49).abs() < 1e-9);
        assert_eq!((quantile(&belief, 0.025), quantile(&belief, 0.975)), (2, 4));
    }
}
