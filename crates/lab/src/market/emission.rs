//! Pay per peer, as the ledger pays (Section 5), beside the normalised epoch of Eq. (5).

use muster_mechanism::market::{Config, Rule, Walk, Weights, epoch};

use super::scenario::{Clipping, Graph, Leak, Ring, Scenario};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::words::significant;

const EPOCHS: usize = 400;
const EPOCHS_BETWEEN_ROWS: usize = 10;
const HONEST: usize = 20;
const CABAL: usize = 10;
const LEAK: f64 = 0.02;
const INFLATION: f64 = 0.01;
const HONEST_STAKE: f64 = 0.7;

/// Who pays when.
#[derive(Clone, Copy, PartialEq)]
enum Pay {
    /// Eq. (5): all of an epoch's inflation is minted, in proportion to incentive.
    Normalised,
    /// Section 5: a peer pays what it has accrued, the honest and the cabal each every so many
    /// epochs.
    PerPeer { honest: usize, cabal: usize },
}

const PAYS: [(&str, Pay); 4] = [
    ("normalised", Pay::Normalised),
    ("per peer, every epoch", Pay::PerPeer { honest: 1, cabal: 1 }),
    ("per peer, honest every 20", Pay::PerPeer { honest: 20, cabal: 1 }),
    ("per peer, cabal never", Pay::PerPeer { honest: 1, cabal: usize::MAX }),
];

fn rules() -> [(&'static str, Rule); 3] {
    let walk = Rule::ConnectedMedian { walk: Walk::Depth(5), opinions: None, truncation: 0.0 };
    [("paper", Rule::Paper), ("median", Rule::Median), ("connected-median", walk)]
}

/// How the cabal fares under either form of pay.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-emission",
    title: "Pay per peer beside the normalised epoch",
    source: "BitTensor, Section 5 (emission) beside Eq. (5)",
    columns: &["rule", "pay", "epoch", "share", "stake", "withheld"],
    data_file: None,
    cells: |_| grid().cells(),
    cell,
    report,
};

fn grid() -> Grid<2> {
    Grid([rules().len(), PAYS.len()])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [rule, pay] = grid().at(index);
    let ((rule_name, rule), (pay_name, pay)) = (rules()[rule], PAYS[pay]);
    let scenario = Scenario {
        rule,
        clipping: Clipping::Once,
        graph: Graph::Dense,
        leak_to: Leak::Concentrated,
        leak: LEAK,
        honest: HONEST,
        cabal: CABAL,
        ring: Ring::Star,
        cover: 0.0,
        honest_stake: HONEST_STAKE,
        epochs: EPOCHS,
        inflation: INFLATION,
        seed: setting.seed,
    };
    let (weights, stake) = scenario.start().map_err(refused)?;
    let mut market = Market {
        config: Config { rule, inflation: INFLATION, ..Config::default() },
        accrued: vec![0.0; stake.len()],
        weights,
        stake,
        withheld: 0.0,
        accrued_ever: 0.0,
    };
    let mut rows = Vec::new();
    for at in 0..=EPOCHS {
        if at % EPOCHS_BETWEEN_ROWS == 0 {
            let total: f64 = market.stake.iter().sum();
            let cabal: f64 = market.stake[HONEST..].iter().sum();
            let withheld = market.withheld / market.accrued_ever;
            rows.push(EXPERIMENT.row([
                ("rule", rule_name.into()),
                ("pay", pay_name.into()),
                ("epoch", at.into()),
                ("share", (cabal / total).into()),
                ("stake", total.into()),
                ("withheld", withheld.into()),
            ]));
        }
        market.advance(pay, at)?;
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let figure = Figure::new(
        EXPERIMENT.name,
        format!(
            "The share of a cabal of {CABAL} that begins with {:.2} of the stake against \
             {HONEST} honest peers who leak {:.0}% to it, over what all stake has grown to; \
             inflation {INFLATION}, {EPOCHS} epochs; seed {}.",
            1.0 - HONEST_STAKE,
            100.0 * LEAK,
            setting.seed
        ),
        rules().iter().map(|(rule, _)| panel(rule, table)).collect(),
    );
    let findings = vec![same_path(table), withheld(table), lazy(table)];
    Ok(Report::new(findings, vec![figure]))
}

struct Market {
    weights: Weights,
    config: Config,
    stake: Vec<f64>,
    accrued: Vec<f64>,
    withheld: f64,
    accrued_ever: f64,
}

impl Market {
    fn advance(&mut self, pay: Pay, at: usize) -> Result<(), ExperimentError> {
        let after = epoch(&self.weights, &self.stake, None, &self.config).map_err(refused)?;
        match pay {
            Pay::Normalised => self.stake = after.stake,
            Pay::PerPeer { honest, cabal } => {
                let mut paid = vec![0.0; self.stake.len()];
                for i in 0..self.stake.len() {
                    let emission = self.config.inflation * self.stake[i];
                    self.accrued[i] += emission;
                    let every = if i < HONEST { honest } else { cabal };
                    // Everybody at another time, so that no epoch is special.
                    if every == usize::MAX || !(at + i).is_multiple_of(every) {
                        continue;
                    }
                    let due = std::mem::take(&mut self.accrued[i]);
                    let mut given = 0.0;
                    for (j, share) in after.payout_row(&self.weights, i) {
                        paid[j] += due * share;
                        given += share;
                    }
                    self.accrued_ever += due;
                    self.withheld += due * (1.0 - given);
                }
                for (stake, paid) in self.stake.iter_mut().zip(paid) {
                    *stake += paid;
                }
            }
        }
        Ok(())
    }
}

fn of<'t>(table: &'t Table, rule: &'t str, pay: &'t str) -> impl Iterator<Item = Record<'t>> {
    table.with("rule", rule).filter(move |r| r.text("pay") == pay)
}

fn end(table: &Table, rule: &str, pay: &str, column: &str) -> f64 {
    of(table, rule, pay).last().map_or(f64::NAN, |record| record.number(column))
}

/// The share on the path of `rule` and `pay` where all stake is `stake`, between two readings.
fn share_at(table: &Table, rule: &str, pay: &str, stake: f64) -> Option<f64> {
    let path: Vec<(f64, f64)> =
        of(table, rule, pay).map(|r| (r.number("stake"), r.number("share"))).collect();
    path.windows(2).find(|pair| pair[0].0 <= stake && stake <= pair[1].0).map(|pair| {
        let part = (stake - pair[0].0) / (pair[1].0 - pair[0].0).max(f64::MIN_POSITIVE);
        pair[0].1 + part * (pair[1].1 - pair[0].1)
    })
}

fn same_path(table: &Table) -> Finding {
    let [normalised, per_peer] = [PAYS[0].0, PAYS[1].0];
    let gaps = rules().map(|(rule, _)| {
        of(table, rule, per_peer)
            .filter_map(|record| {
                let other = share_at(table, rule, normalised, record.number("stake"))?;
                Some((record.number("share") - other).abs())
            })
            .fold(0.0, f64::max)
    });
    let ends = rules().map(|(rule, _)| {
        let [a, b] =
            [normalised, per_peer].map(|pay| significant(end(table, rule, pay, "share"), 3));
        format!("`{rule}` {a} and {b}")
    });
    Finding::claim(
        "Emission per peer (Section 5) and the epoch (Eq. 5) are taken for one mechanism.",
        format!(
            "If everybody emits every epoch, pay is in the same proportions, and at equal stake \
             minted the cabal's shares differ by at most {}. In time they do not agree: after \
             {EPOCHS} epochs the cabal holds {} (normalised, per peer).",
            significant(gaps.into_iter().fold(0.0, f64::max), 3),
            ends.join(", "),
        ),
        gaps.into_iter().all(|gap| gap < 5e-3),
    )
}

fn withheld(table: &Table) -> Finding {
    let say = |rule: &str| {
        let [a, b] =
            [PAYS[0].0, PAYS[1].0].map(|pay| significant(end(table, rule, pay, "stake"), 3));
        let withheld = significant(100.0 * end(table, rule, PAYS[1].0, "withheld"), 3);
        format!("`{rule}` {withheld}% (stake grows to {b} instead of {a})")
    };
    Finding::answer(
        "What distrust withholds is not minted; how much that is, is not said.",
        format!(
            "Of what peers emit, is withheld: {}.",
            rules().map(|(rule, _)| say(rule)).join(", ")
        ),
    )
}

fn lazy(table: &Table) -> Finding {
    let shares = |rule: &str| [1, 2, 3].map(|pay| end(table, rule, PAYS[pay].0, "share"));
    let say = |rule: &str| {
        let [a, b, c] = shares(rule).map(|value| significant(value, 3));
        format!("`{rule}` {a}, {b}, {c}")
    };
    // Who emits less, loses.
    let gains = rules().iter().all(|(rule, _)| {
        let [all, honest_lazy, cabal_never] = shares(rule);
        honest_lazy > all && cabal_never < all
    });
    Finding::claim(
        "Peers that make more transactions gain marginally by keeping up their \
                connectivity (Section 5).",
        format!(
            "Emission pays others, not the emitter. The cabal's share at the end where all emit \
             every epoch, where the honest emit every 20, and where the cabal never does: {}.",
            rules().map(|(rule, _)| say(rule)).join("; ")
        ),
        gains,
    )
}

fn panel(rule: &str, table: &Table) -> Panel {
    let marks = PAYS.iter().map(|(pay, kind)| {
        Mark::line(
            *pay,
            of(table, rule, pay).map(|r| (r.number("stake"), r.number("share"))),
            if *kind == Pay::Normalised { Stroke::Dashed } else { Stroke::Solid },
        )
    });
    Panel::new(
        format!("rule: {rule}"),
        Axis::logarithmic("all stake (that of the start is 1)"),
        Axis::linear("cabal's share of all stake").within(0.0, 1.0),
        marks.collect(),
    )
}
