//! A chain without a network: a state, a pool on it, and blocks built from the pool.

use std::collections::BTreeMap;

use muster_ledger::block::Header;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use muster_ledger::execute::{Execution, propose};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::protocol::Version;
use muster_ledger::state::{State, Value, chain};
use muster_ledger::transaction::market::{Payment, Registration, find_work};
use muster_ledger::transaction::{Action, SignedTransaction, Transaction, account, market};
use muster_ledger::types::{Endpoint, Height, Modality};

use crate::mempool::{Mempool, MempoolLimits, Refusal};

pub fn key(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 1; 32])
}

pub fn endpoint() -> Endpoint {
    Endpoint { url: "https://127.0.0.1:8700".into(), modality: Modality::Text }
}

/// What accounts 0 to 7 have.
pub const RICH: Grains = Grains(1_000_000_000_000);

/// Accounts 0 to 7 are rich, 8 to 15 have what is said, 50 has next to nothing and is paid; each of
/// 16 to 19, which have no account, is the hot key of a peer.
pub fn genesis(poor: Grains, parameters: Parameters) -> Genesis {
    let accounts = (0..16).map(|index| {
        let balance = if index < 8 { RICH } else { poor };
        (key(index).public(), balance)
    });
    let peers = (16..20).map(|index| GenesisPeer {
        hot: key(index).public(),
        cold: key(index - 8).public(),
        endpoint: endpoint(),
        stake: Grains(500_000_000_000),
    });
    Genesis {
        version: Version::NEWEST,
        name: "test".to_string(),
        time_ms: 1,
        parameters,
        validators: vec![Validator { name: "v".to_string(), key: key(100).public() }],
        accounts: accounts.chain([(key(50).public(), Grains(1))]).collect(),
        peers: peers.collect(),
    }
}

/// The end of a chain.
pub struct Market {
    pub state: State,
    header: Header,
    pub pool: Mempool,
}

impl Market {
    pub fn new() -> Self {
        Self::with(MempoolLimits::default(), &genesis(Grains::MST, Parameters::default()))
    }

    pub fn with(limits: MempoolLimits, genesis: &Genesis) -> Self {
        let state = State::genesis(genesis).expect("possible");
        let header = genesis.header(Hash::default());
        let pool = Mempool::new(limits, state.clone());
        Self { state, header, pool }
    }

    pub fn sign(
        &self,
        from: u8,
        nonce: u64,
        tip: u64,
        action: impl Into<Action>,
    ) -> SignedTransaction {
        self.sign_until(100, from, nonce, tip, action)
    }

    pub fn sign_until(
        &self,
        expires: u64,
        from: u8,
        nonce: u64,
        tip: u64,
        action: impl Into<Action>,
    ) -> SignedTransaction {
        let transaction = Transaction {
            chain: self.state.chain(),
            signer: key(from).public(),
            nonce,
            expires: Height(expires),
            tip: Grains(tip),
            action: action.into(),
        };
        SignedTransaction::sign(transaction, &key(from))
    }

    /// Moves a grain to an account that nobody uses.
    pub fn transfer(&self, from: u8, nonce: u64, tip: u64) -> SignedTransaction {
        self.sign(from, nonce, tip, pay(1))
    }

    /// A registration by work, which is free, with a tip that is promised and perhaps never paid.
    pub fn work(&self, from: u8, nonce: u64, hot: u8) -> SignedTransaction {
        let terms = self.state.registration();
        let (chain, cold, hot) = (self.state.chain(), key(from).public(), key(hot));
        let (challenge, difficulty) = (&terms.challenge, terms.difficulty);
        let found = find_work(&chain, challenge, &hot.public(), &cold, difficulty, 0, 1 << 20);
        let payment = Payment::Work { nonce: found.expect("a number is found") };
        let registration = Registration::agree(&chain, &hot, cold, endpoint(), payment);
        let tip = self.state.account(&cold).balance.0 / 2;
        let registration = Box::new(registration);
        self.sign(from, nonce, tip, market::Action::Register { registration })
    }

    pub fn submit(&self, transaction: SignedTransaction) -> Result<Hash, Refusal> {
        self.pool.submit(vec![transaction]).remove(0)
    }

    pub fn candidates(&self) -> Vec<(PublicKey, u64)> {
        self.pool.candidates().iter().map(place).collect()
    }

    /// Executes what can be of these and moves on; who was left out.
    pub fn decide(&mut self, candidates: Vec<SignedTransaction>) -> Vec<(PublicKey, u64)> {
        let offered: Vec<_> = candidates.iter().map(place).collect();
        let (included, execution) = self.propose(candidates);
        let included_places: Vec<_> = included.iter().map(place).collect();
        let left = offered.into_iter().filter(|place| !included_places.contains(place)).collect();
        self.header =
            execution.block(&self.header, key(100).public(), included, Hash::default()).header;
        self.state = execution.state.clone();
        self.pool.settle(&execution.state, &execution.changes);
        left
    }

    /// A block from the pool, as the chain builds one; who was left out.
    pub fn block(&mut self) -> Vec<(PublicKey, u64)> {
        let candidates = self.pool.candidates();
        let offered: Vec<_> = candidates.iter().map(place).collect();
        let (included, execution) = self.propose(candidates.clone());
        let taken: Vec<_> = included.iter().map(place).collect();
        let left: Vec<_> = offered.into_iter().filter(|place| !taken.contains(place)).collect();
        self.pool.review(&execution.state, &left);
        self.decide(candidates);
        left
    }

    fn propose(&self, candidates: Vec<SignedTransaction>) -> (Vec<SignedTransaction>, Execution) {
        let (time_ms, proposer) = (self.header.time_ms + 1_000, key(100).public());
        propose(&self.state, &self.header, time_ms, proposer, candidates.into_iter())
            .expect("candidates cannot make a block fail")
    }

    /// Moves on to a state that differs in its parameters alone.
    pub fn change_rules(&mut self, change: impl Fn(&mut Parameters)) {
        let entries = self.state.entries().map(|(key, value)| match value {
            Value::Chain(chain::Value::Parameters(parameters)) => {
                let mut changed = parameters.as_ref().clone();
                change(&mut changed);
                (*key, Value::Chain(chain::Value::Parameters(changed.into())))
            }
            value => (*key, value.clone()),
        });
        let state = State::from_entries(entries).expect("possible");
        self.pool.settle(&state, &BTreeMap::new());
        self.state = state;
    }

    /// Compares the pool with its own rules.
    pub fn audit(&self) {
        self.pool.lock().audit();
    }
}

pub fn place(transaction: &SignedTransaction) -> (PublicKey, u64) {
    (transaction.transaction.signer, transaction.transaction.nonce)
}

/// A payment to an account that nobody uses.
pub fn pay(amount: u64) -> Action {
    account::Action::Transfer { to: key(50).public(), amount: Grains(amount) }.into()
}

/// A stream of numbers from a seed.
pub struct Numbers {
    pub seed: u64,
    pub count: u64,
}

impl Numbers {
    pub fn below(&mut self, bound: u64) -> u64 {
        let digest = hash("numbers", &[&self.seed.to_le_bytes(), &self.count.to_le_bytes()]);
        self.count += 1;
        u64::from_le_bytes(digest.0[..8].try_into().expect("eight bytes")) % bound
    }
}
