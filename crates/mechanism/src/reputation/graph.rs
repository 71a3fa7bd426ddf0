//! The endorsement graph, by rows and by columns.

use super::ReputationError;
use std::sync::OnceLock;

/// n users, m servers and weighted endorsements, with the inactive users taken out.
#[derive(Clone, Debug)]
pub struct EndorsementGraph {
    users: usize,
    servers: usize,
    /// Active users, in the order in which the solvers visit them.
    pub(super) active: Vec<u32>,
    /// Position of a user among the active, or NONE.
    pub(super) position: Vec<u32>,
    /// Row j: who endorses node j, active users before servers. Sorted by source.
    pub(super) incoming: Sparse,
    /// Made of `incoming` by whoever needs it first.
    out: OnceLock<Out>,
    /// Sum of the weights of what each active user endorses, and of users among them.
    pub(super) out_weight: Vec<f64>,
    pub(super) users_weight: Vec<f64>,
    dropped: usize,
}

/// Endorsements by who gives them.
#[derive(Clone, Debug)]
pub(super) struct Out {
    /// Whose endorsements each row holds: whoever gives most comes first. Active users, by
    /// position.
    pub users: Vec<u32>,
    /// What they endorse. Nodes: active users, then servers. Sorted by target.
    pub rows: Sparse,
    /// Per row, where its servers begin.
    pub servers_from: Vec<u32>,
}

/// No position.
pub(super) const NONE: u32 = u32::MAX;

/// Compressed sparse rows.
#[derive(Clone, Debug)]
pub(super) struct Sparse {
    pub offsets: Vec<u32>,
    pub targets: Vec<u32>,
    pub weights: Weights,
}

/// Weights as given: single precision wherever that is exact, because memory is what a sweep waits
/// for.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Sparse {
    /// Where row i stands in `targets` and `weights`.
    pub fn row(&self, i: usize) -> core::ops::Range<usize> {
        self.offsets[i] as usize..self.offsets[i + 1] as usize
    }

    /// (target, weight) of row i.
    pub fn entries(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.row(i).map(|e| (self.targets[e] as usize, self.weights.at(e)))
    }
}

impl Weights {
    /// The weight of an endorsement by its place.
    pub fn at(&self, edge: usize) -> f64 {
        match self {
            Self::Single(list) => f64::from(list[edge]),
            Self::Double(list) => list[edge],
        }
    }
}

impl EndorsementGraph {
    /// Users 0..n and servers n..n+m. `edges`: (user, target, weight); it is walked several times.
    /// Weights need not be normalised; zero counts as no endorsement and parallel edges add up. A
    /// weight is 0 or from 1e-300 to 1e300.
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, ReputationError};
    /// let edges = [(0, 3, 2.0), (1, 0, 1.0), (2, 1, 0.0)];
    /// let graph = EndorsementGraph::new(3, 1, edges.into_iter())?;
    /// assert_eq!((graph.users(), graph.servers()), (3, 1));
    /// assert_eq!(graph.active_users(), 2, "user 2 endorses nobody");
    /// let nobody = EndorsementGraph::new(2, 1, [(0, 1, 1.0)].into_iter());
    /// assert!(matches!(nobody, Err(ReputationError::NoEndorsement)));
    /// # Ok::<(), ReputationError>(())
    /// ```
    ///
    /// # Errors
    /// Empty or too large graphs, indices out of range, weights that are negative, not finite or
    /// beyond the range, and [`ReputationError::NoEndorsement`].
    pub fn new(
        users: usize,
        servers: usize,
        edges: impl Iterator<Item = (u32, u32, f64)> + Clone,
    ) -> Result<Self, ReputationError> {
        let single = check(users, servers, edges.clone())?;
        if single {
            let edges = edges.clone().map(|(s, t, w)| (s, t, w as f32));
            if let Some(graph) = Self::build(users, servers, edges, Weights::Single)? {
                return Ok(graph);
            }
        }
        Ok(Self::build(users, servers, edges, Weights::Double)?
            .expect("doubles are taken as they are"))
    }

    /// Every node a user and, as a replica, a server: node v is user v and server `nodes + v`, and
    /// an endorsement of v goes to both alike. `edges`: (source, target, weight) between nodes.
    ///
    /// ```
    /// use muster_mechanism::reputation::{EndorsementGraph, RankSettings};
    /// let edges = [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0)];
    /// let graph = EndorsementGraph::rank_everyone(3, edges.into_iter())?;
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
        for (edge, endorsement) in edges.clone().enumerate() {
            check_endorsement(edge, endorsement, nodes, nodes)?;
        }
        let replica = nodes as u32;
        Self::new(nodes, nodes, edges.flat_map(move |(s, t, w)| [(s, t, w), (s, replica + t, w)]))
    }

    /// None if parallel weights add up to something that W cannot hold though a double can.
    fn build<W: Copy + PartialOrd + Default + Into<f64> + core::ops::Add<Output = W>>(
        users: usize,
        servers: usize,
        edges: impl Iterator<Item = (u32, u32, W)> + Clone,
        wrap: impl Fn(Vec<W>) -> Weights,
    ) -> Result<Option<Self>, ReputationError> {
        let positive = || edges.clone().filter(|e| e.2 > W::default());
        if !positive().any(|e| e.1 as usize >= users) {
            return Err(ReputationError::NoEndorsement);
        }
        let (offsets, targets, weights) = by_source(users, positive());
        let is_active = activity(users, servers, &offsets, &targets);
        let mut active: Vec<u32> = (0..users as u32).filter(|&u| is_active[u as usize]).collect();
        // Whoever is endorsed by many decides early what many others depend on: fewer sweeps. It
        // often endorses many, too, so that what is looked up most stands together; and rows of
        // like length follow each other.
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
        if rows.rounded {
            return Ok(None);
        }
        let nodes = active.len() + servers;
        let dropped = edges.count() - rows.targets.len();
        let (offsets, targets, weights) = rows.transposed(nodes);
        let Rows { sums: out_weight, users_sums: users_weight, .. } = rows;
        let incoming = Sparse { offsets, targets, weights: wrap(weights) };
        let out = OnceLock::new();
        Ok(Some(Self {
            users,
            servers,
            incoming,
            out,
            out_weight,
            users_weight,
            dropped,
            active,
            position,
        }))
    }

    /// Endorsements by who gives them.
    pub(super) fn out(&self) -> &Out {
        self.out.get_or_init(|| match &self.incoming.weights {
            Weights::Single(list) => self.given(list, Weights::Single),
            Weights::Double(list) => self.given(list, Weights::Double),
        })
    }

    fn given<W: Copy + Default>(&self, list: &[W], wrap: impl Fn(Vec<W>) -> Weights) -> Out {
        let (rows, edges) = (self.active.len(), self.incoming.targets.len());
        let mut given = vec![0u32; rows];
        for &source in &self.incoming.targets {
            given[source as usize] += 1;
        }
        // Rows of like length follow each other, so that the processor foresees where they end.
        let mut users: Vec<u32> = (0..rows as u32).collect();
        users.sort_by_key(|&i| core::cmp::Reverse(given[i as usize]));
        let mut offsets = vec![0u32; rows + 1];
        // Where the next endorsement of each user goes.
        let mut next = vec![0u32; rows];
        for (row, &i) in users.iter().enumerate() {
            next[i as usize] = offsets[row];
            offsets[row + 1] = offsets[row] + given[i as usize];
        }
        let (mut targets, mut weights) = (vec![0; edges], vec![W::default(); edges]);
        let mut servers_from = Vec::new();
        for node in 0..rows + self.servers {
            if node == rows {
                servers_from = users.iter().map(|&i| next[i as usize]).collect();
            }
            for edge in self.incoming.row(node) {
                let at = &mut next[self.incoming.targets[edge] as usize];
                (targets[*at as usize], weights[*at as usize]) = (node as u32, list[edge]);
                *at += 1;
            }
        }
        Out { users, rows: Sparse { offsets, targets, weights: wrap(weights) }, servers_from }
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
        self.incoming.targets.len()
    }

    /// Edges of the input that do not: zero weights, endorsements of inactive users, and merged
    /// parallels.
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

/// Checks endorsement number `edge` (source, target, weight) for `sources` sources and `targets`
/// targets.
pub(super) fn check_endorsement(
    edge: usize,
    (source, target, weight): (u32, u32, f64),
    sources: usize,
    targets: usize,
) -> Result<(), ReputationError> {
    for (field, node, limit) in [("source", source, sources), ("target", target, targets)] {
        if node as usize >= limit {
            return Err(ReputationError::Node { edge, field, node, limit });
        }
    }
    // Beyond this range, sums and quotients of weights would leave that of a double.
    if weight != 0.0 && !(1e-300..=1e300).contains(&weight) {
        return Err(ReputationError::Weight { edge, weight });
    }
    Ok(())
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
    // Solvers look users up by signed indices.
    let most = i32::MAX as usize;
    if users > most {
        return Err(ReputationError::TooLarge { what: "users", count: users, max: most });
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
    for (edge, endorsement) in edges.enumerate() {
        check_endorsement(edge, endorsement, users, users + servers)?;
        let weight = endorsement.2;
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

/// Which users have an endorsement that leads to a server or to an active user: those left after
/// taking out, again and again, users without any. Linear in the edges.
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
    /// Of each row, and of users in it.
    sums: Vec<f64>,
    users_sums: Vec<f64>,
    /// Whether a sum of parallel edges lost digits that a double would have kept.
    rounded: bool,
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
            users_sums: Vec::with_capacity(rows),
            rounded: false,
        }
    }

    /// Appends a sorted row, adding up parallel edges.
    fn push(&mut self, row: &[(u32, W)], first_server: u32) {
        let start = self.targets.len();
        for &(t, w) in row {
            if self.targets.len() > start && self.targets[self.targets.len() - 1] == t {
                let last = self.weights.len() - 1;
                let (before, after) = (self.weights[last], self.weights[last] + w);
                self.rounded |= after.into() != before.into() + w.into();
                self.weights[last] = after;
            } else {
                self.targets.push(t);
                self.weights.push(w);
            }
        }
        let users = self.targets[start..].partition_point(|&t| t < first_server);
        let total = |weights: &[W]| crate::numeric::sum(weights.iter().map(|&w| w.into()));
        self.sums.push(total(&self.weights[start..]));
        self.users_sums.push(total(&self.weights[start..start + users]));
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
