//! Our own checks of the sources: each agreed rule, with a list of exceptions that shrinks.
//!
//! An exception is a line `rule path reason` in `xtask/tidy.txt`. One that nothing needs any
//! more fails, so that the list cannot grow old.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::process;

/// Spelled so that this file does not contain it.
const UNWRAP: &str = concat!(".unw", "rap()");
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const ARCHITECTURE_LINES_MAX: usize = 300;

/// What a crate must never depend on, however indirectly.
const NEVER: [(&str, &[&str]); 7] = [
    ("muster-mechanism", &["tokio", "redb", "burn", "reqwest", "muster-ledger"]),
    ("muster-ledger", &["tokio", "redb", "burn", "reqwest", "axum", "tonic", "age", "muster-keys"]),
    ("muster-keys", &["tokio", "redb", "burn", "reqwest", "axum", "tonic"]),
    ("muster-files", &["tokio", "muster-ledger"]),
    ("muster-learning", &["tokio", "reqwest", "tonic", "muster-ledger"]),
    ("muster-api", &["burn", "redb", "tonic", "axum"]),
    ("muster-node", &["burn", "tonic", "muster-learning", "muster-peer"]),
];

/// Runs the checks alone.
pub fn run() -> anyhow::Result<ExitCode> {
    let tidy = check()?;
    process::say(if tidy { "tidy" } else { "not tidy" });
    Ok(if tidy { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Checks all tracked and new sources; says each complaint on stderr.
pub fn check() -> anyhow::Result<bool> {
    let root = crate::place::root();
    let mut complaints = Vec::new();
    for path in sources(&root)? {
        let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => check_rust(&name, &text, &mut complaints),
            Some("md") => check_page(&name, &path, &text, &mut complaints),
            _ => {}
        }
        check_words(&name, &text, &mut complaints);
    }
    check_directions(&mut complaints)?;
    let exceptions = exceptions(&root)?;
    let mut used = BTreeSet::new();
    let mut tidy = true;
    for complaint in &complaints {
        let key = (complaint.rule.to_owned(), complaint.path.clone());
        if exceptions.contains(&key) {
            used.insert(key);
        } else {
            eprintln!("{}: {} [{}]", complaint.path, complaint.text, complaint.rule);
            tidy = false;
        }
    }
    for (rule, path) in exceptions.difference(&used) {
        eprintln!("xtask/tidy.txt: `{rule} {path}` is not needed any more: take it out");
        tidy = false;
    }
    Ok(tidy)
}

struct Complaint {
    rule: &'static str,
    path: String,
    text: String,
}

/// The files that git knows or would add.
fn sources(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("cannot run git, which lists the sources")?;
    if !output.status.success() {
        bail!("`git ls-files` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names.split('\0').filter(|name| !name.is_empty()).map(|name| root.join(name)).collect())
}

fn exceptions(root: &Path) -> anyhow::Result<BTreeSet<(String, String)>> {
    let path = root.join("xtask/tidy.txt");
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    let mut exceptions = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some(rule), Some(path), Some(_reason)) => {
                exceptions.insert((rule.to_owned(), path.to_owned()));
            }
            _ => bail!("xtask/tidy.txt:{}: write `rule path reason`", index + 1),
        }
    }
    Ok(exceptions)
}

fn check_rust(name: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let mut complain = |rule, text| complaints.push(Complaint { rule, path: name.into(), text });
    let lines = text.lines().collect::<Vec<_>>();
    // A table of cases may be as long as it has cases.
    let test = ["/tests/", "/benches/", "/examples/"].iter().any(|place| name.contains(place))
        || name.ends_with("tests.rs");
    if !test && lines.len() > FILE_LINES_MAX {
        complain("file-length", format!("{} lines, at most {FILE_LINES_MAX}", lines.len()));
    }
    if !text.starts_with("//!") && !name.ends_with("build.rs") && !test {
        complain("purpose", "does not begin with `//!` and its purpose".into());
    }
    let code = lines.iter().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(lines.len());
    for (index, line) in lines.iter().enumerate().take(if test { 0 } else { code }) {
        if line.contains(UNWRAP) && !line.trim_start().starts_with("//") {
            complain("unwrap", format!("line {}: `{UNWRAP}` outside tests", index + 1));
        }
    }
    for (start, length) in functions(&lines) {
        if !test && start < code && length > FUNCTION_LINES_MAX {
            complain(
                "function-length",
                format!("line {}: {length} lines, at most {FUNCTION_LINES_MAX}", start + 1),
            );
        }
    }
}

/// First line (from 0) and number of lines of each function in formatted source: one ends where
/// a `}` stands as far to the right as its `fn` began.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let head = trimmed.split('(').next().unwrap_or_default();
        let is_function = !trimmed.starts_with("//")
            && (head.starts_with("fn ") || head.contains(" fn "))
            && (head.starts_with("fn ")
                || head.starts_with("pub")
                || head.starts_with("async")
                || head.starts_with("const ")
                || head.starts_with("unsafe"));
        if !is_function || line.ends_with('}') || line.ends_with(';') {
            continue;
        }
        let end = format!("{}}}", " ".repeat(line.len() - trimmed.len()));
        if let Some(length) = lines[start..].iter().position(|line| *line == end) {
            found.push((start, length + 1));
        }
    }
    found
}

fn check_page(name: &str, path: &Path, text: &str, complaints: &mut Vec<Complaint>) {
    let mut complain = |rule, text| complaints.push(Complaint { rule, path: name.into(), text });
    if name == "ARCHITECTURE.md" && text.lines().count() > ARCHITECTURE_LINES_MAX {
        complain("file-length", format!("longer than {ARCHITECTURE_LINES_MAX} lines"));
    }
    let folder = path.parent().unwrap_or(path);
    for piece in text.split("](").skip(1) {
        let target = piece.split([')', '#', ' ']).next().unwrap_or_default();
        let outside = target.contains("://") || target.starts_with("mailto:");
        if !target.is_empty() && !outside && !folder.join(target).exists() {
            complain("link", format!("links to `{target}`, which is not there"));
        }
    }
}

/// Words that say a thing is unfinished, and paths of somebody's machine.
fn check_words(name: &str, text: &str, complaints: &mut Vec<Complaint>) {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/t", "mp/"),
    ];
    if name.ends_with("package-lock.json") || name.ends_with(".txt") || name.ends_with(".svg") {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        for word in words {
            if line.contains(word) {
                complaints.push(Complaint {
                    rule: "word",
                    path: name.into(),
                    text: format!("line {}: `{word}`", index + 1),
                });
            }
        }
    }
}

/// The dependency direction is the architecture: what each crate must never see.
fn check_directions(complaints: &mut Vec<Complaint>) -> anyhow::Result<()> {
    for (package, never) in NEVER {
        let output = process::cargo()
            .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"])
            .args(["--format", "{p}"])
            .output()
            .context("cannot run `cargo tree`")?;
        if !output.status.success() {
            bail!("`cargo tree`: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = text.lines().filter_map(|line| line.split(' ').next()).collect::<BTreeSet<_>>();
        for forbidden in never.iter().filter(|name| names.contains(**name)) {
            complaints.push(Complaint {
                rule: "direction",
                path: format!("crates/{}", package.trim_start_matches("muster-")),
                text: format!("depends on `{forbidden}`, which it must never see"),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured() {
        let text = "fn a() {\n    1\n}\n\nimpl B {\n    pub fn c(\n        x: u8,\n    ) -> u8 {\n        x\n    }\n}\n";
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(functions(&lines), vec![(0, 3), (5, 5)]);
    }

    #[test]
    fn unwrap_counts_outside_tests_only() {
        let mut complaints = Vec::new();
        let text = "//! A.\nfn a() {\n    b().unwrap();\n}\n#[cfg(test)]\nmod tests {\n    fn c() { d().unwrap() }\n}\n";
        check_rust("a.rs", text, &mut complaints);
        assert_eq!(complaints.len(), 1);
        assert_eq!(complaints[0].rule, "unwrap");
    }

    #[test]
    fn links_must_lead_somewhere() {
        let mut complaints = Vec::new();
        let page = crate::place::root().join("README.md");
        check_page(
            "README.md",
            &page,
            "[a](xtask) [b](nowhere.md) [c](https://x.y)",
            &mut complaints,
        );
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].text.contains("nowhere.md"));
    }
}
