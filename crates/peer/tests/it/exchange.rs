//! What honest peers do with each other.

use crate::common::{CHAIN, PATIENCE, WIDTH, limits, start, table, until};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use muster_learning::{Activations, Tokens};
use muster_peer::exchange::counters::Reason;
use muster_peer::exchange::envelope::{now_ms, seal_request};
use muster_peer::exchange::inbox::{Jobs, Received};
use muster_peer::exchange::message::Message;
use muster_peer::exchange::proto::{DescribeRequest, ForwardRequest};
use muster_peer::exchange::tensor::{from_activations, from_tokens};
use muster_peer::ledger::directory::Directory;
use std::time::Duration;

fn tokens() -> Tokens {
    Tokens::new(2, 3, vec![1, 2, 3, 4, 5, 255]).expect("counts agree")
}

#[tokio::test]
async fn forward_and_backward_arrive_signed_and_are_remembered_by_both() {
    let asked = start(1, &[1, 2], limits(), true).await;
    let asking = start(2, &[1, 2], limits(), true).await;
    let caller = asking.caller();
    let described = caller.describe(&asked.callee(), PATIENCE).await.expect("described");
    assert_eq!((described.name.as_str(), described.width), ("peer-1", WIDTH as u32));

    let input = from_tokens(&tokens());
    let (id, output) =
        caller.forward(&asked.callee(), input, true, PATIENCE).await.expect("answered");
    assert_eq!(output, table(&tokens()));

    let gradient = Activations::zeros(output.shape);
    let gradient = from_activations(gradient);
    let applied = caller.backward(&asked.callee(), id, gradient, PATIENCE).await;
    assert!(applied.expect("the answer was kept"));

    let (given, received) = (asked.exchange.evidence(id), asking.exchange.evidence(id));
    assert_eq!(given.len(), 1);
    assert_eq!(given, received);
    let answer = &given[0];
    assert_eq!((answer.asker, answer.answerer), (asking.key(), asked.key()));
    let verified = muster_ledger::crypto::verify(
        &answer.answerer,
        "exchange",
        &answer.answer.0,
        &answer.signature,
    );
    assert!(verified, "anybody can check who answered");
    assert_eq!(asked.exchange.counters.answered(), 3);
    assert_eq!(asking.exchange.counters.asked(), 3);
    assert_eq!(asked.exchange.counters.refused_total(), 0);
    // An answer's bytes are given back when its last byte has left.
    until("all bytes to be given back", || asked.exchange.bytes_in_flight() == 0).await;
}

#[tokio::test]
async fn large_tensors_travel_whole_and_larger_ones_are_refused_in_words() {
    let asked = start(1, &[1, 2], limits(), true).await;
    let asking = start(2, &[1, 2], limits(), true).await;
    let (caller, callee) = (asking.caller(), asked.callee());
    let tokens = |batch: usize| {
        let ids = (0..batch * 4096).map(|i| (i * 7 % 251) as u8).collect();
        Tokens::new(batch, 4096, ids).expect("counts agree")
    };
    let (id, output) = caller
        .forward(&callee, from_tokens(&tokens(250)), true, PATIENCE)
        .await
        .expect("a mebibyte goes, almost sixteen come back");
    assert_eq!(output, table(&tokens(250)));
    let applied = caller.backward(&callee, id, from_activations(output), PATIENCE).await;
    assert!(applied.expect("almost sixteen mebibytes go"));

    let too_large = caller.forward(&callee, from_tokens(&tokens(256)), false, PATIENCE).await;
    let error = too_large.expect_err("the answer and its envelope fit no message").to_string();
    assert!(error.contains("send fewer sequences"), "{error}");
    assert_eq!(asked.exchange.counters.refused(Reason::Size), 1);
}

#[tokio::test]
async fn calls_run_concurrently_over_one_connection() {
    let asked = start(1, &[1, 2], limits(), true).await;
    let asking = start(2, &[1, 2], limits(), true).await;
    let (caller, callee) = (asking.caller(), asked.callee());
    let calls = (0..24).map(|i| {
        let tokens = Tokens::new(1, 1, vec![i]).expect("counts agree");
        let (caller, callee) = (&caller, &callee);
        async move {
            let input = from_tokens(&tokens);
            let answer = caller.forward(callee, input, false, PATIENCE).await;
            assert_eq!(answer.expect("answered").1, table(&tokens));
        }
    });
    futures::future::join_all(calls).await;
    assert_eq!(asked.exchange.counters.answered(), 24);
    assert_eq!(asked.exchange.counters.handshakes_failed(), 0);
}

#[tokio::test]
async fn a_peer_that_has_no_ledger_yet_says_so() {
    let asked = start(1, &[1, 2], limits(), true).await;
    asked.exchange.set_directory(Directory::default());
    let asking = start(2, &[1, 2], limits(), true).await;
    let error = asking.caller().describe(&asked.callee(), PATIENCE).await.expect_err("not yet");
    assert!(error.to_string().contains("has not reached its ledger"), "{error}");
    assert_eq!(asked.exchange.counters.refused(Reason::Unavailable), 1);
}

#[tokio::test]
async fn a_peer_that_is_slow_costs_only_the_timeout_and_its_queue_forgets() {
    let asked = start(1, &[1, 2], limits(), false).await;
    let asking = start(2, &[1, 2], limits(), true).await;
    let (caller, input) = (asking.caller(), from_tokens(&tokens()));
    caller.describe(&asked.callee(), PATIENCE).await.expect("it is there");
    let patience = Duration::from_millis(200);
    let error = caller
        .forward(&asked.callee(), input, false, patience)
        .await
        .expect_err("nobody serves the queue");
    assert!(
        error.to_string().to_lowercase().contains("deadline")
            || error.to_string().contains("no answer within")
            || error.to_string().to_lowercase().contains("timeout"),
        "{error}"
    );
    assert_eq!(asking.exchange.counters.unanswered(), 1);
    // Whoever gave up waits no longer, so the model is not bothered with it; or, where the word of
    // that is still on its way, sees that nobody waits for the answer.
    tokio::time::sleep(patience).await;
    match asked.exchange.inbox.receive(Duration::ZERO, Jobs::All) {
        Received::Nothing => {}
        Received::Job(job) => until("word that it was given up", || job.reply.is_closed()).await,
        Received::Notice(_) | Received::Closed => panic!("neither was sent"),
    }
    assert_eq!(asked.exchange.inbox.waiting(), 0);
}

#[tokio::test]
async fn the_full_queue_sheds_and_says_so() {
    let mut bounds = limits();
    bounds.staked.queue.each = 3;
    let asked = start(1, &[1, 2], bounds, false).await;
    let asking = start(2, &[1, 2], limits(), true).await;
    let (caller, callee) = (asking.caller(), asked.callee());
    let mut calls: FuturesUnordered<_> =
        (0..5).map(|_| caller.forward(&callee, from_tokens(&tokens()), false, PATIENCE)).collect();
    // Three wait for a model that never comes, however long that takes; two are told at once.
    for _ in 0..2 {
        let error = calls.next().await.expect("one of five").expect_err("shed").to_string();
        assert!(error.contains("slow down"), "{error}");
    }
    assert!(calls.next().now_or_never().is_none(), "the others wait");
    assert_eq!(asked.exchange.counters.refused(Reason::Load), 2);
}

#[test]
fn the_statement_of_a_request_is_pinned() {
    let identity = crate::common::identity(1);
    let receiver = crate::common::identity(2).public();
    let input = Some(from_tokens(&tokens()));
    let mut message = ForwardRequest { envelope: None, input, keep: true };
    assert_eq!(
        hex::encode(message.body()),
        "dd4a3a0943d2c078a3283a311597054637fdc4e9f93dc7b64f6f3bd679b3ee04",
    );
    let tag = seal_request(&mut message, &identity, &CHAIN, receiver, [7; 16], 1_700_000_000_000);
    assert_eq!(
        tag.statement.to_string(),
        "02f4c863e2a7a411d184c62ca71e33346ce4375b81cd6b4165eade5c84436fd0",
    );
    // The time of a message is signed, so another time is another statement.
    let mut later = DescribeRequest::default();
    let first = seal_request(&mut later, &identity, &CHAIN, receiver, [7; 16], now_ms());
    let second = seal_request(&mut later, &identity, &CHAIN, receiver, [7; 16], now_ms() + 1);
    assert_ne!(first.statement, second.statement);
}
