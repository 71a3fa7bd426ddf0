//! Commands for people who work on this repository: `cargo xtask up` and `cargo xtask test`.
//!
//! Everything is compiled in the release profile, for runs and tests alike, so that the heavy
//! dependencies are compiled once.

mod browser;
mod dashboard;
mod deny;
mod prerequisites;
mod process;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Developer commands of Muster.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the dashboard and the release binary, then run `muster up` with these arguments
    Up(UpArguments),
    /// Run all tests of every kind, from nothing
    Test(TestArguments),
    /// Run only our own checks of the sources (sizes, words, links, dependency directions)
    Tidy,
    /// Measure the mechanisms beside their rivals and write docs/benchmarks.md (needs Python 3)
    Bench(BenchArguments),
}

/// Arguments of `cargo xtask up`.
#[derive(Args)]
struct UpArguments {
    /// Arguments for `muster up` (see `muster up --help`)
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Arguments of `cargo xtask test`.
#[derive(Args)]
pub struct TestArguments {
    /// Leave out the tests that need Chromium
    #[arg(long)]
    pub without_browser: bool,
    /// Leave out the check of the dependencies' licences and sources (cargo-deny)
    #[arg(long)]
    pub without_deny: bool,
    /// Run only the Rust tests whose names contain this text, and nothing else
    pub filter: Option<String>,
}

/// Arguments of `cargo xtask bench`.
#[derive(Args)]
struct BenchArguments {
    /// Run only the contests with this word in their title, and print them instead
    #[arg(long)]
    only: Option<String>,
    /// How many turns every contestant has
    #[arg(long)]
    rounds: Option<u32>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Up(up) => run_up(&up.arguments),
        Command::Test(options) => test::run(options),
        Command::Tidy => tidy::run(),
        Command::Bench(options) => run_bench(options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(1)
        }
    }
}

/// The root of the checkout.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

fn run_up(arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::check(&[prerequisites::RUST, prerequisites::C_COMPILER, prerequisites::NODE])?;
    let first = dashboard::build()?;
    process::say("building muster (the first time takes some minutes)");
    // The whole workspace, as the tests do: the same choice of packages finds the same
    // dependencies compiled.
    let mut build = process::cargo();
    build.args(["build", "--release", "--workspace"]);
    dashboard::announce(&mut build, first);
    process::run(&mut build, "compile muster; what the compiler says stands above")?;
    let binary = target().join("release/muster");
    // The market takes this process's place, so that Ctrl-C and the exit code are its own.
    use std::os::unix::process::CommandExt;
    let error = std::process::Command::new(&binary).arg("up").args(arguments).exec();
    Err(anyhow::anyhow!("cannot start {}: {error}", binary.display()))
}

fn run_bench(options: &BenchArguments) -> anyhow::Result<ExitCode> {
    let mut command = std::process::Command::new("python3");
    command.arg("crates/mechanism/benches/compare/compare.py").current_dir(root());
    if let Some(word) = &options.only {
        command.args(["--only", word]);
    }
    if let Some(rounds) = options.rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    process::run(&mut command, "measure; what it says stands above")?;
    Ok(ExitCode::SUCCESS)
}
