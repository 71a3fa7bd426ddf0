//! The cabal map: honest stake against honest weight that leaks, and who dominates in the end.

use muster_mechanism::market::{Config, Rule};

use super::scenario::{Clipping, Graph, Leak, Ring, Scenario, inflation_for};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel};
use crate::grid::Grid;
use crate::words::significant;

const HONEST: usize = 20;
const CABAL: usize = 10;

/// What 1,000 epochs at the network's inflation of 0.01 make of a unit of stake.
const GROWTH: f64 = 20_959.155_637_813_845;

/// Who holds the market after 1,000 epochs, by the paper's rule and by the network's.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-cabal-map",
    title: "Who dominates: honest stake against honest weight that leaks",
    source: "BitTensor, abstract and Section 10: resistance up to half of the weight; leaks are ours",
    columns: &["rule", "honest_stake", "leak", "share"],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

fn rules() -> [(&'static str, Rule); 2] {
    [("paper", Rule::Paper), ("the network's", Config::default().rule)]
}

/// Points of either axis, epochs.
fn sizes(setting: &Setting) -> (usize, usize) {
    setting.scale.pick((11, 40), (51, 1_000))
}

fn stakes(setting: &Setting) -> Vec<f64> {
    let points = sizes(setting).0;
    (0..points).map(|at| 0.5 + 0.5 * at as f64 / (points - 1) as f64).collect()
}

fn grid(setting: &Setting) -> Grid<2> {
    Grid([rules().len(), stakes(setting).len()])
}

fn leaks(setting: &Setting) -> Vec<f64> {
    let points = sizes(setting).0;
    (0..points).map(|at| 0.25 * at as f64 / (points - 1) as f64).collect()
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [rule, stake] = grid(setting).at(index);
    let ((name, rule), honest_stake) = (rules()[rule], stakes(setting)[stake]);
    let epochs = sizes(setting).1;
    let run = |leak: f64| {
        let scenario = Scenario {
            rule,
            clipping: Clipping::Once,
            graph: Graph::Dense,
            leak_to: Leak::Concentrated,
            leak,
            honest: HONEST,
            cabal: CABAL,
            ring: Ring::Star,
            cover: 0.0,
            honest_stake,
            epochs,
            inflation: inflation_for(GROWTH, epochs),
            seed: setting.seed,
        };
        let share = scenario.run().map_err(refused)?.share;
        Ok(EXPERIMENT.row([
            ("rule", name.into()),
            ("honest_stake", honest_stake.into()),
            ("leak", leak.into()),
            ("share", share.into()),
        ]))
    };
    leaks(setting).into_iter().map(run).collect()
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let panels = rules().iter().map(|(name, _)| panel(name, setting, table)).collect();
    let (points, epochs) = sizes(setting);
    let figure = Figure::new(
        EXPERIMENT.name,
        format!(
            "The share of a cabal of {CABAL} after its stake and that of {HONEST} honest peers \
             grew as in 1,000 epochs at inflation 0.01 ({epochs} epochs were run, {points} by \
             {points} markets for each rule); every honest peer knows every other, the leak \
             goes to one member whom the cabal ranks; seed {}.",
            setting.seed
        ),
        panels,
    );
    let findings = vec![disjoint(table), leaking(table), compared(table)];
    Ok(Report::new(findings, vec![figure]))
}

fn disjoint(table: &Table) -> Finding {
    let [(paper, _), _] = rules();
    let here = || {
        table
            .with("rule", paper)
            .filter(|r| r.number("leak") == 0.0 && r.number("honest_stake") > 0.5)
    };
    let kept = here().filter(|record| record.number("share") < 0.5).count();
    let largest = here().map(|record| record.number("share")).fold(0.0, f64::max);
    Finding::claim(
        "The mechanism is resistant to collusion of up to half of the network's weight \
                (abstract), by a cabal that nobody else ranks (Section 10).",
        format!(
            "Without a leak the honest kept the majority in {kept} of {} markets in which they \
             began with it; the cabal's largest share at the end is {}.",
            here().count(),
            significant(largest, 3)
        ),
        kept == here().count() && kept > 0,
    )
}

/// The smallest leak from which the cabal dominates, where there is one.
fn tipping(table: &Table, rule: &'static str, honest_stake: f64) -> Option<f64> {
    table
        .with("rule", rule)
        .filter(|r| (r.number("honest_stake") - honest_stake).abs() < 1e-9)
        .filter(|r| r.number("share") > 0.5)
        .map(|r| r.number("leak"))
        .min_by(f64::total_cmp)
}

fn leaking(table: &Table) -> Finding {
    let [(paper, _), (network, _)] = rules();
    let say = |rule| {
        let each = [0.6, 0.8, 0.9].map(|stake| match tipping(table, rule, stake) {
            Some(leak) => format!("{:.1}% at honest stake {stake}", 100.0 * leak),
            None => format!("none up to 25% at honest stake {stake}"),
        });
        each.join(", ")
    };
    let falls = tipping(table, paper, 0.8).is_some_and(|leak| leak <= 0.1);
    Finding::claim(
        "The bound of one half is stated without a condition on what honest peers give to \
                the cabal.",
        format!(
            "The smallest leak with which the cabal comes to dominate under `paper`: {}. Under \
             the network's rule: {}.",
            say(paper),
            say(network)
        ),
        !falls,
    )
}

fn compared(table: &Table) -> Finding {
    let [paper, network] = rules().map(|(rule, _)| {
        let cells = table.with("rule", rule).count();
        let honest = table.with("rule", rule).filter(|record| record.number("share") < 0.5).count();
        (honest, cells)
    });
    Finding::answer(
        "How much of the map the honest keep is not asked in the paper.",
        format!(
            "The honest hold the majority at the end in {} of {} markets under `paper`, in {} of \
             {} under the network's rule.",
            paper.0, paper.1, network.0, network.1
        ),
    )
}

fn panel(rule: &'static str, setting: &Setting, table: &Table) -> Panel {
    let percent = |values: Vec<f64>| values.into_iter().map(|v| 100.0 * v).collect::<Vec<f64>>();
    // Cells run through the stakes, each through the leaks: rows of the map from the lowest.
    let values = table.with("rule", rule).map(|record| Some(record.number("share"))).collect();
    Panel::new(
        format!("rule: {rule}"),
        Axis::linear("honest weight that leaks (%)"),
        Axis::linear("honest stake at the start (%)"),
        vec![Mark::Heatmap {
            label: "cabal's share of all stake".to_owned(),
            x: percent(leaks(setting)),
            y: percent(stakes(setting)),
            values,
            range: (0.0, 1.0),
        }],
    )
}
