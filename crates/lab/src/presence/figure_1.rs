//! Figure 1: the expected payoff of acting falls with the deadline and crosses that of staying.

use muster_mechanism::presence::{Game, Outcome};

use super::shared::{Parts, deadlines, landmarks};
use crate::experiment::{Experiment, ExperimentError, Finding, Report, Row, Setting, Table};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// The curve of the example game.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-figure-1",
    title: "Payoff of acting against the deadline",
    source: "Brandenburger and Steverson, Section III, Figure 1 and Proposition 1",
    columns: &["deadline_seconds", "payoff", "solved_probability", "welfare"],
    data_file: None,
    cells: |_| 1,
    cell,
    report,
};

const DEADLINES: usize = 400;

fn cell(_: &Setting, _: usize) -> Result<Vec<Row>, ExperimentError> {
    let game = Parts::example()?.game()?;
    let rows = deadlines(0.05, 2000.0, DEADLINES)?.into_iter().map(|deadline| {
        EXPERIMENT.row([
            ("deadline_seconds", deadline.get().into()),
            ("payoff", game.payoff_at(deadline).into()),
            ("solved_probability", game.solved_probability(deadline).into()),
            ("welfare", game.welfare(deadline).into()),
        ])
    });
    Ok(rows.collect())
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let game = Parts::example()?.game()?;
    let (zero, infinity) = (game.payoff_at_zero(), game.payoff_at_infinity());
    let null = game.payoffs().null();
    let curve = table.records().map(|row| (row.number("deadline_seconds"), row.number("payoff")));
    let curve = curve.collect::<Vec<_>>();
    let falls = curve.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    let steps = curve.len().saturating_sub(1);
    let inside = curve.iter().all(|&(_, payoff)| infinity < payoff && payoff < zero);
    let ends = [curve.first(), curve.last()].map(|end| end.map_or(f64::NAN, |end| end.1));
    let near = |a: f64, b: f64| (a - b).abs() < 0.01 * (zero - infinity);
    let mut findings = vec![
        Finding::claim(
            "E_T W falls strictly as the deadline T grows (Proposition 1).",
            format!("It falls in {falls} of {steps} steps between 0.05 s and 2000 s."),
            falls == steps && steps > 0,
        ),
        Finding::claim(
            "It falls from E_0 W to E_inf W (Figure 1).",
            format!(
                "From {:.4} to {:.4}, within the limits E_0 W = {zero:.4} and E_inf W = \
                 {infinity:.4}.",
                ends[0], ends[1]
            ),
            inside && near(ends[0], zero) && near(ends[1], infinity),
        ),
    ];
    if let Outcome::Deadline { maximum, solved_probability_at_max, .. } = game.solve() {
        let maximum = maximum.get();
        let crossings =
            curve.windows(2).filter(|pair| (pair[0].1 > null) != (pair[1].1 > null)).count();
        let between = curve.windows(2).any(|pair| {
            pair[0].1 > null && pair[1].1 <= null && (pair[0].0..=pair[1].0).contains(&maximum)
        });
        findings.push(Finding::claim(
            "It crosses W* once, at T* (Figure 1).",
            format!(
                "{crossings} crossing; T* = {maximum:.3} s, by when the puzzle is solved with \
                 probability {solved_probability_at_max:.4}."
            ),
            crossings == 1 && between,
        ));
    }
    Ok(Report::new(findings, vec![figure(&game, table)]))
}

fn figure(game: &Game, table: &Table) -> Figure {
    let line = |label: &str, column: &str| {
        Mark::line(
            label,
            table.records().map(|row| (row.number("deadline_seconds"), row.number(column))),
            Stroke::Solid,
        )
    };
    let mut marks = vec![line("E_T W", "payoff")];
    marks.extend(landmarks(game));
    let time = || Axis::logarithmic("deadline T (s)");
    let caption = "1 to 30 players (most likely 10), 0 to 10 malicious units (most likely 3), \
                   W(i) = i/10, W* = 1.25, 0.01 solutions a second and machine.";
    Figure::new(
        "payoff-against-deadline",
        caption,
        vec![
            Panel::new(
                "Expected payoff of acting once solved",
                time(),
                Axis::linear("expected payoff"),
                marks,
            ),
            Panel::new(
                "Chance of a solution by the deadline",
                time(),
                Axis::linear("probability").within(0.0, 1.02),
                vec![line("solved", "solved_probability")],
            ),
        ],
    )
}
