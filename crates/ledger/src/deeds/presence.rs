//! Presence: rounds that tell an anonymous crowd whether enough of it is there to act.
//!
//! A round is opened with beliefs and payoffs, of which the ledger itself computes T° and `T*`. It
//! begins with the next block, whose predecessor's hash makes the puzzle, so that nobody can have
//! worked on it before, but who proposed that predecessor, while it was being agreed. Its clock is
//! the blocks' time: it is solved if enough solutions stand in blocks of at most T after its
//! beginning. Some blocks after it is over it is forgotten.
//!
//! A solution is bound to the key that signs it. Whoever copies one from others' transactions has
//! copied the key along, and the prize goes where that key says.
//!
//! What a round unlocks is carried out with the last solution, by the rules for every other action,
//! with the money that was held for it since the round was opened. If it is refused then, the round
//! has acted all the same.

use std::sync::Arc;

use super::{account, agenda, governance, market, stake};
use crate::crypto::{Hash, PublicKey};
use crate::money::Grains;
use crate::outcome::Rejection;
use crate::outcome::presence::{self as outcome, Event};
use crate::presence::{Deadlines, Design, challenge};
use crate::state::presence::{
    Beginning, Due, Phase, Round, Rounds, Solution, Unlocked, design, round, rounds,
};
use crate::state::{Read, chain};
use crate::transaction::presence::{Action, Unlocks};
use crate::transition::Transition;
use crate::types::RoundId;

/// Carries out an action.
pub(crate) fn act(
    transition: &mut Transition,
    signer: &PublicKey,
    action: &Action,
) -> Result<(), Rejection> {
    match action {
        Action::Open { design, unlocks, prize, deposit_max } => {
            let (unlocks, prize, deposit_max) = (unlocks.clone(), *prize, *deposit_max);
            open(transition, signer, design, OpeningTerms { unlocks, prize, deposit_max })
        }
        Action::Solve { round, solution } => solve(transition, signer, *round, solution),
        Action::Claim { round, to } => claim(transition, signer, *round, to),
    }
}

/// Begins the rounds that the last block opened, and ends those whose deadline has passed.
/// `previous` is the hash of that block.
pub(crate) fn begin_block(transition: &mut Transition, previous: &Hash) -> Result<(), Rejection> {
    let (time_ms, chain) = (transition.clock().time_ms, transition.clock().chain);
    for id in all(transition).open {
        let Some(found) = transition.entry(round(id)).cloned() else { continue };
        let chosen_ms = found.deadlines.chosen_ms;
        match found.beginning {
            None => {
                let challenge = challenge(&chain, id, previous);
                let beginning = Some(Beginning { challenge, time_ms });
                transition.put(round(id), Arc::new(Round { beginning, ..(*found).clone() }));
                let until_ms = time_ms.saturating_add(chosen_ms);
                transition.event(Event::Begun { round: id, challenge, time_ms, until_ms });
            }
            Some(beginning) if time_ms - beginning.time_ms > chosen_ms => {
                let solutions = found.solutions.len() as u8;
                transition.event(Event::Lapsed { round: id, solutions });
                close(transition, id, (*found).clone(), Phase::Lapsed)?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Does what falls due.
pub(crate) fn due(transition: &mut Transition, due: Due) -> Result<(), Rejection> {
    match due {
        Due::Forgetting(id) => {
            let Some(found) = transition.entry(round(id)).cloned() else { return Ok(()) };
            transition.remove(round(id));
            transition.remove(design(id));
            transition.credit(&found.opener, found.prize)?;
            transition.event(Event::Forgotten { round: id, returned: found.prize });
            Ok(())
        }
    }
}

/// On what terms a round is opened, beside its design.
struct OpeningTerms {
    unlocks: Option<Unlocks>,
    prize: Grains,
    deposit_max: Grains,
}

/// Which rounds there are; none before the first.
fn all(transition: &Transition) -> Rounds {
    transition.entry(rounds(())).map(|all| all.as_ref().clone()).unwrap_or_default()
}

fn open(
    transition: &mut Transition,
    opener: &PublicKey,
    wanted: &Design,
    terms: OpeningTerms,
) -> Result<(), Rejection> {
    let OpeningTerms { unlocks, prize, deposit_max } = terms;
    let mut all = all(transition);
    let deposit = deposit(transition, opener, &all)?;
    if deposit > deposit_max {
        return Err(outcome::Rejection::Deposit { needed: deposit, deposit_max }.into());
    }
    let least = transition.parameters().account_deposit;
    if !prize.is_zero() && prize < least {
        return Err(outcome::Rejection::Prize { prize, deposit: least }.into());
    }
    let deadlines = deadlines(transition, wanted)?;
    let unlocks = unlocks.map(|action| {
        let held = action.spends(transition.parameters());
        Unlocked { action, held, carried_out: None }
    });
    let held = unlocks.as_ref().map_or(Grains::ZERO, |unlocked| unlocked.held);
    let taken = deposit.checked_add(prize).and_then(|taken| taken.checked_add(held));
    transition.debit(opener, taken.ok_or(Rejection::Overflow)?)?;
    let id = all.next;
    all.next = RoundId(id.0.checked_add(1).ok_or(Rejection::Overflow)?);
    all.open.push(id);
    transition.put(rounds(()), Arc::new(all));
    let opener = *opener;
    let opened = Round {
        opener,
        deadlines,
        unlocks,
        deposit,
        prize,
        beginning: None,
        solutions: Vec::new(),
        phase: Phase::Open,
    };
    transition.put(round(id), Arc::new(opened));
    transition.put(design(id), Arc::new(wanted.clone()));
    transition.event(Event::Opened { round: id, opener, deadlines, held, prize, deposit });
    Ok(())
}

/// What a further round takes as a deposit, if the opener may have one.
fn deposit(transition: &Transition, opener: &PublicKey, all: &Rounds) -> Result<Grains, Rejection> {
    let parameters = transition.parameters();
    let count = all.open.len() as u64;
    if count >= parameters.presence_rounds_max {
        return Err(outcome::Rejection::Full { count }.into());
    }
    let own = |id: &&RoundId| transition.entry(round(**id)).is_some_and(|r| r.opener == *opener);
    if let Some(id) = all.open.iter().find(own) {
        return Err(outcome::Rejection::Own { round: *id }.into());
    }
    // Enough to open an account with, where its owner has closed theirs meanwhile.
    let one = parameters.presence_deposit.max(parameters.account_deposit);
    one.0.checked_mul(1 + count).map(Grains).ok_or(Rejection::Overflow)
}

/// What follows from a design, if it is one that the parameters allow.
fn deadlines(transition: &Transition, wanted: &Design) -> Result<Deadlines, Rejection> {
    let parameters = transition.parameters();
    let deadlines = wanted
        .deadlines(parameters.block_time_ms)
        .map_err(|error| outcome::Rejection::design(&error))?;
    let (chosen_ms, largest_ms) = (deadlines.chosen_ms, parameters.presence_deadline_max_ms);
    if chosen_ms > largest_ms {
        return Err(outcome::Rejection::Deadline { chosen_ms, largest_ms }.into());
    }
    Ok(deadlines)
}

fn solve(
    transition: &mut Transition,
    solver: &PublicKey,
    id: RoundId,
    solution: &muster_puzzle::Solution,
) -> Result<(), Rejection> {
    let none = outcome::Rejection::NoRound { round: id };
    let found = transition.entry(round(id)).cloned().ok_or(none.clone())?;
    if found.phase != Phase::Open {
        return Err(outcome::Rejection::Over { round: id }.into());
    }
    let design = transition.entry(design(id)).cloned().ok_or(none)?;
    let not_begun = outcome::Rejection::NotBegun { round: id };
    let begun_ms = found.beginning.ok_or(not_begun.clone())?.time_ms;
    let work = found.work(&design, solver).ok_or(not_begun)?;
    if found.solutions.iter().any(|solution| solution.solver == *solver) {
        return Err(outcome::Rejection::SolvedBefore { round: id }.into());
    }
    work.check(solution).map_err(|refusal| outcome::Rejection::solution(id, refusal))?;
    let mut solved = (*found).clone();
    // What is late was closed when the block began.
    let after_ms = transition.clock().time_ms - begun_ms;
    solved.solutions.push(Solution { solver: *solver, after_ms });
    let missing = design.solutions - solved.solutions.len() as u8;
    transition.event(Event::Solved { round: id, solver: *solver, after_ms, missing });
    if missing > 0 {
        transition.put(round(id), Arc::new(solved));
        return Ok(());
    }
    transition.event(Event::Acted { round: id });
    close(transition, id, solved, Phase::Acted)
}

/// Ends a round: the deposit goes back, and so does the prize where nobody solved anything. So does
/// what was held for what it unlocks, which is then carried out where the round has acted.
fn close(
    transition: &mut Transition,
    id: RoundId,
    mut closed: Round,
    phase: Phase,
) -> Result<(), Rejection> {
    let mut all = all(transition);
    all.open.retain(|open| *open != id);
    transition.put(rounds(()), Arc::new(all));
    let deposit = std::mem::take(&mut closed.deposit);
    transition.credit(&closed.opener, deposit)?;
    if closed.solutions.is_empty() {
        let prize = std::mem::take(&mut closed.prize);
        transition.credit(&closed.opener, prize)?;
    }
    let opener = closed.opener;
    if let Some(unlocked) = &mut closed.unlocks {
        let held = std::mem::take(&mut unlocked.held);
        transition.credit(&opener, held)?;
        if phase == Phase::Acted {
            unlocked.carried_out = Some(unlock(transition, id, &opener, &unlocked.action, held));
        }
    }
    closed.phase = phase;
    transition.put(round(id), Arc::new(closed));
    let height = transition.clock().height.after(transition.parameters().presence_keep_blocks);
    agenda::add(transition, height, chain::Due::Presence(Due::Forgetting(id)));
    Ok(())
}

/// Carries out what a round unlocks, for no more than was held for it, and says what came of it.
fn unlock(
    transition: &mut Transition,
    id: RoundId,
    opener: &PublicKey,
    action: &Unlocks,
    held: Grains,
) -> bool {
    let done = transition.attempt(|transition| {
        // A vote may have made it dearer since.
        let needed = action.spends(transition.parameters());
        if needed > held {
            return Err(outcome::Rejection::Dearer { needed, held }.into());
        }
        match action {
            Unlocks::Account(action) => account::act(transition, opener, action),
            Unlocks::Stake(action) => stake::act(transition, opener, action),
            Unlocks::Market(action) => market::act(transition, opener, action),
            Unlocks::Governance(action) => governance::act(transition, opener, action),
        }
    });
    transition.event(match &done {
        Ok(()) => Event::Unlocked { round: id },
        Err(refused) => Event::NotUnlocked { round: id, reason: refused.to_string() },
    });
    done.is_ok()
}

/// Pays the prize to whom the first solver names.
fn claim(
    transition: &mut Transition,
    solver: &PublicKey,
    id: RoundId,
    to: &PublicKey,
) -> Result<(), Rejection> {
    let none = outcome::Rejection::NoRound { round: id };
    let mut found = transition.entry(round(id)).ok_or(none)?.as_ref().clone();
    if found.solutions.first().is_none_or(|first| first.solver != *solver) {
        return Err(outcome::Rejection::NotFirst { round: id }.into());
    }
    let amount = std::mem::take(&mut found.prize);
    if amount.is_zero() {
        return Err(outcome::Rejection::NoPrize { round: id }.into());
    }
    account::check_receiver(transition, to, amount)?;
    transition.put(round(id), Arc::new(found));
    transition.credit(to, amount)?;
    transition.event(Event::Claimed { round: id, solver: *solver, to: *to, amount });
    Ok(())
}
