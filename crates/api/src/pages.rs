//! Lists that come in pages: where the next begins, and how it is appended.

use std::time::Duration;

use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::chain::Block;
use crate::client::{ANSWER_BYTES_MAX, Client, ClientError, Request, decode};
use crate::market::{History, Peers, Weights};
use crate::presence::Rounds;

/// How long to wait where a node says that it was asked too often, and how many times.
const RATE_INTERVAL: Duration = Duration::from_secs(1);
const RATE_TRIES: usize = 5;

/// A page of a list.
pub(crate) trait Paged {
    /// Where the next page begins, if there is one.
    fn next(&mut self) -> &mut Option<u64>;
    /// Takes the items of the next page.
    fn append(&mut self, page: Self);
}

impl Paged for Block {
    fn next(&mut self) -> &mut Option<u64> {
        &mut self.next
    }

    fn append(&mut self, page: Self) {
        self.items.extend(page.items);
    }
}

impl Paged for History {
    fn next(&mut self) -> &mut Option<u64> {
        &mut self.next
    }

    fn append(&mut self, page: Self) {
        self.epochs.extend(page.epochs);
    }
}

impl Paged for Peers {
    fn next(&mut self) -> &mut Option<u64> {
        &mut self.next
    }

    fn append(&mut self, page: Self) {
        self.peers.extend(page.peers);
    }
}

impl Paged for Weights {
    fn next(&mut self) -> &mut Option<u64> {
        &mut self.next
    }

    fn append(&mut self, page: Self) {
        self.edges.extend(page.edges);
    }
}

impl Paged for Rounds {
    fn next(&mut self) -> &mut Option<u64> {
        &mut self.next
    }

    fn append(&mut self, page: Self) {
        self.rounds.extend(page.rounds);
    }
}

impl Client {
    /// `GET /v1/blocks/{height}`, with all pages of its transactions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn block(&self, height: u64) -> Result<Block, ClientError> {
        self.all(&format!("v1/blocks/{height}"), None).await
    }

    /// `GET /v1/peers`, all pages; the height is that of the first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn peers(&self) -> Result<Peers, ClientError> {
        self.all("v1/peers", None).await
    }

    /// `GET /v1/weights`, all pages; the height is that of the first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn weights(&self) -> Result<Weights, ClientError> {
        self.all("v1/weights", None).await
    }

    /// `GET /v1/rounds`, all pages; the height is that of the first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rounds(&self) -> Result<Rounds, ClientError> {
        self.rounds_after(None).await
    }

    /// The same, from behind the round `after` on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rounds_after(&self, after: Option<u64>) -> Result<Rounds, ClientError> {
        self.all("v1/rounds", after).await
    }

    /// How one round stands, without what it was designed for, which may be long: a page with this
    /// round, or with none where it is not there.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn round_alone(&self, id: u64) -> Result<Rounds, ClientError> {
        let mut query = vec![("limit", "1".to_owned())];
        query.extend(id.checked_sub(1).map(|before| ("after", before.to_string())));
        let mut page: Rounds = self.get("v1/rounds", &query).await?;
        page.rounds.retain(|round| round.id == id);
        Ok(page)
    }

    /// `GET /v1/history`: all epochs after `after`, oldest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn history(&self, after: u64) -> Result<History, ClientError> {
        self.all("v1/history", Some(after)).await
    }

    /// All pages of a list, one after another. Each must go on behind the one before.
    async fn all<T: DeserializeOwned + Paged>(
        &self,
        path: &str,
        mut after: Option<u64>,
    ) -> Result<T, ClientError> {
        let mut whole: Option<T> = None;
        let mut length = 0;
        loop {
            let query = after.map(|after| ("after", after.to_string()));
            let query = query.as_slice();
            let request = Request { method: Method::GET, path, query, body: None };
            let (url, bytes) = self.ask_patiently(&request).await?;
            let fault = |why: String| ClientError::Answer { url: url.clone(), why };
            length += bytes.len();
            if length > ANSWER_BYTES_MAX {
                return Err(fault(format!("the pages are longer than {ANSWER_BYTES_MAX} bytes")));
            }
            let mut page: T = decode(&url, &bytes)?;
            let next = page.next().take();
            if next.is_some() && next <= after {
                return Err(fault("a page says that the next begins before it".to_string()));
            }
            let list = match whole.take() {
                Some(mut list) => {
                    list.append(page);
                    list
                }
                None => page,
            };
            if next.is_none() {
                return Ok(list);
            }
            (whole, after) = (Some(list), next);
        }
    }

    /// Asks, and asks again where the nodes say that it was too often.
    async fn ask_patiently(&self, request: &Request<'_>) -> Result<(String, Vec<u8>), ClientError> {
        let mut tries = 0;
        loop {
            match self.ask(request).await {
                Err(error) if error.status() == Some(429) && tries < RATE_TRIES => tries += 1,
                answer => return answer,
            }
            tokio::time::sleep(RATE_INTERVAL).await;
        }
    }
}
