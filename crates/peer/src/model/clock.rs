//! Processor time, for the comparison with the control.

use crate::model::seam::{Model, ModelError};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Own steps between two measurements of the control, at first and later.
const EVERY_AT_FIRST: u64 = 4;
const EVERY: u64 = 32;
/// Measurements before the cost is told, and after which they become rare.
const FIRST: usize = 5;
/// Measurements that count; the latest replace the earliest.
const COUNTED: usize = 32;

/// Seconds of processor time of this thread; zero where the system does not tell. The clock counts
/// nanoseconds, where `getrusage` counts the ticks of the scheduler: a step of a small model is
/// shorter than one of those.
pub(crate) fn thread_seconds() -> f64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0.0, |time| Duration::from(time).as_secs_f64())
}

/// What learning and serving cost on this thread, compared with what the control costs.
pub(crate) struct Meter<M> {
    /// Processor time that does not count, in seconds.
    left_out: f64,
    /// Own steps when it was set up.
    steps_before: u64,
    control: Option<ControlCost<M>>,
}

impl<M: Model> Meter<M> {
    /// Counts from now, on this thread.
    pub fn new(model: &M) -> Self {
        Self { left_out: thread_seconds(), steps_before: model.steps(), control: None }
    }

    /// Does `work`, and leaves out what it costs: it is no part of learning.
    pub fn leave_out<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = thread_seconds();
        let result = work();
        self.left_out += thread_seconds() - began;
        result
    }

    /// Processor time of learning and serving since the start, for each step, relative to that of
    /// a step of the control; what the control itself takes is left out. None without a control,
    /// and until its cost is known.
    ///
    /// # Errors
    /// None but our own mistakes.
    pub fn relative_to_control(&mut self, model: &M) -> Result<Option<f64>, ModelError> {
        let began = thread_seconds();
        let cost = match &mut self.control {
            Some(cost) => cost,
            None => {
                let Some(control) = model.control()? else { return Ok(None) };
                self.control.insert(ControlCost::new(control)?)
            }
        };
        let control = cost.measure(model.steps())?;
        self.left_out += thread_seconds() - began;
        let Some(control) = control else { return Ok(None) };
        let steps = (model.steps() - self.steps_before) as f64;
        let spent = thread_seconds() - self.left_out - steps * control;
        Ok((control > 0.0 && steps > 0.0).then(|| spent / (steps * control)))
    }
}

/// What a step of the control costs, measured now and then beside the own steps, so that a busy
/// machine slows both alike.
struct ControlCost<M> {
    control: M,
    /// Seconds of the latest measurements.
    seconds: Vec<f64>,
    measured: usize,
}

impl<M: Model> ControlCost<M> {
    fn new(control: M) -> Result<Self, ModelError> {
        let mut cost = Self { control, seconds: Vec::new(), measured: 0 };
        // The first step of any model meets cold caches.
        cost.step()?;
        Ok(cost)
    }

    fn step(&mut self) -> Result<(), ModelError> {
        let step = self.control.begin_step(&[])?.work;
        self.control.finish_step(step, Vec::new())?;
        Ok(())
    }

    /// Measures again if it is time; gives the median in seconds, once there are enough
    /// measurements.
    fn measure(&mut self, own_steps: u64) -> Result<Option<f64>, ModelError> {
        let every = if self.measured < FIRST { EVERY_AT_FIRST } else { EVERY };
        if own_steps.is_multiple_of(every) {
            let began = thread_seconds();
            self.step()?;
            let spent = thread_seconds() - began;
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
        Ok(enough.then(|| sorted[sorted.len() / 2]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_a_fraction_of_a_tick_takes_time() {
        for _ in 0..100 {
            let began = thread_seconds();
            std::hint::black_box((0..10_000_u64).map(std::hint::black_box).sum::<u64>());
            let spent = thread_seconds() - began;
            assert!(spent > 0.0 && spent < 1.0, "{spent}");
        }
    }
}
