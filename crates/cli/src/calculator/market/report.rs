//! What an epoch came to, as a document and as a table.

use anyhow::Result;
use muster_mechanism::market::{Config, Epoch, Rule};
use serde::Serialize;

use crate::calculator::report::Report;
use crate::output::{self, Align, Table};

/// The rows of the table for people; a document has them all.
const ROWS_MAX: usize = 50;

/// The result of `market epoch`. Lists have one entry per peer; see [`Epoch`].
#[derive(Serialize)]
pub struct EpochReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling: Option<&'a [f64]>,
    gradient: &'a [f64],
    incentive: &'a [f64],
    loss: f64,
    minted: f64,
    ranks: &'a [f64],
    scaling: &'a [f64],
    stake: &'a [f64],
    trust: &'a [f64],
    #[serde(skip)]
    stake_before: &'a [f64],
    #[serde(skip)]
    config: &'a Config,
}

impl<'a> EpochReport<'a> {
    /// The report of an epoch that began with this stake, under this configuration.
    pub fn new(stake_before: &'a [f64], config: &'a Config, after: &'a Epoch) -> Self {
        Self {
            ceiling: after.payouts.ceiling(),
            gradient: &after.gradient,
            incentive: &after.incentive,
            loss: after.loss,
            minted: after.minted,
            ranks: &after.ranks,
            scaling: &after.scaling,
            stake: &after.stake,
            trust: &after.trust,
            stake_before,
            config,
        }
    }
}

impl Report for EpochReport<'_> {
    fn print(&self) -> Result<()> {
        let header = ["peer", "rank", "trust", "incentive", "gradient", "stake", "stake after"];
        let mut table = Table::new(&header.map(|name| (name, Align::Right)));
        let before = self.stake_before;
        let columns = [self.ranks, self.trust, self.incentive, self.gradient, before, self.stake];
        let peers = before.len();
        for i in 0..peers.min(ROWS_MAX) {
            let mut row = vec![i.to_string()];
            row.extend(columns.map(|column| format!("{:.6}", column[i])));
            table.row(row);
        }
        table.print()?;
        if peers > ROWS_MAX {
            output::print(&format!("(the first {ROWS_MAX} of {peers} peers; --json has all)"))?;
        }
        output::print(&format!("loss {:.6}, minted {:.6}", self.loss, self.minted))?;
        if self.config.rule == Rule::Paper && self.loss >= 0.0 && !self.config.gated {
            output::print(
                "The loss is not negative: a network with the paper's gate mints nothing in this \
                 epoch and steps the scaling instead (`gated`: true shows that).",
            )?;
        }
        Ok(())
    }
}
