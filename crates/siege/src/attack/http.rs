//! What strangers do at a validator's HTTP interface with questions: ask and not read, begin and
//! not end, hold and say nothing.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::scene::Scene;
use super::wire;

/// How many connections that say nothing come from one address.
const IDLE_EACH: u64 = 10;
/// How many streams of events.
const STREAMS_EACH: u64 = 10;
/// Questions that a reader who does not read asks at once.
const PIPELINED: usize = 20;
/// How long such a reader waits before it begins again.
const HOLD: Duration = Duration::from_secs(15);
/// Before a connection that was cut off is made again.
const PAUSE: Duration = Duration::from_millis(500);
/// What is asked: the dearest answers that there are.
const DEAR: [&str; 6] = [
    "/v1/peers",
    "/v1/history",
    "/v1/weights",
    "/v1/proposals",
    "/v1/blocks?limit=100",
    "/v1/genesis",
];

/// Connections that say nothing, made again when they are closed.
pub fn idle(scene: &Scene, tasks: &mut JoinSet<()>) {
    for index in 0..scene.count() as u64 {
        let Scene { orders, tally, .. } = scene.clone();
        tasks.spawn(async move {
            let from = orders.stranger(index / IDLE_EACH);
            loop {
                tally.did(1);
                if let Ok(mut stream) = wire::connect(from, orders.api[0]).await {
                    tally.was_taken(1);
                    wire::hung_up(&mut stream).await;
                }
                tally.was_cut(1);
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

/// Asks for much and reads nothing.
pub fn readers(scene: &Scene, tasks: &mut JoinSet<()>) {
    for index in 0..scene.count() as u64 {
        let Scene { orders, tally, .. } = scene.clone();
        tasks.spawn(async move {
            let from = orders.stranger(1_000 + index);
            loop {
                // The newest large block is known by now.
                let path = fullest(orders.api[0], from).await;
                let path = path.unwrap_or_else(|| DEAR[index as usize % DEAR.len()].to_string());
                tally.did(PIPELINED as u64);
                if let Ok(mut stream) = wire::connect_narrow(from, orders.api[0]).await {
                    // It may have enough of it before all is said.
                    match stream.write_all(&wire::again(&path).repeat(PIPELINED)).await {
                        Ok(()) => tally.was_taken(PIPELINED as u64),
                        Err(_) => tally.was_cut(PIPELINED as u64),
                    }
                    tokio::time::sleep(HOLD).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

/// The block among the newest with most transactions, as a question.
async fn fullest(api: std::net::SocketAddr, from: std::net::Ipv4Addr) -> Option<String> {
    let (_, answer) = wire::ask_for(from, api, &[&wire::get("/v1/blocks?limit=100")]).await?;
    let blocks: muster_api::Blocks = serde_json::from_value(answer).ok()?;
    let fullest = blocks.blocks.iter().max_by_key(|block| block.transactions)?;
    Some(format!("/v1/blocks/{}", fullest.height))
}

/// Streams of events, from as far back as there are any; every second one is never read.
pub fn streams(scene: &Scene, tasks: &mut JoinSet<()>) {
    for index in 0..scene.count() as u64 {
        let Scene { orders, tally, .. } = scene.clone();
        tasks.spawn(async move {
            let from = orders.stranger(2_000 + index / STREAMS_EACH);
            let question = b"GET /v1/events HTTP/1.1\r\nhost: market\r\nlast-event-id: 1.0\r\n\r\n";
            loop {
                tally.did(1);
                if let Ok(mut stream) = wire::connect_narrow(from, orders.api[0]).await {
                    let mut head = [0; 12];
                    let asked = stream.write_all(question).await.is_ok();
                    let answered = asked && stream.read_exact(&mut head).await.is_ok();
                    tally.answered(answered.then(|| wire::status(&head)).flatten());
                    match index % 2 {
                        0 => tokio::time::sleep(HOLD).await,
                        _ => listen(&mut stream).await,
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

/// Reads a stream to its end and keeps nothing of it.
async fn listen(stream: &mut tokio::net::TcpStream) {
    let mut bytes = [0; 4 << 10];
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}

/// Requests whose bodies never come.
pub fn bodies(scene: &Scene, tasks: &mut JoinSet<()>) {
    for index in 0..scene.count() as u64 {
        let Scene { orders, tally, .. } = scene.clone();
        tasks.spawn(async move {
            let from = orders.stranger(3_000 + index);
            loop {
                tally.did(1);
                let mut answer = Vec::new();
                if let Ok(mut stream) = wire::connect(from, orders.api[0]).await
                    && stream.write_all(&wire::post("/v1/mempool", 1 << 20)).await.is_ok()
                {
                    answer = wire::hung_up(&mut stream).await;
                }
                tally.answered(wire::status(&answer));
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
}

/// Dear questions, each from another address, whose answers are read.
pub fn questions(scene: &Scene, tasks: &mut JoinSet<()>) {
    let scene = scene.clone();
    tasks.spawn(async move {
        let mut asked = JoinSet::new();
        let mut beat = scene.beat(scene.rate);
        loop {
            let turn = beat.next().await;
            let Scene { orders, tally, .. } = scene.clone();
            tally.did(1);
            asked.spawn(async move {
                let path = DEAR[turn as usize % DEAR.len()];
                let from = orders.stranger(10_000 + turn % 40_000);
                tally.answered(wire::ask(from, orders.api[0], &[&wire::get(path)]).await);
            });
            while asked.try_join_next().is_some() {}
        }
    });
}
