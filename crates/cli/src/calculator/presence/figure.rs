//! Curves over deadlines, drawn.

use muster_lab::figure::{Axis, Mark, Panel};

use super::report::{Curve, Point, Solution};
use crate::calculator::plot::line;

/// The points of a curve, with the deadlines of the solution.
pub fn presence(curve: &Curve, solution: &Solution) -> Vec<Panel> {
    let time = || Axis::logarithmic("deadline T (s)");
    let over_time = |label: &str, of: &dyn Fn(&Point) -> f64| {
        line(label, curve.curve.iter().map(|point| (point.deadline, of(point))).collect())
    };
    let with_solution = |mut marks: Vec<Mark>| {
        marks.push(Mark::Horizontal { label: "staying, W*".to_owned(), y: solution.null_payoff });
        let deadlines =
            [("T*, largest", solution.deadline_max), ("T°, best", solution.deadline_best)];
        for (label, deadline) in deadlines {
            marks.extend(deadline.map(|x| Mark::Vertical { label: label.to_owned(), x }));
        }
        marks
    };
    let payoff = with_solution(vec![over_time("acting once solved", &|point| point.payoff)]);
    let welfare = with_solution(vec![over_time("welfare U(T)", &|point| point.welfare)]);
    let solved = vec![over_time("solved", &|point| point.solved)];
    let chance = Axis::linear("probability").within(0.0, 1.02);
    vec![
        Panel::new("Expected payoff", time(), Axis::linear("payoff"), payoff),
        Panel::new("Welfare of a present player", time(), Axis::linear("payoff"), welfare),
        Panel::new("Chance of a solution", time(), chance, solved),
    ]
}
