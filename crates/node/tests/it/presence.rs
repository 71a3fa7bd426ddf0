//! A presence round on a running as strangers see it: opened, worked on, solved, proved,
//! claimed; and one that nobody solves.

use muster_api::presence::{Phase, RoundReport, Unlocks as Shown};
use muster_ledger::crypto::SecretKey;
use muster_ledger::light::Follower;
use muster_ledger::money::Grains;
use muster_ledger::presence::{Belief, Design, Payoff, Puzzle, Solution, work};
use muster_ledger::state::{Key, Value, presence};
use muster_ledger::transaction::account;
use muster_ledger::transaction::presence::{Action, Unlocks};
use muster_ledger::types::{Real, RoundId};
use muster_node::Gossip;
use muster_puzzle::Searcher;

use crate::network::{Network, PATIENCE, user_key, validator_key};

/// Up to three players who need each other, and a solution of so many tries, of which a machine is
/// said to make so many a second.
fn design(difficulty: u64, tries_per_second: f64) -> Design {
    let real = |number| Real::new(number).expect("finite");
    let listed = |numbers: &[f64]| numbers.iter().map(|number| real(*number)).collect();
    Design {
        players: Belief::Listed(listed(&[0.2, 0.3, 0.5])),
        malicious: Belief::Listed(listed(&[0.6, 0.3, 0.1])),
        payoff: Payoff::Listed(listed(&[0.0, 1.0, 3.0])),
        null_payoff: real(1.9),
        puzzle: Puzzle::Sha256,
        difficulty,
        tries_per_second: real(tries_per_second),
        solutions: 1,
        deadline_ms: None,
    }
}

async fn open(network: &Network, user: usize, design: Design, unlocks: Option<Unlocks>) {
    let prize = Grains::MST;
    let deposit_max = Grains(10 * Grains::MST.0);
    let action = Action::Open { design: Box::new(design), unlocks, prize, deposit_max };
    let client = network.client(0);
    let hash = client.submit(&network.sign(&user_key(user), 0, action)).await.expect("taken");
    client.wait(&hash, PATIENCE).await.expect("decided").result.expect("opened");
}

async fn wait_for(network: &Network, round: u64, is: impl Fn(&RoundReport) -> bool) -> RoundReport {
    let client = network.client(2);
    let look = async || client.round(round).await.ok().filter(|seen| is(seen));
    network.wait("a round", look).await
}

/// A solution by a key that no account has.
fn solve(seen: &RoundReport, by: &SecretKey) -> Action {
    let found = seen.round.challenge.as_ref().expect("it has begun");
    let design = Design::try_from(&seen.design).expect("a design");
    let Design { puzzle, difficulty, .. } = design;
    let work = work(puzzle, difficulty, &found.0, &by.public()).expect("it takes tries");
    let trial = Searcher::new(puzzle).search(&work, 0..u64::MAX, &|| false);
    let solution = trial.solution.expect("a number is found");
    Action::Solve { round: RoundId(seen.round.id), solution }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_solve_prove_and_claim_a_round() {
    let mut network = Network::new(4, 100, Gossip::Relay);
    network.start_all();
    network.wait_height(0, 1).await;
    let to = user_key(3).public();
    let amount = Grains(7 * Grains::MST.0);
    let payment = Unlocks::Account(account::Action::Transfer { to, amount });
    // A minute for a million tries: it is solved whatever else the machine does. Another number
    // solves it by chance once in a million.
    open(&network, 0, design(1 << 20, 5_000.0), Some(payment.clone())).await;
    // Too hard for any machine within its half second: nobody solves it.
    open(&network, 1, design(1 << 50, 0.5 * 2_f64.powi(50)), None).await;

    let seen = wait_for(&network, 0, |seen| seen.round.began_ms.is_some()).await;
    assert_eq!((seen.round.phase, seen.posterior.clone()), (Phase::Open, None));
    assert!(seen.round.deadline_ms == seen.round.best_ms && seen.round.best_ms > 60_000);
    assert!(seen.acting_probability > 0.1 && seen.acting_probability < 1.0);
    let (client, stranger, thief) = (network.client(2), user_key(20), user_key(21));
    let solution = solve(&seen, &stranger);
    let Action::Solve { round, solution: found } = solution.clone() else { panic!("it solves") };

    // Stolen, wrong, and of no round at all: refused in words.
    let refused = async |by: &SecretKey, action: Action| {
        let error = client.submit(&network.sign(by, 0, action)).await.expect_err("refused");
        (error.status(), error.to_string())
    };
    let (status, words) = refused(&thief, solution.clone()).await;
    assert_eq!(status, Some(422), "{words}");
    assert!(words.contains("does not solve round 0 for this key"), "{words}");
    let next = Solution { nonce: found.nonce + 1, proof: Vec::new() };
    let (_, words) = refused(&stranger, Action::Solve { round, solution: next }).await;
    assert!(words.contains("does not solve round 0"), "{words}");
    let elsewhere = Action::Solve { round: RoundId(9), solution: found };
    let (_, words) = refused(&stranger, elsewhere).await;
    assert!(words.contains("there is no round 9"), "{words}");

    client.submit(&network.sign(&stranger, 0, solution.clone())).await.expect("taken");
    let seen = wait_for(&network, 0, |seen| seen.round.phase == Phase::Acted).await;
    let posterior = seen.posterior.expect("it is solved");
    assert!((posterior.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(posterior[2] > seen.prior[2], "solved at once: many are there");
    assert_eq!(seen.round.solutions[0].solver.0, stranger.public());
    let unlocked = seen.round.unlocks.expect("it unlocks a payment");
    assert_eq!(unlocked.action, Shown::from(&payment));
    assert_eq!((unlocked.held.grains(), unlocked.carried_out), (0, Some(true)));
    let paid = client.account(&to).await.expect("an account").balance.grains();
    assert_eq!(paid, 1_007 * Grains::MST.0);
    let (_, words) = refused(&stranger, solution).await;
    assert!(words.contains("round 0 is over"), "{words}");
    prove(&network, &stranger).await;

    let claim = network.sign(&stranger, 0, Action::Claim { round, to: user_key(2).public() });
    let hash = client.submit(&claim).await.expect("taken");
    client.wait(&hash, PATIENCE).await.expect("decided").result.expect("claimed");
    let paid = client.account(&user_key(2).public()).await.expect("an account").balance.grains();
    assert_eq!(paid, 1_001 * Grains::MST.0);

    take_memory(&network).await;
    let seen = wait_for(&network, 1, |seen| seen.round.phase != Phase::Open).await;
    assert_eq!((seen.round.phase, seen.posterior), (Phase::Lapsed, None));
    let rounds = client.rounds().await.expect("rounds").rounds;
    assert_eq!(rounds.iter().map(|round| round.id).collect::<Vec<_>>(), [0, 1, 2]);
}

/// A round of Equihash: proofs of another length, for another key and of nothing are refused in
/// words, and the right one solves it.
async fn take_memory(network: &Network) {
    let design = Design { puzzle: Puzzle::Equihash, ..design(1, 0.005) };
    open(network, 2, design, None).await;
    let seen = wait_for(network, 2, |seen| seen.round.began_ms.is_some()).await;
    let (client, stranger) = (network.client(1), user_key(22));
    let by_stranger = solve(&seen, &stranger);
    let Action::Solve { round, solution } = by_stranger.clone() else { panic!("it solves") };
    let refused = async |by: &SecretKey, proof: Vec<u8>| {
        let action = Action::Solve { round, solution: Solution { proof, ..solution.clone() } };
        let error = client.submit(&network.sign(by, 0, action)).await.expect_err("refused");
        assert_eq!(error.status(), Some(422), "{error}");
        error.to_string()
    };
    let words = refused(&stranger, solution.proof[1..].to_vec()).await;
    assert!(words.contains("a proof of 83 bytes is one of no puzzle"), "{words}");
    let words = refused(&stranger, Vec::new()).await;
    assert!(words.contains("has 0 bytes, those of the puzzle of round 2 have 84"), "{words}");
    let mut wrong = solution.proof.clone();
    wrong[9] ^= 1;
    let words = refused(&stranger, wrong).await;
    assert!(words.contains("does not solve the puzzle of round 2 for this key"), "{words}");
    let words = refused(&user_key(23), solution.proof.clone()).await;
    assert!(words.contains("does not solve the puzzle of round 2 for this key"), "{words}");
    client.submit(&network.sign(&stranger, 0, by_stranger)).await.expect("taken");
    wait_for(network, 2, |seen| seen.round.phase == Phase::Acted).await;
}

/// A light client believes the solution from the genesis alone.
async fn prove(network: &Network, stranger: &SecretKey) {
    let client = network.client(3);
    wait_for(network, 0, |seen| seen.round.phase == Phase::Acted).await;
    let mut follower = Follower::new(&network.genesis).expect("possible");
    let wanted: Key = presence::Key::Round(RoundId(0)).into();
    let look = async || {
        let proof = client.prove_round(0).await.ok()?;
        let value = client.check_proof(&mut follower, &proof, &wanted).await.expect("it follows");
        let Some(Value::Presence(presence::Value::Round(round))) = value else { return None };
        Some(round).filter(|round| round.phase == presence::Phase::Acted)
    };
    let proved = network.wait("a proof", look).await;
    assert_eq!(proved.solutions[0].solver, stranger.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_take_part_and_claim_what_they_win() {
    let mut network = Network::new(4, 100, Gossip::Relay);
    for validator in 0..4 {
        network.change(validator, |config| config.presence_cores = 0.2);
    }
    network.start_all();
    network.wait_height(0, 1).await;
    let keys: Vec<_> = (0..4).map(|index| validator_key(index).public()).collect();
    let held = async || {
        let mut held = 0;
        for key in &keys {
            held += network.client(0).account(key).await.expect("an answer").balance.grains();
        }
        held
    };
    let before = held().await;
    // Little more than acting is worth without a puzzle, so that there is time for many solutions.
    let null_payoff = Real::new(1.801).expect("finite");
    let design = Design { null_payoff, ..design(4_096, 1_000.0) };
    let longest = design.deadlines(100).expect("a game").largest_ms;
    let design = Design { deadline_ms: Some(longest), ..design };
    open(&network, 0, design, None).await;

    let seen = wait_for(&network, 0, |seen| seen.round.phase != Phase::Open).await;
    assert_eq!(seen.round.phase, Phase::Acted, "{:?}", seen.round);
    let solver = seen.round.solutions[0].solver.0;
    let chain = network.chain();
    let owner = (0..4).map(validator_key).find(|secret| {
        muster_presence::solver_keys(secret, &chain, 0).iter().any(|key| key.public() == solver)
    });
    assert!(owner.is_some(), "a validator solved it: nobody else works");
    wait_for(&network, 0, |seen| seen.round.prize.grains() == 0).await;
    // Some of it is kept as the new account's deposit; and the node that is asked may be a block
    // behind the one that said so.
    let paid = async || (held().await > before).then_some(());
    network.wait("the prize on a validator's account", paid).await;
}
