//! Runs: one seed, and the search for the shortest plan that still fails.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use muster_ledger::crypto::Hash;

use crate::law::Violation;
use crate::mutation::Mutation;
use crate::plan::Plan;
use crate::trace::{Tally, Trace};
use crate::world::World;

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The plan.
    pub plan: Plan,
    /// The rule that was broken, if one was.
    pub violation: Option<Violation>,
    /// The highest height that was decided.
    pub height: u64,
    /// How long it took in virtual time, milliseconds.
    pub virtual_ms: u64,
    /// How many events there were.
    pub events: u64,
    /// What was in it.
    pub tally: Tally,
    /// The digest of all events.
    pub digest: Hash,
    /// The events in words, where they were asked for.
    pub lines: Vec<String>,
}

/// Runs a plan.
pub fn run(plan: Plan, mutation: Option<Mutation>, in_words: bool) -> Report {
    let trace = if in_words { Trace::in_words() } else { Trace::default() };
    let mut world = World::new(plan.clone(), mutation, trace);
    let violation = loop {
        // A panic is a fault like any other, and belongs to the seed.
        match catch_unwind(AssertUnwindSafe(|| world.step())) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => break None,
            Ok(Err(violation)) => break Some(violation),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                let what = format!("it panicked: {}", text.unwrap_or("without a word"));
                break Some(Violation { at_ms: world.now_ms(), node: 0, what });
            }
        }
    };
    Report {
        plan,
        violation,
        height: world.top(),
        virtual_ms: world.now_ms(),
        events: world.trace.events(),
        tally: world.trace.tally,
        digest: world.trace.digest(),
        lines: world.trace.lines().to_vec(),
    }
}

/// The places of the fewest faults of a plan that were found to break a rule: one after the other
/// is left out for as long as it still fails.
pub fn shorten(plan: &Plan, mutation: Option<Mutation>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..plan.faults.len()).collect();
    let mut place = 0;
    while place < kept.len() {
        let mut fewer = kept.clone();
        fewer.remove(place);
        if run(plan.keep(&fewer), mutation, false).violation.is_some() {
            kept = fewer;
        } else {
            place += 1;
        }
    }
    kept
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, height, virtual_ms, events, digest, .. } = self;
        let (seed, validators) = (plan.seed, plan.validators);
        write!(
            f,
            "seed {seed}: {validators} validators, {} faults, height {height}, {virtual_ms} ms, \
             {events} events, digest {}",
            plan.faults.len(),
            &digest.to_string()[..16]
        )?;
        match &self.violation {
            Some(violation) => write!(f, "\n  BROKEN {violation}"),
            None => Ok(()),
        }
    }
}
