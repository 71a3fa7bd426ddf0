//! The listing of Section 10: two parties that only know themselves.

use muster_mechanism::market::simulation::two_party_decay;

use crate::experiment::{Experiment, ExperimentError, Finding, Report, Row, Setting, Table, Value};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// The lines that the paper prints: block, and the smaller party's share of all stake after it.
const PRINTED: [(usize, &str); 21] = [
    (0, "0.4877323388820201"),
    (1, "0.4849535784321247"),
    (2, "0.4815511535094221"),
    (3, "0.477389901500398"),
    (4, "0.4723093486843246"),
    (5, "0.46612224574620587"),
    (6, "0.45861590847737577"),
    (7, "0.44955887540065376"),
    (8, "0.43871643745912897"),
    (9, "0.42587900870651624"),
    (10, "0.41090548935459825"),
    (90, "0.0002827251010618101"),
    (91, "0.00025719653886131316"),
    (92, "0.0002339730247373799"),
    (93, "0.000212846436856568"),
    (94, "0.00019362744329658293"),
    (95, "0.0001761438058611274"),
    (96, "0.00016023883697158944"),
    (97, "0.00014576999582759936"),
    (98, "0.00013260761127280887"),
    (99, "0.00012063371993464691"),
];

const BLOCKS: usize = 100;

/// The two-party table, to the last digit.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "market-two-party",
    title: "Two parties, 0.51 against 0.49",
    source: "BitTensor, Section 10, the listing and what it prints",
    columns: &["block", "share", "printed"],
    data_file: None,
    cells: |_| 1,
    cell,
    report,
};

fn cell(_: &Setting, _: usize) -> Result<Vec<Row>, ExperimentError> {
    let shares = two_party_decay(0.51, 0.49, 0.1, 10.0, BLOCKS);
    let printed = |block: usize| {
        let line = PRINTED.iter().find(|line| line.0 == block);
        line.map_or(Value::Absent, |line| line.1.into())
    };
    Ok(shares
        .into_iter()
        .enumerate()
        .map(|(block, share)| {
            EXPERIMENT.row([
                ("block", block.into()),
                ("share", share.into()),
                ("printed", printed(block)),
            ])
        })
        .collect())
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let (mut lines, mut same, mut farthest) = (0, 0, 0.0_f64);
    let mut printed_points = Vec::new();
    for record in table.records().filter(|record| !record.text("printed").is_empty()) {
        let (share, printed) = (record.number("share"), record.text("printed"));
        // Both print the shortest decimals that give the same double back.
        lines += 1;
        same += usize::from(format!("{share}") == printed);
        let number: f64 = printed.parse().unwrap_or(f64::NAN);
        farthest = farthest.max((share - number).abs());
        printed_points.push((record.number("block"), number));
    }
    let agrees = lines == PRINTED.len() && same == lines;
    let finding = Finding::claim(
        format!(
            "A party with 0.49 of the stake against 0.51 decays exponentially; {} of its 100 \
             shares are printed (Section 10).",
            PRINTED.len()
        ),
        format!(
            "{same} of the {lines} printed lines agree to the last digit; the largest \
             difference is {farthest:e}."
        ),
        agrees,
    );
    let points = table.records().map(|r| (r.number("block"), r.number("share")));
    let panel = Panel::new(
        "Inflation 0.1, temperature 10",
        Axis::linear("block"),
        Axis::logarithmic("share of all stake of the smaller party"),
        vec![
            Mark::line("computed", points, Stroke::Solid),
            Mark::points("printed in the paper", printed_points),
        ],
    );
    let figure = Figure::new(
        EXPERIMENT.name,
        "The share of the party that begins with 0.49, after each of 100 blocks. \
                  Nothing here is random.",
        vec![panel],
    );
    Ok(Report::new(vec![finding], vec![figure]))
}
