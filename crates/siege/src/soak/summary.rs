//! What a run came to: growth of what every process takes, blocks, people.

use std::fmt::Write as _;

use super::record::{Block, Record, Sample};
use super::wanted::Wanted;
use crate::attack::Tallies;
use crate::honest::Lives;
use crate::report::{attack_table, mean, people_words};
use crate::slope::Slope;

/// The part of a run after which growth is looked for: before it, caches fill.
const SETTLED: f64 = 0.25;

/// What grows, or not, of one process.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The process.
    pub name: String,
    /// Memory, MB an hour.
    pub memory: Option<Slope>,
    /// Descriptors an hour.
    pub descriptors: Option<Slope>,
    /// Disk, MB an hour.
    pub disk: Option<Slope>,
    /// Most memory in the whole run, MB.
    pub memory_max: f64,
    /// Most descriptors in the whole run.
    pub descriptors_max: u64,
    /// Processors, of one core, on average.
    pub processor: f64,
    /// Whether it ran from beginning to end.
    pub whole: bool,
}

/// What a run came to.
#[derive(Debug)]
pub struct Summary {
    /// Everything that was measured.
    pub record: Record,
    /// What grows.
    pub growth: Vec<Growth>,
    /// What people came to.
    pub lives: Lives,
    /// How far behind each validator was at the end, blocks.
    pub behind: Vec<u64>,
    /// What the attackers counted.
    pub tallies: Tallies,
    seconds: f64,
    faults: u64,
    wanted: Wanted,
}

impl Summary {
    /// Sums a run up.
    pub(super) fn of(
        record: Record,
        lives: Lives,
        behind: Vec<u64>,
        faults: u64,
        wanted: &Wanted,
        tallies: Tallies,
    ) -> Self {
        let last = record.processes.iter().filter_map(|(_, samples)| Some(samples.last()?.at));
        let seconds = last.fold(0.0, f64::max);
        let witnesses = [wanted.plan.validators, wanted.plan.validators + wanted.plan.peers];
        let whole = |place: usize| witnesses.contains(&(place + 1)) || place >= witnesses[1];
        let growth = record.processes.iter().enumerate();
        let growth =
            growth.map(|(place, (name, samples))| growth_of(name, samples, seconds, whole(place)));
        Self {
            growth: growth.collect(),
            lives,
            behind,
            tallies,
            seconds,
            faults,
            wanted: wanted.clone(),
            record,
        }
    }

    /// Whether anything that should not grows for certain.
    pub fn grows(&self) -> bool {
        let grows = |slope: &Option<Slope>| slope.as_ref().is_some_and(Slope::grows);
        let whole = self.growth.iter().filter(|growth| growth.whole);
        whole
            .filter(|growth| growth.name != "strangers")
            .any(|growth| grows(&growth.memory) || grows(&growth.descriptors))
    }

    /// The run in one sentence, for the figure.
    pub fn caption(&self) -> String {
        let plan = &self.wanted.plan;
        format!(
            "{} validators and {} peers for {:.0} minutes, {} faults, {} kinds of attack all the \
             while; seed {}",
            plan.validators,
            plan.peers,
            self.seconds / 60.0,
            self.faults,
            self.wanted.rates.len(),
            plan.seed
        )
    }

    /// The whole summary, as Markdown.
    pub fn report(&self) -> String {
        let mut text = format!("{}.\n\n", self.caption());
        text.push_str(&block_words(&self.record.blocks));
        let _ = writeln!(text, "- {}", people_words(&self.lives));
        let behind = self.behind.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "- behind the newest block at the end: {behind}\n");
        text.push_str(
            "| process | core | memory, most (MB) | grows (MB/h) | descriptors, most | grow (1/h) \
             | disk grows (MB/h) |\n|---|---|---|---|---|---|---|\n",
        );
        for growth in &self.growth {
            let _ = writeln!(
                text,
                "| {} | {:.3} | {:.0} | {} | {} | {} | {} |",
                growth.name,
                growth.processor,
                growth.memory_max,
                words(growth, &growth.memory),
                growth.descriptors_max,
                words(growth, &growth.descriptors),
                words(growth, &growth.disk),
            );
        }
        text.push('\n');
        for growth in self.growth.iter().filter(|growth| growth.whole) {
            if let Some(memory) = &growth.memory {
                let (name, most) = (&growth.name, memory.at_most());
                let word = if memory.grows() { "grows for certain" } else { "may be still" };
                let _ = writeln!(text, "- memory of {name} {word}: at most {most:.1} MB an hour");
            }
        }
        text.push('\n');
        text.push_str(&attack_table(&self.tallies, &self.wanted.rates));
        text
    }
}

fn words(growth: &Growth, slope: &Option<Slope>) -> String {
    match (growth.whole, slope) {
        (true, Some(slope)) => format!("{:+.1} ± {:.1}", slope.slope, slope.error),
        _ => "–".into(),
    }
}

fn growth_of(name: &str, samples: &[Sample], seconds: f64, whole: bool) -> Growth {
    let settled = samples.iter().filter(|sample| sample.at >= SETTLED * seconds);
    let fit = |quantity: &dyn Fn(&Sample) -> f64| {
        let points: Vec<(f64, f64)> =
            settled.clone().map(|sample| (sample.at / 3_600.0, quantity(sample))).collect();
        Slope::fit(&points)
    };
    let memory = |sample: &Sample| sample.usage.memory as f64 / 1e6;
    let first_to_last = samples.first().zip(samples.last());
    Growth {
        name: name.to_string(),
        memory: fit(&memory),
        descriptors: fit(&|sample| sample.usage.descriptors as f64),
        disk: fit(&|sample| sample.disk as f64 / 1e6),
        memory_max: samples.iter().map(memory).fold(0.0, f64::max),
        descriptors_max: samples.iter().map(|sample| sample.usage.descriptors).max().unwrap_or(0),
        processor: first_to_last.map_or(0.0, |(first, last)| {
            (last.usage.processor - first.usage.processor) / (last.at - first.at).max(1e-9)
        }),
        whole,
    }
}

/// How the blocks followed each other.
fn block_words(blocks: &[Block]) -> String {
    let mut intervals: Vec<u64> =
        blocks.windows(2).map(|pair| pair[1].time_ms.saturating_sub(pair[0].time_ms)).collect();
    let late = blocks.iter().filter(|block| block.round > 0).count();
    let transactions: u64 = blocks.iter().map(|block| block.transactions).sum();
    let average = mean(&intervals);
    intervals.sort_unstable();
    let at = |part: usize| intervals.get(intervals.len() * part / 100).copied().unwrap_or(0);
    format!(
        "- {} blocks with {transactions} transactions, {late} of them after round 0; between \
         blocks {average:.0} ms on average, {} ms in the middle, {} ms for the slowest of a \
         hundred, {} ms at most\n",
        blocks.len(),
        at(50),
        at(99),
        intervals.last().copied().unwrap_or(0)
    )
}
