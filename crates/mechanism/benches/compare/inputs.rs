//! Seeded markets of a given shape.

use muster_mechanism::market::Weights;
use muster_mechanism::random::Stream;

/// `active` peers give weights to a share `density` of all `peers`: the shape of today's networks.
pub fn dense_rows(peers: usize, active: usize, density: f64) -> Weights {
    let mut stream = Stream::new(1, 0);
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..peers {
        if i < active {
            let start = values.len();
            for j in 0..peers as u32 {
                if stream.uniform() < density {
                    columns.push(j);
                    values.push(stream.uniform() + 1e-3);
                }
            }
            normalise(&mut values[start..]);
        }
        offsets.push(columns.len());
    }
    Weights::from_csr(offsets, columns, values).expect("valid weights")
}

/// Every peer gives `degree` weights to peers drawn at random.
pub fn sparse_rows(peers: usize, degree: usize) -> Weights {
    let mut stream = Stream::new(2, 0);
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut row = Vec::new();
    for _ in 0..peers {
        row.clear();
        row.extend((0..degree).map(|_| stream.below(peers as u64) as u32));
        row.sort_unstable();
        row.dedup();
        let start = values.len();
        columns.extend_from_slice(&row);
        values.extend(row.iter().map(|_| stream.uniform() + 1e-3));
        normalise(&mut values[start..]);
        offsets.push(columns.len());
    }
    Weights::from_csr(offsets, columns, values).expect("valid weights")
}

fn normalise(row: &mut [f64]) {
    let sum: f64 = row.iter().sum();
    for value in row {
        *value /= sum;
    }
}

/// Stake of all peers: the first `active` have all of it.
pub fn stake(peers: usize, active: usize) -> Vec<f64> {
    let mut stream = Stream::new(3, 0);
    (0..peers).map(|i| stream.uniform() * if i < active { 1.0 } else { 0.0 }).collect()
}
