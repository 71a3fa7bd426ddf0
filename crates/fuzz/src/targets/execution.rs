//! Transactions that are signed by who may sign them, in blocks on a chain in which every kind of
//! entry stands: whatever they ask for, a block can be made of them, everybody who executes it
//! comes to the same state, and money adds up.

use std::sync::OnceLock;

use borsh::BorshDeserialize;
use muster_ledger::block::{Block, Header};
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::encoding::encode;
use muster_ledger::execute::{execute, propose};
use muster_ledger::money::Grains;
use muster_ledger::state::State;
use muster_ledger::transaction::market::{
    self, HotKeyReplacement, Payment, Registration, find_work,
};
use muster_ledger::transaction::{Action, SignedTransaction, Transaction};

use crate::Target;
use crate::actions::{KINDS, Numbers, PEOPLE};
use crate::samples::busy;
use crate::support::{Chain, key};

/// Signed transactions, executed.
pub const TARGET: Target = Target {
    name: "execution",
    about: "actions, signed by who may, in blocks that are proposed, encoded and executed",
    bytes_max: 4 << 10,
    run,
    seeds,
};

/// Blocks of an input: enough for the end of an epoch.
const BLOCKS_MAX: usize = 12;
/// Transactions of an input.
const TRANSACTIONS_MAX: usize = 24;
/// A byte from which on a block ends.
const END: u8 = 0xe0;

/// Who may sign: people, and hot keys that come and go.
const NAMES: [&str; 8] =
    ["hot-r0", "hot-r1", "hot-n", "hot-w", "cold-n", "cold-w", "hot-r2", "nobody"];

fn keys() -> &'static [SecretKey] {
    static KEYS: OnceLock<Vec<SecretKey>> = OnceLock::new();
    KEYS.get_or_init(|| PEOPLE.iter().chain(&NAMES).map(|name| key(name)).collect())
}

/// The state and header after which an input goes on.
fn begun() -> &'static (State, Header) {
    static BEGUN: OnceLock<(State, Header)> = OnceLock::new();
    BEGUN.get_or_init(|| {
        let Chain { state, header, .. } = busy();
        (state, header)
    })
}

fn run(mut bytes: &[u8]) {
    let (mut state, mut header) = begun().clone();
    let (mut blocks, mut waiting) = (0, Vec::new());
    while let Ok(byte) = u8::deserialize(&mut bytes) {
        if byte >= END {
            (state, header) = block(&state, &header, std::mem::take(&mut waiting));
            blocks += 1;
            if blocks == BLOCKS_MAX {
                return;
            }
            continue;
        }
        let signer = &keys()[usize::from(byte) % keys().len()];
        let Some(signed) = transaction(&state, signer, &mut bytes) else { break };
        if waiting.len() < TRANSACTIONS_MAX {
            waiting.push(signed);
        }
    }
    block(&state, &header, waiting);
}

/// The next transaction of an input: how far its nonce is ahead, its tip, its action.
fn transaction(state: &State, signer: &SecretKey, bytes: &mut &[u8]) -> Option<SignedTransaction> {
    let ahead = u8::deserialize(bytes).ok()? % 4;
    let tip = u32::deserialize(bytes).ok()?;
    let action = agreed(state, Action::deserialize(bytes).ok()?);
    let transaction = Transaction {
        chain: state.chain(),
        signer: signer.public(),
        nonce: state.account(&signer.public()).nonce + u64::from(ahead),
        expires: state.height().after(10),
        tip: Grains(tip.into()),
        action,
    };
    Some(SignedTransaction::sign(transaction, signer))
}

/// The action with the signature and the work that it carries made good, where one of ours may
/// agree to it.
fn agreed(state: &State, action: Action) -> Action {
    let chain = state.chain();
    let holder = |public| keys().iter().find(|key| key.public() == public);
    match action {
        Action::Market(market::Action::Register { registration }) => {
            let Some(hot) = holder(registration.hot) else {
                return market::Action::Register { registration }.into();
            };
            let Registration { cold, endpoint, payment, .. } = *registration;
            let payment = match payment {
                Payment::Work { nonce } => {
                    let terms = state.registration();
                    let (challenge, difficulty) = (&terms.challenge, terms.difficulty);
                    let hot = hot.public();
                    let found = find_work(&chain, challenge, &hot, &cold, difficulty, nonce, 512);
                    Payment::Work { nonce: found.unwrap_or(nonce) }
                }
                burn => burn,
            };
            let registration = Registration::agree(&chain, hot, cold, endpoint, payment);
            market::Action::Register { registration: Box::new(registration) }.into()
        }
        Action::Market(market::Action::ReplaceHotKey { replacement }) => {
            let agreed = holder(replacement.hot)
                .map(|hot| Box::new(HotKeyReplacement::agree(&chain, replacement.peer, hot)));
            market::Action::ReplaceHotKey { replacement: agreed.unwrap_or(replacement) }.into()
        }
        other => other,
    }
}

/// The next block of those that may stand in it; the state after it.
fn block(state: &State, header: &Header, waiting: Vec<SignedTransaction>) -> (State, Header) {
    let limits = state.limits();
    let checked = waiting.into_iter().filter(|signed| signed.check_stateless(&limits).is_ok());
    let committee = state.committee();
    let proposer = committee[header.height.0 as usize % committee.len()].key;
    let time_ms = header.time_ms + 1_000;
    let (included, proposed) = propose(state, header, time_ms, proposer, checked)
        .expect("a block can be made of whatever is offered");
    let block = proposed.block(header, proposer, included, Hash([0; 32]));
    let block = Block::decode(&block.encode(), &limits).expect("our own encoding");
    let executed = execute(state, header, &block).expect("others take what was proposed");
    assert_eq!(proposed.changes, executed.changes, "two executions differ");
    assert_eq!(proposed.events, executed.events, "two executions differ");
    assert_eq!(proposed.receipts, executed.receipts, "two executions differ");
    executed.state.audit().expect("money adds up");
    (executed.state, block.header)
}

fn seeds() -> Vec<Vec<u8>> {
    let chain = busy();
    let mut all = Vec::new();
    let mut seeds = Vec::new();
    for (_, _, make) in KINDS {
        for (index, signer) in PEOPLE.iter().enumerate().step_by(3) {
            let action = make(&chain, &mut Numbers::new(index as u64), signer);
            let seed = [&[index as u8, 0][..], &[0; 4], &encode(&action), &[END]].concat();
            all.extend_from_slice(&seed);
            seeds.push(seed);
        }
    }
    // Empty blocks up to the end of an epoch; and all that fits of all together.
    seeds.push(vec![END; BLOCKS_MAX]);
    all.truncate(TARGET.bytes_max);
    seeds.push(all);
    seeds
}
