//! `cargo xtask test`: every check and every test, one after another, with one closing line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::arguments::Tests;
use crate::process::{self, Counts};
use crate::{browser, dashboard, deny, fuzz, place, prerequisites, repeat, tidy};

/// How long each decoder is fuzzed, two at a time.
const FUZZ_SECONDS: u64 = 60;

/// What was run so far, and what came of it.
#[derive(Default)]
struct Report {
    counts: Counts,
    failures: Vec<String>,
    seconds: Vec<(String, f64)>,
}

impl Report {
    /// Runs one part; its failure is noted, and the next part runs all the same.
    fn part(&mut self, name: &str, work: impl FnOnce(&mut Counts) -> anyhow::Result<bool>) {
        process::say(name);
        let start = Instant::now();
        match work(&mut self.counts) {
            Ok(true) => {}
            Ok(false) => self.failures.push(name.into()),
            Err(error) => {
                eprintln!("xtask: {error:#}");
                self.failures.push(format!("{name}: {error:#}"));
            }
        }
        self.seconds.push((name.into(), start.elapsed().as_secs_f64()));
    }

    fn close(mut self) -> ExitCode {
        eprintln!();
        for (name, seconds) in &self.seconds {
            eprintln!("{seconds:8.1} s  {name}");
        }
        for failure in &self.failures {
            eprintln!("FAILED: {failure}");
        }
        // A part that failed without counting a failed test (formatting, say) counts as one.
        self.counts.failed = self.counts.failed.max(self.failures.len() as u64);
        let Counts { passed, failed } = self.counts;
        process::println_plain(&format!("{passed} passed, {failed} failed"));
        if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
    }
}

/// Runs all tests of every kind, or only the Rust tests that a filter names.
pub fn run(options: &Tests) -> anyhow::Result<ExitCode> {
    let mut needed = vec![prerequisites::RUST, prerequisites::C_COMPILER];
    if dashboard::exists() {
        needed.push(prerequisites::NODE);
    }
    prerequisites::check(&needed)?;
    if let (Some(only), Some(times)) = (&options.only, options.repeat) {
        return repeat::run(only, times);
    }
    let mut report = Report::default();
    let mut first = false;
    if let Some(filter) = &options.only {
        report.part("Rust tests", |counts| rust_tests(counts, &["--", filter], false));
        return Ok(report.close());
    }
    report.part("formatting (cargo fmt)", |_| passes(&["fmt", "--all", "--check"]));
    report.part("our own checks of the sources (tidy)", |_| tidy::check());
    if dashboard::exists() {
        // First, because the node embeds the page.
        report.part("dashboard: packages, build", |_| {
            first = dashboard::build()?;
            Ok(true)
        });
    }
    report.part("Rust tests and doc tests (cargo test)", |counts| rust_tests(counts, &[], first));
    if options.without_fuzz {
        process::say("NOT fuzzed, as asked: the decoders");
    } else {
        report.part("decoders under a fuzzer, a minute each", |counts| {
            fuzz::test(counts, FUZZ_SECONDS)
        });
    }
    // All targets: the benchmarks compile, too.
    report.part("lints (cargo clippy)", |_| {
        passes(&[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
    });
    report.part("documentation (cargo doc)", |_| documentation());
    if options.without_deny {
        process::say("NOT checked, as asked: licences and sources of the dependencies");
    } else {
        report.part("dependencies (cargo deny)", |_| deny::check());
    }
    if dashboard::exists() {
        report.part("dashboard: types and lints (tsc, Biome)", |_| {
            npm_passes(&["run", "--silent", "check"])
        });
        report.part("dashboard: units (Vitest)", |counts| npm_counted(counts, "test", &[]));
        if options.without_browser {
            process::say("NOT tested, as asked: the dashboard in a browser");
        } else {
            report.part("dashboard in Chromium, on a running market (Playwright)", in_browser);
        }
    }
    Ok(report.close())
}

fn passes(arguments: &[&str]) -> anyhow::Result<bool> {
    Ok(process::cargo().args(arguments).stdin(Stdio::null()).status()?.success())
}

fn rust_tests(counts: &mut Counts, arguments: &[&str], first: bool) -> anyhow::Result<bool> {
    let mut command = process::cargo();
    command.args(["test", "--release", "--workspace", "--no-fail-fast"]).args(arguments);
    dashboard::announce(&mut command, first);
    let (found, ended_well) = process::run_counted(&mut command, process::count_cargo)?;
    counts.add(found);
    Ok(ended_well)
}

fn documentation() -> anyhow::Result<bool> {
    let status = process::cargo()
        .args(["doc", "--release", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .stdin(Stdio::null())
        .status()?;
    Ok(status.success())
}

fn npm_passes(arguments: &[&str]) -> anyhow::Result<bool> {
    Ok(process::npm(arguments).stdin(Stdio::null()).status()?.success())
}

fn npm_counted(
    counts: &mut Counts,
    script: &str,
    environment: &[(&str, &Path)],
) -> anyhow::Result<bool> {
    let mut command = process::npm(&["run", "--silent", script]);
    command.envs(environment.iter().copied());
    let (found, ended_well) = process::run_counted(&mut command, process::count_web)?;
    counts.add(found);
    if found.passed + found.failed == 0 {
        bail!("`npm run {script}` ran no test");
    }
    Ok(ended_well)
}

/// Starts a market, waits until it answers, runs Playwright against it, ends it.
fn in_browser(counts: &mut Counts) -> anyhow::Result<bool> {
    let chromium = browser::find_or_install()?;
    let market = Market::start()?;
    let url = market.wait_until_it_answers()?;
    process::say(&format!("the market answers at {url}"));
    npm_counted(
        counts,
        "test:browser",
        &[("CHROMIUM", chromium.as_path()), ("MUSTER_URL", Path::new(&url))],
    )
}

/// A market that runs while this value lives.
struct Market {
    child: Child,
    home: PathBuf,
}

impl Market {
    fn start() -> anyhow::Result<Self> {
        let binary = place::target().join("release/muster");
        let home = place::target().join(format!("browser-test-{}", std::process::id()));
        fs::create_dir_all(&home)?;
        let log = fs::File::create(home.join("up.log"))?;
        let child = Command::new(&binary)
            .args(["up", "--validators", "4", "--peers", "3", "--cabal", "1", "--seed", "1"])
            .args(["--for", "15m", "--home"])
            .arg(home.join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { child, home })
    }

    /// The URL of the first validator, once two blocks are decided.
    fn wait_until_it_answers(&self) -> anyhow::Result<String> {
        let deadline = Instant::now() + Duration::from_secs(90);
        while Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(500));
            let Ok(running) = fs::read_to_string(self.home.join("home/running.toml")) else {
                continue;
            };
            let url = running
                .lines()
                .find_map(|line| line.strip_prefix("url = "))
                .map(|value| value.trim_matches('"').to_owned());
            if let Some(url) = url {
                return Ok(url);
            }
        }
        let log = fs::read_to_string(self.home.join("up.log")).unwrap_or_default();
        bail!("the market did not answer within 90 s; it said: {}", log.trim())
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        let process = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGTERM).ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.home).ok();
    }
}
