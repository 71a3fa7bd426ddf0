//! Commands for people who work on this repository: `cargo xtask up`, `cargo xtask test`,
//! `cargo xtask bench`, `cargo xtask simulate`, `cargo xtask siege`, `cargo xtask soak` and
//! `cargo xtask fuzz`.
//!
//! Everything is compiled in the release profile, for runs and tests alike, so that the heavy
//! dependencies are compiled once.

mod arguments;
mod browser;
mod compile;
mod dashboard;
mod deny;
mod fuzz;
mod place;
mod prerequisites;
mod process;
mod repeat;
mod test;
mod tidy;

use std::process::ExitCode;

use arguments::{Command, Contests};

fn main() -> ExitCode {
    let command = match arguments::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(complaint) => {
            eprintln!("xtask: {complaint}; `cargo xtask help` says what there is");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Up(arguments) => up(&arguments),
        Command::Test(tests) => test::run(&tests),
        Command::Fuzz(fuzzing) => fuzz::run(&fuzzing),
        Command::Tidy => tidy::run(),
        Command::Bench(contests) => bench(&contests),
        Command::Simulate(arguments) => simulate(&arguments),
        Command::Siege(arguments) => siege("siege", &arguments),
        Command::Soak(arguments) => siege("soak", &arguments),
        Command::Help => {
            process::println_plain(arguments::HELP);
            Ok(ExitCode::SUCCESS)
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn up(arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::check(&[prerequisites::RUST, prerequisites::C_COMPILER, prerequisites::NODE])?;
    let first = dashboard::build()?;
    process::say("building muster (the first time takes some minutes)");
    // Nearly the whole workspace, as the tests do: the same choice of packages finds the same
    // dependencies compiled. What only tests the others adds none and is left out.
    let mut build = process::cargo();
    build.args(["build", "--release", "--workspace"]);
    build.args(["--exclude", "muster-simulation", "--exclude", "muster-siege"]);
    build.args(["--exclude", "muster-fuzz"]);
    dashboard::announce(&mut build, first);
    compile::run(&mut build, "compile muster; what the compiler says stands above")?;
    become_program("muster", |command| command.arg("up").args(arguments))
}

fn simulate(arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::check(&[prerequisites::RUST, prerequisites::C_COMPILER])?;
    process::say("building the simulation");
    let mut build = process::cargo();
    build.args(["build", "--release", "--workspace", "--bin", "simulate"]);
    compile::run(&mut build, "compile the simulation; what the compiler says stands above")?;
    become_program("simulate", |command| command.args(arguments))
}

/// Builds the program that attacks, and the one that it attacks, which it looks for beside itself.
fn siege(verb: &str, arguments: &[String]) -> anyhow::Result<ExitCode> {
    prerequisites::check(&[prerequisites::RUST, prerequisites::C_COMPILER, prerequisites::NODE])?;
    let first = dashboard::build()?;
    process::say("building muster and those who attack it");
    let mut build = process::cargo();
    build.args(["build", "--release", "--workspace", "--bin", "muster", "--bin", "siege"]);
    dashboard::announce(&mut build, first);
    compile::run(&mut build, "compile the siege; what the compiler says stands above")?;
    become_program("siege", |command| command.arg(verb).args(arguments))
}

/// Runs a program that was built in this process's place, so that Ctrl-C and the exit code are its
/// own.
fn become_program(
    name: &str,
    say: impl FnOnce(&mut std::process::Command) -> &mut std::process::Command,
) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    let binary = place::target().join("release").join(name);
    let error = say(&mut std::process::Command::new(&binary)).exec();
    Err(anyhow::anyhow!("cannot start {}: {error}", binary.display()))
}

fn bench(contests: &Contests) -> anyhow::Result<ExitCode> {
    let mut command = std::process::Command::new("python3");
    command.arg("crates/mechanism/benches/compare/compare.py").current_dir(place::root());
    if let Some(word) = &contests.only {
        command.args(["--only", word]);
    }
    if let Some(rounds) = contests.rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    process::run(&mut command, "measure; what it says stands above")?;
    Ok(ExitCode::SUCCESS)
}
