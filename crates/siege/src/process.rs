//! A process of the market: started, ended, and what it takes of this machine.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::error::SiegeError;
use crate::lan;

/// In what `/proc` counts processor time: the same on every Linux that we run on.
const TICKS_A_SECOND: f64 = 100.0;
/// How long a process may take to end when asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers of starts, for the names of wires.
static STARTS: AtomicU32 = AtomicU32::new(0);

/// What a process takes of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds of a processor since it began.
    pub processor: f64,
    /// Resident memory, bytes.
    pub memory: u64,
    /// Open files and sockets.
    pub descriptors: u64,
}

/// Seconds of a processor that a process has taken; of one that has ended, until it is waited for.
fn processor(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}

/// What a process takes now; nothing where it is gone.
pub fn usage(process: u32) -> Option<Usage> {
    let folder = PathBuf::from(format!("/proc/{process}"));
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let memory: u64 = memory.trim().trim_end_matches(" kB").parse().ok()?;
    Some(Usage {
        processor: processor(process)?,
        memory: memory << 10,
        descriptors: fs::read_dir(folder.join("fd")).ok()?.count() as u64,
    })
}

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// On a machine of its own in the network of [`lan`].
    Lan,
    /// On this machine, like all the others.
    Here,
}

/// What is started, and how.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name in the market.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its address.
    pub address: Ipv4Addr,
    /// Further addresses of it, a prefix.
    pub more: Option<String>,
    /// Where what it says goes.
    pub log: PathBuf,
    /// Where it stands.
    pub ground: Ground,
}

/// A process of the market.
#[derive(Debug)]
pub struct Process {
    /// How it is started.
    pub task: Task,
    child: Option<Child>,
    /// Processor time of those that ended before this one.
    before: f64,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// [`SiegeError::System`], [`SiegeError::Network`].
    pub fn start(task: Task) -> Result<Self, SiegeError> {
        let mut process = Self { task, child: None, before: 0.0 };
        process.again(None)?;
        Ok(process)
    }

    /// Starts it again. With `disk`, it can write no file beyond so many bytes: the disk is full.
    ///
    /// # Errors
    /// [`SiegeError::System`], [`SiegeError::Network`].
    pub fn again(&mut self, disk: Option<u64>) -> Result<(), SiegeError> {
        let Task { name, program, arguments, address, more, log, ground } = &self.task;
        let fault = |what: &str| SiegeError::system(format!("{what} {name}"));
        let output = File::options().create(true).append(true).open(log);
        let output = output.map_err(fault("cannot write the log of"))?;
        let mut command = match ground {
            Ground::Lan => lan::machine(*address, more.as_deref(), program),
            Ground::Here => Command::new(program),
        };
        command.args(arguments);
        let mut command = match disk {
            Some(bytes) => full(&command, bytes),
            None => command,
        };
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .env_remove("RUST_LOG")
            .spawn()
            .map_err(fault("cannot start"))?;
        let number = STARTS.fetch_add(1, Ordering::Relaxed);
        let id = child.id();
        self.child = Some(child);
        match ground {
            Ground::Lan => lan::plug(id, *address, number),
            Ground::Here => Ok(()),
        }
    }

    /// What it has taken so far, all its lives together; nothing while it does not run.
    pub fn usage(&self) -> Option<Usage> {
        let now = usage(self.child.as_ref()?.id())?;
        Some(Usage { processor: now.processor + self.before, ..now })
    }

    /// Length of its log, bytes.
    pub fn logged(&self) -> u64 {
        fs::metadata(&self.task.log).map_or(0, |metadata| metadata.len())
    }

    /// Whether it was started and has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        !matches!(child.try_wait(), Ok(None))
    }

    /// SIGKILL: it can write nothing more.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.before += processor(child.id()).unwrap_or(0.0);
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(id) = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(id), signal);
        }
    }

    /// Waits for its end after it was asked, and kills it where it takes too long.
    pub fn end(&mut self) {
        self.ask_to_end();
        let start = Instant::now();
        while start.elapsed() < PATIENCE && self.child.is_some() && !self.has_ended() {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The same command with a bound on the length of files. What a signal would end must see the
/// error instead; the shell counts in 512 bytes.
fn full(command: &Command, bytes: u64) -> Command {
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh"]);
    full.arg((bytes / 512).to_string()).arg(command.get_program()).args(command.get_args());
    full
}

/// Bytes that a folder takes on the disk.
pub fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::usage;

    #[test]
    fn this_process_takes_something() {
        let found = usage(std::process::id()).expect("it is there");
        assert!(found.memory > 0 && found.descriptors >= 3, "{found:?}");
        assert_eq!(usage(u32::MAX), None);
    }
}
