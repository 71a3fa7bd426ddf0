//! What the calculator of verification found, as documents, tables and words.

use std::fmt::{self, Display, Formatter};

use anyhow::Result;
use serde::{Serialize, Serializer};

use crate::calculator::report::Report;
use crate::output::{self, Align, Table};

/// A number that may be infinite. JSON has no infinity: such a number is given as text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exact(pub f64);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl Display for Exact {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.6}", self.0)
    }
}

/// The result of `verification design`.
#[derive(Serialize)]
#[serde(untagged)]
pub enum DesignReport {
    Found(Found),
    Refused(Refused),
}

/// The canonical matrix and what it pays.
#[derive(Serialize)]
pub struct Found {
    pub adversarial: Exact,
    pub bound: f64,
    pub budget: Exact,
    pub compactness: f64,
    pub deviation: Exact,
    /// True.
    pub feasible: bool,
    pub honest: Exact,
    pub lazy: Exact,
    pub margin: f64,
    /// By own report, then by the other's.
    pub matrix: Vec<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theoretical_bound: Option<f64>,
}

/// Why no matrix has the margin.
#[derive(Serialize)]
pub struct Refused {
    /// False.
    pub feasible: bool,
    pub reason: String,
}

/// The result of `verification audit`.
#[derive(Serialize)]
pub struct AuditReport {
    pub adversarial: Exact,
    /// Whether it has the margin that was given, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aligned: Option<bool>,
    pub belief_distance_max: f64,
    /// What limits the margin.
    pub binding: String,
    pub bound: f64,
    pub budget: Exact,
    pub compactness: f64,
    pub deviation: Exact,
    pub honest: Exact,
    pub lazy: Exact,
    pub margin_achieved: f64,
    pub prior_distance_max: f64,
}

/// The result of `verification compare`.
#[derive(Serialize)]
pub struct ComparisonReport {
    pub margin: f64,
    pub rules: Vec<Rule>,
}

/// A rule of payments, by name.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Rule {
    Paid(Paid),
    Infeasible {
        /// Why.
        infeasible: String,
        rule: String,
    },
}

/// What a rule pays.
#[derive(Serialize)]
pub struct Paid {
    pub adversarial: Exact,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<Exact>,
    pub budget: Exact,
    pub deviation: Exact,
    pub honest: Exact,
    pub lazy: Exact,
    pub rule: String,
}

/// The result of `verification frontier`.
#[derive(Serialize)]
pub struct FrontierReport {
    pub compactness: f64,
    pub frontier: Vec<FrontierPoint>,
}

/// The cheapest protocol with a wanted detection; see
/// [`DesignChoice`](muster_mechanism::verification::DesignChoice).
#[derive(Serialize)]
pub struct FrontierPoint {
    pub bound: f64,
    pub detection: f64,
    pub detection_wanted: f64,
    pub flag_rate: f64,
    pub flags: usize,
    pub margin: f64,
    pub openings: f64,
    pub payments: f64,
    pub sampling_rate: f64,
    pub total: f64,
}

impl Report for DesignReport {
    fn print(&self) -> Result<()> {
        let found = match self {
            Self::Found(found) => found,
            Self::Refused(refused) => return output::print(&refused.reason),
        };
        for row in &found.matrix {
            let cells = row.iter().map(|payment| format!("{:>12}", format!("{payment:.6}")));
            output::print(&cells.collect::<String>())?;
        }
        for (field, value) in [
            ("bound", Exact(found.bound)),
            ("compactness", Exact(found.compactness)),
            ("budget", found.budget),
            ("deviation", found.deviation),
            ("honest", found.honest),
            ("lazy", found.lazy),
            ("adversarial", found.adversarial),
        ] {
            output::print(&format!("{field:>12} {value}"))?;
        }
        Ok(())
    }
}

impl Report for AuditReport {
    fn print(&self) -> Result<()> {
        output::print(&format!(
            "Incentive-aligned up to a margin of {}; {} limits it.",
            output::as_json(&self.margin_achieved)?,
            self.binding
        ))
    }
}

impl Report for ComparisonReport {
    fn print(&self) -> Result<()> {
        let header = ["budget", "deviation", "bound", "honest", "lazy", "adversarial"];
        let mut columns = vec![("rule", Align::Left)];
        columns.extend(header.map(|name| (name, Align::Right)));
        let mut table = Table::new(&columns);
        for rule in &self.rules {
            let (name, cells) = match rule {
                Rule::Paid(paid) => {
                    let Paid { adversarial, bound, budget, deviation, honest, lazy, rule } = paid;
                    let numbers = [budget, deviation, honest, lazy, adversarial];
                    let [budget, deviation, honest, lazy, adversarial] =
                        numbers.map(|number| Some(*number));
                    (rule, [budget, deviation, *bound, honest, lazy, adversarial])
                }
                Rule::Infeasible { rule, .. } => (rule, [None; 6]),
            };
            let mut row = vec![name.clone()];
            row.extend(cells.map(|cell| cell.map_or_else(|| "–".to_owned(), |n| n.to_string())));
            table.row(row);
        }
        table.print()
    }
}

impl Report for FrontierReport {
    fn print(&self) -> Result<()> {
        let header = [
            "detection",
            "flag_rate",
            "flags",
            "sampling_rate",
            "margin",
            "bound",
            "payments",
            "total",
        ];
        let mut table = Table::new(&header.map(|name| (name, Align::Right)));
        for point in &self.frontier {
            let number = |value: f64| format!("{value:.6}");
            table.row(vec![
                number(point.detection),
                number(point.flag_rate),
                point.flags.to_string(),
                number(point.sampling_rate),
                number(point.margin),
                number(point.bound),
                number(point.payments),
                number(point.total),
            ]);
        }
        table.print()
    }
}
