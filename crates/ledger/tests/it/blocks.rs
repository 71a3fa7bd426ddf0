use muster_ledger::block::Block;
use muster_ledger::crypto::{Hash, Signature};
use muster_ledger::encoding::{decode, encode};
use muster_ledger::execute::{BlockError, check, check_after, execute, propose};
use muster_ledger::money::Grains;
use muster_ledger::outcome;
use muster_ledger::outcome::{Event, Rejection};
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::{Action, SignedTransaction, account, market};
use muster_ledger::types::{Height, PeerId, Row, RowError, Share};

use crate::support::{Chain, address, endpoint, genesis, key, mst};

fn transfer(to: &str, amount: Grains) -> Action {
    Action::Account(account::Action::Transfer { to: address(to), amount })
}

#[test]
fn a_transfer_moves_money_burns_its_fee_and_tips_the_proposer() {
    let mut chain = Chain::with(1, Parameters::default());
    let mut signed = chain.sign("alice", 0, transfer("carol", mst(3)));
    signed.transaction.tip = Grains(77);
    let signed = SignedTransaction::sign(signed.transaction, &key("alice"));
    let cost = check(&chain.state, &signed).unwrap();
    assert_eq!(cost.fee, Grains(100_000 + 1_000 * signed.encode().len() as u64));
    let proposer = chain.proposer();
    let execution = chain.block(vec![signed.clone()]);
    assert_eq!(execution.receipts[0].hash, signed.hash());
    assert_eq!((execution.receipts[0].fee, execution.receipts[0].tip), (cost.fee, Grains(77)));
    assert_eq!(execution.receipts[0].result, Ok(()));
    assert_eq!(execution.cost, cost.units);
    let (from, to, amount) = (address("alice"), address("carol"), mst(3));
    assert_eq!(
        execution.events,
        [Event::Account(outcome::account::Event::Transferred { from, to, amount })]
    );
    // Both are opened by it; what the proposer got is less than a deposit, and all is held.
    assert_eq!(chain.state.account(&address("carol")).total(), mst(3));
    assert_eq!(chain.state.account(&proposer).deposit, Grains(77));
    assert_eq!(chain.balance("alice").0, mst(997).0 - cost.fee.0 - 77);
    assert_eq!(chain.state.supply().burned, cost.fee);
    assert_eq!(chain.state.account(&address("alice")).nonce, 1);
    assert_eq!(chain.state.the(muster_ledger::state::chain::counters()).transactions, 1);
}

#[test]
fn changes_are_exactly_the_difference() {
    let chain = Chain::with(2, Parameters::default());
    let (_, execution) = chain.next(vec![chain.sign("alice", 0, transfer("bob", mst(1)))]);
    for (key, value) in &execution.changes {
        assert_ne!(chain.state.get(key), value.as_ref(), "{key:?} did not change");
    }
    let mut rebuilt = chain.state.clone();
    let entries = rebuilt
        .entries()
        .map(|(key, value)| (*key, value.clone()))
        .filter(|(key, _)| !execution.changes.contains_key(key))
        .chain(execution.changes.iter().filter_map(|(key, value)| Some((*key, value.clone()?))))
        .collect::<Vec<_>>();
    rebuilt = muster_ledger::state::State::from_entries(entries.into_iter()).unwrap();
    assert_eq!(rebuilt, execution.state);
}

#[test]
fn an_action_that_fails_is_included_and_pays() {
    let mut chain = Chain::with(1, Parameters::default());
    let before = chain.balance("bob");
    let result = chain.act("bob", transfer("alice", mst(10)));
    // Ten are there, but no longer after the fee.
    assert!(matches!(result, Err(Rejection::Balance { .. })));
    assert!(chain.balance("bob") < before && chain.balance("alice") == mst(1_000));
    assert_eq!(chain.state.account(&address("bob")).nonce, 1);
}

#[test]
fn transfers_to_oneself_and_to_what_is_no_key() {
    let mut chain = Chain::with(1, Parameters::default());
    chain.act("bob", transfer("bob", mst(9))).unwrap();
    assert_eq!(chain.balance("bob").0 + chain.state.supply().burned.0, mst(10).0);
    let mut two = [0; 32];
    two[0] = 2;
    let to = muster_ledger::crypto::PublicKey(two);
    let result =
        chain.act("bob", Action::Account(account::Action::Transfer { to, amount: mst(1) }));
    assert_eq!(result, Err(Rejection::Key { key: to }));
}

#[test]
fn what_may_not_stand_in_a_block_is_left_out_of_proposals() {
    let mut genesis = genesis(1, Parameters::default());
    genesis.accounts.push((address("poor"), Grains(1)));
    let chain = Chain::new(&genesis);
    let good = chain.sign("alice", 0, transfer("bob", mst(1)));
    let second = chain.sign("alice", 1, transfer("bob", mst(1)));
    let ahead = chain.sign("alice", 3, transfer("bob", mst(1)));
    let stranger = chain.sign("nobody", 0, transfer("bob", mst(1)));
    let poor = chain.sign("poor", 0, transfer("bob", mst(1)));
    let mut late = chain.sign("bob", 0, transfer("alice", mst(1))).transaction;
    late.expires = Height(0);
    let late = SignedTransaction::sign(late, &key("bob"));
    let candidates =
        [&ahead, &good, &good, &second, &poor, &stranger, &late].map(Clone::clone).to_vec();
    let (included, execution) = chain.propose(candidates);
    assert_eq!(included, [good.clone(), second.clone()]);
    assert_eq!(execution.receipts.len(), 2);
    let rejected = |transaction| check(&chain.state, transaction).unwrap_err();
    assert_eq!(rejected(&ahead), Rejection::NonceAhead { expected: 0, found: 3 });
    assert!(matches!(rejected(&poor), Rejection::CannotPay { available: Grains(1), .. }));
    assert!(matches!(rejected(&stranger), Rejection::Account(_)));
    assert_eq!(rejected(&late), Rejection::Expired { expires: Height(0), height: Height(1) });
    assert!(check_after(&chain.state, &ahead, 3).is_ok());
    assert_eq!(
        check_after(&chain.state, &good, 1),
        Err(Rejection::NonceUsed { expected: 1, found: 0 })
    );
    // Anybody who puts them into a block regardless has an invalid block.
    for bad in [ahead, poor, stranger, late] {
        let (mut block, _) = chain.next(vec![]);
        block.transactions.push(bad);
        block.header.transactions_root =
            muster_ledger::block::transactions_root(&block.transactions);
        let error = execute(&chain.state, &chain.header, &block).unwrap_err();
        assert!(matches!(error, BlockError::Transaction { index: 0, .. }), "{error}");
    }
}

#[test]
fn wrong_headers_are_told_apart() {
    let mut chain = Chain::with(1, Parameters::default());
    chain.run_to(3);
    let transactions = vec![chain.sign("alice", 0, transfer("bob", mst(1)))];
    let (block, _) = chain.next(transactions);
    let zero = Hash([0; 32]);
    let outcome = |edit: &dyn Fn(&mut Block)| {
        let mut wrong = block.clone();
        edit(&mut wrong);
        execute(&chain.state, &chain.header, &wrong).unwrap_err()
    };
    assert!(matches!(outcome(&|b| b.header.chain = zero), BlockError::Chain { .. }));
    assert!(matches!(outcome(&|b| b.header.height = Height(9)), BlockError::Height { .. }));
    assert!(matches!(outcome(&|b| b.header.previous = zero), BlockError::Previous { .. }));
    assert!(matches!(
        outcome(&|b| b.header.time_ms = chain.header.time_ms),
        BlockError::Time { .. }
    ));
    assert!(matches!(
        outcome(&|b| b.header.transactions_root = zero),
        BlockError::TransactionsRoot { .. }
    ));
    assert!(matches!(
        outcome(&|b| b.header.next_committee = zero),
        BlockError::NextCommittee { .. }
    ));
    assert!(matches!(outcome(&|b| b.transactions.clear()), BlockError::TransactionsRoot { .. }));
    assert!(matches!(
        outcome(&|b| b.transactions[0].signature = Signature([1; 64])),
        BlockError::Signature { index: 0 }
    ));
    // A parent that does not belong to the state.
    let old = Chain::with(1, Parameters::default());
    assert!(matches!(
        execute(&old.state, &chain.header, &block).unwrap_err(),
        BlockError::Parent { .. }
    ));
    assert!(matches!(
        propose(&chain.state, &chain.header, 0, address("x"), std::iter::empty()).unwrap_err(),
        BlockError::Time { .. }
    ));
}

#[test]
fn blocks_end_at_their_limits() {
    let parameters = Parameters {
        block_bytes_max: 4_096,
        transaction_bytes_max: 1_024,
        block_transactions_max: 30,
        block_cost_max: 10_000,
        peers_max: 8,
        ..Parameters::default()
    };
    let check_limit = |parameters: Parameters, expected: usize| {
        let chain = Chain::with(1, parameters);
        let candidates: Vec<_> =
            (0..40).map(|ahead| chain.sign("alice", ahead, transfer("bob", Grains(1)))).collect();
        let (block, execution) = chain.next(candidates.clone());
        assert_eq!(block.transactions.len(), expected);
        assert!(block.encode().len() as u64 <= chain.state.parameters().block_bytes_max);
        assert!(execution.cost <= chain.state.parameters().block_cost_max);
        execute(&chain.state, &chain.header, &block).unwrap();
        // One more makes it invalid.
        let mut over = block.clone();
        over.transactions.push(candidates[expected].clone());
        over.header.transactions_root = muster_ledger::block::transactions_root(&over.transactions);
        let error = execute(&chain.state, &chain.header, &over).unwrap_err();
        assert!(
            matches!(
                error,
                BlockError::Bytes { .. } | BlockError::Count { .. } | BlockError::Cost { .. }
            ),
            "{error}"
        );
    };
    // 193 bytes each; 40 + 3 cost units each.
    check_limit(parameters.clone(), 20);
    check_limit(Parameters { block_bytes_max: 1 << 20, ..parameters.clone() }, 30);
    let few = Parameters { block_transactions_max: 16, ..parameters };
    check_limit(few, 16);
}

#[test]
fn a_row_that_breaks_a_rule_can_neither_be_made_nor_read() {
    let check = |pairs: &[(u32, u32)], expected: Result<(), RowError>| {
        let pairs = pairs.iter().map(|(peer, share)| (PeerId(*peer), Share(*share)));
        let pairs: Vec<(PeerId, Share)> = pairs.collect();
        let bytes = encode(&pairs);
        assert_eq!(Row::new(pairs).map(|_| ()), expected);
        let read = decode::<Row>("row", &bytes, 1_024);
        match expected {
            Ok(()) => assert_eq!(encode(&read.unwrap()), bytes),
            Err(error) => assert!(read.unwrap_err().to_string().contains(&error.to_string())),
        }
    };
    check(&[], Ok(()));
    check(&[(0, 1), (5, 999_999_999)], Ok(()));
    check(&[(1, 5), (0, 5)], Err(RowError::Order(PeerId(0))));
    check(&[(1, 5), (1, 5)], Err(RowError::Order(PeerId(1))));
    check(&[(1, 0)], Err(RowError::Zero(PeerId(1))));
    check(&[(0, 1_000_000_000), (1, 1)], Err(RowError::Sum(1_000_000_001)));
}

#[test]
fn forms_are_checked_before_any_state() {
    let chain = Chain::with(2, Parameters::default());
    let limits = chain.state.limits();
    let form = |action: Action| chain.sign("alice", 0, action).check_stateless(&limits);
    let weights = |row: Row| form(Action::Market(market::Action::SetWeights { weights: row }));
    assert_eq!(weights(Row::default()), Ok(()));
    let long: Vec<(PeerId, Share)> = (0..1_025).map(|peer| (PeerId(peer), Share(1))).collect();
    assert!(matches!(
        weights(Row::new(long).unwrap()),
        Err(Rejection::Market(outcome::market::Rejection::RowTooLong { .. }))
    ));
    assert_eq!(form(transfer("bob", Grains(0))), Err(Rejection::Nothing));
    let mut other = chain.sign("alice", 0, transfer("bob", mst(1))).transaction;
    other.chain = Hash([1; 32]);
    let other = SignedTransaction::sign(other, &key("alice"));
    assert!(matches!(other.check_stateless(&limits), Err(Rejection::Chain { .. })));
    let mut stolen = chain.sign("alice", 0, transfer("bob", mst(1)));
    stolen.transaction.nonce = 1;
    assert_eq!(stolen.check_stateless(&limits), Err(Rejection::Signature));
}

#[test]
fn endpoints_are_https_host_and_port() {
    let check = |url: &str| {
        let mut endpoint = endpoint("x");
        endpoint.url = url.into();
        endpoint.check().is_ok()
    };
    for good in ["https://127.0.0.1:8700", "https://[::1]:1", "https://a-b.example:65535"] {
        assert!(check(good), "{good}");
    }
    let long = format!("https://{}:1", "a".repeat(128));
    for bad in [
        "",
        "http://a:1",
        "https://a",
        "https://:1",
        "https://a:0",
        "https://a:65536",
        "https://a:08",
        "https://a:+8",
        "https://a/b:1",
        "https://a b:1",
        "https://[x]:1",
        "https://ä:1",
        "https://a:1/",
        long.as_str(),
    ] {
        assert!(!check(bad), "{bad}");
    }
}

#[test]
fn expiry_has_a_horizon() {
    let chain = Chain::with(1, Parameters::default());
    let mut far = chain.sign("alice", 0, transfer("bob", mst(1))).transaction;
    far.expires = Height(u64::MAX);
    let far = SignedTransaction::sign(far, &key("alice"));
    assert!(matches!(check(&chain.state, &far), Err(Rejection::ExpiresTooLate { .. })));
}
