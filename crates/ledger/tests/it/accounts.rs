//! Accounts begin with a deposit and give it back at their end; what they signed is never taken
//! twice.

use muster_ledger::execute::{check, execute};
use muster_ledger::money::Grains;
use muster_ledger::outcome::account::Rejection as Refused;
use muster_ledger::outcome::{Event, Rejection, account as outcome};
use muster_ledger::parameters::Parameters;
use muster_ledger::state::account::Account;
use muster_ledger::transaction::account::Action;
use muster_ledger::transaction::{SignedTransaction, stake};
use muster_ledger::types::{Height, PeerId};

use crate::support::{Chain, address, key, mst};

const DEPOSIT: u64 = 10_000_000;

fn transfer(to: &str, amount: Grains) -> Action {
    Action::Transfer { to: address(to), amount }
}

fn close(to: &str) -> Action {
    Action::Close { to: address(to) }
}

fn account(chain: &Chain, name: &str) -> Account {
    chain.state.account(&address(name))
}

#[test]
fn an_account_begins_with_its_deposit_and_gives_it_back() {
    let mut chain = Chain::with(0, Parameters::default());
    let (to, deposit) = (address("carol"), Grains(DEPOSIT));
    let dust = chain.act("alice", transfer("carol", Grains(DEPOSIT - 1)));
    assert_eq!(dust, Err(Refused::Opening { to, deposit }.into()));
    assert!(chain.state.accounts().all(|(key, _)| key != to));
    chain.act("alice", transfer("carol", mst(1))).unwrap();
    let opened = account(&chain, "carol");
    assert_eq!((opened.balance, opened.deposit), (Grains(mst(1).0 - DEPOSIT), deposit));
    // Once it is there, any amount will do.
    chain.act("alice", transfer("carol", Grains(1))).unwrap();
    // What is held cannot be spent.
    let all = chain.act("carol", transfer("bob", Grains(mst(1).0 - DEPOSIT + 1)));
    assert!(matches!(all, Err(Rejection::Balance { .. })), "{all:?}");

    chain.run_to(64);
    let (before, bobs) = (account(&chain, "carol"), chain.balance("bob"));
    let end = chain.sign("carol", 0, close("bob"));
    let execution = chain.block(vec![end]);
    let fee = execution.receipts[0].fee;
    assert_eq!(execution.receipts[0].result, Ok(()));
    // To the last grain.
    let amount = before.total().checked_sub(fee).unwrap();
    let closed = outcome::Event::Closed { account: to, to: address("bob"), amount };
    assert!(execution.events.contains(&Event::from(closed)));
    assert_eq!(chain.balance("bob"), bobs.checked_add(amount).unwrap());
    assert!(chain.state.accounts().all(|(key, _)| key != to));
}

#[test]
fn nobody_signs_without_an_account() {
    // Not even where it would cost nothing: each would leave an entry for ever.
    let free = Parameters {
        fee_flat: Grains(0),
        fee_per_byte: Grains(0),
        fee_per_weight: Grains(0),
        ..Parameters::default()
    };
    let chain = Chain::with(2, free);
    let signed = chain.sign("nobody", 0, transfer("alice", Grains(1)));
    let refused = Refused::NoAccount { key: address("nobody"), deposit: Grains(DEPOSIT) };
    assert_eq!(check(&chain.state, &signed), Err(refused.into()));
    assert!(chain.propose(vec![signed.clone()]).0.is_empty());
    let (mut block, _) = chain.next(vec![]);
    block.transactions.push(signed);
    block.header.transactions_root = muster_ledger::block::transactions_root(&block.transactions);
    assert!(execute(&chain.state, &chain.header, &block).is_err());
}

#[test]
fn a_flood_of_accounts_locks_real_money() {
    let mut chain = Chain::with(0, Parameters::default());
    let entries = chain.state.len();
    let before = chain.balance("alice").0;
    let flood: Vec<SignedTransaction> = (0..500)
        .map(|index| {
            chain.sign("alice", index, transfer(&format!("dust-{index}"), Grains(DEPOSIT)))
        })
        .collect();
    let fees: u64 = chain.all(flood).iter().map(|receipt| receipt.fee.0).sum();
    assert_eq!(chain.state.len(), entries + 500);
    assert_eq!(before - chain.balance("alice").0, fees + 500 * DEPOSIT);
    let held: u64 = chain.state.accounts().map(|(_, account)| account.deposit.0).sum();
    assert_eq!(held, 500 * DEPOSIT);
}

#[test]
fn what_an_account_signed_is_never_taken_again() {
    let mut chain =
        Chain::with(0, Parameters { expiry_blocks_max: 1_000, ..Parameters::default() });
    chain.act("alice", transfer("carol", mst(5))).unwrap();
    // Every transaction of the first account, kept by somebody who would like to see them again.
    let mut old = Vec::new();
    for _ in 0..3 {
        let mut signed = chain.sign("carol", 0, transfer("bob", mst(1))).transaction;
        signed.expires = Height(900);
        let signed = SignedTransaction::sign(signed, &key("carol"));
        old.push(signed.clone());
        assert_eq!(chain.all(vec![signed])[0].result, Ok(()));
    }
    // One more that was never included.
    let mut kept = chain.sign("carol", 1, transfer("bob", mst(1))).transaction;
    kept.expires = Height(900);
    old.push(SignedTransaction::sign(kept, &key("carol")));
    let early = chain.act("carol", close("alice"));
    assert_eq!(early, Err(Refused::ClosesFrom { from: Height(64) }.into()));
    chain.run_to(64);
    // Closed and opened again in one block: the hardest case.
    let end = chain.sign("carol", 0, close("alice"));
    old.push(end.clone());
    let again = chain.sign("alice", 0, transfer("carol", mst(5)));
    let receipts = chain.all(vec![end, again]);
    assert!(receipts.iter().all(|receipt| receipt.result.is_ok()));
    let opened = account(&chain, "carol");
    for signed in &old {
        assert!(signed.transaction.nonce < opened.nonce, "{}", signed.transaction.nonce);
        let result = check(&chain.state, signed);
        assert!(matches!(result, Err(Rejection::NonceUsed { .. })), "{result:?}");
        assert!(chain.propose(vec![signed.clone()]).0.is_empty());
    }
    assert_eq!(account(&chain, "carol").total(), mst(5));
    // The new one works, and cannot be closed at once to begin at the same nonce once more.
    chain.act("carol", transfer("bob", mst(1))).unwrap();
    let twice = chain.act("carol", close("alice"));
    assert_eq!(twice, Err(Refused::ClosesFrom { from: Height(128) }.into()));
}

#[test]
fn an_account_is_closed_in_favour_of_somebody_who_can_receive() {
    let mut chain = Chain::with(0, Parameters::default());
    chain.run_to(64);
    let own = chain.sign("bob", 0, close("bob"));
    let refused = Err(Refused::ClosedToItself.into());
    assert_eq!(own.check_stateless(&chain.state.limits()), refused);
    // All of it opens another's account.
    let before = account(&chain, "bob").total();
    let end = chain.sign("bob", 0, close("dave"));
    let fee = chain.all(vec![end])[0].fee;
    assert_eq!(account(&chain, "dave").total(), before.checked_sub(fee).unwrap());
    assert_eq!(account(&chain, "dave").deposit, Grains(DEPOSIT));
}

#[test]
fn money_on_its_way_back_opens_a_closed_account() {
    let parameters = Parameters { unbonding_blocks: 3, ..Parameters::default() };
    let mut chain = Chain::with(1, parameters);
    chain.run_to(64);
    let peer = PeerId(0);
    chain.act("bob", stake::Action::Stake { peer, amount: mst(1) }).unwrap();
    chain.act("bob", stake::Action::Unstake { peer, amount: mst(1) }).unwrap();
    chain.act("bob", close("alice")).unwrap();
    for _ in 0..4 {
        chain.block(vec![]);
    }
    let back = account(&chain, "bob");
    assert_eq!((back.total(), back.deposit), (mst(1), Grains(DEPOSIT)));
}
