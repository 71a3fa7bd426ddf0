//! The program as people and scripts meet it: real processes, real ports, real files.

mod bad_input;
mod crowd;
mod lab;
mod launch;
mod liar;
mod lies;
mod market;
mod offline;
mod presence;
mod siege;

use std::path::Path;
use std::process::{Command, Output};

/// The program, with a data folder of its own and no wish for colours.
fn muster(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command
        .env("XDG_DATA_HOME", data)
        .env("NO_COLOR", "1")
        .env_remove("MUSTER_URL")
        .env_remove("MUSTER_PASSPHRASE")
        .env_remove("RUST_LOG")
        .stdin(std::process::Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one JSON document on stdout.
fn json(output: &Output) -> serde_json::Value {
    let text = stdout(output);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}\nstderr: {}", stderr(output)))
}
