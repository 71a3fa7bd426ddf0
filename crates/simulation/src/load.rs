//! The chain that the simulated validators begin with, and what its users ask of it.

use muster_ledger::change::Change;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::{ParameterChange, Parameters};
use muster_ledger::protocol::Version;
use muster_ledger::state::State;
use muster_ledger::transaction::market::{Payment, Registration, find_work, weights_commitment};
use muster_ledger::transaction::{
    Action, SignedTransaction, Transaction, account, governance, market, stake,
};
use muster_ledger::types::{Endpoint, Modality, PeerId, Row, Share};
use muster_mechanism::random::Stream;

/// When the chain begins, milliseconds since 1970.
pub const GENESIS_MS: u64 = 1_700_000_000_000;
/// People with money.
const PEOPLE: u64 = 6;
/// Peers from the start.
const PEERS: u32 = 5;
/// Peers that may come.
const NEWCOMERS: u64 = 3;
/// One MST.
const MST: u64 = 1_000_000_000;
/// Numbers tried for a registration by work.
const TRIES: u64 = 10_000;
/// The salt of all commitments: nothing here is secret.
const SALT: [u8; 32] = [7; 32];

/// A key by name and number.
pub fn key(name: &str, index: u64) -> SecretKey {
    SecretKey::from_seed(hash("simulated key", &[name.as_bytes(), &index.to_le_bytes()]).0)
}

fn endpoint(index: u64) -> Endpoint {
    let url = format!("https://peer-{index}.example:8700");
    Endpoint { url, modality: Modality::Text }
}

/// The chain of so many validators: short blocks and epochs, and everything cheap.
pub fn genesis(validators: usize) -> Genesis {
    let parameters = Parameters {
        block_time_ms: 500,
        timeout_propose_ms: 1_000,
        timeout_prevote_ms: 500,
        timeout_precommit_ms: 500,
        epoch_blocks: 4,
        unbonding_blocks: 6,
        weights_interval_blocks: 1,
        registration_difficulty: 16,
        registration_difficulty_min: 16,
        registration_price: Grains(MST),
        registration_price_min: Grains(MST / 10),
        proposal_stake_min: Grains(1),
        proposal_deposit: Grains(MST / 100),
        voting_blocks: 10,
        quorum_ppb: 1_000_000,
        ..Parameters::default()
    };
    let mut accounts: Vec<_> =
        (0..PEOPLE).map(|index| (key("person", index).public(), Grains(1_000 * MST))).collect();
    for index in 0..u64::from(PEERS) {
        accounts.push((key("hot", index).public(), Grains(MST)));
        accounts.push((key("cold", index).public(), Grains(MST)));
    }
    let peer = |index| GenesisPeer {
        hot: key("hot", index).public(),
        cold: key("cold", index).public(),
        endpoint: endpoint(index),
        stake: Grains(100 * MST),
    };
    let validator = |index| Validator {
        name: format!("validator-{index}"),
        key: key("validator", index).public(),
    };
    Genesis {
        version: Version::NEWEST,
        name: "simulated".to_string(),
        time_ms: GENESIS_MS,
        parameters,
        validators: (0..validators as u64).map(validator).collect(),
        accounts,
        peers: (0..u64::from(PEERS)).map(peer).collect(),
    }
}

/// A transaction of anybody: any action, of which some fail, which is part of it. `nonce_after`
/// says which nonce a signer's next transaction has.
pub fn transaction(
    chain: Hash,
    state: &State,
    nonce_after: impl FnOnce(&PublicKey) -> u64,
    stream: &mut Stream,
) -> SignedTransaction {
    let (signer, action) = action(chain, state, stream);
    let transaction = Transaction {
        chain,
        signer: signer.public(),
        nonce: nonce_after(&signer.public()),
        expires: state.height().after(1 + stream.below(40)),
        tip: Grains(stream.below(1_000)),
        action,
    };
    SignedTransaction::sign(transaction, &signer)
}

fn action(chain: Hash, state: &State, stream: &mut Stream) -> (SecretKey, Action) {
    let person = key("person", stream.below(PEOPLE));
    let hot = key("hot", stream.below(u64::from(PEERS)));
    let peer = PeerId(stream.below(u64::from(PEERS)) as u32);
    let amount = Grains(1 + stream.below(3 * MST));
    match stream.below(12) {
        0 | 1 => {
            let to = key("person", stream.below(PEOPLE)).public();
            (person, account::Action::Transfer { to, amount }.into())
        }
        2 | 3 => (person, stake::Action::Stake { peer, amount }.into()),
        4 => (person, stake::Action::Unstake { peer, amount }.into()),
        5 => (hot, market::Action::SetWeights { weights: row(stream) }.into()),
        6 => {
            let weights = Row::new(vec![(PeerId(0), Share(1_000))]).expect("one share");
            let commitment = weights_commitment(&chain, &hot.public(), &weights, &SALT);
            (hot, market::Action::CommitWeights { commitment }.into())
        }
        7 => {
            let weights = Row::new(vec![(PeerId(0), Share(1_000))]).expect("one share");
            (hot, market::Action::RevealWeights { weights, salt: SALT }.into())
        }
        8 => register(chain, state, person, stream),
        9 => (hot, market::Action::SetEndpoint { endpoint: endpoint(stream.below(50)) }.into()),
        10 => {
            let value = 1 + stream.below(200_000_000);
            let change = ParameterChange { name: "commission_ppb".to_string(), value };
            (person, governance::Action::Propose { change: Change::Parameter(change) }.into())
        }
        _ => {
            let (proposal, approve) = (stream.below(4), stream.below(4) > 0);
            (person, governance::Action::Vote { proposal, approve }.into())
        }
    }
}

fn row(stream: &mut Stream) -> Row {
    let mut weights = Vec::new();
    for peer in 0..PEERS {
        if stream.below(2) == 0 {
            weights.push((PeerId(peer), Share(1 + stream.below(190_000_000) as u32)));
        }
    }
    Row::new(weights).expect("peers rise and shares are below the whole")
}

fn register(
    chain: Hash,
    state: &State,
    person: SecretKey,
    stream: &mut Stream,
) -> (SecretKey, Action) {
    let newcomer = u64::from(PEERS) + stream.below(NEWCOMERS);
    let (hot, cold) = (key("hot", newcomer), key("cold", newcomer));
    let terms = state.registration();
    let work = (stream.below(2) == 0).then(|| {
        let (difficulty, challenge) = (terms.difficulty, terms.challenge);
        find_work(&chain, &challenge, &hot.public(), &cold.public(), difficulty, 0, TRIES)
    });
    let (signer, payment) = match work.flatten() {
        Some(nonce) => (cold.clone(), Payment::Work { nonce }),
        None => (person, Payment::Burn { price_max: Grains(10 * MST) }),
    };
    let registration =
        Registration::agree(&chain, &hot, cold.public(), endpoint(newcomer), payment);
    (signer, market::Action::Register { registration: Box::new(registration) }.into())
}
