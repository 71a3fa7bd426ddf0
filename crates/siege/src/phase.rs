//! A stretch of a market's life, and what it was like.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::SiegeError;
use crate::honest::{Lives, People};
use crate::market::Market;
use crate::process::{Process, Usage};
use crate::watch::{Watch, blocks, counters, steps};

/// How often processes are looked at.
const SAMPLE: Duration = Duration::from_millis(500);

/// What a process took during a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// Processors, of one core.
    pub processor: f64,
    /// Most resident memory, bytes.
    pub memory_max: u64,
    /// Most open files and sockets.
    pub descriptors_max: u64,
    /// Bytes that it logged.
    pub logged: u64,
}

/// What one stretch was like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    /// What it is called.
    pub name: String,
    /// How long it lasted.
    pub seconds: f64,
    /// Milliseconds between the times of successive blocks.
    pub intervals_ms: Vec<u64>,
    /// Blocks that took more than one round.
    pub late_blocks: u64,
    /// What each validator took.
    pub validators: Vec<Taken>,
    /// What each peer took.
    pub peers: Vec<Taken>,
    /// What the attackers took.
    pub attackers: Option<Taken>,
    /// Steps a second of each peer.
    pub steps: Vec<f64>,
    /// What people came to.
    pub lives: Lives,
    /// Seconds that each validator's status took, or why there was none.
    pub answers: Vec<Vec<Result<f64, String>>>,
    /// How much each validator's own counters grew.
    pub counters: Vec<BTreeMap<String, f64>>,
}

/// What is looked at.
pub struct Scene<'a> {
    /// The market.
    pub market: &'a mut Market,
    /// Who asks for its status.
    pub watch: &'a Watch,
    /// Who lives in it.
    pub people: &'a People,
    /// Who attacks it.
    pub attackers: Option<&'a Process>,
}

/// What stands at one moment.
struct Moment {
    at: Instant,
    height: u64,
    usage: Vec<Usage>,
    logs: Vec<u64>,
    steps: BTreeMap<u32, u64>,
    counters: Vec<BTreeMap<String, f64>>,
}

impl Scene<'_> {
    /// Lives through a phase; `progress` hears how many of its seconds are over.
    ///
    /// # Errors
    /// [`SiegeError::Ended`] where a process ends, [`SiegeError::Client`] where no node answers.
    pub async fn live(
        &mut self,
        name: &str,
        duration: Duration,
        mut progress: impl FnMut(u64),
    ) -> Result<Phase, SiegeError> {
        let before = self.moment().await?;
        self.people.take();
        self.watch.take_answers();
        let mut taken: Vec<Taken> = self.usage().iter().map(|_| Taken::default()).collect();
        while before.at.elapsed() < duration {
            tokio::time::sleep(SAMPLE).await;
            self.market.check_all_run()?;
            for (taken, usage) in taken.iter_mut().zip(self.usage()) {
                taken.memory_max = taken.memory_max.max(usage.memory);
                taken.descriptors_max = taken.descriptors_max.max(usage.descriptors);
            }
            progress(before.at.elapsed().as_secs());
        }
        let after = self.moment().await?;
        self.phase(name, taken, &before, &after).await
    }

    async fn phase(
        &self,
        name: &str,
        mut taken: Vec<Taken>,
        before: &Moment,
        after: &Moment,
    ) -> Result<Phase, SiegeError> {
        let seconds = (after.at - before.at).as_secs_f64();
        for (index, (taken, name)) in taken.iter_mut().zip(self.names()).enumerate() {
            let processor = |moment: &Moment| moment.usage.get(index).map(|usage| usage.processor);
            let used = processor(after).unwrap_or(0.0) - processor(before).unwrap_or(0.0);
            (taken.name, taken.processor) = (name, used / seconds);
            let logged = |moment: &Moment| moment.logs.get(index).copied().unwrap_or(0);
            taken.logged = logged(after).saturating_sub(logged(before));
        }
        let last = self.market.client(self.market.plan.validators - 1)?;
        let decided = blocks(&last, before.height.saturating_sub(1)).await?;
        let times = decided.windows(2).map(|pair| pair[1].time_ms - pair[0].time_ms);
        let grown = |index: usize| {
            let grown = |(name, value): (&String, &f64)| {
                let since = before.counters[index].get(name).copied().unwrap_or(0.0);
                (name.clone(), value - since)
            };
            after.counters[index].iter().map(grown).collect()
        };
        let step = |(peer, steps): (&u32, &u64)| {
            let since = before.steps.get(peer).copied().unwrap_or(0);
            steps.saturating_sub(since) as f64 / seconds
        };
        let attackers = self.attackers.and_then(|_| taken.pop());
        let peers = taken.split_off(self.market.plan.validators);
        Ok(Phase {
            name: name.to_string(),
            seconds,
            intervals_ms: times.collect(),
            late_blocks: decided.iter().skip(1).filter(|block| block.round > 0).count() as u64,
            validators: taken,
            peers,
            attackers,
            steps: after.steps.iter().map(step).collect(),
            lives: self.people.take(),
            answers: self.watch.take_answers(),
            counters: (0..self.market.plan.validators).map(grown).collect(),
        })
    }

    async fn moment(&self) -> Result<Moment, SiegeError> {
        let last = self.market.client(self.market.plan.validators - 1)?;
        let mut counted = Vec::new();
        for validator in 0..self.market.plan.validators {
            counted.push(counters(&self.market.doors.urls(validator)[0]).await);
        }
        let (height, steps) = (last.status().await?.height, steps(&last).await?);
        Ok(Moment {
            at: Instant::now(),
            height,
            usage: self.usage(),
            logs: self.all().map(Process::logged).collect(),
            steps,
            counters: counted,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Process> {
        let market = &*self.market;
        market.validators.iter().chain(&market.peers).chain(self.attackers)
    }

    fn usage(&self) -> Vec<Usage> {
        self.all().map(|process| process.usage().unwrap_or_default()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.all().map(|process| process.task.name.clone()).collect()
    }
}
