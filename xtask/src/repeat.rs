//! The same tests many times: what fails once in twelve runs is not mended by a second run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

use crate::process;

/// A compiled file of tests.
struct Binary {
    path: PathBuf,
    /// The folder of its crate, where cargo would run it.
    folder: PathBuf,
}

/// Runs the Rust tests whose names contain `only` so many times, shows what each failure says,
/// and counts.
pub fn run(only: &str, repeat: u32) -> anyhow::Result<ExitCode> {
    let mut binaries = Vec::new();
    for binary in binaries_of_tests()? {
        if tests(&binary, only)? > 0 {
            binaries.push(binary);
        }
    }
    if binaries.is_empty() {
        bail!("no test's name contains `{only}`");
    }
    let mut failed = 0;
    for run in 1..=repeat {
        let start = Instant::now();
        let mut passed = true;
        for binary in &binaries {
            let output = command(binary).arg(only).output().context("a test did not start")?;
            if !output.status.success() {
                passed = false;
                std::io::stdout().write_all(&output.stdout).ok();
                std::io::stderr().write_all(&output.stderr).ok();
            }
        }
        failed += u32::from(!passed);
        let (word, seconds) = (if passed { "passed" } else { "FAILED" }, start.elapsed());
        process::say(&format!("run {run} of {repeat}: {word} ({:.1} s)", seconds.as_secs_f64()));
    }
    process::println_plain(&format!("{repeat} runs, {failed} failed"));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn command(binary: &Binary) -> Command {
    let mut command = Command::new(&binary.path);
    command
        .current_dir(&binary.folder)
        .env("CARGO_MANIFEST_DIR", &binary.folder)
        .stdin(Stdio::null());
    command
}

/// How many tests of a file have names that contain a text.
fn tests(binary: &Binary, only: &str) -> anyhow::Result<usize> {
    let output = command(binary)
        .args([only, "--list", "--format", "terse"])
        .output()
        .with_context(|| format!("cannot start {}", binary.path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter(|line| line.ends_with(": test")).count())
}

/// Compiles all tests.
fn binaries_of_tests() -> anyhow::Result<Vec<Binary>> {
    let output = process::cargo()
        .args(["test", "--release", "--workspace", "--lib", "--bins", "--tests", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the tests do not compile; what the compiler says stands above");
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(binary).collect())
}

/// The file of tests that a message of cargo tells of.
fn binary(message: &str) -> Option<Binary> {
    if !message.contains("\"test\":true},\"features\"") {
        return None;
    }
    let path = PathBuf::from(process::field(message, "executable")?);
    let manifest = process::field(message, "manifest_path")?;
    Some(Binary { path, folder: Path::new(manifest).parent()?.to_path_buf() })
}

#[cfg(test)]
mod tests {
    use super::binary;

    #[test]
    fn files_of_tests_are_found_in_what_cargo_says() {
        let message = r#"{"reason":"compiler-artifact","package_id":"path+file:///a#b@0.1.0","manifest_path":"/a/Cargo.toml","target":{"kind":["test"],"name":"it","test":true},"profile":{"opt_level":"3","debuginfo":0,"test":true},"features":[],"filenames":["/t/it-1"],"executable":"/t/it-1","fresh":true}"#;
        let found = binary(message).expect("a file of tests");
        assert_eq!((found.path.to_str(), found.folder.to_str()), (Some("/t/it-1"), Some("/a")));
        let library =
            message.replace("\"test\":true},\"features\"", "\"test\":false},\"features\"");
        assert!(binary(&library).is_none());
        assert!(binary(&message.replace("\"/t/it-1\",\"fresh\"", "null,\"fresh\"")).is_none());
    }
}
