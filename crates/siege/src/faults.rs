//! What befalls a market's processes: killed, stopped for a while, out of disk; by a seed, one
//! validator and one peer at a time. The last validator and the last peer are left alone, so that
//! what they take can be followed from beginning to end.

use std::time::{Duration, Instant};

use muster_ledger::crypto::hash;

use crate::error::SiegeError;
use crate::market::Market;
use crate::process::Process;

/// How long a process is gone, from a draw of 0 to 1.
const GONE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(25)];
/// How long it stays out of disk once it runs without.
const FULL: Duration = Duration::from_secs(45);
/// The least that can be written of a file where the disk is full, bytes: the beginning of a log.
const ROOM: u64 = 64 << 10;

/// What befalls a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SIGKILL, and started again after a while.
    Killed,
    /// SIGSTOP, and SIGCONT after a while.
    Stopped,
    /// Started again without space on the disk, and again with it.
    Full,
}

/// What is going on with one process.
#[derive(Debug)]
struct Trouble {
    kind: Kind,
    place: usize,
    until: Instant,
}

/// One process after another of one kind gets into trouble.
#[derive(Debug)]
pub struct Fate {
    seed: u64,
    /// Draws so far.
    drawn: u64,
    kinds: &'static [Kind],
    trouble: Option<Trouble>,
    next: Instant,
    pause: Duration,
    /// How many times each kind befell.
    pub count: u64,
}

impl Fate {
    /// What befalls validators.
    pub fn of_validators(seed: u64, pause: Duration) -> Self {
        Self::new(seed, &[Kind::Killed, Kind::Stopped, Kind::Full], pause)
    }

    /// What befalls peers.
    pub fn of_peers(seed: u64, pause: Duration) -> Self {
        Self::new(seed ^ 1, &[Kind::Killed, Kind::Stopped], pause)
    }

    fn new(seed: u64, kinds: &'static [Kind], pause: Duration) -> Self {
        let next = Instant::now() + pause;
        Self { seed, drawn: 0, kinds, trouble: None, next, pause, count: 0 }
    }

    /// A number from 0 to 1, the next of the seed.
    fn draw(&mut self) -> f64 {
        self.drawn += 1;
        let parts = [self.seed.to_le_bytes(), self.drawn.to_le_bytes()];
        let drawn = hash("a fate", &[&parts[0], &parts[1]]).0;
        f64::from(u16::from_le_bytes([drawn[0], drawn[1]])) / 65_536.0
    }

    /// Does what is due; says in words what it did.
    ///
    /// # Errors
    /// [`SiegeError`], where a process cannot be started again.
    pub fn go_on(&mut self, processes: &mut [Process]) -> Result<Option<String>, SiegeError> {
        let now = Instant::now();
        match self.trouble.take() {
            Some(trouble) if trouble.until <= now => {
                let process = &mut processes[trouble.place];
                match trouble.kind {
                    Kind::Stopped => process.signal(nix::sys::signal::Signal::SIGCONT),
                    Kind::Killed => process.again(None)?,
                    Kind::Full => {
                        // It has ended by itself, or had enough.
                        process.end();
                        process.again(None)?;
                    }
                }
                self.next = now + self.pause.mul_f64(0.5 + self.draw());
                Ok(Some(format!("{} is well again", process.task.name)))
            }
            Some(trouble) => {
                self.trouble = Some(trouble);
                Ok(None)
            }
            None if self.next <= now && processes.len() > 1 => {
                self.befall(processes, now).map(Some)
            }
            None => Ok(None),
        }
    }

    fn befall(&mut self, processes: &mut [Process], now: Instant) -> Result<String, SiegeError> {
        let place = (self.draw() * (processes.len() - 1) as f64) as usize;
        let kind = self.kinds[(self.draw() * self.kinds.len() as f64) as usize];
        let mut gone = GONE[0] + (GONE[1] - GONE[0]).mul_f64(self.draw());
        let process = &mut processes[place];
        let word = match kind {
            Kind::Killed => {
                process.kill();
                "killed"
            }
            Kind::Stopped => {
                process.signal(nix::sys::signal::Signal::SIGSTOP);
                "stopped"
            }
            Kind::Full => {
                process.kill();
                // What lies beyond the middle of the database cannot be written any more.
                let database = process.task.log.with_file_name("ledger.redb");
                let length = std::fs::metadata(database).map_or(0, |metadata| metadata.len());
                process.again(Some(ROOM.max(length / 2)))?;
                gone = FULL;
                "out of disk"
            }
        };
        self.count += 1;
        self.trouble = Some(Trouble { kind, place, until: now + gone });
        Ok(format!("{} is {word} for {} s", process.task.name, gone.as_secs()))
    }

    /// Whether a process is not expected to be well now.
    pub fn troubles(&self, place: usize) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.place == place)
    }

    /// Lets everything be well again.
    ///
    /// # Errors
    /// [`SiegeError`], where a process cannot be started again.
    pub fn end(&mut self, processes: &mut [Process]) -> Result<(), SiegeError> {
        if let Some(trouble) = &mut self.trouble {
            trouble.until = Instant::now();
            self.go_on(processes)?;
        }
        self.next = Instant::now() + Duration::from_secs(u64::from(u32::MAX));
        Ok(())
    }
}

/// The first process that has ended without having been troubled.
pub fn fallen<'a>(fate: &Fate, processes: &'a mut [Process]) -> Option<&'a Process> {
    let mut all = processes.iter_mut().enumerate();
    let fallen = all.find_map(|(place, process)| {
        (!fate.troubles(place) && process.has_ended()).then_some(place)
    })?;
    processes.get(fallen)
}

impl Market {
    /// Complains of a process that has ended although nothing befell it.
    ///
    /// # Errors
    /// [`SiegeError::Ended`].
    pub fn check_the_well(&mut self, validators: &Fate, peers: &Fate) -> Result<(), SiegeError> {
        let fallen = fallen(validators, &mut self.validators).or(fallen(peers, &mut self.peers));
        match fallen {
            None => Ok(()),
            Some(process) => Err(SiegeError::Ended {
                name: process.task.name.clone(),
                log: process.task.log.display().to_string(),
            }),
        }
    }
}
