//! The client against servers that are down, wrong or busy.

use std::time::Duration;

use muster_api::{Client, ClientError, Digest};
use muster_ledger::crypto::Hash;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SUPPLY: &str = r#"{"genesis":"5","minted":"0","burned":"1","total":"4"}"#;

/// A server that answers every request alike; its URL.
async fn server(status: &'static str, media_type: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}

async fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

fn problem(status: u16) -> String {
    format!(r#"{{"type":"/problems/x","title":"X","status":{status},"detail":"because"}}"#)
}

#[tokio::test]
async fn the_next_node_is_asked_when_one_cannot_answer() {
    let good = server("200 OK", "application/json", SUPPLY.to_string()).await;
    let busy = server("503 Service Unavailable", "application/problem+json", problem(503)).await;
    let client = Client::new(vec![dead().await, busy, good]).expect("a client");
    assert_eq!(client.supply().await.expect("answers").total.grains(), 4);
    assert_eq!(client.supply().await.expect("answers again").burned.grains(), 1);
}

#[tokio::test]
async fn a_refusal_is_an_answer() {
    let refusing = server("404 Not Found", "application/problem+json", problem(404)).await;
    let good = server("200 OK", "application/json", SUPPLY.to_string()).await;
    let client = Client::new(vec![refusing, good]).expect("a client");
    let error = client.supply().await.expect_err("refused");
    assert_eq!(error.status(), Some(404));
    assert!(error.to_string().contains("because"), "{error}");
}

#[tokio::test]
async fn each_failure_is_one_sentence() {
    assert!(matches!(Client::new(Vec::new()), Err(ClientError::NoUrl)));
    for url in ["", "nonsense", "ftp://127.0.0.1"] {
        let error = Client::new(vec![url.to_string()]).expect_err("no URL").to_string();
        assert!(error.contains("http://127.0.0.1:7700"), "{error}");
    }
    let client = Client::new(vec![dead().await]).expect("a client");
    let error = client.supply().await.expect_err("down").to_string();
    assert!(error.contains("no node answers at http://127.0.0.1"), "{error}");
    let other = server("200 OK", "text/html", "<html>".to_string()).await;
    let client = Client::new(vec![other]).expect("a client");
    let error = client.supply().await.expect_err("not JSON").to_string();
    assert!(error.contains("not this API"), "{error}");
    let error = client
        .wait(&Digest(Hash([1; 32])), Duration::from_millis(50))
        .await
        .expect_err("never decided")
        .to_string();
    assert!(error.contains("was not decided"), "{error}");
}
