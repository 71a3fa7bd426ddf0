//! Unequal machines: what the paper conjectures of them, and where the conjecture ends.

use muster_mechanism::presence::{RaceSettings, RateBelief, Seconds, UnequalGame};
use muster_mechanism::random::Stream;

use super::shared::{Null, Parts, deadlines, deviation_allowed, numbers};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::{largest, quantile};

/// Games with machines of two rates.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-unequal-rates",
    title: "Machines of unequal rates",
    source: "Brandenburger and Steverson, Discussion: conjectured to complicate the analysis only",
    columns: &[
        "game",
        "whose",
        "ratio",
        "crossings",
        "steps_not_falling",
        "deadline_max_over_equal",
        "difference_to_equal",
        "payoff_deviation_simulated",
    ],
    data_file: None,
    cells: |setting| setting.scale.pick(12, 200),
    cell,
    report,
};

/// Whose machines differ.
const WHOSE: [&str; 2] = ["players", "malicious"];
/// How much faster the fast machines are than all others.
const RATIOS: [f64; 6] = [1.0, 2.0, 10.0, 100.0, 1000.0, 10_000.0];
/// The share of fast machines.
const FAST: f64 = 0.1;
/// Games in one cell.
const GAMES: usize = 5;
const GRID: usize = 240;

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let mut rows = Vec::new();
    for number in numbers(index, GAMES) {
        let mut stream = Stream::new(setting.seed, number as u64);
        let parts = Parts::random(&mut stream, Null::Between)?;
        for whose in WHOSE {
            for ratio in RATIOS {
                rows.push(row(setting, &parts, number, whose, ratio)?);
            }
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report::new(findings(table), vec![figure(setting, table)?]))
}

/// The game in which some machines of one side are `ratio` times as fast as all others.
fn game(parts: &Parts, whose: &str, ratio: f64) -> Result<UnequalGame, ExperimentError> {
    let rates = vec![parts.rate, parts.rate * ratio];
    let two = RateBelief::new(rates, vec![1.0 - FAST, FAST]).map_err(refused)?;
    let equal = RateBelief::equal(parts.rate).map_err(refused)?;
    let (players, malicious) = if whose == "players" { (two, equal) } else { (equal, two) };
    let (beliefs, payoffs) = (parts.beliefs.clone(), parts.payoffs.clone());
    UnequalGame::new(beliefs, payoffs, parts.rate, players, malicious).map_err(refused)
}

fn row(
    setting: &Setting,
    parts: &Parts,
    number: usize,
    whose: &str,
    ratio: f64,
) -> Result<Row, ExperimentError> {
    let (unequal, equal) = (game(parts, whose, ratio)?, parts.game()?);
    let grid = deadlines(1e-8 / parts.rate, 1e2 / parts.rate, GRID)?;
    let curve = grid.iter().map(|&t| unequal.payoff_at(t)).collect::<Vec<_>>();
    let scale = equal.payoff_at_zero() - equal.payoff_at_infinity();
    // A step counts where it rises by more than rounding.
    let not_falling = curve.windows(2).filter(|pair| pair[1] > pair[0] + 1e-9 * scale).count();
    let difference = if ratio == 1.0 {
        let other = grid.iter().map(|&t| equal.payoff_at(t));
        largest(other.zip(&curve).map(|(other, payoff)| (other - payoff).abs() / scale))
    } else {
        f64::NAN
    };
    let crossings = unequal.crossings();
    let last = crossings.iter().rev().find(|crossing| crossing.falling);
    let maximum = equal.deadline_max().map_or(f64::NAN, Seconds::get);
    // One race a game and side, at a ratio that differs from game to game.
    let raced = RATIOS[number % RATIOS.len()] == ratio;
    let deviation =
        if raced { deviation(setting, &unequal, parts, number, whose)? } else { f64::NAN };
    Ok(EXPERIMENT.row([
        ("game", number.into()),
        ("whose", whose.into()),
        ("ratio", ratio.into()),
        ("crossings", crossings.len().into()),
        ("steps_not_falling", not_falling.into()),
        (
            "deadline_max_over_equal",
            last.map_or(f64::NAN, |crossing| crossing.deadline.get() / maximum).into(),
        ),
        ("difference_to_equal", difference.into()),
        ("payoff_deviation_simulated", deviation.into()),
    ]))
}

/// Simulation minus closed form at one deadline, in standard errors.
fn deviation(
    setting: &Setting,
    game: &UnequalGame,
    parts: &Parts,
    number: usize,
    whose: &str,
) -> Result<f64, ExperimentError> {
    let deadline = Seconds::new(0.3 / parts.rate).map_err(refused)?;
    let family = 1 << 40 | (number as u64) << 1 | u64::from(whose == "players");
    let seed = Stream::new(setting.seed, family).next_word();
    let race = game.simulate(RaceSettings { draws: 20_000, seed, deadline }).map_err(refused)?;
    Ok((race.payoff - game.payoff_at(deadline)) / race.payoff_error)
}

fn share_of(table: &Table, whose: &str, ratio: f64, holds: impl Fn(f64, f64) -> bool) -> f64 {
    let rows = table.with("whose", whose).filter(|row| row.number("ratio") == ratio);
    let rows = rows.map(|row| holds(row.number("crossings"), row.number("steps_not_falling")));
    let rows = rows.collect::<Vec<_>>();
    rows.iter().filter(|&&holds| holds).count() as f64 / rows.len().max(1) as f64
}

fn findings(table: &Table) -> Vec<Finding> {
    let several = |whose, ratio| share_of(table, whose, ratio, |crossings, _| crossings > 1.0);
    let rising = |whose, ratio| share_of(table, whose, ratio, |_, steps| steps > 0.0);
    let worst = |share: &dyn Fn(&'static str, f64) -> f64| {
        largest(WHOSE.into_iter().flat_map(|whose| RATIOS.map(|ratio| share(whose, ratio))))
    };
    let difference = table.records().map(|row| row.number("difference_to_equal"));
    let difference = largest(difference.filter(|difference| !difference.is_nan()));
    let deviations = table.records().map(|row| row.number("payoff_deviation_simulated").abs());
    let deviations = deviations.filter(|z| z.is_finite()).collect::<Vec<_>>();
    let (off, allowed) = (largest(deviations.iter().copied()), deviation_allowed(deviations.len()));
    let monotone = worst(&rising) == 0.0;
    let percent = |share: f64| format!("{:.0}%", 100.0 * share);
    vec![
        Finding::claim(
            "Different rates only complicate the analysis, without qualitative change \
                    (Discussion, a conjecture).",
            format!(
                "Where each malicious machine is 10, 100 or 10,000 times as fast as the others with \
                 probability {FAST}, E_T W rises somewhere in {}, {} and {} of games: a fast \
                 solution then tells of one fast machine, not of many. Where players' machines \
                 differ so: {}, {} and {}.",
                percent(rising("malicious", 10.0)),
                percent(rising("malicious", 100.0)),
                percent(rising("malicious", 10_000.0)),
                percent(rising("players", 10.0)),
                percent(rising("players", 100.0)),
                percent(rising("players", 10_000.0)),
            ),
            monotone,
        ),
        Finding::answer(
            "Is the largest deadline still one number? (open)",
            format!(
                "E_T W crosses W* more than once in at most {} of games for any ratio and side; \
                 the solver gives every crossing.",
                percent(worst(&several))
            ),
        ),
        Finding::claim(
            "Equal rates are the special case, and races follow the closed form.",
            format!(
                "With the ratio 1, E_T W differs from the game of equal machines by at most \
                 {difference:.1e} of its range; {} simulations deviate by at most {off:.2} \
                 standard errors (chance allows {allowed:.2}).",
                deviations.len()
            ),
            difference < 1e-9 && off < allowed,
        ),
    ]
}

/// A line over all ratios for each side.
fn sides(value: impl Fn(&str, f64) -> f64) -> Vec<Mark> {
    let mut marks = Vec::new();
    for whose in WHOSE {
        let points = RATIOS.map(|ratio| (ratio, value(whose, ratio)));
        let label = match whose {
            "players" => "players' machines differ",
            _ => "malicious machines differ",
        };
        marks.push(Mark::line(label, points, Stroke::Solid));
        marks.push(Mark::points(label, points));
    }
    marks
}

/// The last deadline over that of equal machines, in the median of the games that have both.
fn shift(table: &Table, whose: &str, ratio: f64) -> f64 {
    let of = |row: &Record| row.text("whose") == whose && row.number("ratio") == ratio;
    let shifts = table.records().filter(of).map(|row| row.number("deadline_max_over_equal"));
    quantile(shifts.filter(|shift| !shift.is_nan()), 0.5)
}

fn figure(setting: &Setting, table: &Table) -> Result<Figure, ExperimentError> {
    let parts = Parts::example()?;
    let mut curves = Vec::new();
    for ratio in [1.0, 10.0, 100.0, 10_000.0] {
        let game = game(&parts, "malicious", ratio)?;
        let curve = deadlines(1e-6 / parts.rate, 20.0 / parts.rate, 300)?.into_iter();
        let curve = curve.map(|deadline| (deadline.get(), game.payoff_at(deadline)));
        let label = format!("ratio {ratio}");
        curves.push(Mark::line(label, curve, Stroke::Solid));
    }
    curves.push(Mark::horizontal("W*", parts.payoffs.null()));
    let ratio = || Axis::logarithmic("fast rate / slow rate");
    Ok(Figure::new(
        "unequal-rates",
        format!(
            "Each machine of one side is faster with probability {FAST}. Left: the example game \
             with unequal malicious machines. Others: random games, seed {}.",
            setting.seed
        ),
        vec![
            Panel::new(
                "Expected payoff once solved",
                Axis::logarithmic("deadline T (s)"),
                Axis::linear("expected payoff"),
                curves,
            ),
            Panel::new(
                "Games in which it rises somewhere",
                ratio(),
                Axis::linear("share of games").within(0.0, 1.0),
                sides(|whose, ratio| share_of(table, whose, ratio, |_, steps| steps > 0.0)),
            ),
            Panel::new(
                "Last deadline against that of equal machines",
                ratio(),
                Axis::linear("T* / T* of equal (median)"),
                sides(|whose, ratio| shift(table, whose, ratio)),
            ),
        ],
    ))
}
