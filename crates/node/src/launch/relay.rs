//! Other boards: what is new on them is fetched, what this machine says is handed in.
//!
//! Each message goes once over each link. A board that gives what is none is left alone for a
//! while: what it can make this machine do is one page of junk in that time, checked up to the
//! first message that is refused.

use std::sync::Arc;
use std::time::Duration;

use muster_launch::{MESSAGE_BYTES_MAX, Page, Refusal};
use muster_ledger::encoding::decode;
use tokio::sync::watch;

use super::desk::Desk;

/// Path of the messages of a board.
pub const PATH: &str = "/v1/launch/messages";
/// Bytes of the messages in one answer.
pub const PAGE_BYTES_MAX: usize = 256 << 10;
/// How often a board is asked.
const PERIOD: Duration = Duration::from_millis(300);
/// How long a board is left alone that gave junk.
const RESPITE: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// A board elsewhere.
struct Link {
    http: reqwest::Client,
    url: String,
    /// The run and the place from which on messages are asked for.
    read: (u64, u64),
    /// How many of this machine's own messages were handed in.
    written: usize,
}

/// Reads and writes a board until the round is over.
pub async fn follow(board: String, desk: Arc<Desk>, mut ended: watch::Receiver<bool>) {
    let http = reqwest::Client::builder()
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap_or_default();
    let url = format!("{}{PATH}", board.trim_end_matches('/'));
    let mut link = Link { http, url, read: (0, 0), written: 0 };
    let all = async {
        loop {
            let wait = match link.exchange(&desk).await {
                Ok(()) => PERIOD,
                Err(Trouble::Unreachable(error)) => {
                    tracing::debug!(%board, %error, "a board did not answer");
                    PERIOD
                }
                Err(Trouble::Junk(reason)) => {
                    tracing::warn!(%board, reason, "a board gives junk: it is left alone for a while");
                    RESPITE
                }
            };
            tokio::time::sleep(wait).await;
        }
    };
    tokio::select! {
        () = all => {}
        // An error means that the launch is gone.
        _ = ended.wait_for(|ended| *ended) => {}
    }
}

/// What goes wrong with a board.
enum Trouble {
    Unreachable(reqwest::Error),
    Junk(String),
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl Link {
    async fn exchange(&mut self, desk: &Desk) -> Result<(), Trouble> {
        self.fetch(desk).await?;
        loop {
            let Some(message) = desk.own().get(self.written).cloned() else { return Ok(()) };
            let request = self.http.post(&self.url).body(message.to_vec());
            let answer = request.header("content-type", "application/octet-stream").send().await?;
            let status = answer.status();
            // Who is too busy, or whose clock is late, gets it later.
            if status.is_server_error() || [429, 425].contains(&status.as_u16()) {
                return Ok(());
            }
            self.written += 1;
        }
    }

    async fn fetch(&mut self, desk: &Desk) -> Result<(), Trouble> {
        let (run, after) = self.read;
        let url = format!("{}?run={run}&after={after}", self.url);
        let mut answer = self.http.get(url).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > PAGE_BYTES_MAX + MESSAGE_BYTES_MAX {
                return Err(Trouble::Junk("an answer without end".to_owned()));
            }
        }
        let page: Page = decode("page", &bytes, bytes.len())
            .map_err(|error| Trouble::Junk(error.to_string()))?;
        self.read = (page.run, page.from);
        for message in &page.messages {
            match desk.offer(message) {
                Ok(_) => self.read.1 += 1,
                // One clock of the two is wrong; when it is time it is taken.
                Err(early @ Refusal::Early { .. }) => {
                    tracing::warn!(board = self.url, "{early}");
                    return Ok(());
                }
                Err(refusal) => {
                    self.read.1 += 1;
                    return Err(Trouble::Junk(refusal.to_string()));
                }
            }
        }
        Ok(())
    }
}
