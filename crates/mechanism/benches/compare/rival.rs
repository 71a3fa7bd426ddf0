//! A plain epoch in the style of today's production network, to compare with: sparse rows as
//! vectors of pairs, one thread; weights clipped at the stake-weighted median of their column,
//! ranks, trust, incentive, and bonds as a moving average with their dividends.

use muster_mechanism::market::Weights;

pub type Rows = Vec<Vec<(u32, f64)>>;

pub fn rows(weights: &Weights) -> Rows {
    (0..weights.peers())
        .map(|i| {
            let (columns, values) = weights.row(i);
            columns.iter().zip(values).map(|(&j, &w)| (j, w)).collect()
        })
        .collect()
}

pub struct Outcome {
    pub consensus: Vec<f64>,
    pub incentive: Vec<f64>,
    pub trust: Vec<f64>,
    pub dividends: Vec<f64>,
    pub bonds: Rows,
}

pub fn epoch(rows: &Rows, stake: &[f64], bonds: &Rows) -> Outcome {
    let n = rows.len();
    let total: f64 = stake.iter().sum();
    let stake: Vec<f64> = stake.iter().map(|s| s / total).collect();
    let before = ranks(rows, &stake, n);
    let consensus = consensus(rows, &stake, n);
    let clipped: Rows = rows
        .iter()
        .map(|row| row.iter().map(|&(j, w)| (j, w.min(consensus[j as usize]))).collect())
        .collect();
    let after = ranks(&clipped, &stake, n);
    let trust =
        after.iter().zip(&before).map(|(a, b)| if *b > 0.0 { a / b } else { 0.0 }).collect();
    let all: f64 = after.iter().sum();
    let incentive: Vec<f64> = after.iter().map(|r| if all > 0.0 { r / all } else { 0.0 }).collect();
    let bonds = moving_average(&clipped, &stake, &after, bonds);
    let dividends =
        bonds.iter().map(|row| row.iter().map(|&(j, b)| b * incentive[j as usize]).sum()).collect();
    Outcome { consensus, incentive, trust, dividends, bonds }
}

fn ranks(rows: &Rows, stake: &[f64], n: usize) -> Vec<f64> {
    let mut ranks = vec![0.0; n];
    for (row, s) in rows.iter().zip(stake) {
        for &(j, w) in row {
            ranks[j as usize] += s * w;
        }
    }
    ranks
}

fn consensus(rows: &Rows, stake: &[f64], n: usize) -> Vec<f64> {
    let mut columns: Vec<Vec<(f64, f64)>> = vec![Vec::new(); n];
    for (row, &s) in rows.iter().zip(stake) {
        for &(j, w) in row {
            columns[j as usize].push((w, s));
        }
    }
    columns.iter_mut().map(|column| median(column)).collect()
}

fn median(column: &mut [(f64, f64)]) -> f64 {
    column.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut held = 0.0;
    for &(w, s) in column.iter() {
        held += s;
        if held >= 0.5 {
            return w;
        }
    }
    0.0
}

/// `B = 0.1 dB + 0.9 B`, `dB` the share of each row in its column's rank.
fn moving_average(clipped: &Rows, stake: &[f64], ranks: &[f64], bonds: &Rows) -> Rows {
    clipped
        .iter()
        .zip(stake)
        .zip(bonds)
        .map(|((row, s), old)| {
            let (mut merged, mut at) = (Vec::with_capacity(row.len()), 0);
            for &(j, w) in row {
                while at < old.len() && old[at].0 < j {
                    merged.push((old[at].0, 0.9 * old[at].1));
                    at += 1;
                }
                let rank = ranks[j as usize];
                let mut bond = if rank > 0.0 { 0.1 * s * w / rank } else { 0.0 };
                if at < old.len() && old[at].0 == j {
                    bond += 0.9 * old[at].1;
                    at += 1;
                }
                merged.push((j, bond));
            }
            merged.extend(old[at..].iter().map(|&(j, b)| (j, 0.9 * b)));
            merged
        })
        .collect()
}
