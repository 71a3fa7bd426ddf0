//! What the calculator of presence found, as documents and in words.

use anyhow::Result;
use serde::Serialize;

use crate::calculator::report::Report;
use crate::output::{self, Align, Table};

/// The result of `presence solve`: deadlines in seconds, payoffs in the unit of the game.
#[derive(Serialize)]
pub struct Solution {
    /// The expected payoff by deadline.
    pub curve: Vec<(f64, f64)>,
    /// T°.
    pub deadline_best: Option<f64>,
    /// T*.
    pub deadline_max: Option<f64>,
    /// W*.
    pub null_payoff: f64,
    pub outcome: Case,
    pub payoff_at_infinity: f64,
    pub payoff_at_zero: f64,
    pub solutions: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solved_probability_at_best: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solved_probability_at_max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub welfare_best: Option<f64>,
}

/// Whether a puzzle helps; see [`Outcome`](muster_mechanism::presence::Outcome).
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    Impossible,
    Unneeded,
    Deadline,
}

/// The result of `presence curve`.
#[derive(Serialize)]
pub struct Curve {
    pub curve: Vec<Point>,
}

/// What one deadline, in seconds, is worth.
#[derive(Serialize)]
pub struct Point {
    pub deadline: f64,
    pub payoff: f64,
    /// The chance of a solution.
    pub solved: f64,
    pub welfare: f64,
}

/// The result of `presence prize`, in the unit of the cost.
#[derive(Serialize)]
pub struct Prize {
    pub cost: f64,
    pub first_probability: f64,
    pub prize: f64,
}

impl Report for Solution {
    fn print(&self) -> Result<()> {
        let best = output::number(self.deadline_best, 6);
        let welfare = output::number(self.welfare_best, 6);
        output::print(&match self.outcome {
            Case::Impossible => format!(
                "Coordination is impossible: acting is worth at most {:.6}, staying {:.6}.",
                self.payoff_at_zero, self.null_payoff
            ),
            Case::Unneeded => format!(
                "No puzzle is needed: acting is worth {:.6} anyway, staying {:.6}. A puzzle with \
                 the deadline {best} s would still raise welfare to {welfare}.",
                self.payoff_at_infinity, self.null_payoff
            ),
            Case::Deadline => format!(
                "Act if the puzzle is solved within {} s at most (chance {}); the best deadline \
                 is {best} s (chance {}, welfare {welfare}).",
                output::number(self.deadline_max, 6),
                output::number(self.solved_probability_at_max, 4),
                output::number(self.solved_probability_at_best, 4),
            ),
        })?;
        let header = ["deadline (s)", "expected payoff"];
        let mut table = Table::new(&header.map(|name| (name, Align::Right)));
        for (deadline, payoff) in &self.curve {
            table.row(vec![deadline.to_string(), format!("{payoff:.6}")]);
        }
        table.print()
    }
}

impl Report for Curve {
    fn print(&self) -> Result<()> {
        let header = ["deadline (s)", "expected payoff", "solved", "welfare"];
        let mut table = Table::new(&header.map(|name| (name, Align::Right)));
        for point in &self.curve {
            let cells = [point.deadline, point.payoff, point.solved, point.welfare];
            table.row(cells.map(|value| format!("{value:.6}")).to_vec());
        }
        table.print()
    }
}

impl Report for Prize {
    fn print(&self) -> Result<()> {
        output::print(&format!(
            "A prize of {} pays for the work: a player finds the first solution with probability \
             {}.",
            output::as_json(&self.prize)?,
            output::as_json(&self.first_probability)?
        ))
    }
}
