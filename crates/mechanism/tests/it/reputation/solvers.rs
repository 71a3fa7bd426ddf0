//! Ranks, contributions and payoffs: against their definitions and against recorded cases.

use super::{Edge, endorsements, graph, web};
use crate::reference::{agree, cases, number, numbers};
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, RankSettings, ReputationError,
    ServerExit, Teleport,
};
use proptest::prelude::*;

#[test]
fn reference_cases() {
    for (name, case) in cases("reputation-") {
        let (given, expected) = (&case["given"], &case["expected"]);
        let edges: Vec<Edge> = given["edges"]
            .as_array()
            .expect("edges")
            .iter()
            .map(|e| (number(&e[0]) as u32, number(&e[1]) as u32, number(&e[2])))
            .collect();
        let index = |field: &str| number(&given[field]) as usize;
        let graph = graph(index("users"), index("servers"), &edges);
        let restart = number(&given["restart"]);
        let ranking =
            graph.rank(&RankSettings { restart, ..RankSettings::default() }).expect("converges");
        let check = |what: &str, found: &[f64]| {
            let wanted = numbers(&expected[what]);
            assert_eq!(found.len(), wanted.len());
            for (k, (f, w)) in found.iter().zip(wanted).enumerate() {
                agree(&format!("{name} {what}[{k}]"), *f, w, 1e-9, 1e-12);
            }
        };
        check("reputation", &ranking.reputation);
        check("pagerank", &ranking.pagerank);
        assert!(ranking.residual <= 1e-12);
        let settings = ContributionSettings { restart, ..ContributionSettings::default() };
        let solver = Contributions::new(&graph, settings).expect("converges");
        let relative =
            solver.relative(&(0..index("servers")).collect::<Vec<_>>()).expect("converges");
        for (i, row) in expected["contributions"].as_array().expect("rows").iter().enumerate() {
            for (j, w) in numbers(row).into_iter().enumerate() {
                agree(&format!("{name} omega[{i}][{j}]"), relative[j][i], w, 1e-9, 1e-12);
            }
        }
        check("payoffs", &solver.payoffs(&numbers(&given["trust"])).expect("converges"));
    }
}

/// Activity by its definition, (active, normalised row over users and servers).
fn rows_by_definition(n: usize, m: usize, edges: &[Edge]) -> Vec<Option<Vec<f64>>> {
    let mut active = vec![true; n];
    loop {
        let before = active.clone();
        for u in 0..n {
            active[u] = edges.iter().any(|e| {
                e.0 as usize == u && e.2 > 0.0 && (e.1 as usize >= n || before[e.1 as usize])
            });
        }
        if active == before {
            break;
        }
    }
    (0..n)
        .map(|u| {
            let mut row = vec![0.0; n + m];
            let usable = |t: usize| t >= n || active[t];
            edges
                .iter()
                .filter(|e| e.0 as usize == u && usable(e.1 as usize))
                .for_each(|e| row[e.1 as usize] += e.2);
            let total: f64 = row.iter().sum();
            active[u].then(|| row.iter().map(|w| w / total).collect())
        })
        .collect()
}

/// Power iteration on the whole chain, as the paper writes it.
fn rank_by_definition(
    n: usize,
    m: usize,
    rows: &[Option<Vec<f64>>],
    alpha: f64,
    everyone: bool,
) -> Vec<f64> {
    let lands: Vec<bool> =
        (0..n + m).map(|v| if v < n { rows[v].is_some() } else { everyone }).collect();
    let places = lands.iter().filter(|&&l| l).count() as f64;
    let mut pi: Vec<f64> = lands.iter().map(|&l| if l { 1.0 / places } else { 0.0 }).collect();
    for _ in 0..3000 {
        let mut next = vec![0.0; n + m];
        let mut spread = alpha;
        for v in 0..n + m {
            match rows.get(v).and_then(Option::as_ref) {
                Some(row) => (0..n + m).for_each(|t| next[t] += (1.0 - alpha) * pi[v] * row[t]),
                None => spread += (1.0 - alpha) * pi[v],
            }
        }
        (0..n + m).filter(|&v| lands[v]).for_each(|v| next[v] += spread / places);
        pi = next;
    }
    pi
}

/// C by repeated multiplication.
fn contributions_by_definition(
    n: usize,
    m: usize,
    rows: &[Option<Vec<f64>>],
    alpha: f64,
) -> Vec<Vec<f64>> {
    (0..m)
        .map(|j| {
            let mut z = vec![0.0; n];
            for _ in 0..3000 {
                z = (0..n)
                    .map(|i| {
                        rows[i].as_ref().map_or(0.0, |row| {
                            (1.0 - alpha)
                                * (row[n + j] + (0..n).map(|k| row[k] * z[k]).sum::<f64>())
                        })
                    })
                    .collect();
            }
            z
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ranks_and_contributions_by_definition((n, m, edges) in endorsements(), alpha in 0.05f64..0.9) {
        let rows = rows_by_definition(n, m, &edges);
        let graph = match EndorsementGraph::new(n, m, edges.iter().copied()) {
            Ok(graph) => graph,
            Err(error) => {
                prop_assert_eq!(error, ReputationError::NoEndorsement);
                prop_assert!(!edges.iter().any(|e| e.1 as usize >= n && e.2 > 0.0));
                return Ok(());
            }
        };
        prop_assert_eq!(graph.active_users(), rows.iter().flatten().count());
        for teleport in [Teleport::Users, Teleport::Everyone] {
            let settings = RankSettings { restart: alpha, teleport, ..RankSettings::default() };
            let ranking = graph.rank(&settings).expect("converges");
            let wanted = rank_by_definition(n, m, &rows, alpha, teleport == Teleport::Everyone);
            for (found, wanted) in ranking.pagerank.iter().zip(&wanted) {
                prop_assert!((found - wanted).abs() < 1e-10, "{found} {wanted}");
            }
            prop_assert!((ranking.reputation.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let settings = ContributionSettings { restart: alpha, ..ContributionSettings::default() };
        let solver = Contributions::new(&graph, settings).expect("converges");
        let columns = solver.columns(&(0..m).collect::<Vec<_>>()).expect("converges");
        let wanted = contributions_by_definition(n, m, &rows, alpha);
        let trust: Vec<f64> = (0..m).map(|j| (j as f64 * 0.37) % 1.0).collect();
        let mut payoffs = vec![0.0; n];
        for j in 0..m {
            let total: f64 = wanted[j].iter().sum();
            for i in 0..n {
                prop_assert!((columns[j][i] - wanted[j][i]).abs() < 1e-10);
                if total > 0.0 {
                    payoffs[i] += trust[j] * wanted[j][i] / total;
                }
            }
        }
        for (found, wanted) in solver.payoffs(&trust).expect("converges").iter().zip(&payoffs) {
            prop_assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
        }
        // The literal form: personalised PageRank of each server from each user, servers exiting to
        // users.
        let literal = ContributionSettings { exit: ServerExit::Restart, ..settings };
        let literal = Contributions::new(&graph, literal).expect("converges").matrix().expect("converges");
        let start = (0..n).find(|&u| rows[u].is_some()).expect("somebody is active");
        let mut pi = vec![0.0; n + m];
        pi[start] = 1.0;
        let count = rows.iter().flatten().count() as f64;
        for _ in 0..3000 {
            let mut next = vec![0.0; n + m];
            next[start] += alpha;
            for v in 0..n + m {
                match rows.get(v).and_then(Option::as_ref) {
                    Some(row) => (0..n + m).for_each(|t| next[t] += (1.0 - alpha) * pi[v] * row[t]),
                    None => (0..n).filter(|&u| rows[u].is_some()).for_each(|u| next[u] += (1.0 - alpha) * pi[v] / count),
                }
            }
            pi = next;
        }
        for j in 0..m {
            prop_assert!((literal[start][j] - pi[n + j]).abs() < 1e-10);
        }
    }

    /// Conservation: everything that is paid for a server that somebody reaches is paid out.
    #[test]
    fn payoffs_are_conserved((n, m, edges) in endorsements()) {
        let Ok(graph) = EndorsementGraph::new(n, m, edges.iter().copied()) else { return Ok(()) };
        let reputation = graph.rank(&RankSettings::default()).expect("converges").reputation;
        let trust: Vec<f64> = (0..m).map(|j| f64::from(u8::from(j % 2 == 0))).collect();
        let paid: f64 = graph.payoffs(0.15, &trust).expect("converges").iter().sum();
        let owed: f64 = (0..m).filter(|&j| reputation[j] > 0.0).map(|j| trust[j]).sum();
        prop_assert!((paid - owed).abs() < 1e-9);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // Large enough to be swept by many threads at once.
    let graph = graph(160_000, 3000, &web(160_000, 3000, 8, 3));
    assert!(graph.edges() > 1 << 20);
    let trust: Vec<f64> = (0..3000).map(|j| f64::from(j % 7) / 7.0).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let ranking = graph.rank(&RankSettings::default()).expect("converges");
            let solver =
                Contributions::new(&graph, ContributionSettings::default()).expect("converges");
            let columns =
                solver.columns(&[0, 7, 2999, 5, 6, 100, 101, 102, 103, 104]).expect("converges");
            (ranking, columns, solver.payoffs(&trust).expect("converges"))
        })
    };
    let (one, five) = (with(1), with(5));
    assert!(one == five, "the bits differ");
    assert!(one.0.residual <= 1e-12 && one.0.sweeps < 40, "{} sweeps", one.0.sweeps);
}

#[test]
fn order_of_edges_does_not_matter_to_the_bits() {
    let edges = web(500, 40, 6, 9);
    let reversed: Vec<Edge> = edges.iter().rev().copied().collect();
    let rank =
        |edges: &[Edge]| graph(500, 40, edges).rank(&RankSettings::default()).expect("converges");
    assert_eq!(rank(&edges), rank(&reversed));
}

#[test]
fn stars_chains_and_halves() {
    let settings = RankSettings::default();
    // One user, one server.
    let one = graph(1, 1, &[(0, 1, 2.0)]).rank(&settings).expect("converges");
    agree("lone user", one.pagerank[0], 1.0 / 1.85, 1e-14, 0.0);
    // A chain of users towards one server, which only the last endorses; the walk of length k
    // survives 0.85^k.
    let n = 100_000u32;
    let chain: Vec<Edge> = (0..n).map(|u| (u, u + 1, 1.0)).collect();
    let chain = graph(n as usize, 1, &chain);
    assert_eq!(chain.rank(&settings).expect("converges").reputation, [1.0]);
    let solver = Contributions::new(&chain, ContributionSettings::default()).expect("converges");
    let column = &solver.columns(&[0]).expect("converges")[0];
    for k in [0usize, 1, 5, 30] {
        agree("chain", column[n as usize - 1 - k], 0.85f64.powi(k as i32 + 1), 1e-10, 0.0);
    }
    // A chain that leads nowhere: nobody in it is active.
    let mut lost: Vec<Edge> = (0..n - 1).map(|u| (u, u + 1, 1.0)).collect();
    lost.push((n, n + 1, 1.0));
    let lost = graph(n as usize + 1, 1, &lost);
    assert_eq!((lost.active_users(), lost.edges_dropped()), (1, n as usize - 1));
    // A star: everybody endorses user 0, who alone endorses servers.
    let mut star: Vec<Edge> = (1..1000).map(|u| (u, 0, 1.0)).collect();
    star.extend([(0, 1000, 3.0), (0, 1001, 1.0)]);
    let star = graph(1000, 2, &star).rank(&settings).expect("converges");
    agree("star", star.reputation[0], 0.75, 1e-13, 0.0);
    assert!(star.pagerank[0] > star.pagerank[1]);
    // Two halves that know nothing of each other, one twice as large.
    let mut halves: Vec<Edge> = (0..200).map(|u| (u, 300, 1.0)).collect();
    halves.extend((200..300).map(|u| (u, 301, 1.0)));
    let halves = graph(300, 2, &halves).rank(&settings).expect("converges");
    agree("halves", halves.reputation[0], 2.0 / 3.0, 1e-13, 0.0);
    // A ring that no walk leaves, beside one endorsement.
    let ring: Vec<Edge> = (0..50).map(|u| (u, (u + 1) % 50, 1.0)).chain([(50, 52, 1.0)]).collect();
    let ring = graph(51, 2, &ring).rank(&settings).expect("converges");
    assert_eq!(ring.reputation, [0.0, 1.0]);
    // Weights across the range of f64.
    let wide = graph(2, 2, &[(0, 2, 1e-300), (0, 3, 3e-300), (1, 2, 1e300)])
        .rank(&settings)
        .expect("converges");
    agree("wide", wide.reputation[0], 0.625, 1e-13, 0.0);
}

/// `|pi - pi T'|` of designated ranks with restart 0.15, edge by edge, for a graph in which
/// everybody is active.
fn residual_by_definition(users: usize, edges: &[Edge], pagerank: &[f64]) -> f64 {
    let mut given = vec![0.0; users];
    edges.iter().for_each(|e| given[e.0 as usize] += e.2);
    let exits: f64 = pagerank[users..].iter().sum();
    let mut next = vec![0.0; pagerank.len()];
    next[..users].fill((0.15 + 0.85 * exits) / users as f64);
    for &(source, target, weight) in edges {
        let source = source as usize;
        next[target as usize] += 0.85 * pagerank[source] * weight / given[source];
    }
    next.iter().zip(pagerank).map(|(a, b)| (a - b).abs()).sum()
}

/// What is reported as the residual is the residual, where users are swept one by one and where
/// they are in blocks.
#[test]
fn certificates_are_honest() {
    for users in [5_000, 160_000] {
        let edges = web(users, 3000, 8, 4);
        let graph = graph(users, 3000, &edges);
        assert_eq!(graph.active_users(), users);
        for tolerance in [1e-4, 1e-9, 1e-12] {
            let settings = RankSettings { tolerance, ..RankSettings::default() };
            let ranking = graph.rank(&settings).expect("converges");
            let found = residual_by_definition(users, &edges, &ranking.pagerank);
            assert!(ranking.residual <= tolerance, "{} {tolerance}", ranking.residual);
            agree("residual", found, ranking.residual, 1e-6, 2e-14);
        }
    }
}

/// Walks that end in small groups who endorse each other only fade slowly: sweep by sweep by the
/// restart alone.
#[test]
fn closed_groups_do_not_hold_up_the_rest() {
    let users = 4000u32;
    let mut edges = web(users as usize, 40, 6, 8);
    // Beside the web pairs, threes and fours, which some of it endorses.
    let mut first = users;
    for size in [2, 3, 4, 2, 3, 4, 2, 2] {
        for k in 0..size {
            edges.push((first + k, first + (k + 1) % size, 1.0));
            edges.push((first + (k + 1) % size, first + k, 2.0));
        }
        first += size;
    }
    // Numbers of servers move up by those of the groups.
    let more = first - users;
    edges.iter_mut().take(6 * users as usize).filter(|e| e.1 >= users).for_each(|e| e.1 += more);
    edges.extend((0..more).map(|k| (17 * k, users + k, 5.0)));
    // A way out, or they would be inactive: nobody else takes it.
    edges.extend((0..more).map(|k| (users + k, first, 1e-3)));
    let graph = graph(first as usize, 40, &edges);
    let ranking = graph.rank(&RankSettings::default()).expect("converges");
    let found = residual_by_definition(first as usize, &edges, &ranking.pagerank);
    assert!(found <= 1e-12 && ranking.sweeps < 40, "{found} after {} sweeps", ranking.sweeps);
}
