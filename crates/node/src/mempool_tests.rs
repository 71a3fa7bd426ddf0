use muster_ledger::committee::Validator;
use muster_ledger::crypto::SecretKey;
use muster_ledger::genesis::Genesis;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::transaction::{Action, Transaction, account};
use muster_ledger::types::Height;

use super::*;

fn key(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 1; 32])
}

fn state() -> State {
    let genesis = Genesis {
        version: Version::NEWEST,
        name: "test".to_string(),
        time_ms: 1,
        parameters: Parameters::default(),
        validators: vec![Validator { name: "v".to_string(), key: key(100).public() }],
        accounts: (0..8).map(|index| (key(index).public(), Grains(1_000_000_000_000))).collect(),
        peers: Vec::new(),
    };
    State::genesis(&genesis).expect("possible")
}

fn transfer(state: &State, from: u8, nonce: u64, tip: u64) -> SignedTransaction {
    let transaction = Transaction {
        chain: state.chain(),
        signer: key(from).public(),
        nonce,
        expires: Height(100),
        tip: Grains(tip),
        action: Action::Account(account::Action::Transfer {
            to: key(50).public(),
            amount: Grains(1),
        }),
    };
    SignedTransaction::sign(transaction, &key(from))
}

fn one(pool: &Mempool, state: &State, transaction: SignedTransaction) -> Result<Hash, Refusal> {
    pool.submit(state, vec![transaction]).remove(0)
}

#[test]
fn the_best_paying_go_first_and_nonces_stay_in_order() {
    let (state, pool) = (state(), Mempool::default());
    // The second of sender 1 pays most, but its first must go before it.
    let batch = vec![
        transfer(&state, 1, 1, 9_000_000),
        transfer(&state, 2, 0, 5_000),
        transfer(&state, 1, 0, 10_000),
        transfer(&state, 3, 0, 0),
    ];
    assert!(pool.submit(&state, batch).iter().all(Result::is_ok));
    let order: Vec<(PublicKey, u64)> = pool
        .candidates(&state)
        .iter()
        .map(|t| (t.transaction.signer, t.transaction.nonce))
        .collect();
    let expected = [(1, 0), (1, 1), (2, 0), (3, 0)].map(|(s, n)| (key(s).public(), n));
    assert_eq!(order, expected);
}

#[test]
fn a_gap_waits_until_it_is_filled() {
    let (state, pool) = (state(), Mempool::default());
    one(&pool, &state, transfer(&state, 1, 2, 0)).expect("waits");
    assert!(pool.candidates(&state).is_empty());
    one(&pool, &state, transfer(&state, 1, 0, 0)).expect("taken");
    assert_eq!(pool.candidates(&state).len(), 1);
    one(&pool, &state, transfer(&state, 1, 1, 0)).expect("taken");
    assert_eq!(pool.candidates(&state).len(), 3);
    assert_eq!(pool.nonce_after(&key(1).public(), 0), 3);
}

#[test]
fn refusals_say_why() {
    let (state, pool) = (state(), Mempool::default());
    let first = transfer(&state, 1, 0, 100);
    one(&pool, &state, first.clone()).expect("taken");
    assert_eq!(one(&pool, &state, first.clone()), Err(Refusal::Known));
    let cheap = one(&pool, &state, transfer(&state, 1, 0, 105));
    assert_eq!(cheap, Err(Refusal::Replacement { nonce: 0, tip_min: 110 }));
    one(&pool, &state, transfer(&state, 1, 0, 110)).expect("replaces");
    assert_eq!(pool.size().0, 1);

    let mut forged = transfer(&state, 2, 0, 0);
    forged.signature.0[0] ^= 1;
    assert_eq!(one(&pool, &state, forged), Err(Refusal::Rejected(Rejection::Signature)));
    let stranger = transfer(&state, 60, 0, 0);
    assert!(matches!(one(&pool, &state, stranger), Err(Refusal::Rejected(Rejection::Account(_)))));
    let far = transfer(&state, 3, 1_024, 0);
    assert_eq!(one(&pool, &state, far), Err(Refusal::SenderFull(1_024)));
    let mut late = transfer(&state, 3, 0, 0).transaction;
    late.expires = Height(0);
    let late = SignedTransaction::sign(late, &key(3));
    assert!(matches!(one(&pool, &state, late), Err(Refusal::Rejected(Rejection::Expired { .. }))));
}

#[test]
fn a_full_pool_keeps_those_that_pay_more() {
    let state = state();
    let limits = MempoolLimits { transactions_max: 4, ..MempoolLimits::default() };
    let pool = Mempool::new(limits);
    for sender in 0..4 {
        one(&pool, &state, transfer(&state, sender, 0, 1_000 * u64::from(sender))).expect("taken");
    }
    assert_eq!(one(&pool, &state, transfer(&state, 5, 0, 0)), Err(Refusal::Full));
    one(&pool, &state, transfer(&state, 5, 0, 2_500)).expect("pays more than the cheapest");
    assert_eq!(pool.size().0, 4);
    let left: Vec<PublicKey> =
        pool.candidates(&state).iter().map(|t| t.transaction.signer).collect();
    assert!(!left.contains(&key(0).public()), "the cheapest left");
    let bytes: usize = pool.candidates(&state).iter().map(SignedTransaction::encoded_len).sum();
    assert_eq!(pool.size().1, bytes);
}

#[test]
fn only_identical_transactions_count_as_checked() {
    let (state, pool) = (state(), Mempool::default());
    let known = transfer(&state, 1, 0, 0);
    one(&pool, &state, known.clone()).expect("taken");
    let mut other_signature = known.clone();
    other_signature.signature.0[3] ^= 1;
    let unknown = transfer(&state, 2, 0, 0);
    assert_eq!(pool.unknown(&[known, other_signature, unknown]), [1, 2]);
}
