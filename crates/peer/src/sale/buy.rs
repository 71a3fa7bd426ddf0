//! Buying a continuation: choose a peer, pay it, listen.

use crate::exchange::client::{CallError, Callee, Caller};
use crate::exchange::counters::Counters;
use crate::exchange::evidence::EvidenceRing;
use crate::exchange::identity::{Identity, IdentityError};
use crate::exchange::limits::Limits;
use crate::exchange::proto::{AskRequest, DescribeResponse};
use crate::ledger::desk::EXPIRY_BLOCKS;
use crate::ledger::directory::Directory;
use crate::ledger::refresh::view;
use muster_api::{Client, ClientError};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::transaction::{SignedTransaction, account};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a peer may take to describe itself.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the next piece may take: longer than a peer waits for its money.
const PIECE_TIMEOUT: Duration = Duration::from_secs(45);
/// How long a continuation may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(180);
/// Most peers that an answer may say were asked.
const ASKED_MAX: usize = 1024;
/// Peers tried before giving up.
const PEERS_TRIED_MAX: usize = 5;

/// Why nothing was bought.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The ledger cannot be read or does not take the payment.
    #[error(transparent)]
    Ledger(#[from] ClientError),
    /// There is nobody to ask.
    #[error("no peer that says where it answers is registered: start some, or wait")]
    Nobody,
    /// The peer that was named is not registered, or says not where it answers.
    #[error("{0} is not a registered peer with an endpoint: `muster query peers` lists them")]
    Unknown(PublicKey),
    /// No peer could be reached.
    #[error("no peer answers: {0}")]
    Unreachable(String),
    /// The text is empty or too long for the peer.
    #[error("the text has {bytes} bytes: this peer accepts 1 to {max}")]
    Text {
        /// Length of the text.
        bytes: usize,
        /// The most that is accepted.
        max: usize,
    },
    /// The price is above what the asker is willing to pay.
    #[error("{bytes} bytes cost {price} here, more than the {max} allowed")]
    Price {
        /// Bytes wanted.
        bytes: usize,
        /// What they cost.
        price: Grains,
        /// Most that may be paid.
        max: Grains,
    },
    /// The peer refused or broke off.
    #[error("{peer} did not answer: {source}")]
    Peer {
        /// Which.
        peer: PublicKey,
        /// Why.
        source: CallError,
    },
    /// More came than was bought.
    #[error("{0} sent more than was bought, and was left")]
    TooMuch(PublicKey),
    /// The stream ended before its end.
    #[error("{0} broke off before the end")]
    BrokenOff(PublicKey),
    /// No identity for the connection.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// No randomness for the connection's key.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// What to buy.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The text to continue.
    pub text: Vec<u8>,
    /// Bytes to generate; less where the peer sells less.
    pub bytes: usize,
    /// Seed of the draws; 0 takes the likeliest byte each time.
    pub seed: u64,
    /// The peer to ask; otherwise the one of highest incentive that can be reached.
    pub peer: Option<PublicKey>,
    /// Most that may be paid.
    pub price_max: Grains,
    /// Whether peers in private networks, this machine among them, are connected to.
    pub private_addresses: bool,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The peer that wrote it.
    pub peer: PublicKey,
    /// The name it gives itself.
    pub name: String,
    /// The network's continuation.
    pub network: Vec<u8>,
    /// The student's continuation.
    pub student: Vec<u8>,
    /// Peers that were asked on the way.
    pub asked: Vec<PublicKey>,
    /// Requests made to them.
    pub requests: u32,
    /// What was paid.
    pub cost: Grains,
    /// Hash of the payment, where there was one.
    pub payment: Option<Hash>,
}

/// Buys a continuation with money of `payer`; `listen` hears the pieces of the network's and the
/// student's continuations as they come.
///
/// # Errors
/// [`AskError`]. A payment that was handed in is spent, whatever follows.
///
/// ```no_run
/// # async fn example(key: muster_ledger::crypto::SecretKey) -> Result<(), muster_peer::AskError> {
/// use muster_ledger::money::Grains;
/// let ledger = muster_api::Client::new(vec!["http://127.0.0.1:7700".into()])?;
/// ledger.pin(muster_ledger::crypto::Hash([7; 32]))?;
/// let wanted = muster_peer::Ask {
///     text: b"To be".to_vec(),
///     bytes: 64,
///     seed: 0,
///     peer: None,
///     price_max: Grains(1_000_000),
///     private_addresses: false,
/// };
/// let bought = muster_peer::ask(&ledger, &key, wanted, |_network, _student| ()).await?;
/// println!("{}", String::from_utf8_lossy(&bought.network));
/// # Ok(())
/// # }
/// ```
pub async fn ask(
    ledger: &Client,
    payer: &SecretKey,
    wanted: Ask,
    mut listen: impl FnMut(&[u8], &[u8]),
) -> Result<Continuation, AskError> {
    let directory = view(ledger).await?;
    let caller = anonymous_caller(wanted.private_addresses)?;
    let (callee, offer) = choose(&caller, &directory, wanted.peer).await?;
    let max = offer.ask_text_max as usize;
    if wanted.text.is_empty() || wanted.text.len() > max {
        return Err(AskError::Text { bytes: wanted.text.len(), max });
    }
    let bytes = wanted.bytes.clamp(1, offer.ask_bytes_max.max(1) as usize);
    let price = Grains(offer.price_per_byte.saturating_mul(bytes as u64));
    if price > wanted.price_max {
        return Err(AskError::Price { bytes, price, max: wanted.price_max });
    }
    let payment = match price.0 {
        0 => None,
        _ => {
            let action = account::Action::Transfer { to: callee.key, amount: price }.into();
            Some(ledger.prepare(payer, action, Grains(0), EXPIRY_BLOCKS).await?)
        }
    };
    let request = AskRequest {
        envelope: None,
        text: wanted.text.into(),
        bytes: bytes as u32,
        payment: payment.as_ref().map(SignedTransaction::encode).unwrap_or_default().into(),
        seed: wanted.seed,
    };
    let mut bought = Continuation {
        peer: callee.key,
        name: offer.name,
        network: Vec::new(),
        student: Vec::new(),
        asked: Vec::new(),
        requests: 0,
        cost: price,
        payment: payment.map(|payment| payment.hash()),
    };
    let heard = hear(&caller, &callee, request, &mut bought, &mut listen);
    let late = |_| AskError::Peer { peer: callee.key, source: CallError::Timeout(TIMEOUT) };
    tokio::time::timeout(TIMEOUT, heard).await.map_err(late)??;
    Ok(bought)
}

/// Reads the stream to its end, checking every response. What was bought is all that is held.
async fn hear(
    caller: &Caller,
    callee: &Callee,
    request: AskRequest,
    bought: &mut Continuation,
    listen: &mut impl FnMut(&[u8], &[u8]),
) -> Result<(), AskError> {
    let bytes = request.bytes as usize;
    let fault = |source: CallError| AskError::Peer { peer: callee.key, source };
    let (tag, mut stream) =
        caller.ask(callee, request, crate::sale::ask::ASK_TIMEOUT).await.map_err(fault)?;
    let mut index = 0;
    loop {
        let next = tokio::time::timeout(PIECE_TIMEOUT, stream.message()).await;
        let next = next.map_err(|_| fault(CallError::Timeout(PIECE_TIMEOUT)))?;
        let response = next.map_err(|status| fault(status.into()))?;
        let response = response.ok_or(AskError::BrokenOff(callee.key))?;
        caller.check(&response, &tag, &callee.chain).map_err(fault)?;
        if response.index != index {
            return Err(AskError::BrokenOff(callee.key));
        }
        index += 1;
        let fits = |heard: &[u8], more: &[u8]| heard.len() + more.len() <= bytes;
        let empty = response.network.is_empty() && !response.done;
        if empty
            || !fits(&bought.network, &response.network)
            || !fits(&bought.student, &response.student)
            || response.asked.len() > ASKED_MAX
        {
            return Err(AskError::TooMuch(callee.key));
        }
        bought.network.extend_from_slice(&response.network);
        bought.student.extend_from_slice(&response.student);
        if response.done {
            let keys = response.asked.iter().filter_map(|key| key.as_ref().try_into().ok());
            bought.asked = keys.map(PublicKey).collect();
            bought.requests = response.requests;
            return Ok(());
        }
        listen(&response.network, &response.student);
    }
}

/// The named peer, or the first that answers in the order of incentive, then stake.
async fn choose(
    caller: &Caller,
    directory: &Directory,
    named: Option<PublicKey>,
) -> Result<(Callee, DescribeResponse), AskError> {
    let mut last = None;
    for callee in candidates(directory, named)? {
        match caller.describe(&callee, DESCRIBE_TIMEOUT).await {
            Ok(offer) => return Ok((callee, offer)),
            Err(error) => last = Some(format!("{}: {error}", callee.endpoint)),
        }
    }
    Err(last.map_or(AskError::Nobody, AskError::Unreachable))
}

fn candidates(directory: &Directory, named: Option<PublicKey>) -> Result<Vec<Callee>, AskError> {
    let chain = directory.chain.ok_or(AskError::Nobody)?;
    let mut peers: Vec<_> = directory
        .by_id()
        .into_iter()
        .filter(|(_, entry)| !entry.endpoint.is_empty())
        .filter(|(key, _)| named.is_none_or(|named| named == **key))
        .collect();
    if let (Some(named), true) = (named, peers.is_empty()) {
        return Err(AskError::Unknown(named));
    }
    peers.sort_by(|(_, a), (_, b)| {
        b.incentive.total_cmp(&a.incentive).then(b.stake.cmp(&a.stake)).then(a.id.cmp(&b.id))
    });
    let callee = |(key, entry): (&PublicKey, &crate::ledger::directory::Entry)| Callee {
        key: *key,
        endpoint: entry.endpoint.clone(),
        chain,
    };
    Ok(peers.into_iter().take(PEERS_TRIED_MAX).map(callee).collect())
}

/// Calls with a key made for the occasion: who asks needs no place on the ledger.
fn anonymous_caller(private_addresses: bool) -> Result<Caller, AskError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(AskError::Randomness)?;
    let identity = Arc::new(Identity::from_seed(*seed)?);
    let limits = Limits { private_addresses, ..Limits::default() };
    let evidence = Arc::new(Mutex::new(EvidenceRing::new(limits.evidence_max)));
    Ok(Caller::new(identity, limits, Arc::new(Counters::default()), evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::inbox::{Answer, Jobs, Piece, Received, Work};
    use crate::exchange::listen::serve;
    use crate::exchange::shared::{Exchange, Offer};
    use crate::ledger::directory::Entry;
    use crate::sale::till::Till;
    use muster_ledger::types::PeerId;
    use tokio::net::TcpListener;

    /// A seller whose model writes far more than it is asked for.
    async fn generous_seller() -> (Arc<Exchange>, Callee) {
        let offer = Offer {
            name: "generous".into(),
            context: 16,
            width: 4,
            batch_max: 4,
            price_per_byte: 0,
            ask_text_max: 64,
            ask_bytes_max: 64,
        };
        let identity = Identity::from_seed([1; 32]).expect("any seed");
        let seller = Exchange::new(identity, Limits::default(), offer, Till::default());
        let (seller, chain) = (Arc::new(seller), Hash([1; 32]));
        seller.set_directory(Directory { chain: Some(chain), ..Directory::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("https://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(serve(listener, seller.clone(), std::future::pending()));
        let callee = Callee { key: seller.identity.public(), endpoint, chain };
        let model = seller.clone();
        std::thread::spawn(move || {
            while let Received::Job(job) = model.inbox.receive(Duration::from_secs(60), Jobs::All) {
                if let Work::Ask { pieces, .. } = &job.work {
                    let piece = Piece { network: vec![b'x'; 8], ..Piece::default() };
                    while pieces.try_send(Ok(piece.clone())).is_ok() {}
                }
                let _ = job.reply.send(Ok(Answer::Told));
            }
        });
        (seller, callee)
    }

    #[tokio::test]
    async fn no_more_is_held_than_was_bought() {
        let (seller, callee) = generous_seller().await;
        let caller = anonymous_caller(true).expect("randomness");
        let request = AskRequest { text: "To be".into(), bytes: 20, ..AskRequest::default() };
        let mut bought = Continuation {
            peer: callee.key,
            name: String::new(),
            network: Vec::new(),
            student: Vec::new(),
            asked: Vec::new(),
            requests: 0,
            cost: Grains(0),
            payment: None,
        };
        let heard = hear(&caller, &callee, request, &mut bought, &mut |_, _| ()).await;
        assert!(matches!(heard, Err(AskError::TooMuch(peer)) if peer == callee.key), "{heard:?}");
        assert_eq!(bought.network.len(), 16, "the third piece of eight is too much");
        seller.inbox.close();
    }

    #[test]
    fn the_highest_incentive_with_an_endpoint_is_asked_first() {
        let entry = |id: u8, incentive: f64, stake: u64, endpoint: &str| {
            let entry = Entry {
                id: PeerId(id.into()),
                cold: PublicKey([id; 32]),
                endpoint: endpoint.into(),
                stake,
                incentive,
                trust: 0.0,
                weights: Vec::new(),
            };
            (PublicKey([id; 32]), entry)
        };
        let peers = [
            entry(1, 0.1, 5, "https://a:1"),
            entry(2, 0.9, 5, ""),
            entry(3, 0.4, 5, "https://a:3"),
            entry(4, 0.1, 9, "https://a:4"),
        ];
        let directory = Directory {
            chain: Some(Hash([1; 32])),
            peers: peers.into_iter().collect(),
            ..Directory::default()
        };
        let order = |named| {
            candidates(&directory, named)
                .map(|callees| callees.iter().map(|c| c.key.0[0]).collect::<Vec<_>>())
        };
        assert_eq!(order(None).expect("there are some"), [3, 4, 1]);
        assert_eq!(order(Some(PublicKey([1; 32]))).expect("there it is"), [1]);
        assert!(matches!(order(Some(PublicKey([2; 32]))), Err(AskError::Unknown(_))));
        assert!(matches!(candidates(&Directory::default(), None), Err(AskError::Nobody)));
    }
}
