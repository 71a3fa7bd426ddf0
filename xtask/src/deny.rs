//! `cargo deny`: the dependencies' licences, sources, bans and, where the network gives them,
//! security advisories.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process;

/// The version that the rules in `deny.toml` are written for.
const VERSION: &str = "0.20.2";

/// Runs all checks that can be run here; returns whether they passed.
pub fn check() -> anyhow::Result<bool> {
    let tool = find_or_install()?;
    process::say("checking the dependencies' licences, sources and bans (cargo deny)");
    let run = |arguments: &[&str]| -> anyhow::Result<bool> {
        let status = Command::new(&tool)
            .args(["--all-features", "check", "--hide-inclusion-graph"])
            .args(arguments)
            .current_dir(crate::place::root())
            .stdin(Stdio::null())
            .status()?;
        Ok(status.success())
    };
    let mut passed = run(&["bans", "licenses", "sources"])?;
    if database_reached() {
        passed &= run(&["advisories"])?;
    } else {
        process::say("security advisories NOT checked: their database cannot be reached from here");
    }
    Ok(passed)
}

fn find_or_install() -> anyhow::Result<PathBuf> {
    let installed = Command::new("cargo-deny").arg("--version").output();
    if installed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION)) {
        return Ok("cargo-deny".into());
    }
    let tools = crate::place::target().join("tools");
    let tool = tools.join("bin/cargo-deny");
    if !tool.exists() {
        process::say("installing cargo-deny (once, some minutes)");
        process::run(
            process::cargo()
                .args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug"])
                .arg("--root")
                .arg(&tools)
                .env("CARGO_TARGET_DIR", tools.join("build"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
            "install cargo-deny; without it, run with --without-deny",
        )?;
        // Only the program is needed again.
        std::fs::remove_dir_all(tools.join("build")).ok();
    }
    Ok(tool)
}

/// Whether the database of advisories answers.
fn database_reached() -> bool {
    Command::new("git")
        .args(["ls-remote", "--exit-code", "https://github.com/RustSec/advisory-db", "HEAD"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
