//! Figure 1: the expected payoff of acting falls with the deadline and crosses that of staying.

use muster_mechanism::presence::{Game, Outcome};

use super::games::{Parts, deadlines, landmarks};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, Value, Verdict,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// The curve of the example game.
pub struct Figure1;

const DEADLINES: usize = 400;

impl Experiment for Figure1 {
    fn name(&self) -> &'static str {
        "presence-figure-1"
    }

    fn title(&self) -> &'static str {
        "Payoff of acting against the deadline"
    }

    fn source(&self) -> &'static str {
        "Brandenburger and Steverson, Section III, Figure 1 and Proposition 1"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["deadline_seconds", "payoff", "solved_probability", "welfare"]
    }

    fn cells(&self, _: &Setting) -> usize {
        1
    }

    fn cell(&self, _: &Setting, _: usize) -> Result<Vec<Row>, ExperimentError> {
        let game = Parts::example()?.game()?;
        let rows = deadlines(0.05, 2000.0, DEADLINES)?.into_iter().map(|deadline| {
            let numbers = [
                deadline.get(),
                game.payoff_at(deadline),
                game.solved_probability(deadline),
                game.welfare(deadline),
            ];
            numbers.map(Value::from).to_vec()
        });
        Ok(rows.collect())
    }

    fn report(&self, _: &Setting, table: &Table) -> Result<Report, ExperimentError> {
        let game = Parts::example()?.game()?;
        let (zero, infinity) = (game.payoff_at_zero(), game.payoff_at_infinity());
        let null = game.payoffs().null();
        let curve =
            table.records().map(|row| (row.number("deadline_seconds"), row.number("payoff")));
        let curve = curve.collect::<Vec<_>>();
        let falls = curve.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
        let steps = curve.len().saturating_sub(1);
        let inside = curve.iter().all(|&(_, payoff)| infinity < payoff && payoff < zero);
        let ends = [curve.first(), curve.last()].map(|end| end.map_or(f64::NAN, |end| end.1));
        let near = |a: f64, b: f64| (a - b).abs() < 0.01 * (zero - infinity);
        let mut findings = vec![
            Finding {
                claim: "E_T W falls strictly as the deadline T grows (Proposition 1).".to_owned(),
                measured: format!(
                    "It falls in {falls} of {steps} steps between 0.05 s and 2000 s."
                ),
                verdict: Verdict::of(falls == steps && steps > 0),
            },
            Finding {
                claim: "It falls from E_0 W to E_inf W (Figure 1).".to_owned(),
                measured: format!(
                    "From {:.4} to {:.4}, within the limits E_0 W = {zero:.4} and E_inf W = \
                     {infinity:.4}.",
                    ends[0], ends[1]
                ),
                verdict: Verdict::of(inside && near(ends[0], zero) && near(ends[1], infinity)),
            },
        ];
        if let Outcome::Deadline { maximum, solved_probability_at_max, .. } = game.solve() {
            let maximum = maximum.get();
            let crossings =
                curve.windows(2).filter(|pair| (pair[0].1 > null) != (pair[1].1 > null)).count();
            let between = curve.windows(2).any(|pair| {
                pair[0].1 > null && pair[1].1 <= null && (pair[0].0..=pair[1].0).contains(&maximum)
            });
            findings.push(Finding {
                claim: "It crosses W* once, at T* (Figure 1).".to_owned(),
                measured: format!(
                    "{crossings} crossing; T* = {maximum:.3} s, by when the puzzle is solved with \
                     probability {solved_probability_at_max:.4}."
                ),
                verdict: Verdict::of(crossings == 1 && between),
            });
        }
        Ok(Report { findings, figures: vec![figure(&game, table)], tables: Vec::new() })
    }
}

fn figure(game: &Game, table: &Table) -> Figure {
    let line = |label: &str, column: &str| Mark::Line {
        label: label.to_owned(),
        points: table
            .records()
            .map(|row| (row.number("deadline_seconds"), row.number(column)))
            .collect(),
        stroke: Stroke::Solid,
    };
    let mut marks = vec![line("E_T W", "payoff")];
    marks.extend(landmarks(game));
    let time = || Axis::logarithmic("deadline T (s)");
    let caption = "1 to 30 players (most likely 10), 0 to 10 malicious units (most likely 3), \
                   W(i) = i/10, W* = 1.25, 0.01 solutions a second and machine.";
    Figure {
        name: "payoff-against-deadline".to_owned(),
        caption: caption.to_owned(),
        panels: vec![
            Panel {
                title: "Expected payoff of acting once solved".to_owned(),
                x: time(),
                y: Axis::linear("expected payoff"),
                marks,
            },
            Panel {
                title: "Chance of a solution by the deadline".to_owned(),
                x: time(),
                y: Axis::linear("probability").within(0.0, 1.02),
                marks: vec![line("solved", "solved_probability")],
            },
        ],
    }
}
