//! What collusion gains: parties that keep their observations to themselves (Theorem 5.10) and
//! parties that share them (Theorem 10.1).

use muster_mechanism::random::Stream;
use muster_mechanism::verification::{ScoringMatrix, VerificationError, VerificationGame};

use super::shared::{BENCHMARKS, lossy_channel};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::words::short;

/// Theorems 5.10 and 10.1.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-collusion",
    title: "What collusion gains",
    source: "It Takes Two, Theorems 5.10 and 10.1, Section 10.1",
    columns: &[
        "kind",
        "benchmark",
        "margin",
        "verifiers",
        "colluders",
        "guaranteed_colluders",
        "separate_gain",
        "one_looks_gain",
        "nobody_looks_gain",
        "truthful_total",
        "same_total",
        "loss_bound",
        "favours_agreement",
        "observations_differ",
    ],
    data_file: None,
    cells: |setting| BENCHMARKS.len() * sizes(setting).len() + random_cells(setting),
    cell,
    report,
};

const VERIFIERS: usize = 401;
/// The largest share of colluders that is drawn: beyond, agreeing blindly pays most.
const SHARE_MAX: f64 = 0.4;
/// Random designs in one cell of Theorem 10.1.
const DESIGNS: usize = 50;

/// Every pure strategy of one verifier, with what pairs of strategies pay each other.
pub struct Strategies {
    /// The report after each observation, or the same for all without looking.
    reports: Vec<Vec<usize>>,
    /// Cost of looking, 0 for those who do not.
    cost: Vec<f64>,
    /// Expected pay for the first strategy if a peer follows the second.
    pay: Vec<Vec<f64>>,
    /// Expected pay if a peer reports this type whatever it sees.
    pay_against: Vec<Vec<f64>>,
    honest: usize,
}

/// Who is there: colluders and malicious verifiers among all.
#[derive(Clone, Copy)]
pub struct Party {
    pub colluders: usize,
    pub malicious: usize,
    pub verifiers: usize,
}

impl Strategies {
    /// All `m^m + m` of them: for games of few types.
    pub fn new(game: &VerificationGame, matrix: &ScoringMatrix) -> Self {
        let m = game.types();
        let mut reports: Vec<Vec<usize>> = (0..m.pow(m as u32))
            .map(|code| (0..m).map(|x| code / m.pow(x as u32) % m).collect())
            .collect();
        let honest = reports
            .iter()
            .position(|map| map.iter().enumerate().all(|(x, &r)| x == r))
            .expect("the identity is a map");
        let mut cost = vec![game.cost_mean(); reports.len()];
        reports.extend((0..m).map(|r| vec![r; m]));
        cost.resize(reports.len(), 0.0);
        let expected = |mine: &[usize], peer: &[usize]| -> f64 {
            let mut total = 0.0;
            for x in 0..m {
                for z in 0..m {
                    total += game.joint()[x][z] * matrix.entry(mine[x], peer[z]);
                }
            }
            total
        };
        let constant: Vec<Vec<usize>> = (0..m).map(|r| vec![r; m]).collect();
        let against = |peers: &[Vec<usize>]| -> Vec<Vec<f64>> {
            let row = |mine: &Vec<usize>| peers.iter().map(|peer| expected(mine, peer)).collect();
            reports.iter().map(row).collect()
        };
        Self { pay: against(&reports), pay_against: against(&constant), reports, cost, honest }
    }

    /// The most that a party gains over honesty, in expectation and in total, if its members do not
    /// share observations and follow at most two different strategies, and the malicious report
    /// whatever serves the party most.
    pub fn gain_max(&self, party: Party) -> f64 {
        let mut most = f64::NEG_INFINITY;
        for malicious in 0..self.pay_against[0].len() {
            for first in 0..self.reports.len() {
                for second in 0..first {
                    most = most.max(self.best_split(party, malicious, first, second));
                }
            }
            if party.malicious == 0 {
                break;
            }
        }
        most
    }

    /// The total is quadratic in how many follow the first strategy: its best split lies at an end
    /// or beside its vertex.
    fn best_split(&self, party: Party, malicious: usize, first: usize, second: usize) -> f64 {
        let gain = |followers: f64| self.gain(party, malicious, [first, second], followers);
        let last = party.colluders as f64;
        let (start, end, middle) = (gain(0.0), gain(last), gain(0.5 * last));
        let curvature = start + end - 2.0 * middle;
        let most = start.max(end);
        if curvature >= 0.0 {
            return most;
        }
        let vertex = last * (0.5 - 0.25 * (end - start) / curvature);
        let below = vertex.floor().clamp(0.0, last);
        most.max(gain(below)).max(gain((below + 1.0).min(last)))
    }

    fn gain(&self, party: Party, malicious: usize, pair: [usize; 2], followers: f64) -> f64 {
        let colluders = party.colluders as f64;
        let peers = (party.verifiers - 1) as f64;
        let outside = (party.verifiers - party.colluders - party.malicious) as f64;
        let counts = [followers, colluders - followers];
        let alone = |s: usize| {
            (outside * self.pay[s][self.honest]
                + party.malicious as f64 * self.pay_against[s][malicious])
                / peers
                - self.cost[s]
        };
        let mut total = 0.0;
        for (&mine, count) in pair.iter().zip(counts) {
            let mut inside = -self.pay[mine][mine];
            for (&other, others) in pair.iter().zip(counts) {
                inside += others * self.pay[mine][other];
            }
            total += count * (alone(mine) + inside / peers);
        }
        let honest = self.honest;
        let inside = (colluders - 1.0) * self.pay[honest][honest] / peers;
        total - colluders * (alone(honest) + inside)
    }
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let sizes = sizes(setting);
    match BENCHMARKS.get(index / sizes.len()) {
        Some(&(benchmark, margin)) => {
            let size = sizes[index % sizes.len()];
            party_of(benchmark, margin, size).map(|row| vec![row])
        }
        None => same_reports(setting.seed, index as u64),
    }
    .map_err(refused)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report::new(
        vec![separate(table), bounded_loss(table), agreement(table), free_riding(table)],
        vec![figure(table)],
    ))
}

/// The sizes of parties: all small ones, then coarser.
fn sizes(setting: &Setting) -> Vec<usize> {
    setting.scale.pick((1..12).chain((12..=400).step_by(16)).collect(), (1..=400).collect())
}

fn random_cells(setting: &Setting) -> usize {
    setting.scale.pick(8, 80)
}

fn party_of(benchmark: &str, margin: f64, colluders: usize) -> Result<Row, VerificationError> {
    let game = super::shared::benchmark(benchmark);
    let matrix = game.design(margin)?.matrix;
    let strategies = Strategies::new(&game, &matrix);
    let party = Party { colluders, malicious: 0, verifiers: VERIFIERS };
    let shared = game.shared_observation(&matrix, colluders, VERIFIERS)?;
    let guaranteed = game.robustness(&matrix)?.malicious_max(VERIFIERS);
    Ok(EXPERIMENT.row_of([
        ("kind", "party".into()),
        ("benchmark", benchmark.into()),
        ("margin", margin.into()),
        ("verifiers", VERIFIERS.into()),
        ("colluders", colluders.into()),
        ("guaranteed_colluders", guaranteed.into()),
        ("separate_gain", strategies.gain_max(party).into()),
        ("one_looks_gain", (shared.one_looks_total - shared.honest_total).into()),
        ("nobody_looks_gain", (shared.nobody_looks_total - shared.honest_total).into()),
    ]))
}

/// Theorem 10.1 in random designs: parties with random observations.
fn same_reports(seed: u64, index: u64) -> Result<Vec<Row>, VerificationError> {
    let mut stream = Stream::new(seed, index);
    let mut rows = Vec::new();
    for _ in 0..DESIGNS {
        let game = lossy_channel(&mut stream)?;
        let matrix = game.design(0.5 * stream.uniform())?.matrix;
        let colluders = 2 + stream.below(6) as usize;
        let verifiers = colluders + 1 + stream.below(40) as usize;
        let observations = draw(&game, colluders, &mut stream);
        let party = game.strong_collusion(&matrix, &observations, verifiers)?;
        let m = game.types();
        let favours = (0..m).all(|x| {
            (0..x).all(|y| {
                let t = |a, b| matrix.entry(a, b);
                t(x, x) + t(y, y) > t(x, y) + t(y, x)
            })
        });
        let pairs = (colluders * (colluders - 1)) as f64;
        let bound = 2.0 * matrix.bound() * pairs / (verifiers - 1) as f64;
        let differ = observations.windows(2).any(|pair| pair[0] != pair[1]);
        rows.push(EXPERIMENT.row_of([
            ("kind", "same report".into()),
            ("benchmark", "random".into()),
            ("verifiers", verifiers.into()),
            ("colluders", colluders.into()),
            ("truthful_total", party.truthful_total.into()),
            ("same_total", party.same_total.into()),
            ("loss_bound", bound.into()),
            ("favours_agreement", favours.into()),
            ("observations_differ", differ.into()),
        ]));
    }
    Ok(rows)
}

/// Observations of the same proof.
fn draw(game: &VerificationGame, count: usize, stream: &mut Stream) -> Vec<usize> {
    let truth = stream.index(game.prior());
    (0..count).map(|_| stream.index(&game.observation()[truth])).collect()
}

/// The rows of one benchmark at one margin.
fn parties<'a>(
    rows: &'a Table,
    benchmark: &'a str,
    margin: f64,
) -> impl Iterator<Item = Record<'a>> {
    rows.with("benchmark", benchmark).filter(move |row| row.number("margin") == margin)
}

/// The smallest party that gains, per benchmark.
fn first_gain(rows: &Table, benchmark: &'static str, margin: f64, column: &str) -> Option<f64> {
    parties(rows, benchmark, margin)
        .find(|row| row.number(column) > 1e-9)
        .map(|row| row.number("colluders"))
}

fn separate(rows: &Table) -> Finding {
    let mut holds = true;
    let mut parts = Vec::new();
    for (benchmark, margin) in BENCHMARKS {
        let mut guaranteed = 0.0;
        for row in parties(rows, benchmark, margin) {
            guaranteed = row.number("guaranteed_colluders");
            let within = row.number("colluders") <= guaranteed;
            holds &= !within || row.number("separate_gain") <= 1e-9;
        }
        let first = first_gain(rows, benchmark, margin, "separate_gain");
        let first = first.map_or_else(|| "none".to_owned(), |count| format!("{count}"));
        parts.push(format!(
            "{benchmark}, margin {margin}: {guaranteed} guaranteed, the first party that gains \
             has {first}"
        ));
    }
    Finding::claim(
        "Theorem 5.10: colluders who do not share observations gain nothing while there \
                are at most alpha (n-1)/2 of them",
        format!(
            "n = {VERIFIERS}, every pair of pure strategies in every split: {}",
            parts.join("; ")
        ),
        holds,
    )
}

fn bounded_loss(rows: &Table) -> Finding {
    let (mut count, mut worst) = (0usize, f64::NEG_INFINITY);
    for row in rows.with("kind", "same report") {
        let loss = row.number("truthful_total") - row.number("same_total");
        worst = worst.max(loss / row.number("loss_bound"));
        count += 1;
    }
    Finding::claim(
        "Theorem 10.1 (i): for a party that shares observations, some report that all make \
                costs little: at most 2 M l (l-1)/(n-1) in total (constant rederived)",
        format!(
            "{count} parties in random designs: the largest loss is {} of that{}",
            short(worst, 4),
            if worst <= 0.0 { ", so that it never costs anything" } else { "" }
        ),
        worst <= 1.0,
    )
}

fn agreement(rows: &Table) -> Finding {
    let (mut count, mut favouring, mut differing, mut gaining) = (0usize, 0usize, 0usize, 0usize);
    for row in rows.with("kind", "same report") {
        count += 1;
        if row.number("favours_agreement") == 0.0 {
            continue;
        }
        favouring += 1;
        if row.number("observations_differ") == 1.0 {
            differing += 1;
            let gain = row.number("same_total") - row.number("truthful_total");
            gaining += usize::from(gain > 0.0);
        }
    }
    Finding::claim(
        "Theorem 10.1 (ii): if the rule favours agreement, a party that shares observations \
                and saw different things gains by all reporting the same",
        format!(
            "{favouring} of {count} random designs favour agreement; in {gaining} of the \
             {differing} among them whose parties saw different things the party gains"
        ),
        differing > 0 && gaining == differing,
    )
}

fn free_riding(rows: &Table) -> Finding {
    let parts = BENCHMARKS.map(|(benchmark, margin)| {
        let first = first_gain(rows, benchmark, margin, "one_looks_gain");
        let least = first.map_or_else(|| "none".to_owned(), |count| format!("{count}"));
        let nobody = first_gain(rows, benchmark, margin, "nobody_looks_gain");
        let nobody = nobody.map_or_else(|| "none".to_owned(), |count| format!("{count}"));
        (
            first == Some(2.0),
            format!(
                "{benchmark}, margin {margin}: one look for all pays from {least} members on, no \
                 look at all from {nobody}"
            ),
        )
    });
    Finding::claim(
        "Section 10.1: if observations are shared, one look suffices for a party, and it \
                saves the others' costs",
        format!(
            "n = {VERIFIERS}; {}",
            parts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("; ")
        ),
        parts.iter().all(|(holds, _)| *holds),
    )
}

fn figure(rows: &Table) -> Figure {
    let panel = |(benchmark, margin): (&'static str, f64)| {
        let line = |label: &str, column: &str, stroke: Stroke| {
            Mark::line(
                label,
                parties(rows, benchmark, margin)
                    .map(|row| {
                        let colluders = row.number("colluders");
                        (colluders / VERIFIERS as f64, row.number(column) / colluders)
                    })
                    .filter(|(share, _)| *share <= SHARE_MAX),
                stroke,
            )
        };
        let guaranteed = parties(rows, benchmark, margin)
            .next()
            .map_or(f64::NAN, |row| row.number("guaranteed_colluders"));
        Panel::new(
            format!("{benchmark}, margin {margin}"),
            Axis::linear("colluders, share of all verifiers").within(0.0, SHARE_MAX),
            Axis::linear("gain per colluder over honesty (money)"),
            vec![
                line("observations kept apart", "separate_gain", Stroke::Solid),
                line("one looks for all", "one_looks_gain", Stroke::Solid),
                line("nobody looks", "nobody_looks_gain", Stroke::Dashed),
                Mark::horizontal("", 0.0),
                Mark::vertical("guaranteed by Theorem 5.10", guaranteed / VERIFIERS as f64),
            ],
        )
    };
    Figure::new(
        "collusion",
        format!(
            "What each member of a party gains over honesty among {VERIFIERS} verifiers: with the \
             best pair of strategies if observations are not shared, and with the best common \
             report if one member, or none, looks."
        ),
        BENCHMARKS.map(panel).to_vec(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against all assignments of strategies to three colluders beside one malicious verifier, pair
    /// by pair of verifiers.
    #[test]
    fn gains_are_those_of_brute_force() {
        let game = VerificationGame::coin();
        let matrix = game.design(0.1).expect("feasible").matrix;
        let all = Strategies::new(&game, &matrix);
        let party = Party { colluders: 2, malicious: 1, verifiers: 5 };
        let total = |members: [usize; 2], malicious: usize| -> f64 {
            let mut total = 0.0;
            for (i, &mine) in members.iter().enumerate() {
                let mut pay = 2.0 * all.pay[mine][all.honest] + all.pay_against[mine][malicious];
                pay += all.pay[mine][members[1 - i]];
                total += pay / 4.0 - all.cost[mine];
            }
            total
        };
        let mut most = f64::NEG_INFINITY;
        for malicious in 0..2 {
            for first in 0..all.reports.len() {
                for second in 0..all.reports.len() {
                    let honest = total([all.honest; 2], malicious);
                    most = most.max(total([first, second], malicious) - honest);
                }
            }
        }
        assert!((all.gain_max(party) - most).abs() < 1e-12);
        assert!(most > 0.0, "two of five outweigh a margin of 0.1");
    }

    #[test]
    fn one_member_cannot_gain() {
        let game = VerificationGame::proof_of_learning();
        let matrix = game.design(0.2).expect("feasible").matrix;
        let party = Party { colluders: 1, malicious: 0, verifiers: 10 };
        assert!(Strategies::new(&game, &matrix).gain_max(party) <= 1e-12);
    }
}
