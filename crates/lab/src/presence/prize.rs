//! Free riding: the smallest prize that makes working worthwhile, against simulated races.

use muster_mechanism::presence::Seconds;
use muster_mechanism::random::Stream;

use super::games::{Parts, deadlines, deviation_allowed};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Report, Row, Setting, Table, Value, Verdict, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::largest;

/// The prize by formula, by direct sum and by simulation.
pub struct Prize;

/// What a player's work on a round costs.
const COST: f64 = 1.0;
/// Deadlines in mean times of one machine; none is the prize without a deadline.
const DEADLINES: [Option<f64>; 4] = [Some(0.03), Some(0.1), Some(1.0), None];

impl Experiment for Prize {
    fn name(&self) -> &'static str {
        "presence-prize"
    }

    fn title(&self) -> &'static str {
        "The prize against free riding"
    }

    fn source(&self) -> &'static str {
        "Brandenburger and Steverson, Discussion: a reward for the first solution, its size open"
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "game",
            "deadline_in_mean_times",
            "prize",
            "prize_by_direct_sum",
            "first_share_simulated",
            "first_share_standard_error",
            "profit_at_prize_simulated",
            "profit_standard_error",
        ]
    }

    /// The first is the example that is drawn.
    fn cells(&self, setting: &Setting) -> usize {
        setting.scale.pick(13, 101)
    }

    fn cell(&self, setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
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
            rows.push(vec![
                Value::from(index),
                Value::from(share.unwrap_or(f64::NAN)),
                Value::from(prize),
                Value::from(COST / first_by_direct_sum(&parts, time)),
                Value::from(first),
                Value::from(error),
                Value::from(prize * first - COST),
                Value::from(prize * error),
            ]);
        }
        Ok(rows)
    }

    fn report(&self, _: &Setting, table: &Table) -> Result<Report, ExperimentError> {
        let figure = figure(table)?;
        Ok(Report { findings: findings(table), figures: vec![figure], tables: Vec::new() })
    }
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
    let example = table.records().filter(|row| row.number("game") == 0.0);
    let prizes = example.map(|row| format!("{:.2}", row.number("prize"))).collect::<Vec<_>>();
    vec![
        Finding {
            claim: "A prize for the first solution pays for the work (Discussion). How large must \
                    it be? (open) B = c / sum_k r[k] (1 - exp(-lambda k T)) / k."
                .to_owned(),
            measured: format!(
                "At that prize the profit of a worker in {count} simulations is zero within chance: \
                 the largest deviation is {worst:.2} standard errors (chance allows {allowed:.2})."
            ),
            verdict: Verdict::answered_if(count > 0 && worst < allowed),
        },
        Finding {
            claim: "Is our integral as exact as the sum over all headcounts?".to_owned(),
            measured: format!("The largest relative difference is {error:.1e}."),
            verdict: Verdict::answered_if(error < 1e-11),
        },
        Finding {
            claim: "What does a shorter deadline do to it? (open)".to_owned(),
            measured: format!(
                "In the example, in units of the cost: {} with deadlines of {} mean times of one \
                 machine and without one.",
                prizes.join(", "),
                DEADLINES.iter().flatten().map(f64::to_string).collect::<Vec<_>>().join(", ")
            ),
            verdict: Verdict::answered_if(rises(table)),
        },
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
    let simulated = table.records().filter(|row| row.number("game") == 0.0).map(|row| {
        let time = row.number("deadline_in_mean_times") / parts.rate;
        (time, COST / row.number("first_share_simulated"))
    });
    let marks = vec![
        Mark::Line { label: "formula".to_owned(), points: curve, stroke: Stroke::Solid },
        Mark::Points { label: "simulated".to_owned(), points: simulated.collect() },
        Mark::Horizontal {
            label: "without a deadline".to_owned(),
            y: game.prize(COST, None).map_err(refused)?,
        },
    ];
    Ok(Figure {
        name: "prize".to_owned(),
        caption: "The example game: the smallest prize for the first solution.".to_owned(),
        panels: vec![Panel {
            title: "Smallest prize that makes working worthwhile".to_owned(),
            x: Axis::logarithmic("deadline T (s)"),
            y: Axis::logarithmic("prize / cost of working"),
            marks,
        }],
    })
}
