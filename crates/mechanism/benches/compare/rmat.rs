//! RMAT graphs (0.57, 0.19, 0.19, 0.05) whose nodes without outgoing edges are servers.

use muster_mechanism::random::Stream;

/// Users 0..users, servers after them, and weighted edges that are exact in single precision.
pub struct Edges {
    pub users: usize,
    pub servers: usize,
    pub edges: Vec<(u32, u32, f32)>,
}

/// `2^scale` nodes and `degree` edges each, without loops and parallels, labels shuffled.
pub fn rmat(scale: u32, degree: usize) -> Edges {
    let nodes = 1usize << scale;
    let mut edges: Vec<u64> = Vec::with_capacity(nodes * degree);
    let mut stream = Stream::new(u64::from(scale), 0);
    let mut label: Vec<u32> = (0..nodes as u32).collect();
    for i in (1..nodes).rev() {
        label.swap(i, stream.below(i as u64 + 1) as usize);
    }
    while edges.len() < nodes * degree {
        for _ in edges.len()..nodes * degree {
            let (mut a, mut b) = (0usize, 0usize);
            for _ in 0..scale {
                let d = stream.uniform();
                (a, b) = (
                    2 * a + usize::from(d >= 0.76),
                    2 * b + usize::from((0.57..0.76).contains(&d) || d >= 0.95),
                );
            }
            if a != b {
                edges.push(u64::from(label[a]) << 32 | u64::from(label[b]));
            }
        }
        edges.sort_unstable();
        edges.dedup();
    }
    let mut user = vec![u32::MAX; nodes];
    let mut users = 0;
    for e in &edges {
        let source = (e >> 32) as usize;
        if user[source] == u32::MAX {
            (user[source], users) = (users, users + 1);
        }
    }
    let mut servers = 0;
    for node in &mut user {
        if *node == u32::MAX {
            (*node, servers) = (users + servers, servers + 1);
        }
    }
    let weighted = edges.iter().enumerate().map(|(k, e)| {
        let weight = (k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let node = |label: u64| user[label as usize];
        (node(e >> 32), node(e & 0xffff_ffff), (weight + 1) as f32 / 16_777_216.0)
    });
    Edges { users: users as usize, servers: servers as usize, edges: weighted.collect() }
}
