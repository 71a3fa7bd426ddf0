//! Reputation.

mod committee;
mod extremes;
mod games;
mod incremental;
mod solvers;

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    EndorsementGraph, Profile, RankSettings, best_response, equilibrium, honest_counts,
};
use proptest::prelude::*;

/// (source, target, weight)
type Edge = (u32, u32, f64);

fn graph(users: usize, servers: usize, edges: &[Edge]) -> EndorsementGraph {
    EndorsementGraph::new(users, servers, edges.iter().copied()).expect("valid")
}

/// A graph as edges, with inactive users, self-endorsements and parallel edges among them.
fn endorsements() -> impl Strategy<Value = (usize, usize, Vec<Edge>)> {
    (1usize..14, 1usize..9).prop_flat_map(|(n, m)| {
        let edge = (0..n as u32, 0..(n + m) as u32, prop_oneof![Just(0.0), 0.01f64..5.0]);
        (Just(n), Just(m), proptest::collection::vec(edge, 1..60))
    })
}

/// Users endorse popular users and servers: the shape of real webs of trust, with many threads at
/// work.
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
    // An edge between nodes becomes two, to a user and to its replica, and keeps its number.
    for (edge, wanted) in [
        ((3, 0, 1.0), "edge 1: source 3"),
        ((0, 3, 1.0), "edge 1: target 3"),
        ((0, 1, -2.0), "edge 1: weight -2"),
    ] {
        let edges = [(0, 1, 1.0), edge, (1, 2, 1.0)];
        let error = EndorsementGraph::rank_everyone(3, edges.into_iter()).expect_err(wanted);
        assert!(error.to_string().contains(wanted), "{error} does not say {wanted:?}");
    }
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
