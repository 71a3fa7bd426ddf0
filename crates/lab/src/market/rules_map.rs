//! The cabal map for every rule, graph and cabal: which rule the network should have.

use muster_mechanism::market::Rule;

use super::scenario::{Graph, Leak, Ring, Scenario, inflation_for};
use super::shared::{GROWTH, RULES, network};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel};
use crate::grid::Grid;
use crate::statistics::{largest, mean};
use crate::words::significant;

/// Up to this leak a rule is asked to hold whatever the cabal does.
const SMALL_LEAK: f64 = 0.05;

/// A market in which stake grew by less than this has paid nobody.
const GROWTH_MIN: f64 = 1.0 + 1e-9;

/// The map of all rules, and what it says of the network's.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-rules-map",
    title: "Which rule holds against cabals",
    source: "Ours: the rules of the network, and one for a larger majority, on one map",
    columns: &["rule", "market", "attack", "honest_stake", "leak", "share", "stake"],
    data_file: None,
    cells: |setting| sweep(setting).grid().cells(),
    cell,
    report,
};

/// Name, graph, honest peers, members of the cabal.
const MARKETS: [(&str, Graph, usize, usize); 3] = [
    ("20 know all", Graph::Dense, 20, 10),
    ("20 know 5", Graph::Knows(5), 20, 10),
    ("60 know 3", Graph::Knows(3), 60, 20),
];

/// How a cabal goes about it.
struct Attack {
    name: &'static str,
    leak_to: Leak,
    ring: Ring,
    cover: f64,
    /// Whether it has but one member.
    alone: bool,
}

const fn attack(name: &'static str, leak_to: Leak, ring: Ring, cover: f64, alone: bool) -> Attack {
    Attack { name, leak_to, ring, cover, alone }
}

/// The first ones are those of the quick scale.
const ATTACKS: [Attack; 6] = [
    attack("concentrated", Leak::Concentrated, Ring::Star, 0.0, false),
    attack("spread", Leak::Spread, Ring::Dense, 0.0, false),
    attack("concentrated, cover 0.3", Leak::Concentrated, Ring::Star, 0.3, false),
    attack("concentrated, cover 0.1", Leak::Concentrated, Ring::Star, 0.1, false),
    attack("concentrated, cover 0.6", Leak::Concentrated, Ring::Star, 0.6, false),
    attack("one alone", Leak::Concentrated, Ring::Star, 0.0, true),
];

/// What is swept.
struct Sweep {
    attacks: usize,
    leaks: Vec<f64>,
    stakes: Vec<f64>,
    epochs: usize,
}

impl Sweep {
    fn grid(&self) -> Grid<4> {
        Grid([RULES.len(), MARKETS.len(), self.attacks, self.stakes.len()])
    }
}

fn sweep(setting: &Setting) -> Sweep {
    let steps = |first: f64, step: f64, count: usize| -> Vec<f64> {
        // Rounded, so that 0.05 is the same number in every grid.
        (0..count).map(|at| ((first + step * at as f64) * 1e6).round() / 1e6).collect()
    };
    let (leaks, stakes) = setting.scale.pick(
        (steps(0.0, 0.025, 5), steps(0.55, 0.15, 3)),
        (steps(0.0, 0.005, 21), steps(0.5, 0.025, 17)),
    );
    let (attacks, epochs) = setting.scale.pick((3, 10), (ATTACKS.len(), 80));
    Sweep { attacks, leaks, stakes, epochs }
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let sweep = sweep(setting);
    let [rule, market, attack, stake] = sweep.grid().at(index);
    let (rule_name, rule, clipping) = RULES[rule];
    let (market, graph, honest, members) = MARKETS[market];
    let (attack, honest_stake) = (&ATTACKS[attack], sweep.stakes[stake]);
    let run = |leak: f64| {
        let scenario = Scenario {
            rule,
            clipping,
            graph,
            leak_to: attack.leak_to,
            leak,
            honest,
            cabal: if attack.alone { 1 } else { members },
            ring: attack.ring,
            cover: attack.cover,
            honest_stake,
            epochs: sweep.epochs,
            inflation: inflation_for(GROWTH, sweep.epochs),
            seed: setting.seed,
        };
        let end = scenario.run().map_err(refused)?;
        Ok(EXPERIMENT.row([
            ("rule", rule_name.into()),
            ("market", market.into()),
            ("attack", attack.name.into()),
            ("honest_stake", honest_stake.into()),
            ("leak", leak.into()),
            ("share", end.share.into()),
            ("stake", end.stake.into()),
        ]))
    };
    sweep.leaks.iter().copied().map(run).collect()
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let scores: Vec<Score> = RULES.iter().map(|rule| score(rule.0, setting, table)).collect();
    let findings = vec![default_rule(&scores), candidates(&scores), covered(table)];
    let figures = MARKETS.iter().map(|m| figure(EXPERIMENT.name, m.0, setting, table)).collect();
    let tables = vec![(
        format!(
            "The cabal's share at the end, by the attack that is best for it in each market \
             ({} attacks). A market that pays nobody counts as lost: its share is 1.",
            sweep(setting).attacks
        ),
        summary(&scores),
    )];
    Ok(Report { findings, figures, tables })
}

/// How one rule did. A market that pays nobody counts as lost: its share is one.
struct Score {
    rule: &'static str,
    /// The cabal's mean share over all markets, leaks and stakes, each by its best attack.
    mean: f64,
    /// The share of these in which the cabal ends with less than it began with.
    held: f64,
    /// Of those with a small leak: the mean, the largest, and the share that held.
    small: [f64; 3],
}

/// The share of the best attack, by market, stake and leak: (leak, what it began with, share).
fn worst(rule: &str, setting: &Setting, table: &Table) -> Vec<(f64, f64, f64)> {
    let sweep = sweep(setting);
    // Rows run through markets, attacks, stakes and leaks, in this order.
    let rows: Vec<Record<'_>> = table.with("rule", rule).collect();
    let cells = sweep.stakes.len() * sweep.leaks.len();
    rows.chunks(sweep.attacks * cells)
        .flat_map(|market| {
            (0..cells.min(market.len())).map(move |cell| {
                let attacks = market.iter().skip(cell).step_by(cells);
                let here = &market[cell];
                let share = largest(attacks.map(|record| {
                    if record.number("stake") < GROWTH_MIN { 1.0 } else { record.number("share") }
                }));
                (here.number("leak"), 1.0 - here.number("honest_stake"), share)
            })
        })
        .collect()
}

fn score(rule: &'static str, setting: &Setting, table: &Table) -> Score {
    let cells = worst(rule, setting, table);
    let shares = |cells: &[(f64, f64, f64)]| cells.iter().map(|c| c.2).collect::<Vec<f64>>();
    let held = |cells: &[(f64, f64, f64)]| {
        cells.iter().filter(|c| c.2 < c.1).count() as f64 / cells.len() as f64
    };
    let small: Vec<_> = cells.iter().copied().filter(|c| c.0 <= SMALL_LEAK).collect();
    Score {
        rule,
        mean: mean(shares(&cells)),
        held: held(&cells),
        small: [mean(shares(&small)), largest(shares(&small)), held(&small)],
    }
}

fn best<'s>(scores: impl Iterator<Item = &'s Score>) -> Option<&'s Score> {
    scores.min_by(|a, b| a.mean.total_cmp(&b.mean))
}

fn default_rule(scores: &[Score]) -> Finding {
    let once = RULES.iter().take_while(|rule| !matches!(rule.1, Rule::CredibleMedian { .. }));
    let best = best(scores[..once.count()].iter());
    let network = network().map(|at| &scores[at]);
    let small = format!("{:.0}%", 100.0 * SMALL_LEAK);
    let measured = match (best, network) {
        (Some(best), Some(network)) => format!(
            "Of the rules that clip once, `{}` leaves the cabal least: {} of all stake on \
             average over the map, {} at leaks up to {small}, where its worst market loses {}. The \
             network's default, `{}`: {}, {} and {}.",
            best.rule,
            significant(best.mean, 3),
            significant(best.small[0], 3),
            significant(best.small[1], 3),
            network.rule,
            significant(network.mean, 3),
            significant(network.small[0], 3),
            significant(network.small[1], 3),
        ),
        _ => "The network's default is not among the rules of this map.".to_owned(),
    };
    Finding::claim(
        "The network's default is the best of the rules that clip once.",
        measured,
        best.zip(network).is_some_and(|(a, b)| a.rule == b.rule),
    )
}

fn candidates(scores: &[Score]) -> Finding {
    let best = best(scores.iter());
    let measured = match (best, network().map(|at| &scores[at])) {
        (Some(best), Some(network)) => format!(
            "Of all rules on the map `{}` leaves the cabal least: {} on average against {} under \
             the network's default, and it lets the cabal end with less than it began with in {}% \
             of all markets against {}%.",
            best.rule,
            significant(best.mean, 3),
            significant(network.mean, 3),
            significant(100.0 * best.held, 3),
            significant(100.0 * network.held, 3),
        ),
        _ => "The network's default is not among the rules of this map.".to_owned(),
    };
    Finding::answer("Whether a rule that clips twice does better.", measured)
}

/// Whether it pays for a cabal to rank honest peers as well.
fn covered(table: &Table) -> Finding {
    let of = |rule: &str, attack: &Attack| {
        let here = |r: &Record<'_>| r.text("rule") == rule && r.text("attack") == attack.name;
        let shares = table.records().filter(here).map(|r| r.number("share"));
        significant(mean(shares), 3)
    };
    let (open, covered) = (&ATTACKS[0], &ATTACKS[2]);
    let each = ["walk 5", "walk 5, twice", "walk 8, credible"]
        .map(|rule| format!("`{rule}` from {} to {}", of(rule, open), of(rule, covered)));
    Finding::answer(
        "Whether a cabal gains by ranking honest peers as well, to look like one of them.",
        format!(
            "Giving {} of its weights to honest peers changes the cabal's mean share: {}.",
            covered.cover,
            each.join(", ")
        ),
    )
}

fn summary(scores: &[Score]) -> Table {
    let small = format!("leak <= {:.0}%", 100.0 * SMALL_LEAK);
    let columns = [
        "rule",
        "mean share",
        "held (%)",
        &format!("mean share, {small}"),
        &format!("largest share, {small}"),
        &format!("held, {small} (%)"),
    ];
    let row = |score: &Score| -> Row {
        let [mean, largest, held] = score.small;
        let numbers = [score.mean, 100.0 * score.held, mean, largest, 100.0 * held];
        let rounded = numbers.map(|n| Value::from((n * 1e3).round() / 1e3));
        [vec![score.rule.into()], rounded.to_vec()].concat()
    };
    Table::new(&columns, scores.iter().map(row).collect())
}

fn figure(name: &str, market: &str, setting: &Setting, table: &Table) -> Figure {
    let sweep = sweep(setting);
    let at = MARKETS.iter().position(|m| m.0 == market).unwrap_or(0);
    let cells = sweep.stakes.len() * sweep.leaks.len();
    let percent = |values: &[f64]| values.iter().map(|v| 100.0 * v).collect::<Vec<f64>>();
    let panel = |rule: &str| {
        Panel::new(
            rule,
            Axis::linear("honest weight that leaks (%)"),
            Axis::linear("honest stake (%)"),
            vec![Mark::Heatmap {
                label: "cabal's share".to_owned(),
                x: percent(&sweep.leaks),
                y: percent(&sweep.stakes),
                values: worst(rule, setting, table)
                    .into_iter()
                    .skip(at * cells)
                    .take(cells)
                    .map(|cell| Some(cell.2))
                    .collect(),
                range: (0.0, 1.0),
            }],
        )
    };
    Figure::new(
        format!("{name}-{}", market.replace(' ', "-")),
        format!(
            "Honest peers: {market}. The cabal's share of all stake when it has grown \
             {GROWTH}-fold ({} epochs), by the best of {} attacks in every cell; 1 where nobody is \
             paid; seed {}.",
            sweep.epochs, sweep.attacks, setting.seed
        ),
        RULES.iter().map(|rule| panel(rule.0)).collect(),
    )
}
