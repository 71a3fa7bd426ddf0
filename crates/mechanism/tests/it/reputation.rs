use crate::reference::{agree, cases, number, numbers};
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, IncrementalRank, Misinformation,
    Profile, RankSettings, Refresh, RepeatedGame, ReputationError, ServerExit, Teleport,
    best_response, distortion, equilibrium, honest_counts, noisy_decoding_bound, noisy_regret,
    noisy_regret_bound,
};
use proptest::prelude::*;

type Edge = (u32, u32, f64);

fn graph(users: usize, servers: usize, edges: &[Edge]) -> EndorsementGraph {
    EndorsementGraph::new(users, servers, edges.iter().copied()).expect("valid")
}

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

/// A graph as edges, with inactive users, self-endorsements and parallel edges among them.
fn endorsements() -> impl Strategy<Value = (usize, usize, Vec<Edge>)> {
    (1usize..14, 1usize..9).prop_flat_map(|(n, m)| {
        let edge = (0..n as u32, 0..(n + m) as u32, prop_oneof![Just(0.0), 0.01f64..5.0]);
        (Just(n), Just(m), proptest::collection::vec(edge, 1..60))
    })
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
        // The literal form: personalised PageRank of each server from each user, servers exiting to users.
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

    /// Best responses beat random strategies and satisfy the first-order conditions.
    #[test]
    fn best_responses_are_best(others in proptest::collection::vec(0.01f64..5.0, 2..12), seed: u64) {
        let mut stream = Stream::new(seed, 0);
        let trust: Vec<f64> = others.iter().map(|_| stream.uniform()).collect();
        let best = best_response(&others, &trust).expect("valid");
        prop_assert!((best.strategy.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        prop_assert!(best.strategy.iter().all(|&x| x >= 0.0));
        let pay = |x: &[f64]| -> f64 { (0..x.len()).map(|j| trust[j] * x[j] / (x[j] + others[j])).sum() };
        prop_assert!((pay(&best.strategy) - best.payoff).abs() < 1e-12);
        for _ in 0..100 {
            let draws: Vec<f64> = trust.iter().map(|_| stream.exponential()).collect();
            let total: f64 = draws.iter().sum();
            let random: Vec<f64> = draws.iter().map(|d| d / total).collect();
            let near: Vec<f64> = best.strategy.iter().zip(&random).map(|(b, r)| 0.99 * b + 0.01 * r).collect();
            prop_assert!(pay(&random) <= best.payoff + 1e-12 && pay(&near) <= best.payoff + 1e-12);
        }
    }

    /// Lemma 2: best-response dynamics from anywhere reach N(R), which has no regret. Theorem 5.1: D_PR decodes it.
    #[test]
    fn lemma_2_unique_equilibrium(trust in proptest::collection::vec(0.05f64..1.0, 2..6), n in 2usize..7, seed: u64) {
        let mut stream = Stream::new(seed, 0);
        let rows = (0..n).map(|_| {
            let draws: Vec<f64> = trust.iter().map(|_| stream.exponential()).collect();
            let total: f64 = draws.iter().sum();
            draws.iter().map(|d| d / total).collect()
        }).collect();
        let start = Profile::new(rows).expect("strategies");
        let end = start.best_response_dynamics(&trust, 1e-11, 5000).expect("valid");
        let truth = equilibrium(&trust).expect("valid");
        for row in end.profile.rows() {
            for (x, wanted) in row.iter().zip(&truth) {
                prop_assert!((x - wanted).abs() < 1e-6, "{x} {wanted} after {} rounds", end.rounds);
            }
        }
        let profile = Profile::symmetric(n, &truth).expect("strategies");
        prop_assert!(profile.regret(&trust).expect("valid").largest < 1e-12);
        // The decoder of the profile is Designated PageRank of the graph.
        let edges: Vec<Edge> = (0..n).flat_map(|i| truth.iter().enumerate()
            .map(move |(j, &w)| (i as u32, (n + j) as u32, w))).collect();
        let reputation = graph(n, trust.len(), &edges).rank(&RankSettings::default()).expect("converges").reputation;
        for (j, wanted) in truth.iter().enumerate() {
            prop_assert!((reputation[j] - wanted).abs() < 1e-12);
            prop_assert!((profile.decoded()[j] - wanted).abs() < 1e-12);
        }
    }

    /// What a common error of belief costs: the closed form is never exceeded, and met wherever the best response
    /// leaves out no server.
    #[test]
    fn regret_of_noisy_beliefs(
        pairs in proptest::collection::vec((0.0f64..1.0, prop_oneof![1 => Just(0.0), 4 => 0.0f64..1.0]), 2..9),
        near: bool,
        n in 1usize..40,
    ) {
        let trust: Vec<f64> = pairs.iter().map(|p| 0.01 + 0.99 * p.0).collect();
        let belief: Vec<f64> = trust.iter().zip(&pairs)
            .map(|(r, p)| if near { r * (1.0 - 0.01 * p.1 / n as f64) } else { p.1 }).collect();
        let Ok(played) = equilibrium(&belief) else { return Ok(()) };
        let others: Vec<f64> = played.iter().map(|x| (n - 1) as f64 * x).collect();
        let best = best_response(&others, &trust).expect("valid");
        let regret = Profile::symmetric(n, &played).expect("strategies").regret(&trust).expect("valid").largest;
        let bound = noisy_regret(n, &trust, &belief).expect("valid");
        prop_assert!(regret <= bound + 1e-9, "{regret} {bound}");
        if n > 1 && best.strategy.iter().zip(&others).all(|(x, _)| *x > 0.0) {
            prop_assert!((regret - bound).abs() < 1e-9, "{regret} {bound}");
        }
        prop_assert!(!near || n == 1 || best.strategy.iter().all(|&x| x > 0.0));
    }

    /// Section 6: informed users gain nothing by leaving N(R) whatever fresh users do, and the decoding holds.
    #[test]
    fn section_6_hierarchy(trust in proptest::collection::vec(0.05f64..1.0, 2..6), informed in 2usize..6,
                           fresh in 1usize..6, seed: u64) {
        let mut stream = Stream::new(seed, 0);
        let (n, truth) = (informed + fresh, equilibrium(&trust).expect("valid"));
        let mut edges: Vec<Edge> = (0..informed).flat_map(|i| truth.iter().enumerate()
            .map(move |(j, &w)| (i as u32, (n + j) as u32, w))).collect();
        for u in informed..n {
            for _ in 0..3 {
                edges.push((u as u32, stream.below(informed as u64) as u32, 0.1 + stream.uniform()));
            }
        }
        let graph = graph(n, trust.len(), &edges);
        let reputation = graph.rank(&RankSettings::default()).expect("converges").reputation;
        for (found, wanted) in reputation.iter().zip(&truth) {
            prop_assert!((found - wanted).abs() < 1e-11);
        }
        let users: Vec<usize> = (0..informed).collect();
        for deviation in graph.deviations(&users, &trust, &RankSettings::default()).expect("converges") {
            prop_assert!(deviation.gain < 1e-9, "{deviation:?}");
        }
    }

    /// A deviation's promise is kept: playing the best response earns what it says, and no random row earns more.
    #[test]
    fn deviations_are_exact((n, m, edges) in endorsements(), seed: u64) {
        let Ok(before) = EndorsementGraph::new(n, m, edges.iter().copied()) else { return Ok(()) };
        let mut stream = Stream::new(seed, 0);
        let trust: Vec<f64> = (0..m).map(|_| stream.uniform()).collect();
        let user = stream.below(n as u64) as usize;
        if !before.is_active(user) {
            prop_assert!(before.deviations(&[user], &trust, &RankSettings::default()).is_err());
            return Ok(());
        }
        let found = &before.deviations(&[user], &trust, &RankSettings::default()).expect("converges")[0];
        // Other users must stay as active as they were.
        let same = |row: &[Edge]| {
            let mut changed: Vec<Edge> = edges.iter().copied().filter(|e| e.0 as usize != user).collect();
            changed.extend_from_slice(row);
            let graph = EndorsementGraph::new(n, m, changed.into_iter()).ok()?;
            (0..n).all(|u| u == user || graph.is_active(u) == before.is_active(u)).then_some(graph)
        };
        let best: Vec<Edge> = found.strategy.iter().enumerate().map(|(j, &x)| (user as u32, (n + j) as u32, x)).collect();
        let Some(after) = same(&best) else { return Ok(()) };
        let earned = after.payoffs(0.15, &trust).expect("converges")[user];
        prop_assert!((earned - found.best_payoff).abs() < 1e-6, "{earned} {found:?}");
        for _ in 0..10 {
            let row: Vec<Edge> = (0..4).map(|_| (user as u32, stream.below((n + m) as u64) as u32, stream.exponential())).collect();
            let Some(other) = same(&row) else { continue };
            let earned = other.payoffs(0.15, &trust).expect("converges")[user];
            prop_assert!(earned <= found.best_payoff + 1e-9, "{earned} {found:?} {row:?}");
        }
    }

    /// Incremental ranks equal fresh ones within their certificate, whatever happens to the rows.
    #[test]
    fn incremental_equals_fresh((n, m, edges) in endorsements(), seed: u64) {
        let mut rows = vec![Vec::new(); n];
        edges.iter().for_each(|e| rows[e.0 as usize].push((e.1, e.2)));
        let Ok(mut ranks) = IncrementalRank::new(m, rows.clone(), RankSettings::default()) else { return Ok(()) };
        let mut stream = Stream::new(seed, 0);
        for _ in 0..6 {
            let user = stream.below(n as u64) as usize;
            let length = stream.below(4) as usize;
            let row: Vec<(u32, f64)> = (0..length).map(|_| (stream.below((n + m) as u64) as u32, stream.exponential())).collect();
            let mut changed = rows.clone();
            changed[user].clone_from(&row);
            let edges = changed.iter().enumerate().flat_map(|(u, r)| r.iter().map(move |&(v, w)| (u as u32, v, w)));
            match (ranks.set_row(user, row), EndorsementGraph::new(n, m, edges)) {
                (Ok(_), Ok(fresh)) => {
                    rows = changed;
                    let ranking = fresh.rank(&RankSettings::default()).expect("converges");
                    let wanted = &ranking.reputation;
                    let error: f64 = wanted.iter().zip(ranks.reputation()).map(|(a, b)| (a - b).abs()).sum();
                    prop_assert!(error <= ranks.error_bound() + 1e-11, "{error} {}", ranks.error_bound());
                    // Where few walks reach a server, what they say of servers is known less exactly.
                    let arrived: f64 = ranking.pagerank[n..].iter().sum();
                    prop_assert!(ranks.error_bound() * arrived < 1e-9, "{}", ranks.error_bound());
                    let row_wanted = Contributions::new(&fresh, ContributionSettings::default())
                        .expect("converges").matrix().expect("converges");
                    let (row, bound) = ranks.contribution_row(user, 1e-10).expect("valid");
                    let error: f64 = row.iter().zip(&row_wanted[user]).map(|(a, b)| (a - b).abs()).sum();
                    prop_assert!(error <= bound + 1e-11);
                }
                (Err(ReputationError::NoEndorsement), Err(ReputationError::NoEndorsement)) => {}
                (found, wanted) => panic!("{found:?} {wanted:?}"),
            }
        }
    }

    /// The Poisson-binomial distribution against all subsets.
    #[test]
    fn honest_counts_by_subsets(honesty in proptest::collection::vec(0.0f64..=1.0, 0..10)) {
        let counts = honest_counts(&honesty).expect("probabilities");
        let mut wanted = vec![0.0; honesty.len() + 1];
        for subset in 0..1usize << honesty.len() {
            let chance: f64 = honesty.iter().enumerate()
                .map(|(i, p)| if subset >> i & 1 == 1 { *p } else { 1.0 - p }).product();
            wanted[subset.count_ones() as usize] += chance;
        }
        for (found, wanted) in counts.iter().zip(&wanted) {
            prop_assert!((found - wanted).abs() < 1e-14);
        }
    }
}

/// Users endorse popular users and servers: the shape of real webs of trust, with many threads at work.
fn web(users: usize, servers: usize, degree: usize, seed: u64) -> Vec<Edge> {
    let mut stream = Stream::new(seed, 0);
    let mut edges = Vec::with_capacity(users * degree);
    for u in 0..users {
        for _ in 0..degree {
            let skewed = stream.uniform() * stream.uniform() * stream.uniform();
            let target = (skewed * (users + servers) as f64) as usize;
            edges.push((
                u as u32,
                (users + servers - 1 - target) as u32,
                1.0 + stream.below(9) as f64,
            ));
        }
    }
    edges
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let graph = graph(60_000, 3000, &web(60_000, 3000, 8, 3));
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
    // A chain of users towards one server, which only the last endorses; the walk of length k survives 0.85^k.
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

/// Lemma 3 and Theorem 7.1 over noisy beliefs.
#[test]
fn noisy_beliefs() {
    let mut stream = Stream::new(21, 0);
    for _ in 0..20 {
        let (n, m) = (20 + stream.below(100) as usize, 3 + stream.below(10) as usize);
        let noise = 1.0 / n as f64;
        let trust: Vec<f64> = (0..m).map(|_| 0.2 + 0.7 * stream.uniform()).collect();
        let belief: Vec<f64> =
            trust.iter().map(|r| r + noise * (2.0 * stream.uniform() - 1.0)).collect();
        let played = equilibrium(&belief).expect("valid");
        let profile = Profile::symmetric(n, &played).expect("strategies");
        let regret = profile.regret(&trust).expect("valid").largest;
        assert!(regret <= noisy_regret_bound(n, m, noise).expect("valid"), "{regret}");
        let found = distortion(&profile.decoded(), &trust).expect("valid");
        // Theorem 7.1 approximates |R'|_1 by |R|_1: exactly, a second term of the same order joins.
        let off: f64 = trust.iter().zip(&belief).map(|(r, b)| b - r).sum();
        let bound = noisy_decoding_bound(&trust, noise, off.abs()).expect("valid");
        assert!(found.error_max <= bound, "{} {bound}", found.error_max);
    }
}

#[test]
fn misinformation_hurts_and_more_of_it_hurts_more() {
    let trust: Vec<f64> = (0..12).map(|j| 0.3 + 0.05 * f64::from(j)).collect();
    for kind in Misinformation::ALL {
        let errors: Vec<f64> = [0, 40, 120]
            .into_iter()
            .map(|f| kind.compare(&trust, 200, f, 0.3, 5).expect("valid").0.error_max)
            .collect();
        assert!(
            errors[0] < 1e-10 && errors[1] > 1e-4 && errors[2] > errors[1],
            "{kind:?}: {errors:?}"
        );
    }
}

#[test]
fn repeated_games_follow_and_forget() {
    let base =
        RepeatedGame { users: 50, observed: 0.3, discount: 1.0, drift: 0.0, prior: 1.0, seed: 8 };
    let still = base.play(&[0.9, 0.6, 0.3], 1000).expect("valid");
    assert!(still[999].distortion.error_max < 0.02 && still[999].distortion.inversions == 0.0);
    // Under drift, forgetting helps.
    let tail = |discount: f64| {
        let game = RepeatedGame { discount, drift: 0.03, ..base };
        let rounds = game.play(&[0.9, 0.6, 0.3], 1500).expect("valid");
        rounds[500..].iter().map(|r| r.distortion.error_max).sum::<f64>() / 1000.0
    };
    assert!(tail(0.95) < tail(1.0));
    assert_eq!(
        base.play(&[0.5, 0.4], 30).expect("valid"),
        base.play(&[0.5, 0.4], 30).expect("valid")
    );
    assert!(base.play(&[1.5], 10).is_err());
}

#[test]
fn incremental_is_local() {
    let (n, m) = (20_000, 500);
    let mut rows = vec![Vec::new(); n];
    web(n, m, 6, 4).iter().for_each(|e| rows[e.0 as usize].push((e.1, e.2)));
    let mut ranks =
        IncrementalRank::new(m, rows, RankSettings { tolerance: 1e-5, ..RankSettings::default() })
            .expect("valid");
    let mut stream = Stream::new(5, 0);
    let mut pushed = 0;
    for _ in 0..20 {
        let user = stream.below(n as u64) as usize;
        let row = (0..6).map(|_| (stream.below((n + m) as u64) as u32, 1.0)).collect();
        match ranks.set_row(user, row).expect("valid") {
            Refresh::Pushed(edges) => pushed += edges,
            Refresh::Solved => panic!("everybody was and stays active"),
        }
    }
    assert!(ranks.error_bound() < 2e-4);
    // Less than one sweep, of which a solve takes a dozen and more.
    assert!(pushed / 20 < 120_000, "{} a change", pushed / 20);
}

#[test]
fn unclaimed_servers_are_taken() {
    let best = best_response(&[1.0, 0.0], &[0.5, 0.9]).expect("valid");
    assert!(best.strategy[1] > 0.0 && best.strategy[1] < 1e-8);
    agree("payoff", best.payoff, 0.25 + 0.9, 1e-8, 0.0);
    let alone = Profile::new(vec![vec![0.5, 0.5]]).expect("a strategy");
    assert!(alone.regret(&[0.2, 0.7]).expect("valid").largest < 1e-15);
}

#[test]
fn bad_input_is_refused_in_words() {
    let check = |users, servers, edges: &[Edge], wanted: &str| {
        let error = EndorsementGraph::new(users, servers, edges.iter().copied())
            .expect_err(wanted)
            .to_string();
        assert!(error.contains(wanted), "{error:?} does not say {wanted:?}");
    };
    check(0, 1, &[], "0 users and 1 servers");
    check(1, 0, &[], "1 users and 0 servers");
    check(usize::MAX, 2, &[], "do not fit");
    check(2, 1, &[(2, 0, 1.0)], "edge 0: source 2 is out of range");
    check(2, 1, &[(0, 2, 1.0), (0, 3, 1.0)], "edge 1: target 3 is out of range");
    check(2, 1, &[(0, 2, -1.0)], "edge 0: weight -1");
    check(2, 1, &[(0, 2, f64::NAN)], "weight NaN");
    check(2, 1, &[(0, 1, 1.0), (1, 0, 1.0)], "no user endorses any server");
    check(2, 1, &[(0, 2, 0.0)], "no user endorses any server");
    let graph = graph(1, 1, &[(0, 1, 1.0)]);
    for restart in [0.0, 1.0, f64::NAN] {
        assert!(graph.rank(&RankSettings { restart, ..RankSettings::default() }).is_err());
    }
    assert!(graph.payoffs(0.15, &[0.5, 0.5]).is_err() && graph.payoffs(0.15, &[1.5]).is_err());
    assert!(Profile::new(vec![vec![0.5, 0.6]]).is_err() && Profile::new(vec![]).is_err());
    assert!(Profile::new(vec![vec![0.5, 0.5], vec![1.0]]).is_err());
    assert!(equilibrium(&[0.0, 0.0]).is_err() && best_response(&[1.0], &[]).is_err());
    assert!(honest_counts(&[1.1]).is_err());
}
