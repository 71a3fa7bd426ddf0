//! Committees by reputation: the best against the fair lottery, and the risk of a dishonest
//! majority.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    Misinformation, RankSettings, committee_size, honest_majority, lottery, top_committee,
};

use super::shared::{positive_medians, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel};
use crate::grid::Grid;
use crate::statistics::{largest, mean};

/// The chance of an honest majority, exact and sampled.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-committee",
    title: "The risk that a committee is not honest",
    source: "Game of Trust, Appendix A",
    columns: &[
        "population",
        "truth",
        "committee_size",
        "selection",
        "risk",
        "risk_sampled",
        "deviation_sigmas",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

const SERVERS: usize = 200;
const USERS: usize = 400;
/// So many users endorse at random.
const MISINFORMED: usize = 80;
const POPULATIONS: [&str; 3] = ["good", "mixed", "poor"];
const SELECTIONS: [&str; 3] = ["best by reputation", "lottery by reputation", "any server"];
/// Odd sizes, and some of them with one member more.
const SIZES: [usize; 12] = [3, 5, 9, 10, 15, 29, 30, 49, 50, 99, 149, 199];

struct Repetitions {
    truths: usize,
    /// Lotteries per truth and size, each with an exact risk.
    lotteries: usize,
    /// Committees sampled per truth and size.
    samples: usize,
}

fn repetitions(scale: Scale) -> Repetitions {
    scale.pick(
        Repetitions { truths: 3, lotteries: 50, samples: 2000 },
        Repetitions { truths: 20, lotteries: 400, samples: 20_000 },
    )
}

fn grid(setting: &Setting) -> Grid<3> {
    Grid([POPULATIONS.len(), repetitions(setting.scale).truths, SELECTIONS.len()])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let repetitions = repetitions(setting.scale);
    let [population, truth, way] = grid(setting).at(index);
    // The same truth and reputation for every way to select.
    let mut stream = Stream::new(setting.seed, (population * repetitions.truths + truth) as u64);
    let (population, selection) = (POPULATIONS[population], SELECTIONS[way]);
    let trust = trust_of(population, &mut stream);
    let seed = stream.next_word();
    let graph = Misinformation::Random.graph(&trust, USERS, MISINFORMED, 0.3, seed);
    let ranking = graph.and_then(|g| g.rank(&RankSettings::default())).map_err(refused)?;
    let mut stream = Stream::new(seed, 1 + way as u64);
    let mut rows = Vec::new();
    for size in SIZES {
        let mut select = || choose(selection, &ranking.reputation, size, &mut stream);
        let chosen: Vec<Vec<usize>> = match selection {
            "best by reputation" => vec![select()?],
            _ => (0..repetitions.lotteries).map(|_| select()).collect::<Result<_, _>>()?,
        };
        let risks = chosen
            .iter()
            .map(|members| {
                let honesty: Vec<f64> = members.iter().map(|&j| trust[j]).collect();
                Ok(honest_majority(&honesty).map_err(refused)?.risk)
            })
            .collect::<Result<Vec<f64>, ExperimentError>>()?;
        let risk = mean(&risks);
        let sampled = sampled(&chosen, &trust, repetitions.samples, &mut stream);
        // Samples go round the committees evenly, so their variance is that of each.
        let variance = mean(risks.iter().map(|p| p * (1.0 - p)));
        let sigma = (variance / repetitions.samples as f64).sqrt();
        rows.push(EXPERIMENT.row([
            ("population", population.into()),
            ("truth", truth.into()),
            ("committee_size", size.into()),
            ("selection", selection.into()),
            ("risk", risk.into()),
            ("risk_sampled", sampled.into()),
            ("deviation_sigmas", ((sampled - risk) / sigma).into()),
        ]));
    }
    Ok(rows)
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let findings = vec![agreement(setting, table), order(table), polylog(table), parity(table)];
    let caption = "Risk of a dishonest majority, by population and size; means over truths.";
    Ok(Report {
        findings,
        figures: vec![figure(setting, table)],
        tables: vec![(caption.into(), summary(table))],
    })
}

/// Probabilities that servers are honest.
fn trust_of(population: &str, stream: &mut Stream) -> Vec<f64> {
    match population {
        "good" => uniform(stream, SERVERS, 0.6, 1.0),
        "poor" => uniform(stream, SERVERS, 0.2, 0.8),
        _ => {
            let bad = SERVERS * 3 / 10;
            let mut trust = uniform(stream, SERVERS - bad, 0.7, 1.0);
            trust.extend(uniform(stream, bad, 0.0, 0.5));
            trust
        }
    }
}

fn choose(
    selection: &str,
    reputation: &[f64],
    size: usize,
    stream: &mut Stream,
) -> Result<Vec<usize>, ExperimentError> {
    let words: Vec<u64> = (0..SERVERS).map(|_| stream.next_word()).collect();
    let keys: Vec<usize> = (0..SERVERS).collect();
    match selection {
        "best by reputation" => top_committee(reputation, &keys, size),
        "lottery by reputation" => lottery(reputation, size, words),
        _ => lottery(&[1.0 / SERVERS as f64; SERVERS], size, words),
    }
    .map_err(refused)
}

/// The share of committees without an honest majority, the chosen ones in turn.
fn sampled(chosen: &[Vec<usize>], trust: &[f64], samples: usize, stream: &mut Stream) -> f64 {
    let lost = (0..samples)
        .filter(|k| {
            let members = &chosen[k % chosen.len()];
            let honest = members.iter().filter(|&&j| stream.uniform() < trust[j]).count();
            2 * honest <= members.len()
        })
        .count();
    lost as f64 / samples as f64
}

fn agreement(setting: &Setting, table: &Table) -> Finding {
    let samples = repetitions(setting.scale).samples as f64;
    // Where a few are expected, the normal approximation says how far off is too far.
    let compared: Vec<f64> = table
        .records()
        .filter(|r| r.number("risk").min(1.0 - r.number("risk")) * samples >= 10.0)
        .map(|r| r.number("deviation_sigmas"))
        .collect();
    let spread = mean(compared.iter().map(|z| z * z)).sqrt();
    let worst = largest(compared.iter().map(|z| z.abs()));
    Finding::claim(
        "The Poisson-binomial risk is exact.",
        format!(
            "{} committees against {samples} samples each: root mean square deviation {spread:.2} \
             standard errors, largest {worst:.1}.",
            compared.len()
        ),
        spread > 0.8 && spread < 1.2 && worst < 5.0,
    )
}

fn risk(table: &Table, population: &str, selection: &str, size: usize) -> f64 {
    let here = table
        .with("population", population)
        .filter(|r| r.text("selection") == selection)
        .filter(|r| r.number("committee_size") == size as f64);
    mean(here.map(|r| r.number("risk")))
}

fn order(table: &Table) -> Finding {
    let (mut kept, mut cases) = (0, 0);
    let worst_risk = |r: &Record, selection: &str| {
        table
            .records()
            .find(|o| {
                o.text("selection") == selection
                    && o.text("population") == r.text("population")
                    && o.number("truth") == r.number("truth")
                    && o.number("committee_size") == r.number("committee_size")
            })
            .map_or(f64::NAN, |o| o.number("risk"))
    };
    for best in table.with("selection", SELECTIONS[0]) {
        let fair = worst_risk(&best, SELECTIONS[1]);
        cases += 1;
        kept += usize::from(best.number("risk") <= fair);
    }
    let size = committee_size(SERVERS);
    let nearest = SIZES[nearest(size)];
    let listed = POPULATIONS.map(|population| {
        let risks = SELECTIONS.map(|s| format!("{:.1e}", risk(table, population, s, nearest)));
        format!("{population}: {}", risks.join(", "))
    });
    Finding::claim(
        "Appendix A: taking the servers of the highest reputation maximises the chance of an honest \
         majority.",
        format!(
            "Its risk is at most the lottery's in {kept} of {cases} cases with {MISINFORMED} of \
             {USERS} users misinformed. Risks with {nearest} members, best, lottery, any: {}.",
            listed.join("; ")
        ),
        kept == cases,
    )
}

fn nearest(size: usize) -> usize {
    (0..SIZES.len()).min_by_key(|&k| SIZES[k].abs_diff(size)).unwrap_or(0)
}

fn polylog(table: &Table) -> Finding {
    let size = committee_size(SERVERS);
    let nearest = SIZES[nearest(size)];
    let listed = POPULATIONS.map(|population| {
        let least = SIZES
            .into_iter()
            .find(|&size| risk(table, population, SELECTIONS[0], size) < 1e-6)
            .map_or("none".to_owned(), |size| size.to_string());
        let best = SIZES
            .into_iter()
            .min_by(|&a, &b| {
                let at = |size| risk(table, population, SELECTIONS[0], size);
                at(a).total_cmp(&at(b))
            })
            .unwrap_or(0);
        format!("{population}: below 1e-6 from {least} on, least at {best}")
    });
    Finding::answer(
        "Appendix A asks for polylog(m) members. How many are enough, and are more always better?",
        format!(
            "Of {SERVERS} servers our default takes {size}; nearest size here {nearest}. The best \
             by reputation, {}.",
            listed.join("; ")
        ),
    )
}

fn parity(table: &Table) -> Finding {
    let pairs: Vec<(usize, usize)> = SIZES
        .windows(2)
        .filter(|pair| pair[1] == pair[0] + 1)
        .map(|pair| (pair[0], pair[1]))
        .collect();
    let (mut higher, mut cases) = (0, 0);
    for population in POPULATIONS {
        for &(odd, even) in &pairs {
            let at = |size| risk(table, population, SELECTIONS[0], size);
            cases += 1;
            higher += usize::from(at(even) > at(odd));
        }
    }
    Finding::answer(
        "A block needs more than half of the committee. Odd or even?",
        format!("One member more than an odd number raises the risk in {higher} of {cases} cases."),
    )
}

fn summary(table: &Table) -> Table {
    let mut columns = vec!["population".to_owned(), "committee_size".to_owned()];
    columns.extend(SELECTIONS.map(|selection| format!("risk, {selection}")));
    let mut rows = Vec::new();
    for population in POPULATIONS {
        for size in SIZES {
            let mut row: Row = vec![population.into(), size.into()];
            row.extend(SELECTIONS.map(|s| risk(table, population, s, size).into()));
            rows.push(row);
        }
    }
    Table { columns, rows }
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let repetitions = repetitions(setting.scale);
    let panels = POPULATIONS.map(|population| {
        let mut marks: Vec<Mark> = Vec::new();
        for selection in SELECTIONS {
            let points = table
                .with("population", population)
                .filter(|r| r.text("selection") == selection)
                .filter(|r| r.number("committee_size") % 2.0 == 1.0)
                .map(|r| (r.number("committee_size"), r.number("risk").max(1e-12)));
            marks.extend(positive_medians(selection, points));
        }
        let default = committee_size(SERVERS) as f64;
        marks.push(Mark::vertical("ceil(ln(m)^2)", default));
        Panel::new(
            format!("{population} servers"),
            Axis::logarithmic("members"),
            Axis::logarithmic("risk of a dishonest majority").within(1e-12, 1.0),
            marks,
        )
    });
    Figure::new(
        "committee",
        format!(
            "P(at most half of a committee is honest), exact, by size (odd) and selection; cut off \
             at 1e-12. {SERVERS} servers, honest with probability 0.6 to 1 (good), 0.2 to 0.8 \
             (poor), 0.7 to 1 and for 30% of them 0 to 0.5 (mixed); {MISINFORMED} of {USERS} users \
             misinformed. Medians and 10% to 90% quantiles over {} truths, seed {}.",
            repetitions.truths, setting.seed
        ),
        panels.to_vec(),
    )
}
