//! Every theorem on random instances: does it hold, and how far from the exact value is its
//! guarantee?

use muster_mechanism::random::Stream;
use muster_mechanism::verification::{
    Robustness, ScoringMatrix, VerificationError, VerificationGame,
};

use super::collusion::{Party, Strategies};
use super::shared::{any_channel, distribution, lossy_channel};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::quantile;
use crate::words::short;

/// All theorems and lemmas of the paper.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-theorems",
    title: "Every theorem on random instances",
    source: "It Takes Two, Theorems 1.1, 4.1, 4.3, 5.7, 5.10, 5.11, 6.2, 6.3, their lemmas",
    columns: &["theorem", "family", "types", "margin", "guaranteed", "exact", "looseness", "holds"],
    data_file: None,
    cells: |setting| setting.scale.pick(30, 1000),
    cell,
    report,
};

/// Games in one cell.
const GAMES: usize = 8;
/// Theorem 5.11 is compared with a search that solves hundreds of programs.
const GAMES_SEARCHED: usize = 2;
/// Verifiers where their number matters.
const VERIFIERS: usize = 2001;

/// The claims, in the order of the paper.
const CLAIMS: [(&str, &str); 12] = [
    (
        "1.1",
        "Theorem 1.1: no aligned rule if reports are binary, honest proofs always pass, \
             looking costs and nobody cheats",
    ),
    ("4.1", "Theorem 4.1: regular beliefs make every margin feasible, and designs have it"),
    ("4.2", "Proposition 4.2: beliefs of a lossy channel are regular"),
    ("4.3", "Theorem 4.3: averages over n - 1 peers pay what one honest peer pays"),
    ("5.6", "Lemma 5.6: a share alpha/2 of malicious peers does no harm"),
    ("5.7", "Theorem 5.7: M* <= c_max K1 + delta K2"),
    (
        "5.10",
        "Theorem 5.10: a share alpha/2 of colluders who do not share observations gains \
              nothing",
    ),
    ("5.11", "Theorem 5.11: the margin alpha c_max K1 / (1 - alpha K2) gives compactness alpha"),
    ("6.1", "Lemma 6.1: beliefs off by TV distance d move a payment by at most 2 M d"),
    ("6.2", "Theorem 6.2: beliefs off by alpha/2 do no harm"),
    ("6.3", "Theorem 6.3: a prior off by alpha/4 min q does no harm"),
    ("14.1", "Lemma 14.1: q B = q"),
];

/// The theorems whose guarantee has an exact counterpart, with the words of the legend.
const LOOSE: [(&str, &str); 6] = [
    ("5.6", "5.6 malicious share"),
    ("5.7", "5.7 bound on M*"),
    ("5.10", "5.10 colluding share"),
    ("5.11", "5.11 margin"),
    ("6.2", "6.2 belief"),
    ("6.3", "6.3 prior"),
];

/// One theorem on one instance.
struct Check {
    theorem: &'static str,
    /// What the theorem promises.
    guaranteed: f64,
    /// The exact value of the same quantity.
    exact: f64,
    /// How many times better the exact value is: 1 means that the theorem is tight.
    looseness: f64,
    holds: bool,
}

impl Check {
    /// The exact value must be at least the guaranteed one.
    fn at_least(theorem: &'static str, guaranteed: f64, exact: f64) -> Self {
        let holds = exact >= guaranteed * (1.0 - 1e-9) - 1e-12;
        Self { theorem, guaranteed, exact, looseness: exact / guaranteed, holds }
    }

    /// The exact value must be at most the guaranteed one.
    fn at_most(theorem: &'static str, guaranteed: f64, exact: f64) -> Self {
        let holds = exact <= guaranteed * (1.0 + 1e-9) + 1e-12;
        Self { theorem, guaranteed, exact, looseness: guaranteed / exact, holds }
    }

    /// A yes or no.
    fn that(theorem: &'static str, holds: bool) -> Self {
        Self { theorem, guaranteed: f64::NAN, exact: f64::NAN, looseness: f64::NAN, holds }
    }
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let mut stream = Stream::new(setting.seed, index as u64);
    let mut rows = Vec::new();
    for number in 0..GAMES {
        let lossy = number % 2 == 0;
        let game = if lossy { lossy_channel(&mut stream) } else { any_channel(&mut stream) };
        let game = game.map_err(refused)?;
        let margin = 0.05 + 1.95 * stream.uniform();
        let checks = instance(&game, lossy, margin, number < GAMES_SEARCHED, &mut stream);
        for check in checks.map_err(refused)? {
            rows.push(EXPERIMENT.row([
                ("theorem", check.theorem.into()),
                ("family", if lossy { "lossy channel" } else { "any channel" }.into()),
                ("types", game.types().into()),
                ("margin", margin.into()),
                ("guaranteed", check.guaranteed.into()),
                ("exact", check.exact.into()),
                ("looseness", check.looseness.into()),
                ("holds", check.holds.into()),
            ]));
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let findings = CLAIMS.iter().map(|(theorem, claim)| finding(table, theorem, claim));
    Ok(Report {
        findings: findings.collect(),
        figures: vec![figure(table, setting)],
        tables: vec![looseness(table)],
    })
}

/// All theorems on one game.
fn instance(
    game: &VerificationGame,
    lossy: bool,
    margin: f64,
    search: bool,
    stream: &mut Stream,
) -> Result<Vec<Check>, VerificationError> {
    let mut checks = vec![dilemma(stream)?, eigenvector(game)];
    let bound = game.theoretical_bound();
    if lossy {
        let regular = bound.is_some() && game.margin_limit()?.is_none();
        checks.push(Check::that("4.2", regular));
    }
    let Some(bound) = bound else { return Ok(checks) };
    let matrix = match game.design(margin) {
        Ok(design) => design.matrix,
        Err(VerificationError::Infeasible { .. }) => {
            checks.push(Check::that("4.1", false));
            return Ok(checks);
        }
        Err(error) => return Err(error),
    };
    let robustness = game.robustness(&matrix)?;
    // Beliefs that are nearly singular need huge payments, of which a product keeps 16 digits.
    let rounding = 1e-12 * matrix.bound();
    checks.push(Check::that("4.1", robustness.margin >= margin - rounding));
    checks.push(many_peers(game, &matrix, stream)?);
    checks.push(Check::at_most("5.7", bound.at(margin), matrix.bound()));
    checks.push(malicious(game, &matrix, robustness)?);
    if game.types() <= 4 {
        checks.push(colluders(game, &matrix, robustness));
    }
    if search && bound.cost_max > 0.0 {
        let compactness = 0.5 / bound.per_margin;
        if let Some(sufficient) = bound.margin_for(compactness) {
            let smallest = game.margin_for_compactness(compactness)?;
            checks.push(Check::at_most("5.11", sufficient, smallest));
        }
    }
    checks.push(moved_belief(game, &matrix, stream));
    let tolerated = game.belief_tolerance(&matrix, 0.0)?;
    checks.push(Check::at_least("6.2", robustness.belief_distance_max(), tolerated));
    let tolerated = prior_tolerance(game, &matrix)?;
    checks.push(Check::at_least("6.3", robustness.prior_distance_max(), tolerated));
    Ok(checks)
}

/// Theorem 1.1: two types, no cheating, and a random cost.
fn dilemma(stream: &mut Stream) -> Result<Check, VerificationError> {
    let caught = 0.1 + 0.9 * stream.uniform();
    let costs = vec![0.01 + stream.uniform(), 0.01 + stream.uniform()];
    let rows = vec![vec![1.0, 0.0], vec![1.0 - caught, caught]];
    let game = VerificationGame::new(vec![1.0, 0.0], rows, costs)?;
    Ok(Check::that("1.1", matches!(game.design(0.0), Err(VerificationError::Infeasible { .. }))))
}

fn eigenvector(game: &VerificationGame) -> Check {
    let q = game.marginal();
    let gap = (0..game.types()).map(|z| {
        let product: f64 = q.iter().zip(game.belief()).map(|(q, row)| q * row[z]).sum();
        (product - q[z]).abs()
    });
    Check::that("14.1", gap.fold(0.0, f64::max) < 1e-14)
}

/// Theorem 4.3 by enumerating what two honest peers report, given every observation of a third.
fn many_peers(
    game: &VerificationGame,
    matrix: &ScoringMatrix,
    stream: &mut Stream,
) -> Result<Check, VerificationError> {
    let m = game.types();
    let observed = stream.below(m as u64) as usize;
    let reported = stream.below(m as u64) as usize;
    let chance = game.marginal()[observed];
    if chance == 0.0 {
        return Ok(Check::that("4.3", true));
    }
    let mut expected = 0.0;
    for (t, row) in game.observation().iter().enumerate() {
        let posterior = game.prior()[t] * row[observed] / chance;
        for second in 0..m {
            for third in 0..m {
                let reward = matrix.rewards(&[reported, second, third])?[0];
                expected += posterior * row[second] * row[third] * reward;
            }
        }
    }
    let gap = (expected - game.pay(matrix, observed, reported)).abs();
    Ok(Check::that("4.3", gap <= 1e-12 * matrix.bound()))
}

/// Lemma 5.6 against the exact share of malicious peers that a matrix bears.
fn malicious(
    game: &VerificationGame,
    matrix: &ScoringMatrix,
    robustness: Robustness,
) -> Result<Check, VerificationError> {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if game.worst_case(matrix, middle)?.margin >= 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Check::at_least("5.6", robustness.compactness() / 2.0, low))
}

/// Theorem 5.10 against the largest party below every one that gains.
fn colluders(game: &VerificationGame, matrix: &ScoringMatrix, robustness: Robustness) -> Check {
    let strategies = Strategies::new(game, matrix);
    let guaranteed = robustness.malicious_max(VERIFIERS);
    let gains = |colluders: usize| {
        let party = Party { colluders, malicious: 0, verifiers: VERIFIERS };
        strategies.gain_max(party) > 1e-9 * matrix.bound()
    };
    // Steps of 2% of the guarantee, so that the ratio is known as finely.
    let step = (guaranteed / 50).max(1);
    let mut harmless = 0;
    while harmless + step < VERIFIERS && !gains(harmless + step) {
        // Beyond ten times the guarantee, steps grow with the party.
        harmless += step.max(harmless / 50);
    }
    Check::at_least("5.10", guaranteed as f64, harmless as f64 + (step - 1) as f64)
}

/// Lemma 6.1 on a random belief.
fn moved_belief(game: &VerificationGame, matrix: &ScoringMatrix, stream: &mut Stream) -> Check {
    let m = game.types();
    let other = distribution(stream, m);
    let mut holds = true;
    for x in 0..m {
        let belief = &game.belief()[x];
        let distance: f64 =
            belief.iter().zip(&other).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
        for row in matrix.rows() {
            let change: f64 =
                belief.iter().zip(&other).zip(row).map(|((a, b), t)| (a - b) * t).sum();
            holds &= change.abs() <= 2.0 * matrix.bound() * distance * (1.0 + 1e-9) + 1e-12;
        }
    }
    Check::that("6.1", holds)
}

/// The distance at which some prior breaks alignment, if the audit agrees along every way from one
/// type to another; else 0, which no theorem survives.
fn prior_tolerance(
    game: &VerificationGame,
    matrix: &ScoringMatrix,
) -> Result<f64, VerificationError> {
    let m = game.types();
    let least = game.prior_distance_tolerance(matrix, 0.0)?;
    for from in (0..m).filter(|&t| game.prior()[t] > 0.0) {
        for to in (0..m).filter(|&t| t != from) {
            let mut direction = vec![0.0; m];
            (direction[from], direction[to]) = (-1.0, 1.0);
            let exact = game.prior_tolerance(matrix, &direction, 0.0)?;
            // Emptying a type altogether ends the way, not alignment.
            let ends = exact >= game.prior()[from] * (1.0 - 1e-9);
            if !ends && bisected(game, matrix, &direction, exact)? < least * (1.0 - 1e-9) {
                return Ok(0.0);
            }
        }
    }
    Ok(least)
}

/// The ratio test's answer if an audit on either side of it agrees, else 0, which no theorem
/// survives.
fn bisected(
    game: &VerificationGame,
    matrix: &ScoringMatrix,
    direction: &[f64],
    exact: f64,
) -> Result<f64, VerificationError> {
    let limit = direction.iter().zip(game.prior()).filter(|(d, _)| **d < 0.0);
    let limit = limit.map(|(_, p)| *p).fold(1.0, f64::min);
    let margin = |step: f64| -> Result<f64, VerificationError> {
        let prior = game.prior().iter().zip(direction).map(|(p, d)| (p + step * d).max(0.0));
        Ok(game.with_prior(prior.collect())?.audit(matrix)?.margin)
    };
    let noise = 1e-9 * matrix.bound();
    let inside = margin(0.999 * exact)? >= -noise;
    let outside = margin((1.001 * exact + 1e-9).min(limit))? <= noise;
    Ok(if inside && outside { exact } else { 0.0 })
}

/// The finite ratios of a theorem, ascending.
fn ratios(rows: &Table, theorem: &str) -> Vec<f64> {
    let mut list: Vec<f64> = rows
        .with("theorem", theorem)
        .map(|row| row.number("looseness"))
        .filter(|ratio| ratio.is_finite())
        .collect();
    list.sort_by(f64::total_cmp);
    list
}

fn finding(rows: &Table, theorem: &str, claim: &str) -> Finding {
    let (mut count, mut held) = (0usize, 0usize);
    for row in rows.with("theorem", theorem) {
        count += 1;
        held += usize::from(row.number("holds") == 1.0);
    }
    let list = ratios(rows, theorem);
    let mut measured = format!("holds in {held} of {count} instances");
    if !list.is_empty() {
        measured += &format!(
            "; the exact value is {} to {} times better, {} in the median",
            short(list[0], 4),
            short(quantile(&list, 1.0), 4),
            short(quantile(&list, 0.5), 4)
        );
    }
    Finding::claim(claim, measured, count > 0 && held == count)
}

fn looseness(rows: &Table) -> (String, Table) {
    let columns = ["theorem", "instances", "least", "5%", "median", "95%", "largest"];
    let line = |(theorem, label): &(&str, &str)| {
        let list = ratios(rows, theorem);
        let mut row: Row = vec![(*label).into(), list.len().into()];
        row.extend([0.0, 0.05, 0.5, 0.95, 1.0].map(|share| quantile(&list, share).into()));
        row
    };
    let table = Table::new(&columns, LOOSE.iter().map(line).collect());
    ("How many times better than its guarantee the exact value is".into(), table)
}

fn figure(rows: &Table, setting: &Setting) -> Figure {
    let curve = |(theorem, label): &(&str, &str)| {
        let list = ratios(rows, theorem);
        let steps = 100;
        let points = (0..=steps)
            .map(|k| k as f64 / steps as f64)
            .map(|share| (quantile(&list, share), share))
            .filter(|(ratio, _)| *ratio > 0.0);
        Mark::line(*label, points, Stroke::Solid)
    };
    let mut marks: Vec<Mark> = LOOSE.iter().map(curve).collect();
    marks.push(Mark::vertical("tight", 1.0));
    Figure::new(
        "looseness",
        format!(
            "How far each guarantee is from the exact value: the share of random instances in \
             which exact value over guarantee (5.7 and 5.11: guarantee over exact value) is at \
             most the abscissa. Lossy channels and arbitrary ones, 2 to 6 types, margins 0.05 to \
             2, seed {}.",
            setting.seed
        ),
        vec![Panel::new(
            "looseness of the guarantees",
            Axis::logarithmic("exact value over guarantee"),
            Axis::linear("share of instances").within(0.0, 1.0),
            marks,
        )],
    )
}
