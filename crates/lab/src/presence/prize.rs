//! Free riding: the smallest prize that makes working worthwhile, against simulated races.

use muster_mechanism::presence::Seconds;
use muster_mechanism::random::Stream;

use super::shared::{Parts, deadlines, deviation_allowed};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, Value, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::largest;

/// The prize by formula, by direct sum and by simulation.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "presence-prize",
    title: "The prize against free riding",
    source: "Brandenburger and Steverson, Discussion: a reward for the first solution, its size open",
    columns: &[
        "game",
        "deadline_in_mean_times",
        "prize",
        "prize_by_direct_sum",
        "first_share_simulated",
        "first_share_standard_error",
        "profit_at_prize_simulated",
        "profit_standard_error",
    ],
    data_file: None,
    // The first is the example that is drawn.
    cells: |setting| setting.scale.pick(13, 101),
    cell,
    report,
};

/// What a player's work on a round costs.
const COST: f64 = 1.0;
/// Deadlines in mean times of one machine; none is the prize without a deadline.
const DEADLINES: [Option<f64>; 4] = [Some(0.03), Some(0.1), Some(1.0), None];

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let parts = Parts::numbered(setting, index)?;
    let draws = setting.scale.pick(40_000, 1_000_000);
    let game = parts.game()?;
    let mut rows = Vec::new();
    for (at, share) in DEADLINES.into_iter().enumerate() {
        let time = share.map(|share| share / parts.rate);
        let deadline = time.map(Seconds::new).transpose().map_err(refused)?;
        let prize = game.prize(COST, deadline).map_err(refused)?;
        let number = 1 << 32 | (index as u64) << 8 | at as u64;
        let mut stream = Stream::new(setting.seed, number);
        let first = races_won(&parts, time.unwrap_or(f64::INFINITY), draws, &mut stream);
        let error = (first * (1.0 - first) / draws as f64).sqrt();
        rows.push(EXPERIMENT.row([
            ("game", index.into()),
            ("deadline_in_mean_times", share.unwrap_or(f64::NAN).into()),
            ("prize", prize.into()),
            ("prize_by_direct_sum", Value::from(COST / first_by_direct_sum(&parts, time))),
            ("first_share_simulated", first.into()),
            ("first_share_standard_error", error.into()),
            ("profit_at_prize_simulated", Value::from(prize * first - COST)),
            ("profit_standard_error", Value::from(prize * error)),
        ]));
    }
    Ok(rows)
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let figure = figure(table)?;
    Ok(Report::new(findings(table), vec![figure]))
}

/// The share of races in which a present player who works has the first solution in time: each
/// machine draws its own time.
fn races_won(parts: &Parts, deadline: f64, draws: usize, stream: &mut Stream) -> f64 {
    let mut won = 0_usize;
    for _ in 0..draws {
        // Among players, index 0 is being alone.
        let players = stream.index(parts.beliefs.players());
        let others = players + stream.index(parts.beliefs.malicious());
        let mine = stream.exponential() / parts.rate;
        let earlier = (0..others).any(|_| stream.exponential() / parts.rate < mine);
        won += usize::from(!earlier && mine <= deadline);
    }
    won as f64 / draws as f64
}

/// `sum_ij p[i] q[j] (1 - exp(-lambda k T)) / k`, term by term.
fn first_by_direct_sum(parts: &Parts, deadline: Option<f64>) -> f64 {
    let mut total = 0.0;
    for (i, p) in parts.beliefs.players().iter().enumerate() {
        for (j, q) in parts.beliefs.malicious().iter().enumerate() {
            let k = (i + 1 + j) as f64;
            let solved = deadline.map_or(1.0, |time| -libm::expm1(-parts.rate * k * time));
            total += p * q * solved / k;
        }
    }
    total
}

fn findings(table: &Table) -> Vec<Finding> {
    let count = table.rows.len();
    let error = largest(
        table
            .records()
            .map(|row| (row.number("prize") / row.number("prize_by_direct_sum") - 1.0).abs()),
    );
    let deviations = table
        .records()
        .map(|row| row.number("profit_at_prize_simulated") / row.number("profit_standard_error"));
    let worst = largest(deviations.map(f64::abs));
    let allowed = deviation_allowed(count);
    let example = table.with("game", 0.0);
    let prizes = example.map(|row| format!("{:.2}", row.number("prize"))).collect::<Vec<_>>();
    vec![
        Finding::answer_if(
            "A prize for the first solution pays for the work (Discussion). How large must \
                    it be? (open) B = c / sum_k r[k] (1 - exp(-lambda k T)) / k.",
            format!(
                "At that prize the profit of a worker in {count} simulations is zero within chance: \
                 the largest deviation is {worst:.2} standard errors (chance allows {allowed:.2})."
            ),
            count > 0 && worst < allowed,
        ),
        Finding::answer_if(
            "Is our integral as exact as the sum over all headcounts?",
            format!("The largest relative difference is {error:.1e}."),
            error < 1e-11,
        ),
        Finding::answer_if(
            "What does a shorter deadline do to it? (open)",
            format!(
                "In the example, in units of the cost: {} with deadlines of {} mean times of one \
                 machine and without one.",
                prizes.join(", "),
                DEADLINES.iter().flatten().map(f64::to_string).collect::<Vec<_>>().join(", ")
            ),
            rises(table),
        ),
    ]
}

/// Whether in every game a shorter deadline asks for a larger prize.
fn rises(table: &Table) -> bool {
    let prizes = table.records().map(|row| row.number("prize")).collect::<Vec<_>>();
    !prizes.is_empty()
        && prizes.chunks(DEADLINES.len()).all(|game| game.windows(2).all(|pair| pair[0] > pair[1]))
}

fn figure(table: &Table) -> Result<Figure, ExperimentError> {
    let parts = Parts::example()?;
    let game = parts.game()?;
    let mut curve = Vec::new();
    for deadline in deadlines(0.01 / parts.rate, 10.0 / parts.rate, 150)? {
        let prize = game.prize(COST, Some(deadline)).map_err(refused)?;
        curve.push((deadline.get(), prize));
    }
    let simulated = table.with("game", 0.0).map(|row| {
        let time = row.number("deadline_in_mean_times") / parts.rate;
        (time, COST / row.number("first_share_simulated"))
    });
    let marks = vec![
        Mark::line("formula", curve, Stroke::Solid),
        Mark::points("simulated", simulated),
        Mark::horizontal("without a deadline", game.prize(COST, None).map_err(refused)?),
    ];
    Ok(Figure::new(
        "prize",
        "The example game: the smallest prize for the first solution.",
        vec![Panel::new(
            "Smallest prize that makes working worthwhile",
            Axis::logarithmic("deadline T (s)"),
            Axis::logarithmic("prize / cost of working"),
            marks,
        )],
    ))
}
