//! General joint beliefs over players and malicious units: how often the mechanism would mislead,
//! and that it is refused then.

use muster_mechanism::presence::{JointBeliefs, Payoffs, PresenceError, Rate};
use muster_mechanism::random::Stream;

use super::shared::deadlines;
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// Random joint beliefs in which malicious units come out when few players are there.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-joint-beliefs",
    title: "Beliefs without independence",
    source: "Brandenburger and Steverson, after Lemma 1: dominance may be assumed instead",
    columns: &["attack_probability", "noise", "trial", "dominance", "refused", "falls"],
    data_file: None,
    cells: |setting| setting.scale.pick(10, 100),
    cell,
    report,
};

const PLAYERS: usize = 8;
const MALICIOUS: usize = 6;
/// How likely an attack is: few players and many malicious units at once.
const ATTACKS: [f64; 9] = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5];
/// How far single probabilities stray from the smooth belief.
const NOISES: [f64; 3] = [0.0, 0.05, 0.3];
const TRIALS: usize = 20;

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let mut stream = Stream::new(setting.seed, 1 << 48 | index as u64);
    let mut rows = Vec::new();
    for attack in ATTACKS {
        for noise in NOISES {
            for trial in 0..TRIALS {
                let joint = belief(attack, noise, &mut stream);
                rows.push(row(joint, attack, noise, index * TRIALS + trial)?);
            }
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report::new(findings(table), vec![figure(setting, table)]))
}

/// With some probability an attack, otherwise calm, each a bell over players and one over malicious
/// units; then each probability times a random factor.
fn belief(attack: f64, noise: f64, stream: &mut Stream) -> Vec<Vec<f64>> {
    let spread = 0.8 + stream.uniform();
    let mut between = |low: f64, high: f64| low + (high - low) * stream.uniform();
    let calm = (between(3.0, 8.0), between(0.0, 2.0));
    let attacked = (between(1.0, 3.0), between(3.0, 6.0));
    let bell = |(m, n): (f64, f64), i: usize, j: usize| {
        let (x, y) = ((i as f64 - m) / spread, (j as f64 - n) / spread);
        libm::exp(-0.5 * (x * x + y * y))
    };
    let cells = || (1..=PLAYERS).flat_map(|i| (0..=MALICIOUS).map(move |j| (i, j)));
    let sum = |middle| cells().map(|(i, j)| bell(middle, i, j)).sum::<f64>();
    let (calm_sum, attacked_sum) = (sum(calm), sum(attacked));
    let mut weight = |i, j| {
        let smooth = (1.0 - attack) * bell(calm, i, j) / calm_sum
            + attack * bell(attacked, i, j) / attacked_sum;
        smooth * libm::exp(noise * stream.normal())
    };
    let mut rows = (1..=PLAYERS)
        .map(|i| (0..=MALICIOUS).map(|j| weight(i, j)).collect::<Vec<_>>())
        .collect::<Vec<_>>();
    let total: f64 = rows.iter().flatten().sum();
    rows.iter_mut().flatten().for_each(|weight| *weight /= total);
    rows
}

fn row(
    joint: Vec<Vec<f64>>,
    attack: f64,
    noise: f64,
    trial: usize,
) -> Result<Row, ExperimentError> {
    let acting = (1..=PLAYERS).map(|i| i as f64).collect::<Vec<_>>();
    let payoffs = Payoffs::new(acting, 4.0).map_err(refused)?;
    let dominance = dominates(&joint);
    let falls = falls(&joint)?;
    let beliefs = JointBeliefs::new(joint).map_err(refused)?;
    let rate = Rate::per_second(1.0).map_err(refused)?;
    let refusal = match beliefs.game(payoffs, rate) {
        Ok(_) => false,
        Err(PresenceError::NoDominance { .. }) => true,
        Err(other) => return Err(refused(other)),
    };
    Ok(EXPERIMENT.row([
        ("attack_probability", attack.into()),
        ("noise", noise.into()),
        ("trial", trial.into()),
        ("dominance", dominance.into()),
        ("refused", refusal.into()),
        ("falls", falls.into()),
    ]))
}

/// The belief about players given each headcount, from the definition.
fn given_headcount(joint: &[Vec<f64>], headcount: usize) -> Vec<f64> {
    let entry = |i: usize| {
        let column = headcount.checked_sub(i).filter(|&j| j <= MALICIOUS);
        column.map_or(0.0, |j| joint[i - 1][j])
    };
    (1..=PLAYERS).map(entry).collect()
}

/// Whether more machines mean more players, by first-order stochastic dominance: an oracle.
fn dominates(joint: &[Vec<f64>]) -> bool {
    let tails = |headcount: usize| {
        let weights = given_headcount(joint, headcount);
        let total: f64 = weights.iter().sum();
        (1..PLAYERS).map(|from| weights[from..].iter().sum::<f64>() / total).collect::<Vec<_>>()
    };
    let all = (1..=PLAYERS + MALICIOUS).map(tails).collect::<Vec<_>>();
    all.windows(2).all(|pair| pair[0].iter().zip(&pair[1]).all(|(low, high)| *high >= low - 1e-12))
}

/// Whether `E_T W` with W(i) = i falls at all deadlines, from the definition.
fn falls(joint: &[Vec<f64>]) -> Result<bool, ExperimentError> {
    let payoff = |time: f64| {
        let (mut above, mut below) = (0.0, 0.0);
        for (i, row) in joint.iter().enumerate() {
            for (j, p) in row.iter().enumerate() {
                let solved = p * -libm::expm1(-((i + 1 + j) as f64) * time);
                above += solved * (i + 1) as f64;
                below += solved;
            }
        }
        above / below
    };
    let curve = deadlines(1e-3, 20.0, 60)?.into_iter().map(|time| payoff(time.get()));
    let curve = curve.collect::<Vec<_>>();
    Ok(curve.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9))
}

fn share(table: &Table, of: impl Fn(&Record) -> bool, column: &str) -> f64 {
    let numbers = table.records().filter(of).map(|row| row.number(column)).collect::<Vec<_>>();
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

fn findings(table: &Table) -> Vec<Finding> {
    let count = |holds: &dyn Fn(&Record) -> bool| table.records().filter(|row| holds(row)).count();
    let is = |row: &Record, column: &str| row.number(column) == 1.0;
    let all = table.rows.len();
    let right = count(&|row| is(row, "dominance") != is(row, "refused"));
    let accepted = count(&|row| !is(row, "refused"));
    let falling = count(&|row| !is(row, "refused") && is(row, "falls"));
    let misled = count(&|row| is(row, "refused") && !is(row, "falls"));
    let refused = all - accepted;
    let smooth = |attack: f64| {
        let of = move |row: &Record| {
            row.number("attack_probability") == attack && row.number("noise") == 0.0
        };
        100.0 * share(table, of, "refused")
    };
    vec![
        Finding::claim(
            "Where the belief about players rises with the headcount, E_T W falls, whatever \
                    the joint belief (after Lemma 1).",
            format!("It falls in {falling} of {accepted} accepted beliefs."),
            accepted > 0 && falling == accepted,
        ),
        Finding::claim(
            "A belief without dominance must be refused, not run.",
            format!(
                "The mechanism's answer is that of the definition in {right} of {all} beliefs; \
                 {refused} are refused, of which {misled} have a rising stretch for W(i) = i."
            ),
            right == all && refused > 0,
        ),
        Finding::answer_if(
            "How much dependence does it bear? (open)",
            format!(
                "If malicious units come out in force when few players are there, smooth beliefs \
                 are refused in {:.0}% of cases where that has probability 0, {:.0}% at 0.001, \
                 {:.0}% at 0.01, {:.0}% at 0.1 and {:.0}% at 0.5.",
                smooth(0.0),
                smooth(0.001),
                smooth(0.01),
                smooth(0.1),
                smooth(0.5)
            ),
            smooth(0.0) < smooth(0.5),
        ),
    ]
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let panel = |title: &str, column: &'static str, value: fn(f64) -> f64| {
        let mut marks = Vec::new();
        for noise in NOISES {
            let points = ATTACKS.map(|attack| {
                let of = move |row: &Record| {
                    row.number("attack_probability") == attack && row.number("noise") == noise
                };
                (attack, value(share(table, of, column)))
            });
            let label = format!("noise {noise}");
            marks.push(Mark::line(&label, points, Stroke::Solid));
            marks.push(Mark::points(label, points));
        }
        Panel::new(
            title,
            Axis::linear("probability of an attack"),
            Axis::linear("share of beliefs").within(-0.02, 1.02),
            marks,
        )
    };
    Figure::new(
        "joint-beliefs",
        format!(
            "Beliefs over 1 to {PLAYERS} players and 0 to {MALICIOUS} malicious units: calm, or an \
             attack with few players; each probability disturbed by a lognormal factor; seed {}.",
            setting.seed
        ),
        vec![
            panel("Refused for lack of dominance", "refused", |share| share),
            panel("Payoff rises somewhere, W(i) = i", "falls", |share| 1.0 - share),
        ],
    )
}
