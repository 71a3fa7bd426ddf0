//! Propositions 1 and 2 over random games: monotone, one root, and T* the largest deadline at which
//! nobody gains by deviating.

use muster_mechanism::presence::{Outcome, Seconds};
use muster_mechanism::random::Stream;

use super::shared::{Null, Parts, deadlines, numbers, payoff_by_definition};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::largest;

/// Random games.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-propositions",
    title: "One largest deadline, in every game",
    source: "Brandenburger and Steverson, Propositions 1 and 2",
    columns: &[
        "game",
        "players_max",
        "malicious_max",
        "payoff_at_zero",
        "payoff_at_infinity",
        "null_payoff",
        "outcome",
        "deadline_max_seconds",
        "steps_not_falling",
        "crossings",
        "residual_at_deadline_max",
        "equilibria_misjudged",
        "error_against_definition",
    ],
    data_file: None,
    cells: |setting| setting.scale.pick(20, 400),
    cell,
    report,
};

/// Games in one cell.
const GAMES: usize = 50;
/// Deadlines at which a game is looked at.
const GRID: usize = 200;
/// Games whose curves are drawn.
const DRAWN: usize = 24;

/// The game with this number. Of ten, one has its `W*` above `E_0` and one below `E_inf`.
fn parts(setting: &Setting, number: usize) -> Result<Parts, ExperimentError> {
    let null = match number % 10 {
        3 => Null::Above,
        7 => Null::Below,
        _ => Null::Between,
    };
    Parts::random(&mut Stream::new(setting.seed, number as u64), null)
}

/// From where acting is as good as at once to where the puzzle is solved for certain.
fn grid(parts: &Parts) -> Result<Vec<Seconds>, ExperimentError> {
    deadlines(1e-4 / parts.rate, 20.0 / parts.rate, GRID)
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    numbers(index, GAMES).map(|number| row(setting, number)).collect()
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report::new(findings(table), vec![figure(setting, table)?]))
}

fn row(setting: &Setting, number: usize) -> Result<Row, ExperimentError> {
    let parts = parts(setting, number)?;
    let game = parts.game()?;
    let null = game.payoffs().null();
    let (zero, infinity) = (game.payoff_at_zero(), game.payoff_at_infinity());
    let grid = grid(&parts)?;
    let curve = grid.iter().map(|&t| game.payoff_at(t)).collect::<Vec<_>>();
    let not_falling = curve.windows(2).filter(|pair| pair[1] >= pair[0]).count();
    let crossings = curve.windows(2).filter(|pair| (pair[0] > null) != (pair[1] > null)).count();
    let by_definition = grid.iter().map(|t| payoff_by_definition(&parts, t.get()));
    let errors = by_definition.zip(&curve).map(|(oracle, payoff)| {
        (oracle - payoff).abs() / oracle.abs().max(1e-3 * (zero - infinity))
    });
    let (name, maximum) = match game.solve() {
        Outcome::Impossible => ("impossible", None),
        Outcome::Unneeded { .. } => ("unneeded", None),
        Outcome::Deadline { maximum, .. } => ("deadline", Some(maximum.get())),
    };
    let misjudged = match maximum {
        Some(maximum) => misjudged(&parts, maximum)?,
        None => 0,
    };
    let residual = maximum.map_or(f64::NAN, |maximum| {
        (payoff_by_definition(&parts, maximum) - null).abs() / (zero - infinity)
    });
    Ok(EXPERIMENT.row([
        ("game", number.into()),
        ("players_max", parts.beliefs.players_max().into()),
        ("malicious_max", parts.beliefs.malicious_max().into()),
        ("payoff_at_zero", zero.into()),
        ("payoff_at_infinity", infinity.into()),
        ("null_payoff", null.into()),
        ("outcome", name.into()),
        ("deadline_max_seconds", maximum.unwrap_or(f64::NAN).into()),
        ("steps_not_falling", not_falling.into()),
        ("crossings", crossings.into()),
        ("residual_at_deadline_max", residual.into()),
        ("equilibria_misjudged", misjudged.into()),
        ("error_against_definition", largest(errors).into()),
    ]))
}

/// At how many deadlines around T* the strategy profile is an equilibrium where Proposition 2 says
/// that it is none, or the reverse. Others follow; a player deviates after a solution by staying,
/// which gains `W* - E_T W`, or without one by acting alone, which gains `W(1) - W*`.
fn misjudged(parts: &Parts, maximum: f64) -> Result<usize, ExperimentError> {
    let null = parts.payoffs.null();
    let mut wrong = 0;
    for share in [1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-6, 1.0 + 1e-6, 1.001, 1.1, 2.0, 10.0] {
        let deadline = Seconds::new(maximum * share).map_err(refused)?.get();
        let staying = null - payoff_by_definition(parts, deadline);
        let acting_alone = parts.payoffs.acting()[0] - null;
        let equilibrium = staying <= 0.0 && acting_alone <= 0.0;
        wrong += usize::from(equilibrium != (share <= 1.0));
    }
    Ok(wrong)
}

fn findings(table: &Table) -> Vec<Finding> {
    let games = table.rows.len();
    let with = |outcome: &str| table.with("outcome", outcome).count();
    let count = |holds: &dyn Fn(&Record) -> bool| table.records().filter(|row| holds(row)).count();
    let decided = with("deadline");
    let falling = count(&|row| row.number("steps_not_falling") == 0.0);
    let one = count(&|row| row.text("outcome") == "deadline" && row.number("crossings") == 1.0);
    let right = count(&|row| {
        row.text("outcome") == "deadline" && row.number("equilibria_misjudged") == 0.0
    });
    let others = count(&|row| {
        let null = row.number("null_payoff");
        match row.text("outcome") {
            "impossible" => null >= row.number("payoff_at_zero"),
            "unneeded" => null <= row.number("payoff_at_infinity"),
            _ => row.number("payoff_at_infinity") < null && null < row.number("payoff_at_zero"),
        }
    });
    let known = table.with("outcome", "deadline");
    let residual = largest(known.map(|row| row.number("residual_at_deadline_max")));
    let error = largest(table.records().map(|row| row.number("error_against_definition")));
    vec![
        Finding::claim(
            "E_T W falls strictly in T (Proposition 1).",
            format!("In {falling} of {games} random games, over {GRID} deadlines each."),
            falling == games && games > 0,
        ),
        Finding::claim(
            "If E_inf < W* < E_0, one T* solves E_T W = W* (Section III).",
            format!(
                "One crossing in {one} of {decided} such games; at T* the two differ by at most \
                 {residual:.1e} of E_0 - E_inf."
            ),
            one == decided && decided > 0 && residual < 1e-9,
        ),
        Finding::claim(
            "Acting upon a solution is an equilibrium if and only if T <= T* \
                    (Proposition 2).",
            format!(
                "The gain of deviating, at twelve deadlines from T*/1,000,000 to 10 T*, has the \
                 sign that this asks for in {right} of {decided} games."
            ),
            right == decided && decided > 0,
        ),
        Finding::claim(
            "W* >= E_0: coordination is impossible; W* <= E_inf: no puzzle is needed \
                    (Section III).",
            format!(
                "{} games impossible, {} without need, {decided} with a deadline; the case is that \
                 of the inequalities in {others} of {games}.",
                with("impossible"),
                with("unneeded")
            ),
            others == games && with("impossible") > 0 && with("unneeded") > 0,
        ),
        Finding::answer_if(
            "Is our E_T W in O(m + n) steps as exact as the definition's double sum?",
            format!("The largest relative difference is {error:.1e}."),
            error < 1e-11,
        ),
    ]
}

fn figure(setting: &Setting, table: &Table) -> Result<Figure, ExperimentError> {
    let mut marks = Vec::new();
    let known = table.with("outcome", "deadline");
    for row in known.take(DRAWN) {
        let parts = parts(setting, row.number("game") as usize)?;
        let game = parts.game()?;
        let (zero, infinity) = (row.number("payoff_at_zero"), row.number("payoff_at_infinity"));
        let maximum = row.number("deadline_max_seconds");
        let points = deadlines(1e-3 * maximum, 1e3 * maximum, 120)?.into_iter().map(|deadline| {
            let above = game.payoff_at(deadline) - row.number("null_payoff");
            (deadline.get() / maximum, above / (zero - infinity))
        });
        marks.push(Mark::line("", points, Stroke::Solid));
    }
    marks.push(Mark::horizontal("W*", 0.0));
    marks.push(Mark::vertical("T*", 1.0));
    let panel = Panel::new(
        "Random games, each in its own units",
        Axis::logarithmic("deadline / T*"),
        Axis::linear("(expected payoff - W*) / (E_0 - E_inf)"),
        marks,
    );
    let seed = setting.seed;
    Ok(Figure::new(
        "random-games",
        format!("The first {DRAWN} games with a deadline, seed {seed}."),
        vec![panel],
    ))
}
