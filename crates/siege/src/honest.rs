//! What people do who mean well: they transfer money, a little after the block before has moved
//! the last, and buy continuations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_api::{Client, ClientError};
use muster_ledger::crypto::SecretKey;
use muster_ledger::money::Grains;
use muster_ledger::transaction::{SignedTransaction, Transaction, account};
use muster_ledger::types::Height;
use muster_peer::Ask;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::error::SiegeError;
use crate::market::{Market, PEOPLE, Role, key};
use crate::watch::Watch;

/// How often somebody looks whether a transfer is decided.
const LOOK: Duration = Duration::from_millis(400);
/// How long until somebody tries again whom no node served.
const AGAIN: Duration = Duration::from_secs(1);
/// How long somebody waits for a transfer before giving it up.
const PATIENCE: Duration = Duration::from_secs(45);
/// Blocks within which a transfer is good.
const EXPIRY_BLOCKS: u64 = 100;
/// Between two continuations.
const ASK_INTERVAL: Duration = Duration::from_secs(10);
/// Bytes of a continuation.
const ASK_BYTES: usize = 16;
/// Most that is paid for one.
const ASK_PRICE_MAX: Grains = Grains(1_000_000);
/// Transfers of the one large block.
const CROWD: u64 = 1_000;

/// What came of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The newest height that was known when somebody first tried to hand it in.
    pub height: u64,
    /// The height at which it was decided; nothing where it was given up.
    pub decided: Option<u64>,
    /// How many times a node did not take it before one did.
    pub refused: u32,
}

/// What came of wanting to buy a continuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bought {
    /// Seconds until all of it had come, or until it was given up.
    pub seconds: f64,
    /// Why there is none.
    pub failure: Option<String>,
}

/// What people came to, so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lives {
    /// Their transfers.
    pub transfers: Vec<Transfer>,
    /// Their continuations.
    pub bought: Vec<Bought>,
}

/// People at work.
#[derive(Debug)]
pub struct People {
    lives: Arc<Mutex<Lives>>,
    _tasks: JoinSet<()>,
}

/// One of them.
struct Person {
    key: SecretKey,
    to: SecretKey,
    chain: muster_ledger::crypto::Hash,
    /// Every node, the one that is asked first in front.
    nodes: Vec<Client>,
    newest: Arc<AtomicU64>,
    /// The number after that of the last transfer that was decided: a node may not know of it yet.
    next: AtomicU64,
}

impl People {
    /// Lets them begin.
    ///
    /// # Errors
    /// [`SiegeError::Client`].
    pub fn begin(market: &Market, watch: &Watch) -> Result<Self, SiegeError> {
        let lives = Arc::<Mutex<Lives>>::default();
        let mut tasks = JoinSet::new();
        let seed = market.plan.seed;
        for index in 0..PEOPLE - 2 {
            let nodes = (0..market.plan.validators).map(|node| market.client(node + index));
            let person = Person {
                key: key(seed, Role::Person, index as u64),
                to: key(seed, Role::Person, PEOPLE as u64 - 1),
                chain: market.genesis.chain_id(),
                nodes: nodes.collect::<Result<_, _>>()?,
                newest: watch.newest(),
                next: AtomicU64::new(0),
            };
            let lives = lives.clone();
            tasks.spawn(async move {
                loop {
                    let transfer = person.transfer().await;
                    lives.lock().unwrap_or_else(PoisonError::into_inner).transfers.push(transfer);
                }
            });
        }
        let ledger = Client::new(market.doors.urls(1))?;
        ledger.pin(market.genesis.chain_id())?;
        let buyer = key(seed, Role::Person, PEOPLE as u64 - 2);
        let heard = lives.clone();
        tasks.spawn(async move {
            loop {
                let bought = buy(&ledger, &buyer).await;
                heard.lock().unwrap_or_else(PoisonError::into_inner).bought.push(bought);
                tokio::time::sleep(ASK_INTERVAL).await;
            }
        });
        Ok(Self { lives, _tasks: tasks })
    }

    /// What they came to since this was last asked.
    pub fn take(&self) -> Lives {
        std::mem::take(&mut *self.lives.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Person {
    /// Transfers a grain, and sees it decided or gives up.
    async fn transfer(&self) -> Transfer {
        let start = Instant::now();
        let mut transfer =
            Transfer { height: self.newest.load(Ordering::Relaxed), decided: None, refused: 0 };
        let (hash, nonce) = loop {
            match self.hand_in(&mut transfer.refused).await {
                Some(taken) => break taken,
                None if start.elapsed() > PATIENCE => return transfer,
                None => tokio::time::sleep(AGAIN).await,
            }
        };
        for turn in 0.. {
            tokio::time::sleep(LOOK).await;
            let node = &self.nodes[turn % self.nodes.len()];
            let known = node.transaction(&hash).await.ok();
            transfer.decided = known.and_then(|transaction| transaction.height);
            if transfer.decided.is_some() {
                self.next.store(nonce + 1, Ordering::Relaxed);
            }
            if transfer.decided.is_some() || start.elapsed() > PATIENCE {
                break;
            }
        }
        transfer
    }

    /// Hands a transfer in at the first node that takes it.
    async fn hand_in(&self, refused: &mut u32) -> Option<(muster_api::Digest, u64)> {
        for node in &self.nodes {
            let handed_in = async {
                let account = node.account(&self.key.public()).await?;
                let nonce = account.nonce_pending.max(self.next.load(Ordering::Relaxed));
                Ok::<_, ClientError>((node.submit(&self.signed(nonce)).await?, nonce))
            };
            match handed_in.await {
                Ok(taken) => return Some(taken),
                Err(_) => *refused += 1,
            }
        }
        None
    }

    fn signed(&self, nonce: u64) -> SignedTransaction {
        let expires = Height(self.newest.load(Ordering::Relaxed) + EXPIRY_BLOCKS);
        let action = account::Action::Transfer { to: self.to.public(), amount: Grains(1) }.into();
        let signer = self.key.public();
        let transaction =
            Transaction { chain: self.chain, signer, nonce, expires, tip: Grains(0), action };
        SignedTransaction::sign(transaction, &self.key)
    }
}

async fn buy(ledger: &Client, buyer: &SecretKey) -> Bought {
    let start = Instant::now();
    let wanted = Ask {
        text: b"To be".to_vec(),
        bytes: ASK_BYTES,
        seed: 0,
        peer: None,
        price_max: ASK_PRICE_MAX,
        private_addresses: true,
    };
    let bought = muster_peer::ask(ledger, buyer, wanted, |_, _| ()).await;
    let failure = bought.err().map(|error| error.to_string());
    Bought { seconds: start.elapsed().as_secs_f64(), failure }
}

/// Fills one block with transfers, so that there is a large answer to ask for.
///
/// # Errors
/// [`SiegeError::Client`].
pub async fn crowd(market: &Market) -> Result<(), SiegeError> {
    let seed = market.plan.seed;
    let last = PEOPLE as u64 - 1;
    let (payer, to) = (key(seed, Role::Person, last), key(seed, Role::Person, 0));
    let client = market.client(market.plan.validators - 1)?;
    let height = client.status().await?.height;
    let nonce = client.account(&payer.public()).await?.nonce_pending;
    let sign = |nonce| {
        let action = account::Action::Transfer { to: to.public(), amount: Grains(1) }.into();
        let transaction = Transaction {
            chain: market.genesis.chain_id(),
            signer: payer.public(),
            nonce,
            expires: Height(height + EXPIRY_BLOCKS),
            tip: Grains(0),
            action,
        };
        SignedTransaction::sign(transaction, &payer)
    };
    let transfers: Vec<_> = (nonce..nonce + CROWD).map(sign).collect();
    client.submit_batch(&transfers).await?;
    Ok(())
}
