//! Misinformed users: how far a share of arbitrary rows moves reputation (the paper's future work).

use super::{EndorsementGraph, RankSettings, ReputationError, Teleport, check_length, equilibrium};
use crate::random::Stream;

/// What misinformed users play. The others play N(R).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misinformation {
    /// Each its own uniformly random point of the simplex over servers.
    Random,
    /// All the mirror image of the truth: N(max R - R), the worst servers endorsed most.
    Adversarial,
    /// All one server, the least trusted, and each other's cause: half of every row goes to fellow
    /// conspirators.
    Collusive,
}

impl Misinformation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Random, Self::Adversarial, Self::Collusive];
}

/// How far a reputation vector is from N(R).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// Share of the pairs of servers with different trust that are ranked the wrong way round or
    /// alike.
    pub inversions: f64,
    /// `max_j |rho[j] - N(R)[j]|`.
    pub error_max: f64,
}

/// Compares reputation with the truth, both of length m. Ties in the truth cannot be inverted.
/// O(m^2).
///
/// ```
/// use muster_mechanism::reputation::distortion;
/// let found = distortion(&[0.2, 0.8], &[0.9, 0.3])?;
/// assert_eq!(found.inversions, 1.0);
/// assert!((found.error_max - 0.55).abs() < 1e-12);
/// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
/// ```
pub fn distortion(reputation: &[f64], trust: &[f64]) -> Result<Distortion, ReputationError> {
    check_length("reputation", reputation.len(), trust.len())?;
    let truth = equilibrium(trust)?;
    let (mut pairs, mut inverted) = (0u64, 0u64);
    for j in 0..trust.len() {
        for k in 0..j {
            if trust[j] != trust[k] {
                pairs += 1;
                let (better, worse) = if trust[j] > trust[k] { (j, k) } else { (k, j) };
                inverted += u64::from(reputation[better] <= reputation[worse]);
            }
        }
    }
    let error = reputation.iter().zip(&truth).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok(Distortion {
        inversions: if pairs > 0 { inverted as f64 / pairs as f64 } else { 0.0 },
        error_max: error,
    })
}

impl Misinformation {
    /// The graph of `users` users, of whom the last `misinformed` play this and the rest N(R). Each
    /// informed user also gives `social` in [0, 1) of its row to random fellow users, uniformly
    /// over ten draws, so that there is a network for misinformation to spread in.
    ///
    /// # Errors
    /// Trust outside [0, 1] or all 0; more misinformed than users; `social` out of range.
    pub fn graph(
        self,
        trust: &[f64],
        users: usize,
        misinformed: usize,
        social: f64,
        seed: u64,
    ) -> Result<EndorsementGraph, ReputationError> {
        let truth = equilibrium(trust)?;
        if misinformed > users {
            let wanted = "it must be at most all users";
            let value = misinformed as f64;
            return Err(ReputationError::Parameter { field: "misinformed", value, wanted });
        }
        if !(0.0..1.0).contains(&social) {
            let wanted = "it must be at least 0 and below 1";
            return Err(ReputationError::Parameter { field: "social", value: social, wanted });
        }
        let mut stream = Stream::new(seed, 0);
        let informed = users - misinformed;
        let mut edges: Vec<(u32, u32, f64)> = Vec::new();
        for user in 0..users {
            let row = if user < informed { truth.clone() } else { self.row(trust, &mut stream) };
            let fellows = match self {
                Self::Collusive if user >= informed && misinformed > 1 => {
                    Some((informed, misinformed, 0.5))
                }
                _ if social > 0.0 && users > 1 => Some((0, users, social)),
                _ => None,
            };
            let direct = fellows.map_or(1.0, |f| 1.0 - f.2);
            edges.extend(
                row.iter().enumerate().map(|(j, x)| (user as u32, (users + j) as u32, direct * x)),
            );
            if let Some((first, count, share)) = fellows {
                for _ in 0..10 {
                    let fellow = first + stream.below(count as u64) as usize;
                    edges.push((user as u32, fellow as u32, share / 10.0));
                }
            }
        }
        EndorsementGraph::new(users, trust.len(), edges.into_iter())
    }

    /// The distortion with a share of misinformed users, (designated, ordinary PageRank).
    ///
    /// ```
    /// use muster_mechanism::reputation::Misinformation;
    /// let trust = [0.9, 0.7, 0.5, 0.3];
    /// let (designated, ordinary) = Misinformation::Adversarial.compare(&trust, 20, 0, 0.0, 1)?;
    /// assert!(designated.error_max < 1e-9, "nobody is misinformed: N(R), exactly");
    /// assert!(designated.error_max <= ordinary.error_max + 1e-12);
    /// # Ok::<(), muster_mechanism::reputation::ReputationError>(())
    /// ```
    pub fn compare(
        self,
        trust: &[f64],
        users: usize,
        misinformed: usize,
        social: f64,
        seed: u64,
    ) -> Result<(Distortion, Distortion), ReputationError> {
        let graph = self.graph(trust, users, misinformed, social, seed)?;
        let designated = graph.rank(&RankSettings::default())?;
        let ordinary = graph
            .rank(&RankSettings { teleport: Teleport::Everyone, ..RankSettings::default() })?;
        Ok((distortion(&designated.reputation, trust)?, distortion(&ordinary.reputation, trust)?))
    }

    fn row(self, trust: &[f64], stream: &mut Stream) -> Vec<f64> {
        let normalised = |row: Vec<f64>| {
            let total: f64 = row.iter().sum();
            let uniform = 1.0 / row.len() as f64;
            row.iter().map(|x| if total > 0.0 { x / total } else { uniform }).collect()
        };
        match self {
            Self::Random => normalised(trust.iter().map(|_| stream.exponential()).collect()),
            Self::Adversarial => {
                let most = trust.iter().copied().fold(0.0, f64::max);
                normalised(trust.iter().map(|r| most - r).collect())
            }
            Self::Collusive => {
                let mut worst = 0;
                for j in 1..trust.len() {
                    if trust[j] < trust[worst] {
                        worst = j;
                    }
                }
                (0..trust.len()).map(|j| f64::from(u8::from(j == worst))).collect()
            }
        }
    }
}
