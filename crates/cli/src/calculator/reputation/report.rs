//! What the calculator of reputation found, as documents, tables and words.

use anyhow::Result;
use serde::Serialize;

use crate::calculator::report::Report;
use crate::output::{self, Align, Table};

/// The rows of a table for people.
const ROWS_MAX: usize = 30;

/// The result of `reputation rank`.
#[derive(Serialize)]
pub struct RankReport {
    pub active_users: usize,
    /// Of user i to server j, in row i.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contributions: Option<Vec<Vec<f64>>>,
    pub edges: usize,
    pub edges_dropped: usize,
    /// Sweeps made.
    pub iterations: usize,
    /// The names of the servers, where they have any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// By user and then by server.
    pub pagerank: Vec<f64>,
    /// By user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payoffs: Option<Vec<f64>>,
    /// By server.
    pub reputation: Vec<f64>,
    pub residual: f64,
}

/// The result of `reputation committee`.
#[derive(Serialize)]
pub struct CommitteeReport {
    /// The chance of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub honest_majority: Option<f64>,
    pub members: Vec<usize>,
    /// The chance of the contrary, to all digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<f64>,
    pub size: usize,
}

/// The result of `reputation audit`.
#[derive(Serialize)]
pub struct AuditReport {
    /// The largest gain.
    pub regret: f64,
    pub users: Vec<UserReport>,
}

/// What a user could do better.
#[derive(Serialize)]
pub struct UserReport {
    pub best_payoff: f64,
    pub gain: f64,
    pub payoff: f64,
    /// The best response, by server.
    pub strategy: Vec<f64>,
    pub user: usize,
}

/// The result of `reputation game`; lists are by server.
#[derive(Serialize)]
pub struct GameReport {
    pub decoded: Vec<f64>,
    /// The largest between an entry of a strategy and the equilibrium's.
    pub distance: f64,
    pub equilibrium: Vec<f64>,
    pub regret: f64,
    pub rounds: usize,
}

impl Report for RankReport {
    fn print(&self) -> Result<()> {
        let reputation = &self.reputation;
        let mut order: Vec<usize> = (0..reputation.len()).collect();
        order.sort_by(|&a, &b| reputation[b].total_cmp(&reputation[a]).then(a.cmp(&b)));
        let mut table = Table::new(&[("server", Align::Left), ("reputation", Align::Right)]);
        for &j in order.iter().take(ROWS_MAX) {
            let name = match &self.labels {
                Some(labels) => output::visible(&labels[j]),
                None => j.to_string(),
            };
            table.row(vec![name, format!("{:.9}", reputation[j])]);
        }
        table.print()?;
        if order.len() > ROWS_MAX {
            output::print(&format!(
                "(the first {ROWS_MAX} of {} servers; --json has all)",
                order.len()
            ))?;
        }
        let residual = output::as_json(&self.residual)?;
        output::print(&format!("residual {residual}, {} sweeps", self.iterations))
    }
}

impl Report for CommitteeReport {
    fn print(&self) -> Result<()> {
        output::print(&format!("members {}", output::as_json(&self.members)?))?;
        let (Some(honest), Some(risk)) = (self.honest_majority, self.risk) else { return Ok(()) };
        output::print(&format!(
            "most of them are honest with probability {}; the risk is {}",
            output::as_json(&honest)?,
            output::as_json(&risk)?
        ))
    }
}

impl Report for AuditReport {
    fn print(&self) -> Result<()> {
        let header = ["user", "payoff", "best payoff", "gain"];
        let mut table = Table::new(&header.map(|name| (name, Align::Right)));
        for user in self.users.iter().take(ROWS_MAX) {
            let mut row = vec![user.user.to_string()];
            row.extend(
                [user.payoff, user.best_payoff, user.gain].map(|value| format!("{value:.9}")),
            );
            table.row(row);
        }
        table.print()?;
        output::print(&format!("nobody gains more than {}", output::as_json(&self.regret)?))
    }
}

impl Report for GameReport {
    fn print(&self) -> Result<()> {
        output::print(&format!(
            "After {} rounds the largest distance from N(R) is {}; the regret of N(R) is {}.",
            self.rounds,
            output::as_json(&self.distance)?,
            output::as_json(&self.regret)?
        ))
    }
}
