//! Accept or reject: error rates of the decision by number of verifiers and their honesty,
//! enumerated and simulated, beside two rules of thumb.

use muster_mechanism::random::Stream;
use muster_mechanism::verification::{DecisionRule, VerificationError, VerificationGame, Verifier};

use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::words::short;

/// The second of the paper's future works.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "verification-decision",
    title: "Accepting and rejecting work",
    source: "It Takes Two, Section 8, future work 2",
    columns: &[
        "verifiers",
        "honesty",
        "wrong_accept",
        "wrong_reject",
        "loss",
        "wrong_accept_simulated",
        "wrong_reject_simulated",
        "deviation_in_standard_errors",
        "loss_any",
        "loss_majority",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// One proof in a hundred is dishonest.
const PRIOR: [f64; 4] = [0.49, 0.25, 0.25, 0.01];
/// Losses in replays of a stage: a wrong model in the network, an honest prover's bond.
const WRONG_ACCEPT: f64 = 100.0;
const WRONG_REJECT: f64 = 20.0;
const HONESTY: [f64; 4] = [0.6, 0.8, 0.95, 0.99];
/// Of a few hundred normal deviates none exceeds this, except once in a thousand runs.
const DEVIATION_MAX: f64 = 4.5;
/// Rejecting on one report of Dishonest, and on a majority of them.
const RULES: usize = 3;

fn grid(setting: &Setting) -> Grid<2> {
    Grid([HONESTY.len(), verifiers(setting).len()])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [honesty, count] = grid(setting).at(index);
    let (honesty, count) = (HONESTY[honesty], verifiers(setting)[count]);
    let draws = setting.scale.pick(4_000, 200_000);
    let stream = Stream::new(setting.seed, index as u64);
    compare(count, honesty, draws, stream).map(|row| vec![row]).map_err(refused)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report::new(
        vec![agreement(table), more_verifiers(table), rivals(table)],
        vec![figure(table)],
    ))
}

fn verifiers(setting: &Setting) -> Vec<usize> {
    setting.scale.pick(vec![1, 2, 3, 4, 6, 8], (1..=10).collect())
}

/// The rule, the verifiers and how they report.
struct Panelists {
    game: VerificationGame,
    rule: DecisionRule,
    honesty: f64,
    verifiers: Vec<Verifier>,
}

fn compare(
    count: usize,
    honesty: f64,
    draws: usize,
    mut stream: Stream,
) -> Result<Row, VerificationError> {
    let game = VerificationGame::proof_of_learning();
    let rule = DecisionRule::new(&game, PRIOR.to_vec(), WRONG_ACCEPT, WRONG_REJECT)?;
    let verifiers = vec![Verifier::new(honesty)?; count];
    // At most 4^10 combinations of reports: enumerated, so the seed is not used.
    let exact = rule.error_rates(&verifiers, 0);
    let panelists = Panelists { game, rule, honesty, verifiers };
    let dishonest = panelists.rejections(draws, &mut stream, |_| 3)?;
    let honest_prior: Vec<f64> = PRIOR[..3].iter().map(|p| p / (1.0 - PRIOR[3])).collect();
    let honest = panelists.rejections(draws, &mut stream, |s| s.index(&honest_prior))?;
    let accepted = 1.0 - dishonest[0];
    let deviation = |found: f64, exact: f64| {
        let error = (exact * (1.0 - exact) / draws as f64).sqrt();
        // An event too rare to be drawn has a count of 0 or 1 where its expectation is below one.
        (found - exact).abs() / error.max(1.0 / draws as f64)
    };
    let worst =
        deviation(accepted, exact.accept_dishonest).max(deviation(honest[0], exact.reject_honest));
    let loss = |rule: usize| {
        WRONG_ACCEPT * PRIOR[3] * (1.0 - dishonest[rule])
            + WRONG_REJECT * (1.0 - PRIOR[3]) * honest[rule]
    };
    Ok(EXPERIMENT.row([
        ("verifiers", count.into()),
        ("honesty", honesty.into()),
        ("wrong_accept", exact.accept_dishonest.into()),
        ("wrong_reject", exact.reject_honest.into()),
        ("loss", exact.loss.into()),
        ("wrong_accept_simulated", accepted.into()),
        ("wrong_reject_simulated", honest[0].into()),
        ("deviation_in_standard_errors", worst.into()),
        ("loss_any", loss(1).into()),
        ("loss_majority", loss(2).into()),
    ]))
}

impl Panelists {
    /// The share of simulated tasks that are rejected: by the decision, on any report of Dishonest,
    /// on a majority of them.
    fn rejections(
        &self,
        draws: usize,
        stream: &mut Stream,
        truth: impl Fn(&mut Stream) -> usize,
    ) -> Result<[f64; RULES], VerificationError> {
        let mut rejected = [0.0; RULES];
        for _ in 0..draws {
            let truth = truth(stream);
            let reports: Vec<(usize, Verifier)> = self
                .verifiers
                .iter()
                .map(|&verifier| (self.report(truth, stream), verifier))
                .collect();
            let accusing = reports.iter().filter(|(report, _)| *report == 3).count();
            let decision = self.rule.decide(&reports)?;
            let votes = [!decision.accept, accusing > 0, 2 * accusing > reports.len()];
            for (count, vote) in rejected.iter_mut().zip(votes) {
                *count += f64::from(u8::from(vote));
            }
        }
        Ok(rejected.map(|count| count / draws as f64))
    }

    fn report(&self, truth: usize, stream: &mut Stream) -> usize {
        if stream.uniform() < self.honesty {
            return stream.index(&self.game.observation()[truth]);
        }
        stream.below(self.game.types() as u64) as usize
    }
}

fn agreement(rows: &Table) -> Finding {
    let deviations: Vec<f64> =
        rows.records().map(|row| row.number("deviation_in_standard_errors")).collect();
    let worst = deviations.iter().copied().fold(0.0, f64::max);
    Finding::claim(
        "Enumerated error rates are those of a simulation of the same verifiers",
        format!(
            "{} pairs of rates; the largest deviation is {:.1} standard errors",
            deviations.len(),
            worst
        ),
        worst < DEVIATION_MAX,
    )
}

/// The loss by number of verifiers, at one honesty.
fn losses(rows: &Table, honesty: f64, column: &str) -> Vec<(f64, f64)> {
    rows.with("honesty", honesty).map(|row| (row.number("verifiers"), row.number(column))).collect()
}

fn more_verifiers(rows: &Table) -> Finding {
    let mut falls = true;
    let parts = HONESTY.map(|honesty| {
        let list = losses(rows, honesty, "loss");
        falls &= list.windows(2).all(|pair| pair[1].1 <= pair[0].1 + 1e-12);
        let (first, last) = (list[0], list[list.len() - 1]);
        format!(
            "honesty {honesty}: {} with {}, {} with {}",
            short(first.1, 4),
            first.0,
            short(last.1, 4),
            last.0
        )
    });
    let shape = if falls { "never rises" } else { "rises somewhere" };
    Finding::answer(
        "Future work 2: how well reports decide",
        format!(
            "the expected loss {shape} with the number of verifiers (accepting everything loses \
             {}): {}",
            short(WRONG_ACCEPT * PRIOR[3], 4),
            parts.join("; ")
        ),
    )
}

fn rivals(rows: &Table) -> Finding {
    let worst = |column: &str| {
        rows.records().map(|row| row.number("loss") / row.number(column)).fold(0.0, f64::max)
    };
    let best = |column: &str| {
        rows.records()
            .map(|row| row.number("loss") / row.number(column))
            .fold(f64::INFINITY, f64::min)
    };
    Finding::answer(
        "Future work 2: does weighing reports beat counting them",
        format!(
            "its loss is {:.0}% to {:.0}% of rejecting on any report of Dishonest (simulated), \
             and {:.0}% to {:.0}% of rejecting on a majority",
            100.0 * best("loss_any"),
            100.0 * worst("loss_any"),
            100.0 * best("loss_majority"),
            100.0 * worst("loss_majority")
        ),
    )
}

fn figure(rows: &Table) -> Figure {
    let panel = |title: &str, exact: &str, simulated: Option<&str>, y: Axis| {
        let mut marks = Vec::new();
        for honesty in HONESTY {
            let label = format!("honesty {honesty}");
            let points = losses(rows, honesty, exact);
            marks.push(Mark::line(&label, points, Stroke::Solid));
            if let Some(column) = simulated {
                marks.push(Mark::points(label, losses(rows, honesty, column)));
            }
        }
        Panel::new(title, Axis::linear("verifiers"), y, marks)
    };
    Figure::new(
        "decision",
        format!(
            "Proof of learning, one proof in a hundred dishonest, a wrong acceptance costs \
             {WRONG_ACCEPT} and a wrong rejection {WRONG_REJECT} replays. Lines: every \
             combination of reports enumerated; points: simulated. A verifier of honesty h \
             reports anything with probability 1 - h."
        ),
        vec![
            panel(
                "dishonest work accepted",
                "wrong_accept",
                Some("wrong_accept_simulated"),
                Axis::linear("probability").within(0.0, 1.0),
            ),
            panel(
                "honest work rejected",
                "wrong_reject",
                Some("wrong_reject_simulated"),
                Axis::linear("probability"),
            ),
            panel("expected loss", "loss", None, Axis::linear("loss per task (replays)")),
        ],
    )
}
