//! The share of a cabal after many epochs.
//!
//! Honest peers rank other honest peers; the members of a cabal rank only each other. Honest peers
//! may give the cabal a *leak*, a share of their weights, by error or because it bribed them with
//! useful answers. The map says for which rule, graph, leak and stake the honest keep the market.

use muster_mechanism::market::{Config, Connectivity, Error, Rule, Weights, epoch};
use rayon::prelude::*;

/// Whom the honest peers know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graph {
    /// Each all others.
    Dense,
    /// Each this many others, drawn at random.
    Knows(usize),
}

/// Where the leak goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// All to one member.
    Concentrated,
    /// To all members alike.
    Spread,
}

/// Whom the members of the cabal rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// Each all other members.
    Dense,
    /// All of them the first member, that a concentrated leak goes to; it ranks itself.
    Star,
}

/// One cell of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// The market's rule.
    pub rule: Rule,
    /// Whom the honest peers know.
    pub graph: Graph,
    /// Where the leak goes.
    pub leak_to: Leak,
    /// The share of their weights that honest peers give the cabal.
    pub leak: f64,
    /// Honest peers.
    pub honest: usize,
    /// Members of the cabal.
    pub cabal: usize,
    /// Whom its members rank.
    pub ring: Ring,
    /// The honest peers' share of all stake at the start.
    pub honest_stake: f64,
    /// Epochs.
    pub epochs: usize,
    /// What is minted in an epoch, as a share of all stake.
    pub inflation: f64,
    /// Of graph, weights and stake.
    pub seed: u64,
}

impl Scenario {
    /// The cabal's share of all stake after the last epoch.
    ///
    /// # Errors
    /// Those of the market, where the scenario's numbers are out of range.
    pub fn run(&self) -> Result<f64, Error> {
        let mut random = Random::new(self.seed);
        let weights = self.weights(&mut random)?;
        let mut stake = self.stake(&mut random);
        let mut scaling = vec![1.0; stake.len()];
        // A peer's own stake does not vouch for it: the walk must return.
        let connectivity = Connectivity { self_connected: false, ..Connectivity::default() };
        let inflation = self.inflation;
        let config = Config { rule: self.rule, connectivity, inflation, ..Config::default() };
        for _ in 0..self.epochs {
            let after = epoch(&weights, &stake, Some(&scaling), &config)?;
            (stake, scaling) = (after.stake, after.scaling);
        }
        let cabal: f64 = stake[self.honest..].iter().sum();
        Ok(cabal / stake.iter().sum::<f64>())
    }

    fn weights(&self, random: &mut Random) -> Result<Weights, Error> {
        let peers = self.honest + self.cabal;
        let mut triplets = Vec::new();
        for i in 0..self.honest {
            let known = match self.graph {
                Graph::Dense => others(0..self.honest, i),
                Graph::Knows(count) => random.choose(others(0..self.honest, i), count),
            };
            let leak = if self.cabal > 0 { self.leak } else { 0.0 };
            triplets.extend(random.row(i, &known, 1.0 - leak));
            let leaked_to = match self.leak_to {
                Leak::Concentrated => self.cabal.min(1),
                Leak::Spread => self.cabal,
            };
            let share = leak / leaked_to as f64;
            triplets.extend((0..leaked_to).map(|member| (i, self.honest + member, share)));
        }
        for i in self.honest..peers {
            let members = match self.ring {
                Ring::Dense => others(self.honest..peers, i),
                Ring::Star => vec![self.honest],
            };
            // A cabal of one can only rank itself.
            let members = if members.is_empty() { vec![i] } else { members };
            triplets.extend(random.row(i, &members, 1.0));
        }
        Weights::from_triplets(peers, triplets)
    }

    fn stake(&self, random: &mut Random) -> Vec<f64> {
        let mut side = |count: usize, total: f64| {
            let shares: Vec<f64> = (0..count).map(|_| 0.1 + random.share()).collect();
            let sum: f64 = shares.iter().sum();
            shares.into_iter().map(move |share| share / sum * total).collect::<Vec<_>>()
        };
        let mut stake = side(self.honest, self.honest_stake);
        stake.extend(side(self.cabal, 1.0 - self.honest_stake));
        stake
    }
}

/// Runs all scenarios, in parallel; the order is kept.
///
/// # Errors
/// The first error of any scenario.
pub fn run_all(scenarios: &[Scenario]) -> Result<Vec<f64>, Error> {
    scenarios.par_iter().map(Scenario::run).collect()
}

fn others(peers: std::ops::Range<usize>, peer: usize) -> Vec<usize> {
    peers.filter(|&other| other != peer).collect()
}

/// xorshift64*, so that a cell can be replayed from its seed.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// In [0, 1).
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `count` of the peers, each as likely.
    fn choose(&mut self, mut peers: Vec<usize>, count: usize) -> Vec<usize> {
        for at in 0..count.min(peers.len()) {
            let left = (peers.len() - at) as u64;
            let other = at + (self.next() % left) as usize;
            peers.swap(at, other);
        }
        peers.truncate(count);
        peers
    }

    /// Random weights of `peer` to the others given, that sum to `total`.
    fn row(&mut self, peer: usize, to: &[usize], total: f64) -> Vec<(usize, usize, f64)> {
        let shares: Vec<f64> = to.iter().map(|_| 0.05 + self.share()).collect();
        let sum: f64 = shares.iter().sum();
        to.iter().zip(shares).map(|(&other, share)| (peer, other, share / sum * total)).collect()
    }
}
