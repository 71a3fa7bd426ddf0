use muster_ledger::execute::{BlockError, check, execute};
use muster_ledger::money::Grains;
use muster_ledger::outcome;
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::market::{Payment, Registration, find_work};
use muster_ledger::transaction::{Action, SignedTransaction, market, stake};
use muster_ledger::types::PeerId;

use crate::support::{Chain, address, endpoint, key, mst, row};

fn easy() -> Parameters {
    Parameters {
        registration_difficulty: 64,
        registration_difficulty_min: 16,
        immunity_epochs: 2,
        unbonding_blocks: 3,
        ..Parameters::default()
    }
}

fn register(chain: &Chain, signer: &str, name: &str, payment: Payment) -> SignedTransaction {
    let (hot, cold) = (key(&format!("hot-{name}")), address(&format!("cold-{name}")));
    let endpoint = endpoint(name);
    let registration = Registration::agree(&chain.state.chain(), &hot, cold, endpoint, payment);
    chain.sign(
        signer,
        0,
        Action::Market(market::Action::Register { registration: Box::new(registration) }),
    )
}

fn burn() -> Payment {
    Payment::Burn { price_max: mst(1_000) }
}

fn work(chain: &Chain, name: &str) -> Payment {
    let (hot, cold) = (address(&format!("hot-{name}")), address(&format!("cold-{name}")));
    let market = chain.state.registration();
    let challenge = market.challenge;
    let nonce =
        find_work(&chain.state.chain(), &challenge, &hot, &cold, market.difficulty, 0, 100_000);
    Payment::Work { nonce: nonce.unwrap() }
}

#[test]
fn a_sponsor_burns_the_price() {
    let mut chain = Chain::with(2, easy());
    let price = chain.state.registration().price;
    let signed = register(&chain, "alice", "new", burn());
    let receipts = chain.all(vec![signed]);
    assert_eq!(receipts[0].result, Ok(()));
    let (id, peer) = chain.state.peer_by_hot(&address("hot-new")).unwrap();
    assert_eq!(id, PeerId(2));
    assert_eq!((peer.hot, peer.cold), (address("hot-new"), address("cold-new")));
    assert_eq!(chain.state.supply().burned, price.checked_add(receipts[0].fee).unwrap());
    assert_eq!(chain.state.registration().by_burn, 1);
    assert_eq!(chain.state.places().taken, 3);
    // The same hot key cannot stand for two.
    let again = register(&chain, "alice", "new", burn());
    let taken = Rejection::Market(outcome::market::Rejection::HotKeyTaken {
        key: address("hot-new"),
        peer: PeerId(2),
    });
    assert_eq!(chain.all(vec![again])[0].result, Err(taken));
    let cheap = Payment::Burn { price_max: Grains(1) };
    let cheap = register(&chain, "alice", "other", cheap);
    assert!(matches!(
        chain.all(vec![cheap])[0].result,
        Err(Rejection::Market(outcome::market::Rejection::Price { .. }))
    ));
}

#[test]
fn work_needs_no_account_and_no_fee() {
    let mut chain = Chain::with(2, easy());
    let payment = work(&chain, "new");
    let signed = register(&chain, "hot-new", "new", payment);
    assert_eq!(check(&chain.state, &signed).unwrap().fee, Grains(0));
    let receipts = chain.all(vec![signed.clone()]);
    assert_eq!((receipts[0].fee, receipts[0].result.clone()), (Grains(0), Ok(())));
    assert_eq!(chain.state.peer(PeerId(2)).unwrap().pool.grains, Grains(0));
    assert_eq!(chain.state.registration().by_work, 1);
    // It cannot be used again, by anybody.
    assert!(matches!(check(&chain.state, &signed), Err(Rejection::NonceUsed { .. })));
    let again = register(&chain, "cold-new", "new", payment);
    assert!(matches!(
        check(&chain.state, &again),
        Err(Rejection::Market(outcome::market::Rejection::HotKeyTaken { .. }))
    ));
}

#[test]
fn work_that_does_not_hold_may_not_stand_in_a_block() {
    let chain = Chain::with(2, easy());
    let (hot, cold) = (address("hot-new"), address("cold-new"));
    let market = chain.state.registration();
    let bad = (0..).find(|nonce| {
        find_work(
            &chain.state.chain(),
            &market.challenge,
            &hot,
            &cold,
            market.difficulty,
            *nonce,
            1,
        )
        .is_none()
    });
    let signed = register(&chain, "hot-new", "new", Payment::Work { nonce: bad.unwrap() });
    assert_eq!(
        check(&chain.state, &signed),
        Err(Rejection::Market(outcome::market::Rejection::Work { difficulty: 64 }))
    );
    assert!(chain.propose(vec![signed.clone()]).0.is_empty());
    let (mut block, _) = chain.next(vec![]);
    block.transactions.push(signed);
    block.header.transactions_root = muster_ledger::block::transactions_root(&block.transactions);
    let error = execute(&chain.state, &chain.header, &block).unwrap_err();
    let reason = Rejection::Market(outcome::market::Rejection::Work { difficulty: 64 });
    assert_eq!(error, BlockError::Transaction { index: 0, reason });
}

#[test]
fn the_hot_key_must_agree() {
    let chain = Chain::with(2, easy());
    let mut signed = register(&chain, "alice", "new", burn()).transaction;
    let Action::Market(market::Action::Register { registration }) = &mut signed.action else {
        unreachable!()
    };
    registration.cold = address("mallory");
    let signed = SignedTransaction::sign(signed, &key("alice"));
    let limits = chain.state.limits();
    assert_eq!(signed.check_stateless(&limits), Err(Rejection::Signature));
    let payment = work(&chain, "new");
    let stranger = register(&chain, "alice", "new", payment);
    assert_eq!(
        stranger.check_stateless(&limits),
        Err(Rejection::Market(outcome::market::Rejection::WorkSigner))
    );
}

#[test]
fn work_outlives_one_epoch_and_price_and_difficulty_follow_demand() {
    let mut chain = Chain::with(2, easy());
    let old = work(&chain, "slow");
    chain.end_epoch();
    let market = chain.state.registration().clone();
    assert_eq!((market.difficulty, market.price), (32, Grains(500_000_000)));
    assert_ne!(market.challenge, market.challenge_before);
    let signed = register(&chain, "hot-slow", "slow", old);
    assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
    let late: Vec<String> = (0..8).map(|index| format!("late-{index}")).collect();
    let stale: Vec<_> = late.iter().map(|name| work(&chain, name)).collect();
    chain.end_epoch();
    chain.end_epoch();
    // So easy a work holds for another challenge now and then, by luck; not all eight do.
    assert!(late.iter().zip(stale).any(|(name, stale)| {
        let signed = register(&chain, &format!("hot-{name}"), name, stale);
        matches!(
            check(&chain.state, &signed),
            Err(Rejection::Market(outcome::market::Rejection::Work { .. }))
        )
    }));
    // Eight burns, twice the target: the price goes up by half.
    let price = chain.state.registration().price;
    for index in 0..8 {
        let signed = register(&chain, "alice", &format!("crowd-{index}"), burn());
        assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
    }
    chain.end_epoch();
    assert_eq!(chain.state.registration().price.0, price.0 * 3 / 2);
}

#[test]
fn an_epoch_lets_in_so_many() {
    let mut chain = Chain::with(2, Parameters { registrations_max: 1, ..easy() });
    let signed = register(&chain, "alice", "a", burn());
    assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
    let signed = register(&chain, "alice", "b", burn());
    let full = Err(Rejection::Market(outcome::market::Rejection::RegistrationsFull { count: 1 }));
    assert_eq!(chain.all(vec![signed])[0].result, full);
}

#[test]
fn a_newcomer_displaces_the_lowest_incentive_once_nobody_there_is_immune() {
    let mut chain = Chain::with(3, Parameters { peers_max: 3, epoch_blocks: 6, ..easy() });
    let signed = register(&chain, "alice", "new", burn());
    assert_eq!(
        chain.all(vec![signed])[0].result,
        Err(Rejection::Market(outcome::market::Rejection::NoPlace { peers: 3 }))
    );
    let weigh = |peers: &[u32]| Action::Market(market::Action::SetWeights { weights: row(peers) });
    chain.all(vec![
        chain.sign("hot-0", 0, weigh(&[1])),
        chain.sign("hot-1", 0, weigh(&[0])),
        chain.sign("hot-2", 0, weigh(&[0, 1, 2])),
    ]);
    chain
        .act("bob", Action::Stake(stake::Action::Stake { peer: PeerId(2), amount: mst(5) }))
        .unwrap();
    chain.end_epoch();
    chain.end_epoch();
    // Two epochs of immunity are over; peer 2 has the lowest incentive.
    let signed = register(&chain, "alice", "new", burn());
    let execution = chain.block(vec![signed]);
    assert_eq!(execution.receipts[0].result, Ok(()));
    let displaced =
        Event::Market(outcome::market::Event::Displaced { peer: PeerId(2), by: PeerId(3) });
    assert!(execution.events.contains(&displaced));
    assert!(chain.state.peer(PeerId(2)).is_none());
    assert!(chain.state.peer_by_hot(&address("hot-2")).is_none());
    assert!(chain.state.weights(PeerId(2)).is_empty());
    assert_eq!(chain.state.places().taken, 3);
    // Its stakes are on their way back in the next block, and arrive.
    assert!(chain.state.stake(PeerId(2), &address("bob")) > Grains(0));
    chain.block(vec![]);
    assert_eq!(chain.state.unbondings().count(), 2);
    assert_eq!(chain.state.delegations(PeerId(2)).count(), 0);
    let before = chain.balance("bob");
    for _ in 0..4 {
        chain.block(vec![]);
    }
    assert!(chain.balance("bob") > before && chain.balance("cold-2") >= mst(100));
    // What others gave it is cleared at the end of the epoch, and the newcomer is immune.
    chain.act("hot-0", weigh(&[1, 2])).unwrap();
    assert_eq!(chain.state.weights(PeerId(0)).len(), 1);
    chain.end_epoch();
    for name in ["0", "1", "new"] {
        let (id, _) = chain.state.peer_by_hot(&address(&format!("hot-{name}"))).unwrap();
        assert!(chain.state.weights(id).iter().all(|(peer, _)| *peer != PeerId(2)), "{name}");
    }
}
