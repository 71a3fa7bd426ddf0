//! What strangers hand in as transactions: what nobody signed, what can never be executed, what
//! nobody can pay for, and what nobody wants decided.

use std::time::Duration;

use muster_api::Client;
use muster_api::presence::{Phase, Round};
use muster_ledger::change::Change;
use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{FIELDS, ParameterChange, Parameters};
use muster_ledger::presence::{Belief, Design, Payoff, Puzzle, Solution};
use muster_ledger::transaction::{
    Action, SignedTransaction, Transaction, account, governance, market, presence,
};
use muster_ledger::types::{Height, PeerId, Real, RoundId, Row, Share};
use tokio::task::JoinSet;

use super::orders::Orders;
use super::scene::Scene;
use super::wire;
use crate::error::SiegeError;
use crate::market::{POOR_STRANGERS, Role};

/// Transactions in a batch with wrong signatures.
const FORGED: u64 = 1_000;
/// Transactions in a batch behind a gap; each is as long as they come.
const BEHIND_GAP: u64 = 341;
/// Transactions in a batch that promises one balance.
const PROMISED: u64 = 1_024;
/// Solutions in a batch, of which none solves anything.
const SOLUTIONS: u64 = 250;
/// After how many batches it is looked whether the round is still open; one is for half an hour.
const ROUND_TURNS: u64 = 400;
/// How long a round that is opened is waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many blocks ahead all of them are good.
const EXPIRY_BLOCKS: u64 = 900;
/// Those who promise one balance; the others hand in behind gaps.
const PROMISERS: u64 = 2;

impl Orders {
    fn sign(
        &self,
        key: &SecretKey,
        nonce: u64,
        tip: Grains,
        action: Action,
        now: u64,
    ) -> SignedTransaction {
        let transaction = Transaction {
            chain: self.chain,
            signer: key.public(),
            nonce,
            expires: Height(now + EXPIRY_BLOCKS),
            tip,
            action,
        };
        SignedTransaction::sign(transaction, key)
    }

    fn transfer(&self, amount: u64) -> Action {
        let to = self.key(Role::Stranger, 0).public();
        account::Action::Transfer { to, amount: Grains(amount) }.into()
    }
}

impl Scene {
    /// Hands in a batch from an address of its own; counts what came of each transaction.
    async fn hand_in(&self, turn: u64, batch: &[SignedTransaction]) {
        let from = self.orders.stranger(4_000 + turn % 4_000);
        let body = borsh::to_vec(batch).expect("encoding to memory does not fail");
        let head = wire::post("/v1/mempool", body.len());
        let count = batch.len() as u64;
        self.tally.did(count);
        match wire::ask_for(from, self.orders.api[0], &[&head, &body]).await {
            Some((202, answer)) => {
                let accepted = answer.get("accepted").and_then(serde_json::Value::as_u64);
                let accepted = accepted.unwrap_or(0);
                self.tally.was_taken(accepted);
                self.tally.was_refused(count - accepted.min(count));
            }
            Some(_) => self.tally.was_refused(count),
            None => self.tally.was_cut(count),
        }
    }
}

/// Transactions of somebody who could pay for them, and did not sign them.
pub fn signatures(scene: &Scene, tasks: &mut JoinSet<()>) {
    let scene = scene.clone();
    tasks.spawn(async move {
        let orders = &scene.orders;
        let rich = orders.key(Role::Rich, 0);
        let signed = orders.sign(&rich, 0, Grains(1), orders.transfer(1), scene.height().await);
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            let forged = |index: u64| {
                let mut forged = signed.clone();
                forged.transaction.tip = Grains(2 + turn * FORGED + index);
                forged
            };
            scene.hand_in(turn, &(0..FORGED).map(forged).collect::<Vec<_>>()).await;
        }
    });
}

/// As long as can be, with half of all money as a tip, and never to be executed.
pub fn gaps(scene: &Scene, tasks: &mut JoinSet<()>) {
    let scene = scene.clone();
    tasks.spawn(async move {
        let orders = &scene.orders;
        let weights = (0..256).map(|peer| (PeerId(peer), Share(3_000_000))).collect();
        let weights = Row::new(weights).expect("a row in order");
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            let now = scene.height().await;
            let poor =
                orders.key(Role::Poor, PROMISERS + turn % (POOR_STRANGERS as u64 - PROMISERS));
            let first = 1 + turn / 8 * BEHIND_GAP % 600;
            let row = || market::Action::RevealWeights { weights: weights.clone(), salt: [0; 32] };
            let tip = Grains(Grains::MST.0 / 2 + turn);
            let sign = |nonce| orders.sign(&poor, nonce, tip, row().into(), now);
            let batch: Vec<_> = (first..first + BEHIND_GAP).map(sign).collect();
            scene.hand_in(turn, &batch).await;
        }
    });
}

/// One balance, promised a thousand times.
pub fn promises(scene: &Scene, tasks: &mut JoinSet<()>) {
    let scene = scene.clone();
    tasks.spawn(async move {
        let orders = &scene.orders;
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            let now = scene.height().await;
            let poor = orders.key(Role::Poor, turn % PROMISERS);
            let tip = Grains(Grains::MST.0 / 10 * 9 + turn);
            let sign = |nonce| orders.sign(&poor, nonce, tip, orders.transfer(1), now);
            let batch: Vec<_> = (0..PROMISED).map(sign).collect();
            scene.hand_in(turn, &batch).await;
        }
    });
}

/// Solutions of a presence round that is open, each by a key of its own, and none of them found.
pub fn solutions(scene: &Scene, tasks: &mut JoinSet<()>) -> Result<(), SiegeError> {
    let scene = scene.clone();
    let client = Client::new(vec![scene.orders.url()])?;
    client.pin(scene.orders.chain)?;
    tasks.spawn(async move {
        let orders = &scene.orders;
        let rich = orders.key(Role::Rich, 2);
        let mut open = None;
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            if open.is_none() || turn % ROUND_TURNS == 0 {
                open = open_round(&client, &rich).await;
            }
            // Solutions of no round are refused for less: none is handed in, and none counted.
            let Some(round) = open else { continue };
            let now = scene.height().await;
            let junk = |index: u64| {
                let solver = orders.key(Role::Stranger, 1 + turn * SOLUTIONS + index);
                let solution = Solution { nonce: index, proof: Vec::new() };
                let action = presence::Action::Solve { round, solution };
                orders.sign(&solver, 0, Grains(0), action.into(), now)
            };
            scene.hand_in(turn, &(0..SOLUTIONS).map(junk).collect::<Vec<_>>()).await;
        }
    });
    Ok(())
}

/// A round that is open and has begun; where there is none, one is opened.
async fn open_round(client: &Client, rich: &SecretKey) -> Option<RoundId> {
    let is_open = |round: &Round| round.phase == Phase::Open && round.began_ms.is_some();
    let find = async || {
        let rounds = client.rounds().await.ok()?.rounds;
        rounds.into_iter().find(is_open).map(|round| RoundId(round.id))
    };
    if let Some(found) = find().await {
        return Some(found);
    }
    let action = opening().into();
    let opened = client.prepare(rich, action, Grains(0), EXPIRY_BLOCKS).await.ok()?;
    let hash = client.submit(&opened).await.ok()?;
    client.wait(&hash, PATIENCE).await.ok()?;
    // It begins with the next block.
    tokio::time::sleep(PATIENCE / 4).await;
    find().await
}

/// Opens a round for half an hour, in which nobody finds anything by guessing.
fn opening() -> presence::Action {
    let listed = |numbers: &[f64]| numbers.iter().copied().map(Real::nearest).collect();
    let design = Design {
        players: Belief::Listed(listed(&[0.2, 0.3, 0.5])),
        malicious: Belief::Listed(listed(&[0.6, 0.3, 0.1])),
        payoff: Payoff::Listed(listed(&[0.0, 1.0, 3.0])),
        null_payoff: Real::nearest(1.9),
        puzzle: Puzzle::Sha256,
        difficulty: 1_000_000_000_000_000,
        tries_per_second: Real::nearest(5e11),
        solutions: 1,
        deadline_ms: None,
    };
    presence::Action::Open {
        design: Box::new(design),
        unlocks: None,
        prize: Grains(0),
        deposit_max: Grains(100 * Grains::MST.0),
    }
}

/// Proposals of changes that nobody wants, for as long as there is money for deposits.
pub fn proposals(scene: &Scene, tasks: &mut JoinSet<()>) -> Result<(), SiegeError> {
    let scene = scene.clone();
    let client = Client::new(vec![scene.orders.url()])?;
    client.pin(scene.orders.chain)?;
    tasks.spawn(async move {
        let rich = scene.orders.key(Role::Rich, 0);
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            let field = &FIELDS[turn as usize % FIELDS.len()];
            let (least, most) = field.reach(field.get(&Parameters::default()));
            let value = if turn % 2 == 0 { least } else { most };
            let change = Change::Parameter(ParameterChange { name: field.name.into(), value });
            let action = governance::Action::Propose { change }.into();
            scene.tally.did(1);
            let prepared = client.prepare(&rich, action, Grains(0), EXPIRY_BLOCKS).await;
            let handed_in = match &prepared {
                Ok(transaction) => client.submit(transaction).await.map(|_| ()),
                Err(_) => {
                    scene.tally.was_cut(1);
                    continue;
                }
            };
            match handed_in.as_ref().map_err(muster_api::ClientError::status) {
                Ok(()) => scene.tally.was_taken(1),
                Err(Some(_)) => scene.tally.was_refused(1),
                Err(None) => scene.tally.was_cut(1),
            }
        }
    });
    Ok(())
}
