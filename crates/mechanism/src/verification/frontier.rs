//! Designing the protocol, not only its payments: how many stages to flag, with how many flags, and
//! how many to check.
//!
//! The model is the lossy channel of Section 3: a verifier samples a stage with probability s and
//! sees Honest where it did not; a sampled stage shows its type, but a dishonest one passes for a
//! flag with probability `mistaken` (split evenly). A replay with the honest seed comes first, then
//! one per flag seed until one fits.

use super::{VerificationError, VerificationGame};
use rayon::prelude::*;

/// What the operator cannot choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProtocolModel {
    /// Verifiers per stage, at least 2.
    pub verifiers: usize,
    /// Cost to a verifier of one replay of a stage.
    pub replay_cost: f64,
    /// Cost to the operator of opening one sampled stage to one verifier.
    pub opening_cost: f64,
    /// Probability that a sampled dishonest stage passes for a flag, in [0, 1).
    pub mistaken: f64,
}

/// What the operator may choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct DesignGrid {
    /// Shares of flagged stages, in (0, 1).
    pub flag_rates: Vec<f64>,
    /// Numbers of different flags, at least 1.
    pub flags: Vec<usize>,
    /// Probabilities with which a verifier checks a stage, in (0, 1].
    pub sampling_rates: Vec<f64>,
}

/// One point of the grid, per stage and in the model's unit of money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DesignChoice {
    /// Share of flagged stages.
    pub flag_rate: f64,
    /// Number of different flags.
    pub flags: usize,
    /// Probability with which a verifier checks a stage.
    pub sampling_rate: f64,
    /// The smallest margin with the wanted compactness.
    pub margin: f64,
    /// M, the deposit per scored stage.
    pub bound: f64,
    /// Expected payments to all verifiers.
    pub payments: f64,
    /// Expected cost of opening stages to them.
    pub openings: f64,
    /// Both.
    pub total: f64,
    /// Probability that at least one verifier reports a dishonest stage.
    pub detection: f64,
}

impl ProtocolModel {
    /// The verification game of one point. Nobody is expected to cheat: prior 0 for Dishonest.
    ///
    /// ```
    /// use muster_mechanism::verification::{ProtocolModel, VerificationGame};
    /// let (replay_cost, opening_cost) = (1.0, 0.1);
    /// let model = ProtocolModel { verifiers: 4, replay_cost, opening_cost, mistaken: 0.0 };
    /// let game = model.game(0.5, 2, 0.5)?;
    /// assert_eq!(game.prior(), VerificationGame::proof_of_learning().prior());
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::Number`] for values outside their ranges.
    pub fn game(
        &self,
        flag_rate: f64,
        flags: usize,
        sampling_rate: f64,
    ) -> Result<VerificationGame, VerificationError> {
        let check = |ok: bool, field: &str, value: f64, wanted: &'static str| {
            if ok {
                return Ok(());
            }
            Err(VerificationError::Number { field: field.to_owned(), value, wanted })
        };
        let count = flags as f64;
        check(
            flag_rate > 0.0 && flag_rate < 1.0,
            "flag_rate",
            flag_rate,
            "it must lie between 0 and 1",
        )?;
        check(
            (1..=super::TYPES_MAX - 2).contains(&flags),
            "flags",
            count,
            "there must be from 1 to 62",
        )?;
        check(
            sampling_rate > 0.0 && sampling_rate <= 1.0,
            "sampling_rate",
            sampling_rate,
            "it must be above 0 and at most 1",
        )?;
        check(
            (0.0..1.0).contains(&self.mistaken),
            "mistaken",
            self.mistaken,
            "it must be at least 0 and below 1",
        )?;
        let m = flags + 2;
        let mut prior = vec![flag_rate / count; m];
        (prior[0], prior[m - 1]) = (1.0 - flag_rate, 0.0);
        let mut observation = vec![vec![0.0; m]; m];
        observation[0][0] = 1.0;
        for t in 1..m {
            observation[t][0] = 1.0 - sampling_rate;
            observation[t][t] += sampling_rate;
        }
        observation[m - 1][m - 1] *= 1.0 - self.mistaken;
        for k in 1..=flags {
            observation[m - 1][k] = sampling_rate * self.mistaken / count;
        }
        let unflagged = 1.0 - flag_rate;
        let looked = unflagged * sampling_rate / (unflagged + flag_rate * (1.0 - sampling_rate));
        let replays = (0..m).map(|x| if x == 0 { looked } else { (x + 1).min(flags + 1) as f64 });
        VerificationGame::new(prior, observation, replays.map(|r| r * self.replay_cost).collect())
    }

    /// The point's design at a compactness; None if it cannot be reached.
    ///
    /// ```
    /// use muster_mechanism::verification::ProtocolModel;
    /// let (replay_cost, opening_cost) = (1.0, 0.1);
    /// let model = ProtocolModel { verifiers: 4, replay_cost, opening_cost, mistaken: 0.0 };
    /// let choice = model.evaluate(0.5, 2, 0.5, 0.01)?.expect("one percent is within reach");
    /// // Four verifiers who each sample half of the stages miss a bad one in 1/16 of the cases.
    /// assert!((choice.detection - 15.0 / 16.0).abs() < 1e-12);
    /// assert!(model.evaluate(0.5, 2, 0.5, 0.99)?.is_none());
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    pub fn evaluate(
        &self,
        flag_rate: f64,
        flags: usize,
        sampling_rate: f64,
        compactness: f64,
    ) -> Result<Option<DesignChoice>, VerificationError> {
        if self.verifiers < 2 {
            return Err(VerificationError::Verifiers { verifiers: self.verifiers });
        }
        let game = self.game(flag_rate, flags, sampling_rate)?;
        let margin = match game.margin_for_compactness(compactness) {
            Ok(margin) => margin,
            Err(VerificationError::Compactness { .. } | VerificationError::Infeasible { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let design = match game.design(margin) {
            Ok(design) => design,
            Err(VerificationError::Infeasible { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let verifiers = self.verifiers as f64;
        let missed = 1.0 - sampling_rate * (1.0 - self.mistaken);
        let (payments, openings) =
            (verifiers * design.metrics.budget, verifiers * sampling_rate * self.opening_cost);
        Ok(Some(DesignChoice {
            flag_rate,
            flags,
            sampling_rate,
            margin,
            bound: design.matrix.bound(),
            payments,
            openings,
            total: payments + openings,
            detection: 1.0 - libm::pow(missed, verifiers),
        }))
    }

    /// For each wanted detection probability, the cheapest point of the grid with at least this
    /// compactness and detection. Parallel; ties go to the earlier point of the grid.
    ///
    /// ```
    /// use muster_mechanism::verification::{DesignGrid, ProtocolModel};
    /// let (replay_cost, opening_cost) = (1.0, 0.1);
    /// let model = ProtocolModel { verifiers: 4, replay_cost, opening_cost, mistaken: 0.0 };
    /// let grid = DesignGrid {
    ///     flag_rates: vec![0.25, 0.5],
    ///     flags: vec![1, 2],
    ///     sampling_rates: vec![0.25, 0.5, 1.0],
    /// };
    /// let points = model.frontier(&grid, 0.01, &[0.5, 0.99])?;
    /// assert!(points[0].total <= points[1].total, "more certainty never costs less");
    /// # Ok::<(), muster_mechanism::verification::VerificationError>(())
    /// ```
    ///
    /// # Errors
    /// [`VerificationError::EmptyFrontier`] for the first detection probability that no point
    /// reaches.
    pub fn frontier(
        &self,
        grid: &DesignGrid,
        compactness: f64,
        detections: &[f64],
    ) -> Result<Vec<DesignChoice>, VerificationError> {
        let mut points = Vec::new();
        for &rate in &grid.flag_rates {
            for &flags in &grid.flags {
                points.extend(grid.sampling_rates.iter().map(|&s| (rate, flags, s)));
            }
        }
        let choices: Vec<Option<DesignChoice>> = points
            .par_iter()
            .map(|&(rate, flags, sampling)| self.evaluate(rate, flags, sampling, compactness))
            .collect::<Result<_, _>>()?;
        let cheapest = |detection: f64| {
            let able = choices.iter().flatten().filter(|c| c.detection >= detection);
            able.fold(None, |best: Option<&DesignChoice>, c| match best {
                Some(b) if b.total <= c.total => Some(b),
                _ => Some(c),
            })
        };
        detections
            .iter()
            .map(|&d| {
                let empty = VerificationError::EmptyFrontier { compactness, detection: d };
                cheapest(d).copied().ok_or(empty)
            })
            .collect()
    }
}
