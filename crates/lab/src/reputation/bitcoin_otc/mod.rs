//! A real web of trust: who ranks high among the traders of Bitcoin OTC, and whether reputation
//! predicts what others will say of them.
//!
//! Data: Kumar et al., "Edge weight prediction in weighted signed networks" (2016), SNAP
//! soc-sign-bitcoinotc.

mod prediction;
mod ratings;

use muster_mechanism::random::Stream;

use self::prediction::{Area, Later};
use self::ratings::{FILE, Rating, Web, read, reputation, scores};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, Value,
    refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::statistics::mean;

/// The web of trust of Bitcoin OTC.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-bitcoin-otc",
    title: "A real web of trust",
    source: "Game of Trust, Section 8 (future work); ratings of Bitcoin OTC, Kumar et al. 2016",
    columns: &[
        "part",
        "split",
        "score",
        "restart",
        "area",
        "area_low",
        "area_high",
        "difference",
        "difference_low",
        "difference_high",
        "pairs",
        "negative_pairs",
        "unseen_share",
        "place",
        "person",
        "reputation",
        "received",
        "negative_share",
        "mean_rating",
        "place_by_in_degree",
    ],
    data_file: Some(FILE),
    cells: |_| SPLITS.len() + 2,
    cell,
    report,
};

/// Shares of the ratings, oldest first, from which the rest is predicted.
const SPLITS: [f64; 5] = [0.5, 0.6, 0.7, 0.8, 0.9];
/// The split that the findings quote.
const SPLIT: f64 = 0.8;
const RESTART: f64 = 0.15;
const RESTARTS: [f64; 7] = [0.02, 0.05, 0.15, 0.3, 0.5, 0.7, 0.95];
const SCORES: [&str; 6] = [
    "reputation",
    "ordinary PageRank",
    "in-degree",
    "mean rating",
    "mean rating weighted by reputation",
    "share of positive ratings",
];
const TOP: usize = 10;

fn resamples(scale: Scale) -> usize {
    scale.pick(300, 4000)
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let Some(directory) = &setting.data else {
        return Err(ExperimentError::DataMissing { file: FILE });
    };
    let web = read(directory)?;
    match index.checked_sub(SPLITS.len()) {
        None => predictions(setting, &web, index),
        Some(0) => restarts(setting, &web),
        Some(_) => places(&web),
    }
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    Ok(Report {
        findings: vec![who_ranks_high(table), prediction(table), added(table), unseen(table)],
        figures: vec![figure(setting, table)],
        tables: vec![
            (format!("The {TOP} of the highest reputation, from all ratings."), top(table)),
            (format!("Areas from the first {:.0}% of the ratings.", 100.0 * SPLIT), areas(table)),
        ],
    })
}

/// The ratings before and after a split, and who has been rated before it.
fn split(web: &Web, share: f64) -> (&[Rating], Later) {
    let (before, after) = web.ratings.split_at((share * web.ratings.len() as f64) as usize);
    let mut known = vec![false; web.people.len()];
    before.iter().for_each(|rating| known[rating.target as usize] = true);
    (before, Later::new(&known, after))
}

fn area_row(part: &str, split: f64, score: &str, restart: f64, (area, gap): (Area, Area)) -> Row {
    EXPERIMENT.row_of([
        ("part", part.into()),
        ("split", split.into()),
        ("score", score.into()),
        ("restart", restart.into()),
        ("area", area.value.into()),
        ("area_low", area.low.into()),
        ("area_high", area.high.into()),
        ("difference", gap.value.into()),
        ("difference_low", gap.low.into()),
        ("difference_high", gap.high.into()),
    ])
}

fn predictions(setting: &Setting, web: &Web, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let share = SPLITS[index];
    let (before, later) = split(web, share);
    let found = scores(web.people.len(), before, RESTART).map_err(refused)?;
    let positive: Vec<f64> = found.negative.iter().map(|share| 1.0 - share).collect();
    let lists: [&[f64]; 6] = [
        &found.reputation,
        &found.pagerank,
        &found.received,
        &found.mean_rating,
        &found.weighted_rating,
        &positive,
    ];
    let mut stream = Stream::new(setting.seed, index as u64);
    let areas = later.areas(&lists, resamples(setting.scale), &mut stream);
    let mut rows: Vec<Row> = SCORES
        .into_iter()
        .zip(areas)
        .map(|(score, areas)| area_row("score", share, score, RESTART, areas))
        .collect();
    let (pairs, negative) = later.pairs();
    rows.push(EXPERIMENT.row_of([
        ("part", "split".into()),
        ("split", share.into()),
        ("pairs", pairs.into()),
        ("negative_pairs", negative.into()),
        ("unseen_share", (later.unseen as f64 / (pairs + later.unseen as f64)).into()),
    ]));
    Ok(rows)
}

fn restarts(setting: &Setting, web: &Web) -> Result<Vec<Row>, ExperimentError> {
    let (before, later) = split(web, SPLIT);
    let mut lists = Vec::new();
    for restart in RESTARTS {
        lists.push(reputation(web.people.len(), before, restart).map_err(refused)?);
    }
    let lists: Vec<&[f64]> = lists.iter().map(Vec::as_slice).collect();
    let mut stream = Stream::new(setting.seed, SPLITS.len() as u64);
    let areas = later.areas(&lists, resamples(setting.scale), &mut stream);
    let rows = RESTARTS.into_iter().zip(areas);
    Ok(rows.map(|(a, areas)| area_row("restart", SPLIT, SCORES[0], a, areas)).collect())
}

/// Everybody who has been rated, by reputation from all ratings.
fn places(web: &Web) -> Result<Vec<Row>, ExperimentError> {
    let found = scores(web.people.len(), &web.ratings, RESTART).map_err(refused)?;
    let order = |score: &[f64]| {
        let mut order: Vec<usize> =
            (0..score.len()).filter(|&person| found.received[person] > 0.0).collect();
        order.sort_by(|&a, &b| score[b].total_cmp(&score[a]).then(a.cmp(&b)));
        order
    };
    let mut place_by_in_degree = vec![0; web.people.len()];
    for (place, person) in order(&found.received).into_iter().enumerate() {
        place_by_in_degree[person] = place + 1;
    }
    let rows = order(&found.reputation).into_iter().enumerate().map(|(place, person)| {
        EXPERIMENT.row_of([
            ("part", "person".into()),
            ("place", (place + 1).into()),
            ("person", (web.people[person] as usize).into()),
            ("reputation", found.reputation[person].into()),
            ("received", found.received[person].into()),
            ("negative_share", found.negative[person].into()),
            ("mean_rating", found.mean_rating[person].into()),
            ("place_by_in_degree", place_by_in_degree[person].into()),
        ])
    });
    Ok(rows.collect())
}

fn people(table: &Table) -> Vec<Record<'_>> {
    table.with("part", "person").collect()
}

fn score<'t>(table: &'t Table, split: f64, name: &str) -> Option<Record<'t>> {
    table.records().find(|r| {
        r.text("part") == "score" && r.number("split") == split && r.text("score") == name
    })
}

fn who_ranks_high(table: &Table) -> Finding {
    let people = people(table);
    let top = &people[..TOP.min(people.len())];
    let column = |list: &[Record], name: &str| mean(list.iter().map(|r| r.number(name)));
    let held: f64 = top.iter().map(|r| r.number("reputation")).sum();
    let both = top.iter().filter(|r| r.number("place_by_in_degree") <= TOP as f64).count();
    Finding::answer(
        "Section 8: how do ranks behave on real topologies? Who ranks high?",
        format!(
            "Of {} people rated, the first {TOP} hold {:.1}% of all reputation. They got {:.0} \
             ratings on average, {:.1}% of them negative (everybody: {:.1} ratings, {:.1}%); {both} \
             of them are among the first {TOP} by in-degree as well.",
            people.len(),
            100.0 * held,
            column(top, "received"),
            100.0 * column(top, "negative_share"),
            column(&people, "received"),
            100.0 * column(&people, "negative_share"),
        ),
    )
}

fn interval(record: &Record, name: &str) -> String {
    format!(
        "{:.3} [{:.3}, {:.3}]",
        record.number(name),
        record.number(&format!("{name}_low")),
        record.number(&format!("{name}_high"))
    )
}

fn prediction(table: &Table) -> Finding {
    let listed = SCORES[..4].iter().filter_map(|name| {
        score(table, SPLIT, name).map(|found| format!("{name} {}", interval(&found, "area")))
    });
    Finding::answer(
        format!(
            "How well does reputation from the first {:.0}% of the ratings predict the sign of the \
             rest, against in-degree, mean rating and ordinary PageRank?",
            100.0 * SPLIT
        ),
        format!(
            "Area under the curve with 95% intervals over resampled people: {}.",
            listed.collect::<Vec<_>>().join("; ")
        ),
    )
}

/// What of the differences can be told from chance.
fn added(table: &Table) -> Finding {
    let listed = SCORES[1..].iter().filter_map(|name| {
        let found = score(table, SPLIT, name)?;
        let relation = if found.number("difference_low") > 0.0 {
            "predicts better"
        } else if found.number("difference_high") < 0.0 {
            "predicts worse"
        } else {
            "cannot be told from it"
        };
        Some(format!("{name} {relation}, {}", interval(&found, "difference")))
    });
    Finding::answer(
        "Does reputation add to what simpler scores know?",
        format!("Difference to the area of reputation: {}.", listed.collect::<Vec<_>>().join("; ")),
    )
}

fn unseen(table: &Table) -> Finding {
    let listed = table.with("part", "split").map(|r| {
        format!(
            "{:.0}% after {:.0}% ({:.0} ratings of known people, {:.0} negative)",
            100.0 * r.number("unseen_share"),
            100.0 * r.number("split"),
            r.number("pairs"),
            r.number("negative_pairs")
        )
    });
    Finding::answer(
        "How many of the later ratings are of people whom nobody had rated?",
        format!(
            "No score can say anything of them, and all of the above is without them: {}.",
            listed.collect::<Vec<_>>().join("; ")
        ),
    )
}

fn top(table: &Table) -> Table {
    let columns = [
        "place",
        "person",
        "reputation",
        "received",
        "negative_share",
        "mean_rating",
        "place_by_in_degree",
    ];
    let people = people(table);
    let rows = people.iter().take(TOP).map(|r| r.values(&columns)).collect();
    Table::new(&columns, rows)
}

fn areas(table: &Table) -> Table {
    let numbers =
        ["area", "area_low", "area_high", "difference", "difference_low", "difference_high"];
    let rows = SCORES.iter().filter_map(|name| {
        let found = score(table, SPLIT, name)?;
        let values = numbers.iter().map(|column| Value::from(found.number(column)));
        Some(std::iter::once((*name).into()).chain(values).collect())
    });
    let columns = std::iter::once("score").chain(numbers).map(str::to_owned).collect();
    Table { columns, rows: rows.collect() }
}

fn figure(setting: &Setting, table: &Table) -> Figure {
    let mut by_split = Vec::new();
    for name in SCORES {
        let points: Vec<Record> =
            SPLITS.iter().filter_map(|&split| score(table, split, name)).collect();
        let marks = areas_of(name, &points, "split");
        // Six intervals on top of each other would show nothing; the table has them all.
        let with_interval = [SCORES[0], SCORES[5]].contains(&name);
        by_split.extend(marks.into_iter().skip(usize::from(!with_interval)));
    }
    let points: Vec<Record> = table.with("part", "restart").collect();
    let mut by_restart = areas_of(SCORES[0], &points, "restart");
    if let Some(found) = score(table, SPLIT, "in-degree") {
        by_restart.push(Mark::horizontal("in-degree", found.number("area")));
    }
    let people = people(table)
        .into_iter()
        .filter(|r| r.number("reputation") > 0.0)
        .map(|r| (r.number("received"), r.number("reputation")));
    let area = || Axis::linear("area under the curve");
    Figure::new(
        "bitcoin-otc",
        format!(
            "Ratings of Bitcoin OTC. Left: how well scores from the older ratings predict the sign \
             of the later ones, of people rated before; 95% intervals of two of them over {} \
             resamples of people. \
             Middle: the same by restart, from {:.0}% of the ratings. Right: everybody with a \
             reputation. Seed {}.",
            resamples(setting.scale),
            100.0 * SPLIT,
            setting.seed
        ),
        vec![
            Panel::new(
                "predicting later ratings",
                Axis::linear("older ratings (share)"),
                area(),
                by_split,
            ),
            Panel::new(
                "the restart",
                Axis::linear("restart alpha").within(0.0, 1.0),
                area(),
                by_restart,
            ),
            Panel::new(
                "everybody",
                Axis::logarithmic("ratings received"),
                Axis::logarithmic("reputation"),
                vec![Mark::points("a person", people)],
            ),
        ],
    )
}

fn areas_of(label: &str, records: &[Record], x: &str) -> Vec<Mark> {
    let points = records.iter().map(|r| (r.number(x), r.number("area")));
    let band = records.iter().map(|r| (r.number(x), r.number("area_low"), r.number("area_high")));
    vec![Mark::band(label, band), Mark::line(label, points, Stroke::Solid)]
}
