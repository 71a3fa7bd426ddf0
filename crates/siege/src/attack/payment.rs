//! One payment, handed in with several continuations at once.

use std::time::Duration;

use muster_api::Client;
use muster_ledger::money::Grains;
use muster_ledger::transaction::account;
use muster_peer::exchange::client::CallError;
use muster_peer::exchange::proto::AskRequest;
use tokio::task::JoinSet;

use super::peers::{callee, caller, count};
use super::scene::Scene;
use crate::error::SiegeError;
use crate::market::Role;

/// Continuations that one payment is to buy.
const ASKS: u64 = 4;
/// Bytes of each.
const BYTES: u32 = 32;
/// More than they cost at a peer's usual price.
const AMOUNT: Grains = Grains(100_000);
/// Blocks within which the payment is good.
const EXPIRY_BLOCKS: u64 = 60;
/// How long a peer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Payments by a rich stranger, each used several times.
pub fn payments(scene: &Scene, tasks: &mut JoinSet<()>) -> Result<(), SiegeError> {
    let scene = scene.clone();
    let client = Client::new(vec![scene.orders.url()])?;
    client.pin(scene.orders.chain)?;
    tasks.spawn(async move {
        let payer = scene.orders.key(Role::Rich, 1);
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            let peer = turn as usize % scene.orders.peers.len();
            let to = scene.orders.peers[peer].0;
            let action = account::Action::Transfer { to, amount: AMOUNT }.into();
            let prepared = client.prepare(&payer, action, Grains(0), EXPIRY_BLOCKS).await;
            scene.tally.did(ASKS);
            let Ok(payment) = prepared else {
                scene.tally.was_cut(ASKS);
                continue;
            };
            let asks = (0..ASKS).map(|ask| {
                let request = AskRequest {
                    text: "To be".into(),
                    bytes: BYTES,
                    payment: payment.encode().into(),
                    ..AskRequest::default()
                };
                buy(&scene, peer, 100_000_000 + turn * ASKS + ask, request)
            });
            futures::future::join_all(asks).await;
        }
    });
    Ok(())
}

/// Asks as somebody new, and counts whether all of it came.
async fn buy(scene: &Scene, peer: usize, number: u64, request: AskRequest) {
    let Ok(caller) = caller(&scene.orders, Role::Stranger, number) else { return };
    let heard = async {
        let (_, mut stream) = caller.ask(&callee(&scene.orders, peer), request, PATIENCE).await?;
        loop {
            let response = stream.message().await?;
            match response {
                Some(response) if response.done => return Ok(()),
                Some(_) => {}
                None => return Err(CallError::Timeout(PATIENCE)),
            }
        }
    };
    count(scene, &heard.await);
}
