//! Presence rounds by the hundred: seeded crowds do real work on a simulated clock, blocks come
//! when somebody found something, and what the ledger says of it agrees with the closed form.
//!
//! Everything follows from one seed, so that the statistics below are the same on every machine.
//! Where a statistic is compared with a quantile, it is that of 1%: a law that holds is refused by
//! one seed in a hundred, once, when the seed is chosen, and never again.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use muster_ledger::execute::Execution;
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::presence::{Belief, Design, Payoff, Solution};
use muster_ledger::state::presence::Phase;
use muster_ledger::transaction::SignedTransaction;
use muster_ledger::transaction::presence::Action;
use muster_ledger::types::RoundId;
use muster_mechanism::presence::{Game, Seconds};

use crate::actions::Numbers;
use crate::support::{Chain, address, find, genesis, listed, mst, real};

const SEED: u64 = 20_261_122;
const ROUNDS: u64 = 2_000;
const PLAYERS: [f64; 8] = [0.08, 0.15, 0.19, 0.19, 0.16, 0.12, 0.07, 0.04];
const MALICIOUS: [f64; 3] = [0.7, 0.25, 0.05];
const SOLUTIONS: u8 = 4;
const DIFFICULTY: u64 = 2_000;
const TRIES_PER_SECOND: f64 = 500.0;

/// Eight at most, worth something to each other; a machine finds a solution in four seconds.
fn design() -> Design {
    Design {
        players: Belief::Listed(listed(&PLAYERS)),
        malicious: Belief::Listed(listed(&MALICIOUS)),
        payoff: Payoff::Linear { alone: real(0.0), step: real(1.0) },
        null_payoff: real(3.5),
        difficulty: DIFFICULTY,
        tries_per_second: real(TRIES_PER_SECOND),
        solutions: SOLUTIONS,
        ..crate::support::design()
    }
}

/// One round as it went.
struct Played {
    players: usize,
    machines: usize,
    /// When the last solution that was needed was found, seconds after the beginning.
    found: f64,
    /// What the ledger says: when the last solution came in, where it acted.
    solved_ms: Option<u64>,
}

/// A machine at work, and what it finds next.
#[derive(PartialEq)]
struct Machine {
    name: String,
    /// How many it has found.
    count: u32,
    /// Numbers tried so far, and the last of them for this key.
    tries: u64,
    found: u64,
}

impl Eq for Machine {}

impl PartialOrd for Machine {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The first that finds something is the greatest.
impl Ord for Machine {
    fn cmp(&self, other: &Self) -> Ordering {
        other.tries.cmp(&self.tries).then_with(|| other.name.cmp(&self.name))
    }
}

impl Machine {
    fn key(&self) -> String {
        format!("{}, solution {}", self.name, self.count)
    }

    /// Searches on, with the next key.
    fn search(&mut self, chain: &Chain, id: RoundId) {
        let (round, design) = chain.state.round(id).unwrap();
        let work = round.work(design, &address(&self.key())).unwrap();
        self.found = find(&work, 0).nonce;
        self.tries += self.found + 1;
    }

    fn seconds(&self) -> f64 {
        self.tries as f64 / TRIES_PER_SECOND
    }
}

/// A block at a time, which must take all of these.
fn block(chain: &mut Chain, time_ms: u64, candidates: Vec<SignedTransaction>) -> Execution {
    let count = candidates.len();
    let (included, execution) = chain.proposed_at(time_ms, candidates);
    assert_eq!(included.len(), count);
    let root = chain.header.state_root;
    let block = execution.block(&chain.header, chain.proposer(), included, root);
    chain.state = execution.state.clone();
    chain.header = block.header;
    execution
}

/// Plays a round with so many players and malicious machines, which all work alike.
fn play(chain: &mut Chain, id: RoundId, players: usize, malicious: usize) -> Played {
    let open = Action::Open {
        design: Box::new(design()),
        unlocks: None,
        prize: Grains::ZERO,
        deposit_max: mst(1),
    };
    let opening = vec![chain.sign("alice", 0, open)];
    block(chain, chain.header.time_ms + 1_000, opening);
    block(chain, chain.header.time_ms + 1_000, Vec::new());
    let began_ms = chain.header.time_ms;
    let (opened, _) = chain.state.round(id).unwrap();
    let deadline_ms = opened.deadlines.chosen_ms;
    let machines = players + malicious;
    let mut heap: BinaryHeap<Machine> = (0..machines)
        .map(|index| {
            let name = format!("round {}, machine {index}", id.0);
            let mut machine = Machine { name, count: 0, tries: 0, found: 0 };
            machine.search(chain, id);
            machine
        })
        .collect();
    let mut found = 0.0;
    for _ in 0..SOLUTIONS {
        let mut machine = heap.pop().unwrap();
        found = machine.seconds();
        let time_ms = began_ms + (found * 1_000.0).ceil() as u64;
        if time_ms - began_ms <= deadline_ms {
            let solution = Solution { nonce: machine.found, proof: Vec::new() };
            let action = Action::Solve { round: id, solution };
            let solution = chain.sign(&machine.key(), 0, action);
            block(chain, time_ms.max(chain.header.time_ms + 1), vec![solution]);
        }
        machine.count += 1;
        if machine.count < SOLUTIONS.into() {
            machine.search(chain, id);
            heap.push(machine);
        }
    }
    if chain.state.round(id).unwrap().0.phase == Phase::Open {
        block(chain, began_ms + deadline_ms + 1, Vec::new());
    }
    let (closed, _) = chain.state.round(id).unwrap();
    let solved_ms = match closed.phase {
        Phase::Acted => Some(closed.solutions.last().unwrap().after_ms),
        Phase::Lapsed => None,
        Phase::Open => panic!("its deadline has passed"),
    };
    Played { players, machines, found, solved_ms }
}

/// A number drawn from a belief.
fn draw(numbers: &mut Numbers, belief: &[f64]) -> usize {
    let mut left = numbers.below(1 << 30) as f64 / f64::from(1 << 30);
    let below = |probability: &&f64| {
        left -= **probability;
        left >= 0.0
    };
    belief.iter().take_while(below).count().min(belief.len() - 1)
}

fn all() -> Vec<Played> {
    let begun: Genesis = genesis(0, Parameters::default());
    let mut chain = Chain::new(&begun);
    let mut numbers = Numbers::new(SEED);
    (0..ROUNDS)
        .map(|id| {
            let players = 1 + draw(&mut numbers, &PLAYERS);
            let malicious = draw(&mut numbers, &MALICIOUS);
            play(&mut chain, RoundId(id), players, malicious)
        })
        .collect()
}

/// The probability that so many machines have found all solutions by a time: Erlang's.
fn solved_by(machines: usize, seconds: f64) -> f64 {
    let x = machines as f64 * seconds * TRIES_PER_SECOND / DIFFICULTY as f64;
    let (mut term, mut sum) = (1.0, 0.0);
    for n in 0..SOLUTIONS {
        sum += term;
        term *= x / f64::from(n + 1);
    }
    1.0 - (-x).exp() * sum
}

/// Kolmogorov's and Smirnov's distance between a sample and the uniform law.
fn distance(mut sample: Vec<f64>) -> f64 {
    sample.sort_by(f64::total_cmp);
    let count = sample.len() as f64;
    let gap = |(index, value): (usize, &f64)| {
        let (low, high) = (index as f64 / count, (index + 1) as f64 / count);
        (value - low).max(high - value)
    };
    sample.iter().enumerate().map(gap).fold(0.0, f64::max)
}

#[test]
fn hundreds_of_rounds_agree_with_the_closed_form() {
    let game = design().game().unwrap();
    let deadlines = design().deadlines(1_000).unwrap();
    let played = all();
    times_are_erlang(&played);
    the_ledger_acts_as_often_as_it_must(&played, deadlines.chosen_ms);
    the_posterior_is_right(&played, deadlines.chosen_ms);
    the_best_deadline_is_the_best(&played, &game, deadlines.best_ms, deadlines.largest_ms);
}

fn times_are_erlang(played: &[Played]) {
    let sample = played.iter().map(|round| solved_by(round.machines, round.found)).collect();
    let statistic = distance(sample) * (played.len() as f64).sqrt();
    assert!(statistic < 1.628, "times of solutions: {statistic}");
}

fn the_ledger_acts_as_often_as_it_must(played: &[Played], deadline_ms: u64) {
    let deadline = deadline_ms as f64 / 1_000.0;
    let (mut statistic, mut groups) = (0.0, 0);
    for machines in 1..=PLAYERS.len() + MALICIOUS.len() {
        let of: Vec<&Played> = played.iter().filter(|one| one.machines == machines).collect();
        let (count, probability) = (of.len() as f64, solved_by(machines, deadline));
        for round in &of {
            // A block has a time in whole milliseconds, and two have different ones.
            let in_time = (round.found * 1_000.0).ceil() <= deadline_ms as f64;
            assert_eq!(round.solved_ms.is_some(), in_time, "{} s", round.found);
        }
        let acted = of.iter().filter(|round| round.solved_ms.is_some()).count() as f64;
        let variance = count * probability * (1.0 - probability);
        if variance > 5.0 {
            statistic += (acted - count * probability).powi(2) / variance;
            groups += 1;
        }
    }
    assert_eq!(groups, 7, "of the others too few came to say anything");
    assert!(statistic < 18.48, "rounds that acted: {statistic}");
}

/// What a present player believes of the number of players once a round is solved is how often
/// there were so many.
fn the_posterior_is_right(played: &[Played], deadline_ms: u64) {
    let design = design();
    let (mut expected, mut found) = ([0.0; PLAYERS.len()], [0.0; PLAYERS.len()]);
    for round in played.iter().filter(|round| round.solved_ms.is_some()) {
        found[round.players - 1] += 1.0;
        let outlook = design.outlook(deadline_ms, round.solved_ms).unwrap();
        for (sum, probability) in expected.iter_mut().zip(outlook.posterior.unwrap()) {
            *sum += probability;
        }
    }
    let pairs = expected.iter().zip(&found);
    let statistic: f64 = pairs.map(|(e, f): (&f64, &f64)| (f - e).powi(2) / e).sum();
    assert!(statistic < 18.48, "players, believed {expected:?}, there {found:?}: {statistic}");
}

fn the_best_deadline_is_the_best(played: &[Played], game: &Game, best_ms: u64, largest_ms: u64) {
    let null = design().null_payoff.get();
    let measured = |deadline: f64| {
        let worth = |round: &Played| match round.found <= deadline {
            true => (round.players - 1) as f64,
            false => null,
        };
        let count = played.len() as f64;
        let mean = played.iter().map(worth).sum::<f64>() / count;
        let spread = played.iter().map(|round| (worth(round) - mean).powi(2)).sum::<f64>();
        (mean, (spread / (count - 1.0) / count).sqrt())
    };
    let (best, largest) = (best_ms as f64 / 1_000.0, largest_ms as f64 / 1_000.0);
    let (top, _) = measured(best);
    for deadline in [best / 3.0, best / 2.0, best, 2.0 * best, 3.0 * best, largest] {
        let (mean, error) = measured(deadline);
        let expected = game.welfare(Seconds::new(deadline).unwrap());
        assert!((mean - expected).abs() < 2.576 * error, "at {deadline} s");
        assert!(deadline == best || mean < top, "{deadline} s are better than {best} s");
    }
    assert!(null < top, "never acting is better");
}
