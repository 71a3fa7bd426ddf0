//! Processor time, for the comparison with the control.

use muster_learning::{Corpus, Learner, LearnerError, TrainingConfig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Own steps between two measurements of the control.
const EVERY: u64 = 24;

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
    seconds: f64,
    steps: u32,
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
        let mut cost =
            Self { learner: Learner::new(model, training, corpus, 0)?, seconds: 0.0, steps: 0 };
        // The first step of any learner meets cold caches.
        cost.step()?;
        Ok(cost)
    }

    fn step(&mut self) -> Result<(), LearnerError> {
        let plan = self.learner.begin_step(&[])?;
        self.learner.finish_step(plan, Vec::new())?;
        Ok(())
    }

    /// Measures again if it is time; gives the mean in seconds, and what measuring cost.
    ///
    /// # Errors
    /// None but our own mistakes.
    pub fn measure(&mut self, own_steps: u64) -> Result<(f64, f64), LearnerError> {
        let mut spent = 0.0;
        if self.steps == 0 || own_steps.is_multiple_of(EVERY) {
            let cpu = thread_seconds();
            self.step()?;
            spent = thread_seconds() - cpu;
            self.seconds += spent;
            self.steps += 1;
        }
        Ok((self.seconds / f64::from(self.steps), spent))
    }
}
