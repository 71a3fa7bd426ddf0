use muster_ledger::execute::{BlockError, check, execute};
use muster_ledger::money::Grains;
use muster_ledger::outcome;
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::market::{Payment, Registration, find_work};
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account, market, stake};
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

fn transfer(to: &str) -> Action {
    account::Action::Transfer { to: address(to), amount: mst(1) }.into()
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
    // It left no account, and cannot be used again, by anybody.
    assert!(chain.state.accounts().all(|(key, _)| key != address("hot-new")));
    let again = register(&chain, "cold-new", "new", payment);
    for signed in [&signed, &again] {
        assert!(matches!(
            check(&chain.state, signed),
            Err(Rejection::Market(outcome::market::Rejection::HotKeyTaken { .. }))
        ));
    }
    // Nor when its peer is gone.
    chain.act("alice", transfer("cold-new")).unwrap();
    chain.act("cold-new", market::Action::Leave { peer: PeerId(2) }).unwrap();
    let used = outcome::market::Rejection::WorkUsed { key: address("hot-new") };
    for signed in [&signed, &again] {
        let again = SignedTransaction::sign(
            Transaction {
                nonce: chain.state.account(&signed.transaction.signer).nonce,
                ..signed.transaction.clone()
            },
            &key(if signed.transaction.signer == address("hot-new") {
                "hot-new"
            } else {
                "cold-new"
            }),
        );
        assert_eq!(check(&chain.state, &again), Err(used.clone().into()));
        assert!(chain.propose(vec![again]).0.is_empty());
    }
    // Until its challenge counts no more: then new work does.
    chain.end_epoch();
    chain.end_epoch();
    let payment = work(&chain, "new");
    let signed = register(&chain, "hot-new", "new", payment);
    assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
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
    // Four raises taken back, each by a fifth.
    assert_eq!((market.difficulty, market.price), (25, Grains(409_600_000)));
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
    // Four burns, the target: each raises the price by a quarter, the epoch's end takes that back.
    let price = chain.state.registration().price;
    for index in 0..4 {
        let signed = register(&chain, "alice", &format!("crowd-{index}"), burn());
        let before = chain.state.registration().price.0;
        assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
        assert_eq!(chain.state.registration().price.0, (before * 5).div_ceil(4));
    }
    chain.end_epoch();
    assert_eq!(chain.state.registration().price, price);
}

/// Work that was prepared while it was easy does not let a flood in once it is hard.
#[test]
fn a_flood_of_work_soon_costs_more_than_it_can_pay_for() {
    let mut chain = Chain::with(2, easy());
    let names: Vec<String> = (0..40).map(|index| format!("flood-{index}")).collect();
    let prepared: Vec<Payment> = names.iter().map(|name| work(&chain, name)).collect();
    chain.end_epoch();
    let mut let_in = 0;
    for (name, payment) in names.iter().zip(prepared) {
        let signed = register(&chain, &format!("hot-{name}"), name, payment);
        match check(&chain.state, &signed) {
            Ok(_) => {
                assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
                let_in += 1;
            }
            Err(Rejection::Market(outcome::market::Rejection::Work { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
    // Each was worth 64 hashes; the twentieth has to be worth 25 * 1.25^19, some 1,700.
    assert!((4..20).contains(&let_in), "{let_in} were let in");
    assert!(chain.state.registration().difficulty > 64);
}

/// Those who work do not take the places of those who pay, nor the other way round.
#[test]
fn work_and_burning_do_not_shut_each_other_out() {
    let mut chain = Chain::with(2, Parameters { registrations_max: 1, ..easy() });
    let payment = work(&chain, "a");
    let worker = register(&chain, "hot-a", "a", payment);
    assert_eq!(chain.all(vec![worker])[0].result, Ok(()));
    let payer = register(&chain, "alice", "b", burn());
    assert_eq!(chain.all(vec![payer])[0].result, Ok(()));
    let payment = work(&chain, "c");
    let worker = register(&chain, "hot-c", "c", payment);
    let full = Rejection::from(outcome::market::Rejection::RegistrationsFull { count: 1 });
    assert_eq!(check(&chain.state, &worker), Err(full));
}

#[test]
fn an_owner_ends_a_peer() {
    let mut chain = Chain::with(2, Parameters { peers_max: 2, ..easy() });
    chain.act("alice", transfer("cold-1")).unwrap();
    chain.act("bob", stake::Action::Stake { peer: PeerId(1), amount: mst(5) }).unwrap();
    let leave = market::Action::Leave { peer: PeerId(1) };
    // Neither a stranger nor whoever stole the hot key does.
    for thief in ["alice", "hot-1"] {
        let owner = address("cold-1");
        let refused = outcome::market::Rejection::NotTheOwner { peer: PeerId(1), owner };
        assert_eq!(chain.act(thief, leave.clone()), Err(refused.into()));
    }
    let signed = chain.sign("cold-1", 0, leave.clone());
    let execution = chain.block(vec![signed]);
    let left = Event::Market(outcome::market::Event::Left { peer: PeerId(1) });
    assert!(execution.events.contains(&left));
    assert!(chain.state.peer(PeerId(1)).is_none());
    assert!(chain.state.peer_by_hot(&address("hot-1")).is_none());
    assert_eq!(chain.act("cold-1", leave), Err(Rejection::NoPeer { peer: PeerId(1) }));
    // Everybody's stake comes back after the usual delay, and the place is free.
    let before = chain.balance("bob");
    for _ in 0..5 {
        chain.block(vec![]);
    }
    assert_eq!(chain.balance("bob"), before.checked_add(mst(5)).unwrap());
    assert!(chain.balance("cold-1") > mst(100));
    assert_eq!(chain.state.entry(muster_ledger::state::stake::retired(PeerId(1))), None);
    let price = chain.state.registration().price;
    let back = register(&chain, "alice", "1", burn());
    assert_eq!(chain.all(vec![back])[0].result, Ok(()));
    // It pays as a newcomer does, and is one.
    assert!(chain.state.registration().price > price);
    let (id, peer) = chain.state.peer_by_hot(&address("hot-1")).unwrap();
    assert_eq!((id, peer.pool.grains), (PeerId(2), Grains(0)));
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
    let returned = chain.state.account(&address("cold-2")).total();
    assert!(chain.balance("bob") > before && returned >= mst(100));
    // What others gave it is cleared at the end of the epoch, and the newcomer is immune.
    chain.act("hot-0", weigh(&[1, 2])).unwrap();
    assert_eq!(chain.state.weights(PeerId(0)).len(), 1);
    chain.end_epoch();
    for name in ["0", "1", "new"] {
        let (id, _) = chain.state.peer_by_hot(&address(&format!("hot-{name}"))).unwrap();
        assert!(chain.state.weights(id).iter().all(|(peer, _)| *peer != PeerId(2)), "{name}");
    }
}
