//! `cargo xtask fuzz`: decoders under libFuzzer, two at a time.
//!
//! The program is `crates/fuzz`, compiled with coverage by `crates/fuzz/instrument.sh`. What it
//! finds lies in `fuzz/` of the target folder, so that the next run goes on from there; what is
//! worth keeping for everybody goes into the sources with `--keep`.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use crate::arguments::Fuzzing;
use crate::process::{self, Counts};
use crate::{compile, place, prerequisites};

/// How many run at once.
const WORKERS: usize = 2;
/// How long one input may take, seconds: far more than any needs on a busy machine.
const INPUT_SECONDS_MAX: u64 = 25;
/// Most memory of the program, MiB: what one input may hold is checked by the program itself.
const MEMORY_MIB_MAX: u64 = 2_048;
/// How often it is said how far a target is.
const INTERVAL: Duration = Duration::from_secs(20);
/// Longest input that is kept in the sources, bytes.
const KEPT_BYTES_MAX: u64 = 1 << 10;

/// A decoder, or several, as the program lists them.
struct Target {
    name: String,
    bytes_max: usize,
}

/// What came of a target.
struct Outcome {
    name: String,
    executions: u64,
    branches: u64,
    inputs: u64,
    /// Why it failed, and with which input where that is known.
    failure: Option<String>,
}

/// Runs what the command line says.
pub fn run(fuzzing: &Fuzzing) -> anyhow::Result<ExitCode> {
    prerequisites::check(&[
        prerequisites::RUST,
        prerequisites::C_COMPILER,
        prerequisites::CPP_COMPILER,
    ])?;
    let program = build()?;
    let mut targets = targets(&program)?;
    if let Some(wanted) = &fuzzing.target {
        let names = targets.iter().map(|target| target.name.clone()).collect::<Vec<_>>();
        targets.retain(|target| target.name == *wanted);
        if targets.is_empty() {
            bail!("there is no target `{wanted}`: there are {}", names.join(", "));
        }
    }
    if let Some(input) = &fuzzing.replay {
        let [target] = &targets[..] else { bail!("--replay needs the target: name it") };
        let status = command(&program, target)?.arg(input).status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
    if fuzzing.keep {
        for target in &targets {
            keep(&program, target)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = all(&program, targets, fuzzing.seconds, fuzzing.seed)?;
    let failed = outcomes.iter().any(|outcome| outcome.failure.is_some());
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A part of the tests: every target for so long. Each that finds nothing counts as a test.
pub fn test(counts: &mut Counts, seconds: u64) -> anyhow::Result<bool> {
    prerequisites::check(&[prerequisites::CPP_COMPILER])?;
    let program = build()?;
    let outcomes = all(&program, targets(&program)?, seconds, None)?;
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count() as u64;
    counts.add(Counts { passed: outcomes.len() as u64 - failed, failed });
    Ok(failed == 0)
}

fn build() -> anyhow::Result<PathBuf> {
    process::say("building the decoders with coverage");
    let library = libfuzzer()?;
    let mut build = process::cargo();
    build
        .args(["build", "--release", "--workspace", "--bin", "fuzz"])
        .args(["--features", "muster-fuzz/libfuzzer"])
        .env("MUSTER_LIBFUZZER", library)
        // Dependencies are those of every other build.
        .env("RUSTC_WORKSPACE_WRAPPER", place::root().join("crates/fuzz/instrument.sh"));
    compile::run(&mut build, "compile the decoders; what the compiler says stands above")?;
    Ok(place::target().join("release/fuzz"))
}

/// The folder with libFuzzer's library, compiled apart from the workspace.
fn libfuzzer() -> anyhow::Result<PathBuf> {
    let output = process::cargo()
        .args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(place::root().join("crates/fuzz/libfuzzer/Cargo.toml"))
        .env("CARGO_TARGET_DIR", place::target().join("fuzz/libfuzzer"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("libFuzzer does not compile; what the compiler says stands above");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let folder = text.lines().find_map(|line| {
        let folder = process::field(line, "out_dir")?;
        Path::new(folder).join("libfuzzer.a").is_file().then(|| PathBuf::from(folder))
    });
    folder.context("cargo did not say where libfuzzer.a lies")
}

fn targets(program: &Path) -> anyhow::Result<Vec<Target>> {
    let output = Command::new(program).env_remove("MUSTER_FUZZ_TARGET").output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let targets = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        let bytes_max = rest.split(' ').next()?.parse().ok()?;
        Some(Target { name: name.to_owned(), bytes_max })
    });
    let targets = targets.collect::<Vec<_>>();
    if targets.is_empty() {
        bail!("{} lists no targets", program.display());
    }
    Ok(targets)
}

/// Where what a target finds lies.
fn folder(target: &Target) -> PathBuf {
    place::target().join("fuzz").join(&target.name)
}

/// Where what is kept for everybody lies.
fn kept(kind: &str, target: &Target) -> PathBuf {
    place::root().join("crates/fuzz").join(kind).join(&target.name)
}

fn command(program: &Path, target: &Target) -> anyhow::Result<Command> {
    let folder = folder(target);
    fs::create_dir_all(folder.join("found"))?;
    let mut command = Command::new(program);
    command
        .env("MUSTER_FUZZ_TARGET", &target.name)
        .env("MUSTER_FUZZ_SEEDS", folder.join("seeds"))
        // One input after another, for which one thread is enough.
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .arg(format!("-max_len={}", target.bytes_max))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-artifact_prefix={}/failed-", folder.display()));
    // Files of an input's life need no disk.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        command.env("TMPDIR", memory);
    }
    Ok(command)
}

/// Folders with inputs to begin with, the seeds' among them.
fn inputs(target: &Target) -> anyhow::Result<Vec<PathBuf>> {
    let seeds = folder(target).join("seeds");
    // The program writes them anew before it reads them.
    fs::create_dir_all(&seeds)?;
    let mut folders = vec![seeds];
    let kept = ["corpus", "regressions"].map(|kind| kept(kind, target));
    folders.extend(kept.into_iter().filter(|folder| folder.is_dir()));
    Ok(folders)
}

fn all(
    program: &Path,
    targets: Vec<Target>,
    seconds: u64,
    seed: Option<u32>,
) -> anyhow::Result<Vec<Outcome>> {
    // Only the last digits of the clock, which libFuzzer takes.
    let seed = seed.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.subsec_nanos())
    });
    process::say(&format!("{} targets for {seconds} s each, --seed {seed}", targets.len()));
    let queue = Mutex::new(VecDeque::from(targets));
    let done = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || -> anyhow::Result<()> {
        while let Some(target) = next() {
            let outcome = one(program, &target, seconds, seed)?;
            outcome.say(seconds);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers = [(); WORKERS].map(|()| scope.spawn(work));
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread that runs the program panicked"),
        })
    })?;
    let outcomes = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let executions = outcomes.iter().map(|outcome| outcome.executions).sum::<u64>();
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    process::println_plain(&format!(
        "{} targets, {} executions, {failed} failed",
        outcomes.len(),
        grouped(executions)
    ));
    Ok(outcomes)
}

fn one(program: &Path, target: &Target, seconds: u64, seed: u32) -> anyhow::Result<Outcome> {
    let folder = folder(target);
    let mut command = command(program, target)?;
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-seed={seed}"))
        .args(["-print_final_stats=1", "-reload=0"])
        .arg(folder.join("found"))
        .args(inputs(target)?)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{}", program.display()))?;
    let output = child.stderr.take().context("what the program says was not piped")?;
    let mut log = fs::File::create(folder.join("log"))?;
    let mut outcome = Outcome::new(target);
    let (mut said, mut last, mut written) = (Vec::new(), Instant::now(), None);
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(log, "{line}")?;
        if let Some(path) = line.split("Test unit written to ").nth(1) {
            written = Some(path.to_owned());
        }
        if !outcome.read(&line) && !line.starts_with("INFO") {
            said.push(line);
        }
        if last.elapsed() >= INTERVAL {
            last = Instant::now();
            let Outcome { executions, branches, .. } = outcome;
            let executions = grouped(executions);
            process::say(&format!("{}: {executions} executions, {branches} branches", target.name));
        }
    }
    let status = child.wait()?;
    if !status.success() || written.is_some() {
        // The reason is said first; a stack without symbols follows.
        let reason = said.into_iter().take(12).collect::<Vec<_>>().join("\n  ");
        let input = written.map_or_else(
            || format!("what it says stands in {}", folder.join("log").display()),
            |path| {
                format!(
                    "the input: {path}\n  again: cargo xtask fuzz {name} --replay {path}\n  once it \
                     is mended, put it into crates/fuzz/regressions/{name}",
                    name = target.name
                )
            },
        );
        outcome.failure = Some(format!("{reason}\n  {input}"));
    }
    Ok(outcome)
}

impl Outcome {
    fn new(target: &Target) -> Self {
        let name = target.name.clone();
        Self { name, executions: 0, branches: 0, inputs: 0, failure: None }
    }

    /// Takes what a line of libFuzzer counts; whether it was one.
    fn read(&mut self, line: &str) -> bool {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            self.executions = count.trim().parse().unwrap_or(self.executions);
        }
        let Some(rest) = line.strip_prefix('#') else { return line.starts_with("stat::") };
        let words = rest.split_whitespace().collect::<Vec<_>>();
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1)?.split('/').next()?.parse().ok()
        };
        let first = words.first().and_then(|count| count.parse().ok());
        self.executions = first.unwrap_or(self.executions);
        self.branches = after("cov:").unwrap_or(self.branches);
        self.inputs = after("corp:").unwrap_or(self.inputs);
        true
    }

    fn say(&self, seconds: u64) {
        let Self { name, branches, inputs, .. } = self;
        let executions = grouped(self.executions);
        process::println_plain(&format!(
            "{name}: {executions} executions in {seconds} s, {branches} branches, {inputs} inputs"
        ));
        if let Some(failure) = &self.failure {
            process::println_plain(&format!("FAILED: {name}:\n  {failure}"));
        }
    }
}

/// Puts the smallest inputs that reach what all reach, beyond the seeds, into the sources.
fn keep(program: &Path, target: &Target) -> anyhow::Result<()> {
    let whole = folder(target).join("whole");
    if whole.exists() {
        fs::remove_dir_all(&whole)?;
    }
    fs::create_dir_all(&whole)?;
    // Seeds lie there before the merge, which adds what they do not reach.
    let mut seeds = command(program, target)?;
    let status = seeds.arg("-runs=0").stderr(Stdio::null()).status()?;
    if !status.success() {
        bail!("the seeds of {} do not run: {status}", target.name);
    }
    let seeded = folder(target).join("seeds");
    for seed in fs::read_dir(&seeded)? {
        let seed = seed?;
        fs::copy(seed.path(), whole.join(seed.file_name()))?;
    }
    let corpus = kept("corpus", target);
    fs::create_dir_all(&corpus)?;
    let mut merge = command(program, target)?;
    merge.args(["-merge=1", "-use_counters=0"]).arg(&whole).arg(folder(target).join("found"));
    let status = merge.arg(&corpus).stderr(Stdio::null()).status()?;
    if !status.success() {
        bail!("the inputs of {} cannot be merged: {status}", target.name);
    }
    fs::remove_dir_all(&corpus)?;
    fs::create_dir_all(&corpus)?;
    let (mut count, mut bytes) = (0, 0);
    for input in fs::read_dir(&whole)? {
        let input = input?;
        let length = input.metadata()?.len();
        if seeded.join(input.file_name()).exists() || length > KEPT_BYTES_MAX {
            continue;
        }
        fs::copy(input.path(), corpus.join(input.file_name()))?;
        (count, bytes) = (count + 1, bytes + length);
    }
    process::println_plain(&format!("{}: {count} inputs of {bytes} bytes are kept", target.name));
    Ok(())
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Target, grouped};

    #[test]
    fn what_libfuzzer_counts_is_read() {
        let mut outcome = Outcome::new(&Target { name: "a".into(), bytes_max: 1 });
        assert!(outcome.read("#2048\tNEW    cov: 1234 ft: 5678 corp: 90/12Kb lim: 4 exec/s: 0"));
        assert_eq!((outcome.executions, outcome.branches, outcome.inputs), (2_048, 1_234, 90));
        assert!(outcome.read("stat::number_of_executed_units: 4096"));
        assert_eq!(outcome.executions, 4_096);
        assert!(!outcome.read("thread 'main' panicked at a.rs:1:1:"));
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(123), "123");
    }
}
