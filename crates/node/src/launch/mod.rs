//! `muster launch`: a presence round over boards, and the node begins when it is solved in time.
//!
//! The protocol is [`muster_launch`]; here it gets a clock, a network and a processor. Boards are
//! read by asking for what is new (`relay`), and written by handing in (`serve`): what somebody
//! else said is passed on only to those who ask, once to each.

mod desk;
mod relay;
mod search;
mod serve;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_launch::{Message, Plan, Solved, Statement};
use muster_ledger::crypto::{Hash, SecretKey};
use tokio::sync::{mpsc, watch};

use self::desk::{Desk, now_ms};
use self::search::Search;
use crate::error::NodeError;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long somebody who comes after the end looks for what was said.
const LOOK_MS: u64 = 5_000;

/// What a launch needs.
pub struct Settings {
    /// What is to be launched.
    pub plan: Plan,
    /// Other boards, as URLs.
    pub boards: Vec<String>,
    /// Where this machine's own board is served.
    pub listen: SocketAddr,
    /// This validator's key, where this machine is one.
    pub key: Option<Arc<SecretKey>>,
    /// Where this machine searches, by chance different from everybody else.
    pub solver: Hash,
}

/// What is known of a round, at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// This machine's clock, milliseconds since 1970.
    pub now_ms: u64,
    /// Validators who opened it.
    pub opened: usize,
    /// Whether this machine searches.
    pub searching: bool,
    /// Solutions.
    pub solutions: usize,
    /// When the last one that was needed came.
    pub solved_ms: Option<u64>,
    /// Validators who say that it was solved in time.
    pub in_time: usize,
}

/// How a launch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The network begins; all messages that say so.
    Launched(Vec<Arc<[u8]>>),
    /// It was not solved by the deadline.
    NotSolved,
    /// It was solved, and too few validators held it to be in time.
    NotAgreed,
    /// This machine was asked to end.
    Asked,
}

/// Waits for the round to end, and takes part in it. `note` is told whenever something changes. The
/// board stays readable for as long as the process lives, whoever comes late.
///
/// # Errors
/// [`NodeError::Listen`] and [`NodeError::Serve`].
pub async fn launch(
    settings: Settings,
    mut note: impl FnMut(&Known),
    shutdown: impl Future<Output = ()>,
) -> Result<End, NodeError> {
    // Whoever is first in the process installs the provider; that another was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Settings { plan, boards, listen, key, solver } = settings;
    let plan = Arc::new(plan);
    let begun_ms = now_ms();
    let desk = Arc::new(Desk::new(plan.clone(), begun_ms));
    serve::start(listen, desk.clone())?;
    let (over, ended) = watch::channel(false);
    for board in &boards {
        tokio::spawn(relay::follow(board.clone(), desk.clone(), ended.clone()));
    }
    let (found, mut finds) = mpsc::unbounded_channel();
    let mut part = Part { plan, desk: desk.clone(), key, solver, begun_ms, search: None, found };
    let (mut shutdown, mut told) = (std::pin::pin!(shutdown), None);
    let end = loop {
        let known = part.look();
        if told.is_none_or(|told: Known| Known { now_ms: known.now_ms, ..told } != known) {
            note(&known);
            told = Some(known);
        }
        if let Some(end) = part.end(&known) {
            break end;
        }
        part.act(&known)?;
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = desk.news.notified() => {}
            solved = finds.recv() => {
                solved.into_iter().for_each(|solved| desk.say(&Message::Solved(solved)));
            }
            () = &mut shutdown => break End::Asked,
        }
    };
    drop(part);
    // Those who still ask for what this machine said get it from its board.
    let _ = over.send(true);
    Ok(end)
}

/// What this machine does in a round.
struct Part {
    plan: Arc<Plan>,
    desk: Arc<Desk>,
    key: Option<Arc<SecretKey>>,
    solver: Hash,
    begun_ms: u64,
    search: Option<Search>,
    found: mpsc::UnboundedSender<Solved>,
}

impl Part {
    fn look(&self) -> Known {
        let board = self.desk.board();
        Known {
            now_ms: now_ms(),
            opened: board.opened(),
            searching: self.search.is_some(),
            solutions: board.solutions(),
            solved_ms: board.solved_ms(),
            in_time: board.in_time(),
        }
    }

    fn end(&self, known: &Known) -> Option<End> {
        let board = self.desk.board();
        if board.launched() && board.solved_ms().is_some() {
            return Some(End::Launched(board.messages().to_vec()));
        }
        let looked = known.now_ms > self.begun_ms + LOOK_MS;
        if known.now_ms > self.plan.ends_ms() && looked && known.solved_ms.is_some() {
            return Some(End::NotAgreed);
        }
        let missed = known.solved_ms.is_none() && known.now_ms > self.plan.late_ms();
        (missed && looked).then_some(End::NotSolved)
    }

    fn act(&mut self, known: &Known) -> Result<(), NodeError> {
        let plan = &self.plan;
        let open = (plan.opens_ms()..=plan.late_ms()).contains(&known.now_ms);
        let said = |statement: &Statement, opening: bool| {
            let message = match opening {
                true => Message::Opening(*statement),
                false => Message::InTime(*statement),
            };
            self.desk.say(&message);
        };
        if let Some(key) = &self.key
            && let Some(validator) = plan.validator(&key.public())
        {
            if open && !self.desk.board().has_opened(validator) {
                said(&plan.open(validator, key), true);
            }
            let in_time = self.desk.board().solved_in_time();
            if in_time && !self.desk.board().has_said_in_time(validator) {
                said(&plan.say_in_time(validator, key), false);
            }
        }
        if known.solved_ms.is_some() || !open {
            self.search = None;
        } else if self.search.is_none() {
            let openings = self.desk.board().openings();
            if let Some(openings) = openings {
                let search = Search::start(plan.clone(), openings, self.solver, self.found.clone());
                self.search = Some(search.map_err(NodeError::Serve)?);
            }
        }
        Ok(())
    }
}
