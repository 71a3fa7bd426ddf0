//! The compiler at work, with a line that says how far it is and how long it will take.
//!
//! Cargo counts what is compiled (`213/876`) in its own progress, but says nothing of time, and
//! nothing at all into a pipe. Its count is taken here, and put beside the clock.

use std::io::{BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How often a line is written where lines cannot be overwritten.
const INTERVAL: Duration = Duration::from_secs(20);

/// Runs a cargo that compiles; fails unless it ends with 0.
pub fn run(command: &mut Command, purpose: &str) -> anyhow::Result<()> {
    let terminal = std::io::stderr().is_terminal();
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "80")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    if terminal && std::env::var_os("NO_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.spawn().with_context(|| format!("cannot start cargo to {purpose}"))?;
    let output = child.stderr.take().context("what cargo says was not piped")?;
    let mut screen = Screen { terminal, shown: false, last: None, start: Instant::now() };
    let mut progress = None;
    let mut line = Vec::new();
    for byte in BufReader::new(output).bytes() {
        let byte = byte?;
        if byte != b'\n' && byte != b'\r' {
            line.push(byte);
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        let plain = crate::process::without_escapes(&text);
        match count(&plain) {
            Some((done, all)) => {
                let progress = progress.get_or_insert(Progress { first: done });
                screen.progress(&progress.line(done, all, screen.start.elapsed()));
            }
            // Which crate it is says little to whoever waits.
            None if plain.trim_start().starts_with("Compiling ") || plain.trim().is_empty() => {}
            None => screen.say(&text),
        }
    }
    screen.clear();
    let status = child.wait()?;
    if !status.success() {
        bail!("`cargo` ({status}) could not {purpose}");
    }
    Ok(())
}

/// Where the lines go.
struct Screen {
    terminal: bool,
    /// Whether a line stands there that may be overwritten.
    shown: bool,
    last: Option<Instant>,
    start: Instant,
}

impl Screen {
    fn progress(&mut self, line: &str) {
        if self.terminal {
            eprint!("\r\u{1b}[2K{line}");
            std::io::stderr().flush().ok();
            self.shown = true;
        } else if self.last.is_none_or(|last| last.elapsed() >= INTERVAL) {
            eprintln!("{line}");
            self.last = Some(Instant::now());
        }
    }

    fn say(&mut self, line: &str) {
        self.clear();
        eprintln!("{line}");
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\u{1b}[2K");
        }
    }
}

/// How far a build is.
struct Progress {
    /// What was there already when it began.
    first: u64,
}

/// Share of the time of a first build that is gone when so many tenths of its parts are compiled:
/// the small ones come first. Measured on two cores.
const GONE: [f64; 11] = [0.0, 0.06, 0.09, 0.14, 0.20, 0.26, 0.34, 0.46, 0.55, 0.68, 1.0];
/// Before this share of the time is gone, an estimate would jump about.
const GONE_MIN: f64 = 0.04;

impl Progress {
    fn line(&self, done: u64, all: u64, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs();
        let mut line =
            format!("    {done} of {all} parts compiled, {}:{:02}", seconds / 60, seconds % 60);
        if let Some(left) = self.left(done, all, elapsed) {
            let minutes = (left.as_secs_f64() / 60.0).ceil();
            line += &match minutes {
                minutes if minutes <= 1.0 => ", less than a minute left".to_owned(),
                minutes => format!(", about {minutes} minutes left"),
            };
        }
        line
    }

    /// The time left, where a first build makes it possible to say.
    fn left(&self, done: u64, all: u64, elapsed: Duration) -> Option<Duration> {
        if self.first * 10 > all || done >= all {
            return None;
        }
        let tenths = done as f64 * 10.0 / all as f64;
        let below = tenths as usize;
        let gone = GONE[below] + (GONE[below + 1] - GONE[below]) * tenths.fract();
        (gone >= GONE_MIN).then(|| elapsed.mul_f64((1.0 - gone) / gone))
    }
}

/// Reads `   Building [====>     ] 213/876: a, b`.
fn count(line: &str) -> Option<(u64, u64)> {
    let rest = line.trim_start().strip_prefix("Building [")?;
    let (done, rest) = rest.split_once("] ")?.1.split_once('/')?;
    let all = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((done.trim().parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Progress, count};
    use std::time::Duration;

    #[test]
    fn cargos_count_is_read() {
        assert_eq!(count("    Building [====>     ] 213/876: serde, syn"), Some((213, 876)));
        assert_eq!(count("    Building [=>        ]   3/876"), Some((3, 876)));
        assert_eq!(count("   Compiling serde v1.0.0"), None);
        assert_eq!(count("warning: Building [a] b"), None);
    }

    #[test]
    fn what_is_left_is_said_of_a_first_build_only() {
        let line =
            |first, done, seconds| Progress { first }.line(done, 100, Duration::from_secs(seconds));
        assert_eq!(line(0, 1, 5), "    1 of 100 parts compiled, 0:05");
        assert_eq!(line(0, 60, 99), "    60 of 100 parts compiled, 1:39, about 4 minutes left");
        assert_eq!(line(0, 99, 400), "    99 of 100 parts compiled, 6:40, less than a minute left");
        assert_eq!(line(95, 96, 9), "    96 of 100 parts compiled, 0:09");
    }
}
