//! What honest minorities keep of their value: a rule that holds cabals must not starve peers who
//! are of use to few, who are new, or who measure badly.
//!
//! A peer's value is what truthful weights give it, by the stake of who gives: the rank (Eq. 1) of
//! weights without errors. Paid by value, stake grows by ranks. A group *keeps* what it gets of all
//! that a rule mints, beside what it would get of the same if everybody were paid by value.

use std::ops::Range;

use muster_mechanism::market::{Config, Connectivity, Error, Rule, Weights, epoch};
use muster_mechanism::random::Stream;

use super::scenario::{Clipping, Graph, choose, inflation_for, others};
use super::shared::{GROWTH, RULES, network};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{mean, normalised, spreads};
use crate::words::significant;

/// What honest minorities keep under every rule.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-minorities",
    title: "What honest minorities keep of their value",
    source: "Ours: what the rules that hold cabals take from peers whom few value, or few know",
    columns: &[
        "graph",
        "minority",
        "level",
        "seed",
        "rule",
        "value",
        "kept",
        "kept_at_once",
        "voice",
        "paid",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// Peers of the majority, and of the minority.
const MAJORITY: usize = 50;
const MINORITY: usize = 10;
/// Of the logarithm of quality, the same for all who use a peer.
const QUALITY_DEVIATION: f64 = 0.5;
/// Of the logarithm of a measurement, for all but who measures badly.
const ERROR_DEVIATION: f64 = 0.3;
/// What a client gives the specialists, and a peer of the majority a community of another taste.
const TO_SPECIALISTS: f64 = 0.5;
const TO_COMMUNITY: f64 = 0.1;

const GRAPHS: [(&str, Graph); 2] = [("know all", Graph::Dense), ("know 5", Graph::Knows(5))];
/// How many of the minority a peer knows in a sparse graph, of those that it would know in a dense.
const KNOWN_MINORITY: usize = 2;

const COMMUNITY: &str = "a community";

/// Who is few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Some of the majority, the clients, give them half of their weights; nobody else any.
    Specialists,
    /// They give so much of their weights to each other, and the majority a tenth of its to them.
    Community,
    /// One of three, none of which holds half of the stake: each gives so much of its weights to
    /// itself, the rest to the two others.
    Third,
    /// They hold a thousandth of all stake, and so many of the majority know them.
    Newcomers,
    /// Their measurements err by so much.
    Noisy,
}

/// A minority, its share of the stake, what is varied and its levels.
struct Minority {
    name: &'static str,
    kind: Kind,
    stake: f64,
    varied: &'static str,
    levels: &'static [f64],
}

const MINORITIES: [Minority; 5] = [
    Minority {
        name: "specialists",
        kind: Kind::Specialists,
        stake: 0.1,
        varied: "clients (share of the majority)",
        levels: &[0.1, 0.2, 0.3, 0.4, 0.6, 0.8],
    },
    Minority {
        name: COMMUNITY,
        kind: Kind::Community,
        stake: 0.15,
        varied: "weights that stay inside (share)",
        levels: &[0.1, 0.3, 0.5, 0.7, 0.9, 1.0],
    },
    Minority {
        name: "a third taste",
        kind: Kind::Third,
        stake: 0.2,
        varied: "weights that stay inside (share)",
        levels: &[0.3, 0.5, 0.7, 0.8, 0.9, 0.95],
    },
    Minority {
        name: "newcomers",
        kind: Kind::Newcomers,
        stake: 0.001,
        varied: "majority that knows them (share)",
        levels: &[0.1, 0.2, 0.4, 0.6, 0.8, 1.0],
    },
    Minority {
        name: "noisy",
        kind: Kind::Noisy,
        stake: 0.167,
        varied: "deviation of the logarithm of a weight",
        levels: &[0.3, 0.6, 1.0, 1.5, 2.0, 3.0],
    },
];

/// Rules but those for a larger majority, which need a silent peer.
fn rules() -> impl Iterator<Item = &'static (&'static str, Rule, Clipping)> {
    RULES.iter().filter(|rule| !matches!(rule.2, Clipping::Majority(_)))
}

/// Those that are drawn and named: of the rules that clip the opinions of walks once, the
/// network's.
fn drawn() -> impl Iterator<Item = &'static (&'static str, Rule, Clipping)> {
    let network = network().map(|at| RULES[at].0);
    rules().filter(move |rule| {
        !matches!(rule.1, Rule::ConnectedMedian { .. }) || Some(rule.0) == network
    })
}

/// Random markets of each kind, graph and level, and epochs.
fn sizes(setting: &Setting) -> (usize, usize) {
    setting.scale.pick((3, 6), (40, 80))
}

fn grid(setting: &Setting) -> Grid<3> {
    Grid([GRAPHS.len(), MINORITIES.len(), sizes(setting).0])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let epochs = sizes(setting).1;
    let [graph, minority, seed] = grid(setting).at(index);
    let ((graph_name, graph), minority) = (GRAPHS[graph], &MINORITIES[minority]);
    let mut rows = Vec::new();
    for &level in minority.levels {
        // The same peers and errors at every level.
        let mut random = Stream::new(setting.seed, seed as u64);
        let market = Market::random(minority, level, graph, &mut random).map_err(refused)?;
        let ideal = market.by_value(epochs);
        for &(name, rule, _) in rules() {
            let paid = market.run(rule, epochs).map_err(refused)?;
            rows.push(EXPERIMENT.row([
                ("graph", graph_name.into()),
                ("minority", minority.name.into()),
                ("level", level.into()),
                ("seed", seed.into()),
                ("rule", name.into()),
                ("value", ideal.at_once.into()),
                ("kept", (paid.share / ideal.share).into()),
                ("kept_at_once", (paid.at_once / ideal.at_once).into()),
                ("voice", paid.voice.into()),
                ("paid", paid.emitted.into()),
            ]));
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let findings = vec![
        kept(table),
        beside_the_network(
            table,
            "A rule that clips twice takes no more from honest minorities than the network's.",
            "walk 5, twice",
        ),
        beside_the_network(
            table,
            "Nor does the one with a threshold, under which a peer counts in full while the \
             first clip leaves it most of what it leaves the middle peer.",
            "walk 8, credible",
        ),
        community(table),
    ];
    let figures = GRAPHS.iter().map(|graph| figure(graph.0, setting, table)).collect();
    let caption = "The share of its value that a minority keeps, and what is paid of all that \
                   peers emit: means over levels, graphs and seeds, without markets in which a \
                   rule pays nobody.";
    Ok(Report { findings, figures, tables: vec![(caption.to_owned(), summary(table))] })
}

/// A market with a minority, which comes last.
struct Market {
    /// What peers would give if they measured without error.
    truthful: Weights,
    measured: Weights,
    stake: Vec<f64>,
}

/// What a minority got.
struct Paid {
    /// Of all that was minted; NaN where nothing was.
    share: f64,
    /// Of what the first epoch minted.
    at_once: f64,
    /// What is paid of a unit that it emits in the first epoch, beside the same of the majority.
    voice: f64,
    /// The share of what all emit that is paid in the first epoch.
    emitted: f64,
}

const FEW: Range<usize> = MAJORITY..MAJORITY + MINORITY;

impl Market {
    fn random(
        minority: &Minority,
        level: f64,
        graph: Graph,
        random: &mut Stream,
    ) -> Result<Self, Error> {
        let peers = FEW.end;
        let quality: Vec<f64> =
            (0..peers).map(|_| libm::exp(QUALITY_DEVIATION * random.normal())).collect();
        let mut side = |count: usize, total: f64| {
            let shares = normalised((0..count).map(|_| 0.1 + random.uniform()).collect());
            shares.into_iter().map(move |share| share * total).collect::<Vec<_>>()
        };
        let stake = [side(MAJORITY, 1.0 - minority.stake), side(MINORITY, minority.stake)].concat();
        // Of the majority, in a random order: the first ones are clients, or know the newcomers.
        let order = choose(random, (0..MAJORITY).collect(), MAJORITY);
        let chosen = (level * MAJORITY as f64).round() as usize;
        let (mut truthful, mut measured) = (Vec::new(), Vec::new());
        for i in 0..peers {
            let inside = FEW.contains(&i);
            let (majority, few) = minority.known(graph, i, random);
            let reached = !inside && order[..chosen.min(MAJORITY)].contains(&i);
            let row = minority.row(level, reached, &quality, i, majority, few);
            let noisy = inside && minority.kind == Kind::Noisy;
            let deviation = if noisy { level } else { ERROR_DEVIATION };
            let seen =
                row.iter().map(|(_, weight)| weight * libm::exp(deviation * random.normal()));
            let seen = normalised(seen.collect());
            measured.extend(row.iter().zip(seen).map(|(&(j, _), weight)| (i, j, weight)));
            truthful.extend(row.into_iter().map(|(j, weight)| (i, j, weight)));
        }
        Ok(Self {
            truthful: Weights::from_triplets(peers, truthful)?,
            measured: Weights::from_triplets(peers, measured)?,
            stake,
        })
    }

    /// What the minority gets where everybody is paid by rank, out of weights without errors.
    fn by_value(&self, epochs: usize) -> Paid {
        let inflation = inflation_for(GROWTH, epochs);
        let mut stake = self.stake.clone();
        let mut ledger = Ledger::default();
        for _ in 0..epochs {
            let all: f64 = stake.iter().sum();
            let mut ranks = vec![0.0; stake.len()];
            for (i, j, weight) in self.truthful.triplets() {
                ranks[j] += stake[i] / all * weight;
            }
            let after: Vec<f64> =
                stake.iter().zip(&ranks).map(|(s, r)| s + inflation * all * r).collect();
            ledger.enter(&stake, &after);
            stake = after;
        }
        ledger.paid(1.0, 1.0)
    }

    fn run(&self, rule: Rule, epochs: usize) -> Result<Paid, Error> {
        let connectivity = Connectivity { self_connected: false, ..Connectivity::default() };
        let inflation = inflation_for(GROWTH, epochs);
        let config = Config { rule, connectivity, inflation, ..Config::default() };
        let mut stake = self.stake.clone();
        let mut scaling = vec![1.0; stake.len()];
        let mut ledger = Ledger::default();
        let (mut voice, mut emitted) = (f64::NAN, f64::NAN);
        for at in 0..epochs {
            let after = epoch(&self.measured, &stake, Some(&scaling), &config)?;
            if at == 0 {
                let paid =
                    |i: usize| after.payout_row(&self.measured, i).map(|(_, share)| share).sum();
                let paid: Vec<f64> = (0..stake.len()).map(paid).collect();
                voice = mean(&paid[FEW]) / mean(&paid[..MAJORITY]);
                emitted = paid.iter().zip(&after.standing).map(|(paid, s)| paid * s).sum();
            }
            ledger.enter(&stake, &after.stake);
            (stake, scaling) = (after.stake, after.scaling);
        }
        Ok(ledger.paid(voice, emitted))
    }
}

/// To which of three groups a peer belongs.
fn taste(peer: usize) -> usize {
    peer / (MAJORITY / 2)
}

impl Minority {
    /// Whom a peer knows of the majority and of the minority.
    fn known(&self, graph: Graph, i: usize, random: &mut Stream) -> (Vec<usize>, Vec<usize>) {
        let mut of = |peers: Range<usize>, share: usize, count: usize| match graph {
            Graph::Dense => others(peers, i),
            Graph::Knows(known) => {
                choose(random, others(peers, i), count.min(known.div_ceil(share)))
            }
        };
        let majority = match self.kind {
            // Half of them of each of the two larger tastes.
            Kind::Third => {
                let first = of(0..MAJORITY / 2, 2, MAJORITY);
                [first, of(MAJORITY / 2..MAJORITY, 2, MAJORITY)].concat()
            }
            _ => of(0..MAJORITY, 1, MAJORITY),
        };
        (majority, of(FEW, 1, KNOWN_MINORITY))
    }

    /// The truthful weights of peer `i`, which knows so many of either side. `reached` says whether
    /// it is a client, or knows the newcomers.
    fn row(
        &self,
        level: f64,
        reached: bool,
        quality: &[f64],
        i: usize,
        majority: Vec<usize>,
        few: Vec<usize>,
    ) -> Vec<(usize, f64)> {
        let split = |few: Vec<usize>, rest: Vec<usize>, to_few: f64| {
            [shared(quality, &rest, 1.0 - to_few), shared(quality, &few, to_few)].concat()
        };
        match self.kind {
            Kind::Specialists if reached => split(few, majority, TO_SPECIALISTS),
            Kind::Community if FEW.contains(&i) => split(few, majority, level),
            Kind::Community => split(few, majority, TO_COMMUNITY),
            Kind::Third => {
                let all = [majority, few].concat().into_iter();
                let (own, rest) = all.partition(|&j| taste(j) == taste(i));
                split(own, rest, level)
            }
            Kind::Newcomers if !reached => shared(quality, &majority, 1.0),
            Kind::Newcomers | Kind::Noisy => shared(quality, &[majority, few].concat(), 1.0),
            Kind::Specialists => shared(quality, &majority, 1.0),
        }
    }
}

/// The weights of a row to `peers`, by quality, that sum to `total`.
fn shared(quality: &[f64], peers: &[usize], total: f64) -> Vec<(usize, f64)> {
    let weights = normalised(peers.iter().map(|&j| quality[j]).collect());
    peers.iter().zip(weights).map(|(&j, weight)| (j, weight * total)).collect()
}

/// What was minted, epoch by epoch.
#[derive(Default)]
struct Ledger {
    first: Option<f64>,
    few: f64,
    all: f64,
}

impl Ledger {
    fn enter(&mut self, before: &[f64], after: &[f64]) {
        let minted: Vec<f64> = before.iter().zip(after).map(|(b, a)| a - b).collect();
        let (few, all): (f64, f64) = (minted[FEW].iter().sum(), minted.iter().sum());
        self.first.get_or_insert(few / all);
        (self.few, self.all) = (self.few + few, self.all + all);
    }

    fn paid(&self, voice: f64, emitted: f64) -> Paid {
        let at_once = self.first.unwrap_or(f64::NAN);
        Paid { share: self.few / self.all, at_once, voice, emitted }
    }
}

/// The numbers of a column, without those of markets that paid nobody.
fn column(table: &Table, column: &str, of: impl Fn(&Record) -> bool) -> Vec<f64> {
    let here = table.records().filter(of).map(|record| record.number(column));
    here.filter(|number| !number.is_nan()).collect()
}

/// The mean share of its value that a minority keeps under a rule.
fn mean_kept(table: &Table, rule: &str, minority: &str) -> f64 {
    mean(column(table, "kept", |r| r.text("rule") == rule && r.text("minority") == minority))
}

/// What a minority that keeps less than its value falls short by, on average. A community that
/// gives nothing to others is left out: to every rule it is a cabal.
fn shortfall(table: &Table, rule: &str, minority: &str) -> f64 {
    let open = |r: &Record| minority != COMMUNITY || r.number("level") < 1.0;
    let here = |r: &Record| r.text("rule") == rule && r.text("minority") == minority && open(r);
    let shares = column(table, "kept", here);
    mean(shares.into_iter().map(|kept| (1.0 - kept).max(0.0)))
}

fn kept(table: &Table) -> Finding {
    let each = MINORITIES.each_ref().map(|minority| {
        let shares = drawn().map(|rule| significant(mean_kept(table, rule.0, minority.name), 3));
        format!("{} {}", minority.name, shares.collect::<Vec<_>>().join(", "))
    });
    let names = drawn().map(|rule| format!("`{}`", rule.0)).collect::<Vec<_>>();
    Finding::answer(
        "Which share of their value do honest minorities keep?",
        format!("Under {}: {}.", names.join(", "), each.join("; ")),
    )
}

/// Whether minorities fall short by no more than under the network's rule.
fn beside_the_network(table: &Table, claim: &str, rule: &str) -> Finding {
    let network = network().map_or("", |at| RULES[at].0);
    let each = MINORITIES.each_ref().map(|minority| {
        let [ours, theirs] = [rule, network].map(|rule| shortfall(table, rule, minority.name));
        (
            format!("{} {} ({})", minority.name, significant(ours, 3), significant(theirs, 3)),
            ours - theirs,
        )
    });
    Finding::claim(
        claim,
        format!(
            "By so much of its value a minority falls short under `{rule}` (under `{network}`): {}.",
            each.each_ref().map(|found| found.0.as_str()).join(", ")
        ),
        each.iter().all(|found| found.1 < 0.01),
    )
}

/// A community that gives all of its weights to itself is a cabal to every rule.
fn community(table: &Table) -> Finding {
    let of = |rule: &str, level: f64| {
        let here = |r: &Record| {
            r.text("rule") == rule && r.text("minority") == COMMUNITY && r.number("level") == level
        };
        significant(mean(column(table, "kept", here)), 3)
    };
    let levels = MINORITIES.iter().find(|minority| minority.name == COMMUNITY);
    let levels = levels.map_or(&[] as &[f64], |minority| minority.levels);
    let each = drawn().map(|(rule, _, _)| {
        let shares = levels.iter().rev().take(3).rev().map(|&level| of(rule, level));
        format!("`{rule}` {}", shares.collect::<Vec<_>>().join(", "))
    });
    let last = levels.iter().rev().take(3).rev().map(|level| format!("{:.0}%", 100.0 * level));
    Finding::answer(
        "Whether a rule can tell an honest community from a cabal.",
        format!(
            "It sees weights, not value. A community to which the majority gives {:.0}% keeps this \
             where {} of its own weights stay inside, the last as in a cabal: {}.",
            100.0 * TO_COMMUNITY,
            last.collect::<Vec<_>>().join(", "),
            each.collect::<Vec<_>>().join("; ")
        ),
    )
}

fn summary(table: &Table) -> Table {
    let mut columns = vec!["rule".to_owned()];
    columns.extend(MINORITIES.iter().map(|minority| minority.name.to_owned()));
    columns.push("paid of what is emitted".to_owned());
    let rounded = |value: f64| Value::from((value * 1e3).round() / 1e3);
    let row = |name: &str| -> Row {
        let mut row: Row = vec![name.into()];
        row.extend(MINORITIES.iter().map(|few| rounded(mean_kept(table, name, few.name))));
        row.push(rounded(mean(column(table, "paid", |r| r.text("rule") == name))));
        row
    };
    Table { columns, rows: rules().map(|rule| row(rule.0)).collect() }
}

fn figure(graph: &str, setting: &Setting, table: &Table) -> Figure {
    let panel = |minority: &Minority| {
        let mut marks = Vec::new();
        for (rule, _, _) in drawn() {
            let points = table
                .with("graph", graph)
                .filter(|r| r.text("minority") == minority.name)
                .filter(|r| r.text("rule") == *rule)
                .map(|r| (r.number("level"), r.number("kept")));
            marks.push(Mark::medians(*rule, &spreads(points), Stroke::Solid));
        }
        marks.push(Mark::horizontal("paid by value", 1.0));
        let y = Axis::linear("share of its value that it keeps").within(0.0, 2.5);
        Panel::new(minority.name, Axis::linear(minority.varied), y, marks)
    };
    let (seeds, epochs) = sizes(setting);
    Figure::new(
        format!("market-minorities-{}", graph.replace(' ', "-")),
        format!(
            "{MAJORITY} peers and a minority of {MINORITY}, who {graph}: what the minority gets of \
             all that is minted while stake grows {GROWTH}-fold ({epochs} epochs), beside what it \
             would get if everybody were paid by value. Medians of {seeds} random markets, seed \
             {}; a rule without a line pays nobody.",
            setting.seed
        ),
        MINORITIES.iter().map(panel).collect(),
    )
}
