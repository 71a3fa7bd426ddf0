//! What is measured during a run, in memory and, as it comes, in files of the market's folder:
//! `samples.csv`, `blocks.csv`, `faults.csv`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use muster_api::BlockSummary;
use serde::Serialize;

use crate::error::SiegeError;
use crate::market::Market;
use crate::process::{Process, Usage, folder_bytes};

/// What a process took at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at: f64,
    /// What it took.
    pub usage: Usage,
    /// Bytes of its folder on the disk.
    pub disk: u64,
}

/// A decided block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// Its time, milliseconds since 1970.
    pub time_ms: u64,
    /// The round in which it was decided.
    pub round: u32,
    /// Its transactions.
    pub transactions: u64,
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Record {
    /// Name and samples of each process: validators, peers, attackers.
    pub processes: Vec<(String, Vec<Sample>)>,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
    /// When something befell somebody, seconds since the beginning, and what.
    pub faults: Vec<(f64, String)>,
    files: [File; 3],
}

impl Record {
    /// An empty record, with its files in a folder.
    ///
    /// # Errors
    /// [`SiegeError::System`].
    pub fn begin(
        home: &Path,
        market: &Market,
        attackers: &Option<Process>,
    ) -> Result<Self, SiegeError> {
        let make = |name: &str, head: &str| {
            let path = home.join(name);
            let fault = SiegeError::system(format!("cannot write {}", path.display()));
            let made = File::create(&path).and_then(|mut file| {
                writeln!(file, "{head}")?;
                Ok(file)
            });
            made.map_err(fault)
        };
        let all = market.validators.iter().chain(&market.peers).chain(attackers);
        Ok(Self {
            processes: all.map(|process| (process.task.name.clone(), Vec::new())).collect(),
            blocks: Vec::new(),
            faults: Vec::new(),
            files: [
                make(
                    "samples.csv",
                    "seconds,process,processor_s,memory_bytes,descriptors,disk_bytes",
                )?,
                make("blocks.csv", "height,time_ms,round,transactions")?,
                make("faults.csv", "seconds,what")?,
            ],
        })
    }

    /// Looks at every process that runs.
    ///
    /// # Errors
    /// [`SiegeError::System`].
    pub fn sample(
        &mut self,
        at: Duration,
        market: &Market,
        attackers: &Option<Process>,
    ) -> Result<(), SiegeError> {
        let all = market.validators.iter().chain(&market.peers).chain(attackers);
        let at = at.as_secs_f64();
        for (process, (name, samples)) in all.zip(&mut self.processes) {
            let Some(usage) = process.usage() else { continue };
            let disk = process.task.log.parent().map_or(0, folder_bytes);
            samples.push(Sample { at, usage, disk });
            let Usage { processor, memory, descriptors } = usage;
            let line = format!("{at:.1},{name},{processor:.2},{memory},{descriptors},{disk}");
            write(&mut self.files[0], &line)?;
        }
        Ok(())
    }

    /// Adds blocks that follow the last.
    ///
    /// # Errors
    /// [`SiegeError::System`].
    pub fn blocks(&mut self, fresh: &[BlockSummary]) -> Result<(), SiegeError> {
        for &BlockSummary { height, time_ms, round, transactions, .. } in fresh {
            self.blocks.push(Block { height, time_ms, round, transactions });
            write(&mut self.files[1], &format!("{height},{time_ms},{round},{transactions}"))?;
        }
        Ok(())
    }

    /// Notes that something befell somebody.
    ///
    /// # Errors
    /// [`SiegeError::System`].
    pub fn befell(&mut self, at: Duration, what: &str) -> Result<(), SiegeError> {
        self.faults.push((at.as_secs_f64(), what.to_string()));
        write(&mut self.files[2], &format!("{:.1},{what}", at.as_secs_f64()))
    }

    /// The height of the last block that is known.
    pub fn height(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.height)
    }

    /// How it goes, in a few words.
    pub fn progress(&self) -> String {
        let late = self.blocks.iter().filter(|block| block.round > 0).count();
        let newest = |(_, samples): &(String, Vec<Sample>)| Some(samples.last()?.usage.memory);
        let memory = self.processes.iter().filter_map(newest).max().unwrap_or(0);
        format!(
            "height {}, {late} blocks after round 0, {} faults and recoveries, {} MB at most",
            self.height(),
            self.faults.len(),
            memory / 1_000_000
        )
    }
}

fn write(file: &mut File, line: &str) -> Result<(), SiegeError> {
    writeln!(file, "{line}").map_err(SiegeError::system("cannot write what was measured"))
}
