//! Ranks that follow changes of rows.

use super::{endorsements, web};
use crate::reference::agree;
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, IncrementalRank, RankSettings, Refresh,
    ReputationError,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

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
                    // Where few walks reach a server, what they say of servers is known less
                    // exactly.
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

/// The one row that everything depends on changes.
#[test]
fn hubs_and_ends_change_their_row() {
    let (users, servers) = (2000usize, 3usize);
    let server = |j: usize| (users + j) as u32;
    // A star: everybody endorses user 0.
    let mut rows = vec![vec![(0u32, 1.0)]; users];
    rows[0] = vec![(server(0), 3.0), (server(1), 1.0)];
    let mut star = IncrementalRank::new(servers, rows, RankSettings::default()).expect("valid");
    star.set_row(0, vec![(server(1), 1.0), (server(2), 1.0)]).expect("valid");
    let reputation = star.reputation();
    assert_eq!(reputation[0], 0.0, "rounding must not leave anything");
    agree("star", reputation[1], 0.5, 1e-12, 0.0);
    // The hub falls silent: nobody endorses a server any more, which is refused and changes
    // nothing.
    let refused = star.set_row(0, vec![(1, 1.0)]);
    assert_eq!(refused, Err(ReputationError::NoEndorsement));
    agree("star", star.reputation()[2], 0.5, 1e-12, 0.0);
    // A chain whose end alone endorses a server.
    let chain: Vec<Vec<(u32, f64)>> = (0..users).map(|u| vec![(u as u32 + 1, 1.0)]).collect();
    let mut chain = IncrementalRank::new(servers, chain, RankSettings::default()).expect("valid");
    chain.set_row(users - 1, vec![(server(2), 1.0)]).expect("valid");
    agree("chain", chain.reputation()[2], 1.0, 1e-12, 0.0);
    assert!(chain.error_bound() < 1e-8);
}
