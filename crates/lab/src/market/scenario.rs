//! A market of honest peers and a cabal, run for many epochs.
//!
//! Honest peers rank other honest peers; the members of a cabal rank only each other. Honest peers
//! may give the cabal a *leak*, a share of their weights, by error or because it bribed them with
//! useful answers. The cabal may give honest peers a *cover*, a share of its weights, to look like
//! one of them.

use muster_mechanism::market::{Config, Connectivity, Error, Rule, Weights, epoch};
use muster_mechanism::random::Stream;

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

/// How opinions become incentive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clipping {
    /// By the rule, as the network does.
    Once,
    /// By the rule, with half of the stake raised to this share of it, above a half and below one:
    /// a peer that is not ranked and ranks nobody holds as much stake as that takes.
    Majority(f64),
}

/// One market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// The market's rule.
    pub rule: Rule,
    /// How it is applied.
    pub clipping: Clipping,
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
    /// The share of their weights that members give to honest peers, all alike.
    pub cover: f64,
    /// The honest peers' share of all stake at the start.
    pub honest_stake: f64,
    /// Epochs.
    pub epochs: usize,
    /// What is minted in an epoch, as a share of all stake.
    pub inflation: f64,
    /// Of graph, weights and stake.
    pub seed: u64,
}

/// How a market ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The cabal's share of all stake after the last epoch.
    pub share: f64,
    /// All stake, that of the start being one.
    pub stake: f64,
}

impl Scenario {
    /// Runs all epochs.
    ///
    /// # Errors
    /// Those of the market, where the scenario's numbers are out of range.
    pub fn run(&self) -> Result<Outcome, Error> {
        let (weights, mut stake) = self.start()?;
        let mut scaling = vec![1.0; stake.len()];
        // A peer's own stake does not vouch for it: the walk must return.
        let connectivity = Connectivity { self_connected: false, ..Connectivity::default() };
        let inflation = self.inflation;
        let config = Config { rule: self.rule, connectivity, inflation, ..Config::default() };
        for _ in 0..self.epochs {
            match self.clipping {
                Clipping::Once => {
                    let after = epoch(&weights, &stake, Some(&scaling), &config)?;
                    (stake, scaling) = (after.stake, after.scaling);
                }
                Clipping::Majority(share) => {
                    let silent = stake.len() - 1;
                    let others: f64 = stake[..silent].iter().sum();
                    stake[silent] = (2.0 * share - 1.0) * others;
                    // What is minted is a share of the stake of those who speak.
                    let inflation = inflation / (2.0 * share);
                    stake = epoch(&weights, &stake, None, &Config { inflation, ..config })?.stake;
                }
            }
        }
        let members = self.honest..self.honest + self.cabal;
        let cabal: f64 = stake[members.clone()].iter().sum();
        let all: f64 = stake[..members.end].iter().sum();
        Ok(Outcome { share: cabal / all, stake: all })
    }

    /// Weights, and the stake of the start, the honest first.
    ///
    /// # Errors
    /// Those of the market, where the scenario's numbers are out of range.
    pub fn start(&self) -> Result<(Weights, Vec<f64>), Error> {
        let mut random = Stream::new(self.seed, 0);
        Ok((self.weights(&mut random)?, self.stake(&mut random)))
    }

    fn weights(&self, random: &mut Stream) -> Result<Weights, Error> {
        let members = self.honest..self.honest + self.cabal;
        let mut triplets = Vec::new();
        for i in 0..self.honest {
            let known = match self.graph {
                Graph::Dense => others(0..self.honest, i),
                Graph::Knows(count) => choose(random, others(0..self.honest, i), count),
            };
            let leak = if self.cabal > 0 { self.leak } else { 0.0 };
            triplets.extend(row(random, i, &known, 1.0 - leak));
            let leaked_to = match self.leak_to {
                Leak::Concentrated => self.cabal.min(1),
                Leak::Spread => self.cabal,
            };
            let share = leak / leaked_to as f64;
            triplets.extend((0..leaked_to).map(|member| (i, self.honest + member, share)));
        }
        for i in members.clone() {
            let ranked = match self.ring {
                Ring::Dense => others(members.clone(), i),
                Ring::Star => vec![self.honest],
            };
            // A cabal of one can only rank itself.
            let ranked = if ranked.is_empty() { vec![i] } else { ranked };
            triplets.extend(row(random, i, &ranked, 1.0 - self.cover));
            let share = self.cover / self.honest as f64;
            triplets.extend((0..self.honest).map(|honest| (i, honest, share)));
        }
        Weights::from_triplets(members.end + self.silent(), triplets)
    }

    fn stake(&self, random: &mut Stream) -> Vec<f64> {
        let mut side = |count: usize, total: f64| {
            let shares: Vec<f64> = (0..count).map(|_| 0.1 + random.uniform()).collect();
            let sum: f64 = shares.iter().sum();
            shares.into_iter().map(move |share| share / sum * total).collect::<Vec<_>>()
        };
        let mut stake = side(self.honest, self.honest_stake);
        stake.extend(side(self.cabal, 1.0 - self.honest_stake));
        stake.resize(stake.len() + self.silent(), 0.0);
        stake
    }

    fn silent(&self) -> usize {
        usize::from(matches!(self.clipping, Clipping::Majority(_)))
    }
}

pub(super) fn others(peers: std::ops::Range<usize>, peer: usize) -> Vec<usize> {
    peers.filter(|&other| other != peer).collect()
}

/// `count` of the peers, each as likely.
pub(super) fn choose(random: &mut Stream, mut peers: Vec<usize>, count: usize) -> Vec<usize> {
    for at in 0..count.min(peers.len()) {
        let left = (peers.len() - at) as u64;
        peers.swap(at, at + random.below(left) as usize);
    }
    peers.truncate(count);
    peers
}

/// Random weights of `peer` to the others given, that sum to `total`.
fn row(random: &mut Stream, peer: usize, to: &[usize], total: f64) -> Vec<(usize, usize, f64)> {
    let shares: Vec<f64> = to.iter().map(|_| 0.05 + random.uniform()).collect();
    let sum: f64 = shares.iter().sum();
    to.iter().zip(shares).map(|(&other, share)| (peer, other, share / sum * total)).collect()
}

/// The inflation by which stake grows by the factor `growth` in so many epochs.
pub fn inflation_for(growth: f64, epochs: usize) -> f64 {
    libm::expm1(libm::log(growth) / epochs as f64)
}
