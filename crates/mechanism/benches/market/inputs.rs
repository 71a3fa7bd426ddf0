//! Seeded markets of a given shape.

use muster_mechanism::market::Weights;

/// xorshift64*.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// `active` peers give weights to a share `density` of all `peers`: the shape of today's networks.
pub fn dense_rows(peers: usize, active: usize, density: f64) -> Weights {
    let mut random = Random::new(1);
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for i in 0..peers {
        if i < active {
            let start = values.len();
            for j in 0..peers as u32 {
                if random.share() < density {
                    columns.push(j);
                    values.push(random.share() + 1e-3);
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
    let mut random = Random::new(2);
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut row = Vec::new();
    for _ in 0..peers {
        row.clear();
        row.extend((0..degree).map(|_| (random.next() % peers as u64) as u32));
        row.sort_unstable();
        row.dedup();
        let start = values.len();
        columns.extend_from_slice(&row);
        values.extend(row.iter().map(|_| random.share() + 1e-3));
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

/// Stake of all peers, the first `active` with most of it.
pub fn stake(peers: usize, active: usize) -> Vec<f64> {
    let mut random = Random::new(3);
    (0..peers).map(|i| random.share() * if i < active { 1.0 } else { 0.0 }).collect()
}
