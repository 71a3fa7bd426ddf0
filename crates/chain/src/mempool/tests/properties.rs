//! Random histories: whatever is handed in and decided, the pool keeps its own rules, and what it
//! offers can be executed.

use std::collections::HashSet;

use muster_ledger::crypto::PublicKey;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::market::{Payment, Registration, find_work};
use muster_ledger::transaction::{Action, Payer, SignedTransaction, market, stake};
use muster_ledger::types::{PeerId, Row, Share};
use proptest::prelude::*;

use super::market::{Market, Numbers, endpoint, genesis, key, pay};
use crate::mempool::MempoolLimits;

/// Small numbers, so that every bound is reached.
fn small() -> MempoolLimits {
    MempoolLimits {
        transactions_max: 24,
        bytes_max: 12_000,
        per_sender_max: 8,
        sender_bytes_max: 2_000,
        parked_max: 3,
        parked_blocks: 2,
        solutions_max: 2,
    }
}

fn lively() -> Parameters {
    Parameters {
        epoch_blocks: 3,
        weights_interval_blocks: 1,
        registration_difficulty: 4,
        registration_difficulty_min: 2,
        registrations_max: 2,
        peers_max: 5,
        immunity_epochs: 0,
        ..Parameters::default()
    }
}

fn action(market: &Market, numbers: &mut Numbers, signer: u8) -> Action {
    match numbers.below(8) {
        0..3 => pay(1 + numbers.below(1_500_000)),
        3 => {
            let amount = Grains(1 + numbers.below(3_000_000));
            stake::Action::Stake { peer: PeerId(numbers.below(4) as u32), amount }.into()
        }
        4 => market::Action::Emit.into(),
        5 => {
            let weights = (0..4).map(|peer| (PeerId(peer), Share(240_000_000))).collect();
            market::Action::SetWeights { weights: Row::new(weights).expect("a row") }.into()
        }
        kind => {
            let (chain, cold) = (market.state.chain(), key(signer).public());
            let hot = key(30 + numbers.below(6) as u8);
            let terms = market.state.registration();
            let found = find_work(
                &chain,
                &terms.challenge,
                &hot.public(),
                &cold,
                terms.difficulty,
                0,
                1_000,
            );
            let payment = match kind {
                6 => Payment::Work { nonce: found.unwrap_or(0) },
                _ => Payment::Burn { price_max: Grains(numbers.below(3_000_000_000)) },
            };
            let registration = Registration::agree(&chain, &hot, cold, endpoint(), payment);
            market::Action::Register { registration: Box::new(registration) }.into()
        }
    }
}

fn random(market: &Market, numbers: &mut Numbers) -> SignedTransaction {
    let signer = 4 + numbers.below(16) as u8;
    let next = market.pool.nonce_after(&key(signer).public(), 0);
    let nonce = match numbers.below(8) {
        0..5 => next,
        5 => next + numbers.below(10),
        _ => next.saturating_sub(numbers.below(4)),
    };
    let tip = [0, numbers.below(1_000), numbers.below(2_000_000)][numbers.below(3) as usize];
    let expires = market.state.height().0 + numbers.below(6);
    let action = action(market, numbers, signer);
    market.sign_until(expires, signer, nonce, tip, action)
}

/// Whether its place in a block depends on more than its sender's account.
fn is_sure(transaction: &SignedTransaction) -> bool {
    transaction.transaction.action.terms().payer == Payer::Account
}

fn decide_from_the_pool(market: &mut Market) {
    let unsure: HashSet<PublicKey> = market
        .pool
        .candidates()
        .iter()
        .filter(|transaction| !is_sure(transaction))
        .map(|transaction| transaction.transaction.signer)
        .collect();
    let left = market.block();
    for (owner, _) in left {
        assert!(unsure.contains(&owner), "what was offered could not be executed");
    }
}

/// Somebody who can pay, and pays more than anybody else here, is never refused.
fn the_honest_get_in(market: &mut Market, numbers: &mut Numbers) {
    let honest = numbers.below(4) as u8;
    let next = market.state.account(&key(honest).public()).nonce;
    if market.pool.nonce_after(&key(honest).public(), next) == next {
        let transaction = market.transfer(honest, next, 100_000_000);
        market.submit(transaction).expect("it pays more than all others");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn random_histories(seed in any::<u64>()) {
        let numbers = &mut Numbers { seed, count: 0 };
        let mut market = Market::with(small(), &genesis(Grains(2_500_000), lively()));
        for _ in 0..60 {
            match numbers.below(10) {
                0..7 => {
                    let batch = (0..1 + numbers.below(4)).map(|_| random(&market, numbers));
                    let batch: Vec<SignedTransaction> = batch.collect();
                    market.pool.submit(batch);
                }
                7 => the_honest_get_in(&mut market, numbers),
                8 => decide_from_the_pool(&mut market),
                // A block of somebody who heard of other transactions.
                _ => {
                    let others = (0..numbers.below(6)).map(|_| random(&market, numbers));
                    let form = market.state.limits();
                    let others = others.filter(|other| other.check_form(&form).is_ok()).collect();
                    market.decide(others);
                }
            }
            market.audit();
        }
    }
}
