//! Figures 4 and 10: ranks that competition finds beside idealised ranks.

use muster_mechanism::random::Stream;

use super::game::{Game, Reading, spearman};
use crate::experiment::{Experiment, ExperimentError, Finding, Report, Row, Setting, Table};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{mean, quantile};
use crate::words::significant;

const PEERS: usize = 10;
const STEPS: usize = 800;

/// The paper's.
const ALPHAS: [f64; 4] = [1.0, 10.0, 25.0, 50.0];

const READINGS: [(&str, Reading); 3] = [
    ("to the letter", Reading::Letter),
    ("loss from the first weights", Reading::First),
    ("loss from all inputs", Reading::Unmasked),
];

/// Of the masks; `1` is the logistic function as it is, `1/n` the size of a weight.
const TEMPERATURES: [f64; 2] = [1.0, 0.1];

/// Competitive against idealised ranks, by what a unit of loss is worth.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-competitive-ranks",
    title: "Ranks that competition finds, beside idealised ranks",
    source: "BitTensor, Figures 4 and 10, Appendix 12.1 to 12.5",
    columns: &[
        "reading",
        "temperature",
        "alpha",
        "game",
        "peer",
        "competitive",
        "ideal",
        "converged",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let [reading, temperature, number] = grid(setting).at(index);
    let ((reading_name, reading), temperature) = (READINGS[reading], TEMPERATURES[temperature]);
    let mut rows = Vec::new();
    for alpha in ALPHAS {
        // The same network under every alpha and reading.
        let mut random = Stream::new(setting.seed, number as u64);
        let (game, first) = Game::random(PEERS, alpha, temperature, reading, &mut random);
        let play = game.play(first, STEPS);
        let (ranks, ideal) = (game.ranks(&play.weights), game.ideal(false));
        let all: f64 = ideal.iter().sum();
        for (peer, (rank, ideal)) in ranks.into_iter().zip(ideal).enumerate() {
            rows.push(EXPERIMENT.row([
                ("reading", reading_name.into()),
                ("temperature", temperature.into()),
                ("alpha", alpha.into()),
                ("game", number.into()),
                ("peer", peer.into()),
                ("competitive", rank.into()),
                ("ideal", (ideal / all).into()),
                ("converged", usize::from(play.converged).into()),
            ]));
        }
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let found = correlations(table);
    let mut findings: Vec<Finding> =
        READINGS.iter().map(|reading| rises(reading.0, &found)).collect();
    findings.push(settles(&found));
    let figures =
        vec![by_alpha(&found, setting, games(setting)), scatter(table, setting, games(setting))];
    Ok(Report { findings, figures, tables: vec![summary(&found)] })
}

fn games(setting: &Setting) -> usize {
    setting.scale.pick(30, 300)
}

fn grid(setting: &Setting) -> Grid<3> {
    Grid([READINGS.len(), TEMPERATURES.len(), games(setting)])
}

/// Spearman's rho of one game.
struct Correlation<'t> {
    reading: &'t str,
    temperature: f64,
    alpha: f64,
    rho: f64,
    converged: bool,
}

fn correlations(table: &Table) -> Vec<Correlation<'_>> {
    let records: Vec<_> = table.records().collect();
    // The peers of a game lie together.
    records
        .chunks(PEERS)
        .map(|game| {
            let column = |name: &str| game.iter().map(|r| r.number(name)).collect::<Vec<f64>>();
            Correlation {
                reading: game[0].text("reading"),
                temperature: game[0].number("temperature"),
                alpha: game[0].number("alpha"),
                rho: spearman(&column("competitive"), &column("ideal")),
                converged: game[0].number("converged") == 1.0,
            }
        })
        .collect()
}

fn rhos(found: &[Correlation<'_>], reading: &str, temperature: f64, alpha: f64) -> Vec<f64> {
    found
        .iter()
        .filter(|c| c.reading == reading && c.temperature == temperature && c.alpha == alpha)
        .map(|c| c.rho)
        .collect()
}

/// The mean and its standard error.
fn estimate(values: &[f64]) -> (f64, f64) {
    let mean = mean(values);
    let count = values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

fn rises(reading: &'static str, found: &[Correlation<'_>]) -> Finding {
    let say = TEMPERATURES.map(|temperature| {
        let [first, last] =
            [ALPHAS[0], ALPHAS[3]].map(|alpha| rhos(found, reading, temperature, alpha));
        let differences: Vec<f64> = first.iter().zip(&last).map(|(a, b)| b - a).collect();
        let (rise, error) = estimate(&differences);
        let each = ALPHAS.map(|alpha| {
            // Without the sign of a zero.
            format!("{:.2}", mean(rhos(found, reading, temperature, alpha)) + 1e-9)
        });
        let text = format!(
            "at mask temperature {temperature}: {}, a rise of {rise:.2} (standard error \
             {error:.2})",
            each.join(", ")
        );
        (text, rise > 2.0 * error, rise < -2.0 * error)
    });
    // The scale of alpha is free: where it is too small or too large, nothing changes with it.
    let holds = say.iter().any(|found| found.1) && !say.iter().any(|found| found.2);
    let texts: Vec<&str> = say.iter().map(|found| found.0.as_str()).collect();
    Finding::claim(
        format!(
            "The correlation of competitive with idealised ranks rises with alpha in 1, 10, 25, 50 \
             (Figures 4 and 10), the payoff read as: {reading}."
        ),
        format!("Mean Spearman rho {}.", texts.join("; ")),
        holds,
    )
}

fn settles(found: &[Correlation<'_>]) -> Finding {
    let share = |reading: &str| {
        let of: Vec<_> = found.iter().filter(|c| c.reading == reading).collect();
        let settled = of.iter().filter(|c| c.converged).count();
        format!("{reading} {}%", significant(100.0 * settled as f64 / of.len() as f64, 3))
    };
    Finding::answer(
        "Gradient play finds the competitive equilibrium; sizes, constraint, temperature \
                and the sign of the loss are left open (Appendix 12.1).",
        format!(
            "With {PEERS} peers, rows that sum to one and {STEPS} shrinking steps, play settled \
             (no weight moved by 1e-7) in these shares of games: {}.",
            READINGS.map(|reading| share(reading.0)).join(", ")
        ),
    )
}

fn summary(found: &[Correlation<'_>]) -> (String, Table) {
    let mut columns = vec!["reading".to_owned(), "mask temperature".to_owned()];
    columns.extend(ALPHAS.map(|alpha| format!("alpha {alpha}")));
    let mut rows = Vec::new();
    for (reading, _) in READINGS {
        for temperature in TEMPERATURES {
            let mut row: Row = vec![reading.into(), temperature.into()];
            row.extend(ALPHAS.map(|alpha| {
                let (mean, error) = estimate(&rhos(found, reading, temperature, alpha));
                format!("{mean:.2} ± {error:.2}").into()
            }));
            rows.push(row);
        }
    }
    ("Mean Spearman rho and its standard error.".to_owned(), Table { columns, rows })
}

fn by_alpha(found: &[Correlation<'_>], setting: &Setting, games: usize) -> Figure {
    let panel = |temperature: f64| {
        let mut marks = Vec::new();
        for (reading, _) in READINGS {
            let estimates: Vec<(f64, f64, f64)> = ALPHAS
                .iter()
                .map(|&alpha| {
                    let (mean, error) = estimate(&rhos(found, reading, temperature, alpha));
                    (alpha, mean, error)
                })
                .collect();
            let band = estimates.iter().map(|&(x, y, e)| (x, y - 2.0 * e, y + 2.0 * e));
            let points = estimates.iter().map(|&(x, y, _)| (x, y));
            marks.push(Mark::band(reading, band));
            marks.push(Mark::line(reading, points, Stroke::Solid));
        }
        Panel::new(
            format!("mask temperature {temperature}"),
            Axis::logarithmic("alpha (price of a unit of loss)"),
            Axis::linear("Spearman rho with idealised ranks").within(-0.4, 0.6),
            marks,
        )
    };
    Figure::new(
        "market-competitive-ranks-by-alpha",
        format!(
            "Mean over {games} games of {PEERS} peers, with two standard errors, for three \
             readings of the payoff; seed {}.",
            setting.seed
        ),
        TEMPERATURES.map(panel).to_vec(),
    )
}

/// As Figure 10 is drawn: one point for a peer, one panel for an alpha.
fn scatter(table: &Table, setting: &Setting, games: usize) -> Figure {
    let (reading, temperature) = (READINGS[0].0, TEMPERATURES[1]);
    let panel = |alpha: f64| {
        let here: Vec<_> = table
            .with("reading", reading)
            .filter(|r| r.number("temperature") == temperature)
            .filter(|r| r.number("alpha") == alpha && r.number("game") < 30.0)
            .collect();
        let points: Vec<(f64, f64)> =
            here.iter().map(|r| (r.number("ideal"), r.number("competitive"))).collect();
        let ranks: Vec<f64> = points.iter().map(|point| point.1).collect();
        let high = quantile(&ranks, 1.0);
        Panel::new(
            format!("alpha = {alpha}"),
            Axis::linear("idealised rank (share of all)"),
            Axis::linear("competitive rank").within(0.0, (high * 20.0).ceil() / 20.0),
            vec![Mark::points("", points)],
        )
    };
    Figure::new(
        "market-competitive-ranks",
        format!(
            "Competitive against idealised ranks in {} games of {PEERS} peers, the payoff read \
             to the letter, mask temperature {temperature}; seed {}.",
            games.min(30),
            setting.seed
        ),
        ALPHAS.map(panel).to_vec(),
    )
}
