//! What lying gains: payoffs of users who leave N(R), and what an audit says of them.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{Profile, equilibrium};

use super::shared::{distance, medians, simplex, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Scale, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Panel};
use crate::grid::Grid;
use crate::statistics::{largest, mean};

/// Liars among the truthful, by how much and how many.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-audit",
    title: "What lying costs, and who is found out",
    source: "Game of Trust, Lemma 2 (Eq. 2)",
    columns: &[
        "lie",
        "repetition",
        "lean",
        "liars",
        "liar_payoff_relative",
        "truthful_payoff_relative",
        "reputation_error_max",
        "regret_max",
        "audit_gap",
        "tried_excess",
        "liars_found_share",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

const USERS: usize = 40;
const SERVERS: usize = 8;
/// What liars lean towards.
const LIES: [&str; 4] = ["mirror image", "worst server", "best server", "random"];
/// How far a liar leans.
const LEANS: [f64; 6] = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0];
const LIARS: [usize; 5] = [1, 4, 10, 20, 30];
/// Random deviations that a best response must not lose to.
const TRIES: usize = 200;

fn repetitions(scale: Scale) -> usize {
    scale.pick(5, 40)
}

fn grid(setting: &Setting) -> Grid<2> {
    Grid([LIES.len(), repetitions(setting.scale)])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [lie, repetition] = grid(setting).at(index);
    let lie = LIES[lie];
    let mut stream = Stream::new(setting.seed, repetition as u64);
    let trust = uniform(&mut stream, SERVERS, 0.05, 1.0);
    let mut rows = Vec::new();
    for lean in LEANS {
        for liars in LIARS {
            let head = [
                ("lie", lie.into()),
                ("repetition", repetition.into()),
                ("lean", lean.into()),
                ("liars", liars.into()),
            ];
            let measured = profile(lie, lean, liars, &trust, &mut stream)?;
            rows.push(EXPERIMENT.row_of(head.into_iter().chain(measured)));
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let lone = |r: &crate::experiment::Record| r.number("liars") == 1.0;
    let gain = largest(
        table
            .records()
            .filter(|r| lone(r) && r.number("lean") > 0.0)
            .map(|r| r.number("liar_payoff_relative")),
    );
    let gap = largest(table.records().map(|r| r.number("audit_gap")));
    let excess = largest(table.records().map(|r| r.number("tried_excess")));
    let profiles = table.rows.len();
    let findings = vec![
        Finding::claim(
            "Lemma 2: a lone liar among the truthful earns less than |R|_1/n.",
            format!("At most {gain:.6} times that, over every lie and every lean from 0.1."),
            gain < 1.0,
        ),
        Finding::claim(
            "The audit's regret is exact: some strategy earns the promised payoff, and no other \
             more.",
            format!(
                "{profiles} profiles: playing the best response misses its promise by at most \
                 {gap:.1e}, and the payoffs of {TRIES} other strategies each are at most it \
                 {excess:+.1e}.",
            ),
            gap < 1e-9 && excess < 1e-12,
        ),
        price(table),
        mass(table),
        found(table),
    ];
    Ok(Report::new(findings, vec![figure(setting, table)]))
}

/// One profile: the first `liars` users lean towards a lie, the others play N(R).
fn profile(
    lie: &str,
    lean: f64,
    liars: usize,
    trust: &[f64],
    stream: &mut Stream,
) -> Result<[(&'static str, Value); 7], ExperimentError> {
    let truth = equilibrium(trust).map_err(refused)?;
    let mut rows = vec![truth.clone(); USERS];
    for row in rows.iter_mut().take(liars) {
        let lie = lie_of(lie, trust, stream);
        row.iter_mut().zip(lie).for_each(|(x, l)| *x = (1.0 - lean) * *x + lean * l);
    }
    let profile = Profile::new(rows).map_err(refused)?;
    let even = trust.iter().sum::<f64>() / USERS as f64;
    let payoffs = profile.payoffs(trust).map_err(refused)?;
    let regret = profile.regret(trust).map_err(refused)?;
    let (gap, excess) = check(&profile, trust, &payoffs, regret.gains[0], stream)?;
    // The audit accuses as many as there are liars, those who could gain most.
    let mut order: Vec<usize> = (0..USERS).collect();
    order.sort_by(|&a, &b| regret.gains[b].total_cmp(&regret.gains[a]).then(b.cmp(&a)));
    let found = order[..liars].iter().filter(|&&user| user < liars).count();
    Ok([
        ("liar_payoff_relative", (mean(&payoffs[..liars]) / even).into()),
        ("truthful_payoff_relative", (mean(&payoffs[liars..]) / even).into()),
        ("reputation_error_max", distance(&profile.decoded(), &truth).into()),
        ("regret_max", (regret.largest / even).into()),
        ("audit_gap", gap.into()),
        ("tried_excess", excess.into()),
        ("liars_found_share", (found as f64 / liars as f64).into()),
    ])
}

fn lie_of(lie: &str, trust: &[f64], stream: &mut Stream) -> Vec<f64> {
    let by = |better: fn(f64, f64) -> bool| {
        let chosen = (1..trust.len())
            .fold(0, |held, j| if better(trust[j], trust[held]) { j } else { held });
        (0..trust.len()).map(|j| f64::from(u8::from(j == chosen))).collect()
    };
    match lie {
        "mirror image" => {
            let most = largest(trust.iter().copied());
            let total: f64 = trust.iter().map(|r| most - r).sum();
            trust.iter().map(|r| (most - r) / total).collect()
        }
        "worst server" => by(|a, b| a < b),
        "best server" => by(|a, b| a > b),
        _ => simplex(stream, trust.len()),
    }
}

/// The first user's best response, played: (by how much its payoff misses the audit's promise, by
/// how much the best of many other strategies exceeds it; not above 0 if the audit is right).
fn check(
    profile: &Profile,
    trust: &[f64],
    payoffs: &[f64],
    gain: f64,
    stream: &mut Stream,
) -> Result<(f64, f64), ExperimentError> {
    let others: Vec<f64> =
        (0..trust.len()).map(|j| profile.rows()[1..].iter().map(|row| row[j]).sum()).collect();
    let best = muster_mechanism::reputation::best_response(&others, trust).map_err(refused)?;
    let pay =
        |x: &[f64]| -> f64 { (0..x.len()).map(|j| trust[j] * x[j] / (x[j] + others[j])).sum() };
    let promised = payoffs[0] + gain;
    let mut tried = f64::NEG_INFINITY;
    for k in 0..TRIES {
        // Half of the tries lie close by.
        let near = if k % 2 == 0 { 1.0 } else { 0.02 };
        let other = simplex(stream, trust.len());
        let row: Vec<f64> =
            best.strategy.iter().zip(&other).map(|(b, o)| (1.0 - near) * b + near * o).collect();
        tried = tried.max(pay(&row) - promised);
    }
    Ok(((pay(&best.strategy) - promised).abs(), tried))
}

/// What one user pays to move a reputation.
fn price(table: &Table) -> Finding {
    let at = |lie: &str, lean: f64, column: &str| {
        let here = table
            .with("lie", lie)
            .filter(|r| r.number("lean") == lean)
            .filter(|r| r.number("liars") == 1.0);
        mean(here.map(|r| r.number(column)))
    };
    let listed = LIES.map(|lie| {
        format!(
            "{lie}: {:.1}% and {:.1}%, moving a reputation by {:.4}",
            100.0 * (1.0 - at(lie, 0.1, "liar_payoff_relative")),
            100.0 * (1.0 - at(lie, 1.0, "liar_payoff_relative")),
            at(lie, 1.0, "reputation_error_max")
        )
    });
    Finding::answer(
        "What does a lie cost the lone liar?",
        format!(
            "Of its payoff, leaning by a tenth and wholly, one of {USERS} users: {}.",
            listed.join("; ")
        ),
    )
}

/// Where many lie alike, a liar may do better than an honest user would have at N(R).
fn mass(table: &Table) -> Finding {
    let worse = table
        .records()
        .filter(|r| r.number("lean") > 0.0)
        .filter(|r| r.number("liar_payoff_relative") >= r.number("truthful_payoff_relative"));
    let lies = table.records().filter(|r| r.number("lean") > 0.0).count();
    let exceptions = worse.count();
    Finding::claim(
        "Proof of Lemma 2: N(R) earns at least |R|_1/n whatever others do, so of liars and \
         truthful users the truthful are better paid.",
        format!("Not so in {exceptions} of {lies} profiles with 1 to 30 liars of {USERS}."),
        exceptions == 0,
    )
}

fn found(table: &Table) -> Finding {
    let at = |liars: usize, lean: f64| {
        let here = table.with("liars", liars as f64).filter(|r| r.number("lean") == lean);
        100.0 * mean(here.map(|r| r.number("liars_found_share")))
    };
    let listed =
        LIARS.map(|liars| format!("{liars}: {:.0}% and {:.0}%", at(liars, 0.25), at(liars, 1.0)));
    Finding::answer(
        "Does the audit point at the liars?",
        format!(
            "Of those with the largest regret, as many as there are liars, so many are liars, \
             leaning by a quarter and wholly, by their number among {USERS}: {}.",
            listed.join("; ")
        ),
    )
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let curves = |x: &'static str, column: &'static str, fixed: (&'static str, f64)| {
        let mut marks = Vec::new();
        for lie in LIES {
            let points = table
                .with("lie", lie)
                .filter(|r| r.number(fixed.0) == fixed.1)
                .map(|r| (r.number(x), r.number(column)));
            marks.extend(medians(lie, points));
        }
        marks
    };
    let panel = |title: &str, x: &str, y: &str, marks| {
        Panel::new(title, Axis::linear(x), Axis::linear(y), marks)
    };
    Figure::new(
        "audit",
        format!(
            "Payoffs in units of |R|_1/n: of a lone liar by how far it leans; of liars who lie \
             wholly, by their number; and the largest regret that the audit finds. {USERS} users, \
             {SERVERS} servers; medians and 10% to 90% quantiles over {} truths, seed {}.",
            repetitions(setting.scale),
            setting.seed
        ),
        vec![
            panel(
                "a lone liar",
                "lean towards the lie",
                "payoff of the liar",
                curves("lean", "liar_payoff_relative", ("liars", 1.0)),
            ),
            panel(
                "many liars",
                "liars",
                "payoff of a liar",
                curves("liars", "liar_payoff_relative", ("lean", 1.0)),
            ),
            panel(
                "the audit",
                "liars",
                "largest regret",
                curves("liars", "regret_max", ("lean", 1.0)),
            ),
        ],
    )
}
