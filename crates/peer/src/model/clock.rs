//! Processor time, for the comparison with the control.

use muster_learning::{Corpus, Learner, LearnerError, TrainingConfig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Own steps between two measurements of the control, at first and later.
const EVERY_AT_FIRST: u64 = 4;
const EVERY: u64 = 32;
/// Measurements before the cost is told, and after which they become rare.
const FIRST: usize = 5;
/// Measurements that count; the latest replace the earliest.
const COUNTED: usize = 32;

/// Seconds of processor time of this thread; zero where the system does not tell.
pub(crate) fn thread_seconds() -> f64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0.0, |usage| {
        (usage.user_time() + usage.system_time()).num_microseconds() as f64 * 1e-6
    })
}

/// What a step of the control costs, measured now and then beside the own steps, so that a busy
/// machine slows both alike: a learner of the same sizes that asks nobody takes the same step.
pub(crate) struct ControlCost {
    learner: Learner,
    /// Seconds of the latest measurements.
    seconds: Vec<f64>,
    measured: usize,
}

impl ControlCost {
    /// Ready to measure what the control of `learner` costs.
    ///
    /// # Errors
    /// None but our own mistakes: the sizes are those of `learner`.
    pub fn new(learner: &Learner) -> Result<Self, LearnerError> {
        let model = *learner.model();
        let training = TrainingConfig { control: false, ..*learner.training() };
        let text: Vec<u8> = (0..model.context * 40).map(|i| (i * 31 % 251) as u8).collect();
        let corpus = Corpus::new(text, model.context)
            .expect("forty contexts of text are more than the ten and one byte that are needed");
        let learner = Learner::new(model, training, corpus, 0)?;
        let mut cost = Self { learner, seconds: Vec::new(), measured: 0 };
        // The first step of any learner meets cold caches.
        cost.step()?;
        Ok(cost)
    }

    fn step(&mut self) -> Result<(), LearnerError> {
        let plan = self.learner.begin_step(&[])?;
        self.learner.finish_step(plan, Vec::new())?;
        Ok(())
    }

    /// Measures again if it is time; gives the median in seconds, once there are enough
    /// measurements, and what this one cost.
    ///
    /// # Errors
    /// None but our own mistakes.
    pub fn measure(&mut self, own_steps: u64) -> Result<(Option<f64>, f64), LearnerError> {
        let every = if self.measured < FIRST { EVERY_AT_FIRST } else { EVERY };
        let mut spent = 0.0;
        if own_steps.is_multiple_of(every) {
            let cpu = thread_seconds();
            self.step()?;
            spent = thread_seconds() - cpu;
            if self.seconds.len() < COUNTED {
                self.seconds.push(spent);
            } else {
                self.seconds[self.measured % COUNTED] = spent;
            }
            self.measured += 1;
        }
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let enough = sorted.len() >= FIRST;
        Ok((enough.then(|| sorted[sorted.len() / 2]), spent))
    }
}
