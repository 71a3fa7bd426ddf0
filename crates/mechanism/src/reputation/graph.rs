//! The endorsement graph, by rows and by columns.

use super::ReputationError;

/// n users, m servers and weighted endorsements, with the inactive users taken out.
#[derive(Clone, Debug)]
pub struct EndorsementGraph {
    users: usize,
    servers: usize,
    /// Active users, in the order in which the solvers visit them.
    pub(super) active: Vec<u32>,
    /// Position of a user among the active, or NONE.
    pub(super) position: Vec<u32>,
    /// Row i: what active user i endorses. Nodes: active users, then servers. Sorted by target.
    pub(super) out: Sparse,
    /// Per row of `out`, where its servers begin.
    pub(super) servers_from: Vec<u32>,
    /// Row j: who endorses node j. Sorted by source.
    pub(super) incoming: Sparse,
    /// Sum of the weights of each row of `out`.
    pub(super) out_weight: Vec<f64>,
    dropped: usize,
}

pub(super) const NONE: u32 = u32::MAX;

/// Compressed sparse rows.
#[derive(Clone, Debug)]
pub(super) struct Sparse {
    pub offsets: Vec<u32>,
    pub targets: Vec<u32>,
    pub weights: Weights,
}

/// Weights as given: single precision wherever that is exact, because memory is what a sweep waits for.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Sparse {
    pub fn row(&self, i: usize) -> core::ops::Range<usize> {
        self.offsets[i] as usize..self.offsets[i + 1] as usize
    }

    /// (target, weight) of row i.
    pub fn entries(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.row(i).map(|e| (self.targets[e] as usize, self.weights.at(e)))
    }
}

impl Weights {
    pub fn at(&self, edge: usize) -> f64 {
        match self {
            Self::Single(list) => f64::from(list[edge]),
            Self::Double(list) => list[edge],
        }
    }
}

impl EndorsementGraph {
    /// Users 0..n and servers n..n+m. `edges`: (user, target, weight); it is walked several times. Weights need not be
    /// normalised; zero counts as no endorsement and parallel edges add up.
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, ReputationError};
    /// let graph = EndorsementGraph::new(3, 1, [(0, 3, 2.0), (1, 0, 1.0), (2, 1, 0.0)].into_iter())?;
    /// assert_eq!((graph.users(), graph.servers()), (3, 1));
    /// assert_eq!(graph.active_users(), 2, "user 2 endorses nobody");
    /// let nobody = EndorsementGraph::new(2, 1, [(0, 1, 1.0)].into_iter());
    /// assert!(matches!(nobody, Err(ReputationError::NoEndorsement)));
    /// # Ok::<(), ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// Empty or too large graphs, indices out of range, weights that are negative or not finite, and
    /// [`ReputationError::NoEndorsement`].
    pub fn new(
        users: usize,
        servers: usize,
        edges: impl Iterator<Item = (u32, u32, f64)> + Clone,
    ) -> Result<Self, ReputationError> {
        let single = check(users, servers, edges.clone())?;
        if single {
            Self::build(users, servers, edges.map(|(s, t, w)| (s, t, w as f32)), Weights::Single)
        } else {
            Self::build(users, servers, edges, Weights::Double)
        }
    }

    /// Every node a user and, as a replica, a server: node v is user v and server `nodes + v`, and an endorsement of v
    /// goes to both alike. `edges`: (source, target, weight) between nodes.
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, RankSettings};
    /// let graph = EndorsementGraph::rank_everyone(3, [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0)].into_iter())?;
    /// let reputation = graph.rank(&RankSettings::default())?.reputation;
    /// assert!(reputation[2] > reputation[1] && reputation[0] == 0.0);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn rank_everyone(
        nodes: usize,
        edges: impl Iterator<Item = (u32, u32, f64)> + Clone,
    ) -> Result<Self, ReputationError> {
        let limit = u32::MAX as usize / 2;
        if nodes > limit {
            return Err(ReputationError::TooLarge { what: "nodes", count: nodes, max: limit });
        }
        for (edge, (_, target, _)) in edges.clone().enumerate() {
            if target as usize >= nodes {
                return Err(ReputationError::Node {
                    edge,
                    field: "target",
                    node: target,
                    limit: nodes,
                });
            }
        }
        let replica = nodes as u32;
        Self::new(nodes, nodes, edges.flat_map(move |(s, t, w)| [(s, t, w), (s, replica + t, w)]))
    }

    fn build<W: Copy + PartialOrd + Default + Into<f64> + core::ops::Add<Output = W>>(
        users: usize,
        servers: usize,
        edges: impl Iterator<Item = (u32, u32, W)> + Clone,
        wrap: impl Fn(Vec<W>) -> Weights,
    ) -> Result<Self, ReputationError> {
        let positive = || edges.clone().filter(|e| e.2 > W::default());
        if !positive().any(|e| e.1 as usize >= users) {
            return Err(ReputationError::NoEndorsement);
        }
        let (offsets, targets, weights) = by_source(users, positive());
        let is_active = activity(users, servers, &offsets, &targets);
        let mut active: Vec<u32> = (0..users as u32).filter(|&u| is_active[u as usize]).collect();
        // Whoever is endorsed by many decides early what many others depend on: fewer sweeps.
        let mut endorsers = vec![0u32; users];
        for &t in targets.iter().filter(|&&t| (t as usize) < users) {
            endorsers[t as usize] += 1;
        }
        active.sort_by_key(|&u| core::cmp::Reverse(endorsers[u as usize]));
        let mut position = vec![NONE; users];
        for (i, &u) in active.iter().enumerate() {
            position[u as usize] = i as u32;
        }
        let node = |t: u32| match t as usize {
            user if user < users => position[user],
            server => (active.len() + server - users) as u32,
        };
        let mut rows = Rows::with_capacity(active.len(), targets.len());
        let mut row: Vec<(u32, W)> = Vec::new();
        for &u in &active {
            let range = offsets[u as usize] as usize..offsets[u as usize + 1] as usize;
            row.clear();
            row.extend(range.map(|e| (node(targets[e]), weights[e])).filter(|e| e.0 != NONE));
            row.sort_by_key(|e| e.0);
            rows.push(&row, active.len() as u32);
        }
        drop((offsets, targets, weights));
        let nodes = active.len() + servers;
        let (in_offsets, in_sources, in_weights) = rows.transposed(nodes);
        let kept = rows.targets.len();
        Ok(Self {
            users,
            servers,
            out_weight: rows.sums,
            servers_from: rows.servers_from,
            out: Sparse {
                offsets: rows.offsets,
                targets: rows.targets,
                weights: wrap(rows.weights),
            },
            incoming: Sparse {
                offsets: in_offsets,
                targets: in_sources,
                weights: wrap(in_weights),
            },
            dropped: edges.count() - kept,
            active,
            position,
        })
    }

    /// n.
    pub fn users(&self) -> usize {
        self.users
    }

    /// m.
    pub fn servers(&self) -> usize {
        self.servers
    }

    /// Users that take part.
    pub fn active_users(&self) -> usize {
        self.active.len()
    }

    /// Whether a user takes part.
    pub fn is_active(&self, user: usize) -> bool {
        self.position.get(user).is_some_and(|&p| p != NONE)
    }

    /// Endorsements that count: positive, not into inactive users, parallel ones as one.
    pub fn edges(&self) -> usize {
        self.out.targets.len()
    }

    /// Edges of the input that do not: zero weights, endorsements of inactive users, and merged parallels.
    pub fn edges_dropped(&self) -> usize {
        self.dropped
    }

    /// Scatters values of active users back to all users; the inactive get 0.
    pub(super) fn to_users(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut all = vec![0.0; self.users];
        for (&u, value) in self.active.iter().zip(values) {
            all[u as usize] = value;
        }
        all
    }
}

/// Checks sizes and edges; whether every weight is exact in single precision.
fn check(
    users: usize,
    servers: usize,
    edges: impl Iterator<Item = (u32, u32, f64)>,
) -> Result<bool, ReputationError> {
    if users == 0 || servers == 0 {
        return Err(ReputationError::Empty { users, servers });
    }
    let max = NONE as usize;
    if users.saturating_add(servers) >= max {
        return Err(ReputationError::TooLarge {
            what: "users and servers",
            count: users.saturating_add(servers),
            max,
        });
    }
    let (mut single, mut count) = (true, 0);
    for (edge, (source, target, weight)) in edges.enumerate() {
        if source as usize >= users {
            return Err(ReputationError::Node {
                edge,
                field: "source",
                node: source,
                limit: users,
            });
        }
        if target as usize >= users + servers {
            return Err(ReputationError::Node {
                edge,
                field: "target",
                node: target,
                limit: users + servers,
            });
        }
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(ReputationError::Weight { edge, weight });
        }
        single &= f64::from(weight as f32) == weight;
        count = edge + 1;
    }
    if count >= max {
        return Err(ReputationError::TooLarge { what: "edges", count, max });
    }
    Ok(single)
}

/// Counting sort by source.
fn by_source<W: Copy + Default>(
    users: usize,
    edges: impl Iterator<Item = (u32, u32, W)> + Clone,
) -> (Vec<u32>, Vec<u32>, Vec<W>) {
    let mut offsets = vec![0u32; users + 1];
    for (s, _, _) in edges.clone() {
        offsets[s as usize + 1] += 1;
    }
    for u in 0..users {
        offsets[u + 1] += offsets[u];
    }
    let total = offsets[users] as usize;
    let (mut targets, mut weights) = (vec![0; total], vec![W::default(); total]);
    let mut next = offsets.clone();
    for (s, t, w) in edges {
        let at = next[s as usize] as usize;
        next[s as usize] += 1;
        (targets[at], weights[at]) = (t, w);
    }
    (offsets, targets, weights)
}

/// Which users have an endorsement that leads to a server or to an active user: those left after taking out, again and
/// again, users without any. Linear in the edges.
fn activity(users: usize, servers: usize, offsets: &[u32], targets: &[u32]) -> Vec<bool> {
    let mut left: Vec<u32> = (0..users).map(|u| offsets[u + 1] - offsets[u]).collect();
    let mut queue: Vec<u32> = (0..users as u32).filter(|&u| left[u as usize] == 0).collect();
    if !queue.is_empty() {
        let sources = |f: &mut dyn FnMut(usize, usize)| {
            for u in 0..users {
                for e in offsets[u] as usize..offsets[u + 1] as usize {
                    f(u, targets[e] as usize);
                }
            }
        };
        let mut starts = vec![0u32; users + servers + 1];
        sources(&mut |_, t| starts[t + 1] += 1);
        for t in 0..users + servers {
            starts[t + 1] += starts[t];
        }
        let (mut next, mut endorser) = (starts.clone(), vec![0u32; targets.len()]);
        sources(&mut |u, t| {
            endorser[next[t] as usize] = u as u32;
            next[t] += 1;
        });
        while let Some(gone) = queue.pop() {
            for e in starts[gone as usize]..starts[gone as usize + 1] {
                let u = endorser[e as usize] as usize;
                left[u] -= 1;
                if left[u] == 0 {
                    queue.push(u as u32);
                }
            }
        }
    }
    left.into_iter().map(|l| l > 0).collect()
}

/// Rows under construction.
struct Rows<W> {
    offsets: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<W>,
    sums: Vec<f64>,
    servers_from: Vec<u32>,
}

impl<W: Copy + Default + Into<f64> + core::ops::Add<Output = W>> Rows<W> {
    fn with_capacity(rows: usize, edges: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self {
            offsets,
            targets: Vec::with_capacity(edges),
            weights: Vec::with_capacity(edges),
            sums: Vec::with_capacity(rows),
            servers_from: Vec::with_capacity(rows),
        }
    }

    /// Appends a sorted row, adding up parallel edges.
    fn push(&mut self, row: &[(u32, W)], first_server: u32) {
        let start = self.targets.len();
        for &(t, w) in row {
            if self.targets.len() > start && self.targets[self.targets.len() - 1] == t {
                let last = self.weights.len() - 1;
                self.weights[last] = self.weights[last] + w;
            } else {
                self.targets.push(t);
                self.weights.push(w);
            }
        }
        let users = self.targets[start..].partition_point(|&t| t < first_server);
        self.servers_from.push((start + users) as u32);
        self.sums.push(crate::numeric::sum(self.weights[start..].iter().map(|&w| w.into())));
        self.offsets.push(self.targets.len() as u32);
    }

    fn transposed(&self, nodes: usize) -> (Vec<u32>, Vec<u32>, Vec<W>) {
        let mut offsets = vec![0u32; nodes + 1];
        for &t in &self.targets {
            offsets[t as usize + 1] += 1;
        }
        for t in 0..nodes {
            offsets[t + 1] += offsets[t];
        }
        let (mut sources, mut weights) =
            (vec![0; self.targets.len()], vec![W::default(); self.targets.len()]);
        let mut next = offsets.clone();
        for i in 0..self.offsets.len() - 1 {
            for e in self.offsets[i] as usize..self.offsets[i + 1] as usize {
                let at = &mut next[self.targets[e] as usize];
                (sources[*at as usize], weights[*at as usize]) = (i as u32, self.weights[e]);
                *at += 1;
            }
        }
        (offsets, sources, weights)
    }
}
