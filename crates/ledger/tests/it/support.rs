//! A chain in memory, that checks everything a node would check.

use std::collections::{BTreeMap, HashMap};

use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, OwnedValue, Version as TreeVersion};
use muster_ledger::block::{Block, Header};
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash};
use muster_ledger::execute::{Execution, execute, propose};
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::outcome::{Receipt, Rejection};
use muster_ledger::parameters::Parameters;
use muster_ledger::presence::{Belief, Design, Payoff, Puzzle, Solution};
use muster_ledger::protocol::Version;
use muster_ledger::state::State;
use muster_ledger::transaction::presence::Action as InRound;
use muster_ledger::transaction::{Action, SignedTransaction, Transaction};
use muster_ledger::tree;
use muster_ledger::types::{Endpoint, Height, Modality, PeerId, Real, RoundId, Row, Share};
use muster_puzzle::{Searcher, Work};

/// The state tree in memory, all versions.
#[derive(Default)]
pub struct MemoryTree {
    nodes: HashMap<NodeKey, Node>,
    values: BTreeMap<(KeyHash, TreeVersion), Option<OwnedValue>>,
}

impl MemoryTree {
    pub fn write(&mut self, batch: &TreeUpdateBatch) {
        let nodes = batch.node_batch.nodes().iter();
        self.nodes.extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
        for ((version, key), value) in batch.node_batch.values() {
            self.values.insert((*key, *version), value.clone());
        }
    }
}

impl TreeReader for MemoryTree {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.get(key).cloned())
    }

    fn get_value_option(
        &self,
        version_max: TreeVersion,
        key: KeyHash,
    ) -> anyhow::Result<Option<OwnedValue>> {
        let mut versions = self.values.range((key, 0)..=(key, version_max));
        Ok(versions.next_back().and_then(|(_, value)| value.clone()))
    }

    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        anyhow::bail!("only a restore asks for it")
    }
}

pub fn real(number: f64) -> Real {
    Real::new(number).unwrap()
}

pub fn listed(numbers: &[f64]) -> Vec<Real> {
    numbers.iter().map(|number| real(*number)).collect()
}

/// At most three players, who need each other; one solution of a hundred tries in twenty seconds.
pub fn design() -> Design {
    Design {
        players: Belief::Listed(listed(&[0.2, 0.3, 0.5])),
        malicious: Belief::Listed(listed(&[0.6, 0.3, 0.1])),
        payoff: Payoff::Listed(listed(&[0.0, 1.0, 3.0])),
        null_payoff: real(1.9),
        puzzle: Puzzle::Sha256,
        difficulty: 100,
        tries_per_second: real(5.0),
        solutions: 1,
        deadline_ms: None,
    }
}

/// What first solves a work from a number on.
pub fn find(work: &Work, from: u64) -> Solution {
    Searcher::new(work.puzzle()).search(work, from..u64::MAX, &|| false).solution.unwrap()
}

/// A solution of a round by a key, or a guess where the round has not begun, or takes memory.
pub fn solve(chain: &Chain, id: RoundId, signer: &str) -> InRound {
    let found = chain.state.round(id);
    let puzzle = found.map_or(Puzzle::Sha256, |(_, design)| design.puzzle);
    let work = found.and_then(|(round, design)| round.work(design, &address(signer)));
    let solution = match work.filter(|_| puzzle == Puzzle::Sha256) {
        Some(work) => find(&work, 0),
        None => Solution { nonce: 5, proof: vec![5; puzzle.proof_bytes()] },
    };
    InRound::Solve { round: id, solution }
}

pub fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(hash("test key", &[name.as_bytes()]).0)
}

pub fn address(name: &str) -> PublicKey {
    key(name).public()
}

pub fn endpoint(name: &str) -> Endpoint {
    Endpoint { url: format!("https://{name}.example:8700"), modality: Modality::Text }
}

pub const MST: u64 = 1_000_000_000;

pub fn mst(amount: u64) -> Grains {
    Grains(amount * MST)
}

/// Equal shares of the whole to these peers.
pub fn row(peers: &[u32]) -> Row {
    let share = Share(1_000_000_000 / peers.len().max(1) as u32);
    Row::new(peers.iter().map(|peer| (PeerId(*peer), share)).collect()).unwrap()
}

/// Four validators, the user `alice` with 1,000 MST, `bob` with 10, and peers `0..peers` with 100
/// MST of stake each, whose hot keys hold one MST.
pub fn genesis(peers: usize, parameters: Parameters) -> Genesis {
    let mut accounts = vec![(address("alice"), mst(1_000)), (address("bob"), mst(10))];
    accounts.extend((0..peers).map(|index| (address(&format!("hot-{index}")), mst(1))));
    Genesis {
        version: Version::NEWEST,
        name: "test".into(),
        time_ms: 1_700_000_000_000,
        parameters,
        validators: (0..4)
            .map(|index| {
                let name = format!("validator-{index}");
                Validator { key: address(&name), name }
            })
            .collect(),
        accounts,
        peers: (0..peers)
            .map(|index| GenesisPeer {
                hot: address(&format!("hot-{index}")),
                cold: address(&format!("cold-{index}")),
                endpoint: endpoint(&format!("peer-{index}")),
                stake: mst(100),
            })
            .collect(),
    }
}

pub struct Chain {
    pub state: State,
    pub header: Header,
    pub tree: MemoryTree,
    pub last: Vec<SignedTransaction>,
}

impl Chain {
    pub fn new(genesis: &Genesis) -> Self {
        let state = State::genesis(genesis).unwrap();
        let mut tree = MemoryTree::default();
        let (root, batch) = tree::update(&tree, Height(0), &tree::all_entries(&state)).unwrap();
        tree.write(&batch);
        Self { state, header: genesis.header(root), tree, last: Vec::new() }
    }

    pub fn with(peers: usize, parameters: Parameters) -> Self {
        Self::new(&genesis(peers, parameters))
    }

    /// A transaction with the signer's next nonce, `ahead` more for those that wait.
    pub fn sign(&self, signer: &str, ahead: u64, action: impl Into<Action>) -> SignedTransaction {
        let transaction = Transaction {
            chain: self.state.chain(),
            signer: address(signer),
            nonce: self.state.account(&address(signer)).nonce + ahead,
            expires: self.state.height().after(10),
            tip: Grains(0),
            action: action.into(),
        };
        SignedTransaction::sign(transaction, &key(signer))
    }

    pub fn proposer(&self) -> PublicKey {
        let committee = self.state.committee();
        committee[self.header.height.0 as usize % committee.len()].key
    }

    /// What a block with these candidates comes to, without moving on.
    pub fn propose(
        &self,
        candidates: Vec<SignedTransaction>,
    ) -> (Vec<SignedTransaction>, Execution) {
        self.proposed_at(self.header.time_ms + 1_000, candidates)
    }

    /// The same for a block of this time.
    pub fn proposed_at(
        &self,
        time_ms: u64,
        candidates: Vec<SignedTransaction>,
    ) -> (Vec<SignedTransaction>, Execution) {
        propose(&self.state, &self.header, time_ms, self.proposer(), candidates.into_iter())
            .unwrap()
    }

    /// A valid next block of what fits of the candidates.
    pub fn next(&self, candidates: Vec<SignedTransaction>) -> (Block, Execution) {
        let (included, execution) = self.propose(candidates);
        let (root, _) =
            tree::update(&self.tree, self.state.height().next(), &execution.changes).unwrap();
        (execution.block(&self.header, self.proposer(), included, root), execution)
    }

    /// Proposes, encodes, decodes, executes and stores a block; panics where the two executions
    /// differ or anything is not conserved.
    pub fn block(&mut self, candidates: Vec<SignedTransaction>) -> Execution {
        let limits = self.state.limits();
        for candidate in &candidates {
            candidate.check_stateless(&limits).unwrap();
        }
        let (block, proposed) = self.next(candidates);
        let block = Block::decode(&block.encode(), &limits).unwrap();
        let executed = execute(&self.state, &self.header, &block).unwrap();
        assert_eq!(proposed.state, executed.state);
        assert_eq!(proposed.changes, executed.changes);
        assert_eq!(proposed.events, executed.events);
        let (root, batch) =
            tree::update(&self.tree, block.header.height, &executed.changes).unwrap();
        assert_eq!(root, block.header.state_root);
        self.tree.write(&batch);
        executed.state.audit().unwrap();
        self.check_spending(&block, &executed);
        self.state = executed.state.clone();
        self.header = block.header;
        self.last = block.transactions;
        executed
    }

    /// No signer's account lost more than its transactions said at most.
    fn check_spending(&self, block: &Block, executed: &Execution) {
        let mut bounds: BTreeMap<PublicKey, u128> = BTreeMap::new();
        for (signed, receipt) in block.transactions.iter().zip(&executed.receipts) {
            let spends = if receipt.result.is_ok() {
                signed.transaction.action.spends(self.state.parameters())
            } else {
                Grains::ZERO
            };
            let parts = [receipt.fee, receipt.tip, spends];
            *bounds.entry(signed.transaction.signer).or_default() +=
                parts.iter().map(|part| u128::from(part.0)).sum::<u128>();
        }
        for (signer, bound) in bounds {
            let before = u128::from(self.state.account(&signer).balance.0);
            let after = u128::from(executed.state.account(&signer).balance.0);
            assert!(before <= after + bound, "{signer} lost more than {bound}");
        }
    }

    /// A block of all these, each of which must be included; their receipts.
    pub fn all(&mut self, transactions: Vec<SignedTransaction>) -> Vec<Receipt> {
        let count = transactions.len();
        let execution = self.block(transactions);
        assert_eq!(execution.receipts.len(), count, "not every transaction was included");
        execution.receipts
    }

    /// A block of one action, which must be included; its result.
    pub fn act(&mut self, signer: &str, action: impl Into<Action>) -> Result<(), Rejection> {
        let transaction = self.sign(signer, 0, action);
        self.all(vec![transaction]).remove(0).result
    }

    /// Empty blocks up to and including a height.
    pub fn run_to(&mut self, height: u64) {
        while self.state.height().0 < height {
            self.block(Vec::new());
        }
    }

    /// Empty blocks up to the end of the current epoch.
    pub fn end_epoch(&mut self) {
        self.run_to(self.state.clock().epoch_end.0);
    }

    pub fn balance(&self, name: &str) -> Grains {
        self.state.account(&address(name)).balance
    }

    pub fn root(&self) -> Hash {
        self.header.state_root
    }
}
