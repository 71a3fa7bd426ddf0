//! One supervised process: started, watched, its output kept, started again when it crashes.
//!
//! Nothing survives the supervisor: each child asks the kernel to be killed when its parent ends
//! (`--supervised`), stands in a process group of its own, so that Ctrl-C in a terminal reaches
//! only the supervisor, and is ended in order: first asked, then killed.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A log is put aside (`.1`) when it grows beyond this.
const LOG_BYTES_MAX: u64 = 8 << 20;
/// Longest line that is kept of a process's output.
const LINE_BYTES_MAX: usize = 4_096;
/// A process that ran this long did not crash at once.
const STABLE: Duration = Duration::from_secs(20);
/// Crashes in a row, each at once, after which a process is given up.
const QUICK_CRASHES_MAX: u32 = 8;
/// The first pause before a process is started again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long the output of a process that has ended may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It was stopped with SIGSTOP.
    Paused,
    /// It ended and is started again soon.
    Waiting,
    /// It crashed too often.
    GivenUp,
    /// It was ended.
    Ended,
}

impl State {
    /// A word for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Waiting => "restarting",
            Self::GivenUp => "given up",
            Self::Ended => "ended",
        }
    }
}

/// What is known of a process.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it is doing.
    pub state: State,
    /// How often it was started again.
    pub restarts: u32,
    /// Its process number, while it has one.
    pub process: Option<u32>,
}

/// How to start a process.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name in the market.
    pub name: String,
    /// Arguments of this very program.
    pub arguments: Vec<OsString>,
    /// Where its output goes.
    pub log: PathBuf,
    /// How long it may take to end when asked.
    pub patience: Duration,
}

/// What the supervisor of a process is told.
enum Order {
    Signal(Signal),
    /// Kill, and start again after a pause; `None`: as after any crash.
    Kill(Option<Duration>),
    End,
}

/// A running supervisor of one process.
pub struct Supervised {
    /// The process's name.
    pub name: String,
    orders: mpsc::UnboundedSender<Order>,
    report: watch::Receiver<Report>,
    work: JoinHandle<()>,
}

impl Supervised {
    /// Starts a process and watches it. What is worth saying goes to `notes`.
    pub fn start(task: Task, notes: mpsc::UnboundedSender<String>) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        let first = Report { state: State::Waiting, restarts: 0, process: None };
        let (sender, report) = watch::channel(first);
        let name = task.name.clone();
        let work = tokio::spawn(async move {
            let mut keeper = Keeper { task, notes, report: sender, last: LastLine::default() };
            keeper.run(receiver).await;
        });
        Self { name, orders, report, work }
    }

    /// What is known of the process now.
    pub fn report(&self) -> Report {
        self.report.borrow().clone()
    }

    /// Kills the process with SIGKILL; it is started again after the pause.
    pub fn kill(&self, restart_after: Option<Duration>) {
        self.orders.send(Order::Kill(restart_after)).ok();
    }

    /// Stops the process with SIGSTOP.
    pub fn pause(&self) {
        self.orders.send(Order::Signal(Signal::SIGSTOP)).ok();
    }

    /// Lets a stopped process go on.
    pub fn resume(&self) {
        self.orders.send(Order::Signal(Signal::SIGCONT)).ok();
    }

    /// Asks the process to end; [`Supervised::ended`] waits for it.
    pub fn end(&self) {
        self.orders.send(Order::End).ok();
    }

    /// Waits until the process has ended.
    pub async fn ended(self) {
        self.work.await.ok();
    }
}

/// The last complaint that a process wrote, for the reason of a crash.
type LastLine = Arc<Mutex<String>>;

struct Keeper {
    task: Task,
    notes: mpsc::UnboundedSender<String>,
    report: watch::Sender<Report>,
    last: LastLine,
}

/// Why [`Keeper::watch`] came back.
enum Outcome {
    Crashed(ExitStatus),
    Killed(Option<Duration>),
    Ended,
}

impl Keeper {
    async fn run(&mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut quick = 0;
        let mut pause = PAUSE_FIRST;
        loop {
            let start = Instant::now();
            let outcome = match self.spawn() {
                Ok((child, output)) => {
                    let outcome = self.watch(child, &mut orders).await;
                    // Its last words, the reason of its end, may still be on their way.
                    for reader in output {
                        tokio::time::timeout(LAST_WORDS, reader).await.ok();
                    }
                    outcome
                }
                Err(error) => {
                    self.note(format!("{} cannot be started: {error:#}", self.task.name));
                    Outcome::Killed(Some(PAUSE_MAX))
                }
            };
            let stable = start.elapsed() >= STABLE;
            if stable {
                (quick, pause) = (0, PAUSE_FIRST);
            }
            let wait = match outcome {
                Outcome::Ended => return self.set(State::Ended, None),
                Outcome::Killed(wait) => wait.unwrap_or(PAUSE_FIRST),
                Outcome::Crashed(status) => {
                    quick += 1;
                    let reason = self.reason(status);
                    if quick >= QUICK_CRASHES_MAX {
                        self.note(format!(
                            "{} {reason}; {quick} times in a row: given up, the market goes on \
                             without it (its log: {})",
                            self.task.name,
                            self.task.log.display()
                        ));
                        self.set(State::GivenUp, None);
                        return wait_for_end(&mut orders).await;
                    }
                    let (wait, next) = (pause, (pause * 2).min(PAUSE_MAX));
                    pause = next;
                    let (name, seconds) = (&self.task.name, wait.as_secs_f64());
                    self.note(format!("{name} {reason}; started again in {seconds} s"));
                    wait
                }
            };
            self.set(State::Waiting, None);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = wait_for_end(&mut orders) => return self.set(State::Ended, None),
            }
            self.report.send_modify(|report| report.restarts += 1);
        }
    }

    /// The process, and what reads its output until it has none any more.
    fn spawn(&self) -> Result<(Child, Vec<JoinHandle<()>>)> {
        if let Ok(mut last) = self.last.lock() {
            last.clear();
        }
        let program = std::env::current_exe().context("cannot find this program")?;
        let log = Log::open(&self.task.log)?;
        let mut child = Command::new(program)
            .args(&self.task.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start this program again")?;
        let log = Arc::new(Mutex::new(log));
        let mut readers = Vec::new();
        if let Some(output) = child.stdout.take() {
            readers.push(tokio::spawn(keep(output, log.clone(), self.last.clone())));
        }
        if let Some(output) = child.stderr.take() {
            readers.push(tokio::spawn(keep(output, log, self.last.clone())));
        }
        self.set(State::Running, child.id());
        Ok((child, readers))
    }

    async fn watch(
        &self,
        mut child: Child,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Outcome {
        loop {
            tokio::select! {
                status = child.wait() => {
                    // Waiting fails only if somebody else waited; then it is gone all the same.
                    return Outcome::Crashed(status.unwrap_or_else(|_| ExitStatus::from_raw(0)));
                }
                order = orders.recv() => match order {
                    Some(Order::Signal(signal)) => {
                        send(&child, signal);
                        let paused = signal == Signal::SIGSTOP;
                        self.set(if paused { State::Paused } else { State::Running }, child.id());
                    }
                    Some(Order::Kill(wait)) => {
                        send(&child, Signal::SIGKILL);
                        child.wait().await.ok();
                        return Outcome::Killed(wait);
                    }
                    Some(Order::End) | None => {
                        self.finish(&mut child).await;
                        return Outcome::Ended;
                    }
                }
            }
        }
    }

    /// Asks with SIGTERM, waits, kills.
    async fn finish(&self, child: &mut Child) {
        send(child, Signal::SIGCONT);
        send(child, Signal::SIGTERM);
        let waited = tokio::time::timeout(self.task.patience, child.wait()).await;
        if waited.is_err() {
            self.note(format!(
                "{} did not end within {} s and was killed",
                self.task.name,
                self.task.patience.as_secs()
            ));
            send(child, Signal::SIGKILL);
            child.wait().await.ok();
        }
    }

    fn reason(&self, status: ExitStatus) -> String {
        let how = match (status.signal(), status.code()) {
            (Some(signal), _) => match Signal::try_from(signal) {
                Ok(signal) => format!("was ended by {signal}"),
                Err(_) => format!("was ended by signal {signal}"),
            },
            (None, Some(code)) => format!("ended with exit code {code}"),
            (None, None) => "ended".into(),
        };
        let last = self.last.lock().map(|line| line.clone()).unwrap_or_default();
        if last.is_empty() { how } else { format!("{how} ({last})") }
    }

    fn note(&self, text: String) {
        self.notes.send(text).ok();
    }

    fn set(&self, state: State, process: Option<u32>) {
        self.report.send_modify(|report| {
            report.state = state;
            report.process = process;
        });
    }
}

/// Waits for the order to end; other orders find nothing to act on.
async fn wait_for_end(orders: &mut mpsc::UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        if matches!(order, Order::End) {
            return;
        }
    }
}

fn send(child: &Child, signal: Signal) {
    if let Some(process) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It may have ended just now.
        kill(Pid::from_raw(process), signal).ok();
    }
}

/// Copies a process's output into its log, line by line, and remembers the last.
async fn keep(output: impl AsyncRead + Unpin, log: Arc<Mutex<Log>>, last: LastLine) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if let Ok(mut log) = log.lock() {
            log.write(&line);
        }
        let text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES_MAX)]);
        if let (Some(complaint), Ok(mut last)) = (complaint(&text), last.lock()) {
            *last = complaint;
        }
    }
}

/// What a line of a log says that may be the reason of an end: our own last words, or an error.
fn complaint(line: &str) -> Option<String> {
    let found = line.contains(" ERROR ") || line.starts_with("muster: ");
    let words = line.rsplit(" ERROR ").next().unwrap_or(line).trim_start_matches("muster: ");
    found.then(|| crate::output::one_line(words).chars().take(300).collect())
}

/// A log file that never grows beyond twice its bound.
struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Log {
    fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot write the log {}", path.display()))?;
        let bytes = file.metadata().map(|metadata| metadata.len()).unwrap_or(0);
        Ok(Self { path: path.to_path_buf(), file, bytes })
    }

    /// A full disk costs log lines, not the process.
    fn write(&mut self, line: &[u8]) {
        if self.bytes > LOG_BYTES_MAX {
            std::fs::rename(&self.path, self.path.with_extension("log.1")).ok();
            if let Ok(fresh) = Self::open(&self.path) {
                *self = fresh;
            }
        }
        if self.file.write_all(line).is_ok() {
            self.bytes += line.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::complaint;

    #[test]
    fn reasons_are_picked_from_logs() {
        for (line, expected) in [
            ("muster: cannot listen on 127.0.0.1:1", Some("cannot listen on 127.0.0.1:1")),
            (
                "2026-11-20T11:53:57Z ERROR muster_node: the disk is full\n",
                Some("muster_node: the disk is full"),
            ),
            ("2026-11-20T11:53:57Z  INFO muster_node: shutting down", None),
        ] {
            assert_eq!(complaint(line).as_deref(), expected, "{line}");
        }
    }
}
