//! Processor time, for the comparison with the control.

use muster_learning::{Corpus, Learner, LearnerError, TrainingConfig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Steps over which the cost of the control is measured.
const STEPS: u32 = 3;

/// Seconds of processor time of this thread; zero where the system does not tell.
pub(crate) fn thread_seconds() -> f64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0.0, |usage| {
        (usage.user_time() + usage.system_time()).num_microseconds() as f64 * 1e-6
    })
}

/// Processor time of one step of the control: a learner of the same size that asks nobody takes the
/// same step.
///
/// # Errors
/// None but our own mistakes: the sizes are those of `learner`.
pub(crate) fn control_step_seconds(learner: &Learner) -> Result<f64, LearnerError> {
    let model = *learner.model();
    let training = TrainingConfig { control: false, ..*learner.training() };
    let text: Vec<u8> = (0..model.context * 40).map(|i| (i * 31 % 251) as u8).collect();
    let corpus = Corpus::new(text, model.context)
        .expect("forty contexts of text are more than the ten and one byte that are needed");
    let mut control = Learner::new(model, training, corpus, 0)?;
    let cpu = thread_seconds();
    for _ in 0..STEPS {
        let plan = control.begin_step(&[])?;
        control.finish_step(plan, Vec::new())?;
    }
    Ok((thread_seconds() - cpu) / f64::from(STEPS))
}
