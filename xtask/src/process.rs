//! Other programs: run, shown, and watched for what they count.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Says on stderr what happens next.
pub fn say(text: &str) {
    eprintln!("==> {text}");
}

/// The cargo that runs us, started at the root of the checkout.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::place::root());
    // Variables that cargo sets for this program describe this program, not the next one. A build
    // script that watches one of them would be run again by every other way to call cargo, and
    // everything that depends on its crate compiled again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || ["CARGO_MANIFEST_DIR", "OUT_DIR"].contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command
}

/// A program of npm, started in `web/`.
pub fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(crate::place::root().join("web")).env("NO_COLOR", "1");
    command
}

/// Runs a program with our terminal; fails unless it ends with 0.
pub fn run(command: &mut Command, purpose: &str) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{name}` to {purpose}"))?;
    if !status.success() {
        bail!("`{name}` ({status}) could not {purpose}");
    }
    Ok(())
}

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Counts {
    /// Adds what another runner counted.
    pub fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a test runner, shows its output as it comes, and counts what its closing lines say.
/// Returns the counts and whether the runner ended with 0.
pub fn run_counted(
    command: &mut Command,
    count: fn(&str) -> Option<Counts>,
) -> anyhow::Result<(Counts, bool)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{name}`"))?;
    let output = child.stdout.take().context("the output of a test runner was not piped")?;
    let mut counts = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println_plain(&line);
        if let Some(found) = count(&line) {
            counts.add(found);
        }
    }
    Ok((counts, child.wait()?.success()))
}

/// One line on stdout. A closed pipe is no reason to stop a test run.
pub fn println_plain(line: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Reads the closing line of one Rust test binary:
/// `test result: ok. 3 passed; 0 failed; 0 ignored; ...`.
pub fn count_cargo(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    Some(Counts {
        passed: number_before(rest, "passed").unwrap_or(0),
        failed: number_before(rest, "failed").unwrap_or(0),
    })
}

/// Reads the closing lines of Vitest (`Tests  1 failed | 12 passed (13)`) and of
/// Playwright (`  5 passed (12.3s)`, `  1 failed`).
pub fn count_web(line: &str) -> Option<Counts> {
    let plain = without_escapes(line);
    let trimmed = plain.trim();
    let vitest = trimmed.strip_prefix("Tests ");
    let words = trimmed.split_whitespace().collect::<Vec<_>>();
    let playwright = words.len() <= 3
        && words.first().is_some_and(|word| word.parse::<u64>().is_ok())
        && words.get(1).is_some_and(|word| matches!(*word, "passed" | "failed" | "flaky"));
    if vitest.is_none() && !playwright {
        return None;
    }
    let text = vitest.unwrap_or(trimmed);
    Some(Counts {
        passed: number_before(text, "passed").unwrap_or(0),
        // A test that passes at the second try is a bug of the test.
        failed: number_before(text, "failed").unwrap_or(0)
            + number_before(text, "flaky").unwrap_or(0),
    })
}

fn number_before(text: &str, word: &str) -> Option<u64> {
    let words = text
        .split(|c: char| c.is_whitespace() || matches!(c, ';' | '|' | ',' | '.'))
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok())
}

/// The text without terminal colours.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for inner in characters.by_ref() {
                if inner.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

/// A text of a JSON object of which it is known that it holds nothing that JSON escapes.
pub fn field<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let start = message.split_once(&format!("\"{name}\":\""))?.1;
    let value = start.split('"').next()?;
    (!value.contains('\\')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let counts = |passed, failed| Some(Counts { passed, failed });
        assert_eq!(
            count_cargo("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured"),
            counts(3, 0)
        );
        assert_eq!(count_cargo("test result: FAILED. 1 passed; 2 failed; 0 ignored"), counts(1, 2));
        assert_eq!(count_cargo("test money::adds ... ok"), None);
        assert_eq!(count_web("      Tests  1 failed | 11 passed (12)"), counts(11, 1));
        assert_eq!(count_web("\u{1b}[32m  5 passed\u{1b}[39m (12.3s)"), counts(5, 0));
        assert_eq!(count_web("  1 failed"), counts(0, 1));
        assert_eq!(count_web(" Test Files  2 passed (2)"), None);
    }
}
