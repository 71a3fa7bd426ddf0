//! Our own checks of the sources: each agreed rule, with a list of exceptions that shrinks.
//!
//! An exception is a line `rule path reason` in `xtask/tidy.txt`. One that nothing needs any
//! more fails, so that the list cannot grow old.

mod circles;
mod code;
mod complaint;
mod dead;
mod directions;
mod pages;
mod safety;
mod sizes;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::{place, process};
use code::Code;
use complaint::{Complaint, Source};

/// Runs the checks alone.
pub fn run() -> anyhow::Result<ExitCode> {
    let tidy = check()?;
    process::say(if tidy { "tidy" } else { "not tidy" });
    Ok(if tidy { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Checks all tracked and new sources; says each complaint on stderr.
pub fn check() -> anyhow::Result<bool> {
    let root = place::root();
    let sources = sources(&root)?;
    let complaints = complaints(&root, &sources)?;
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

fn complaints(root: &Path, sources: &[Source]) -> anyhow::Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let rust = sources.iter().filter(|source| source.is_rust()).collect::<Vec<_>>();
    let codes = rust.iter().map(|source| Code::new(&source.text)).collect::<Vec<_>>();
    let codes = rust.into_iter().zip(&codes).collect::<Vec<_>>();
    for (source, code) in codes.iter().filter(|(source, _)| !source.is_generated()) {
        sizes::check(source, code, &mut complaints);
        safety::check(source, code, &mut complaints);
    }
    for page in sources.iter().filter(|source| source.name.ends_with(".md")) {
        sizes::check_page(page, &mut complaints);
        pages::check_links(root, page, &mut complaints);
    }
    for source in sources {
        pages::check_words(source, &mut complaints);
    }
    dead::check_files(sources, &mut complaints);
    dead::check_items(&codes, &mut complaints);
    let crates = crates(sources);
    let read = |name: &str| {
        let source = sources.iter().find(|source| source.name == name);
        source.map(|source| source.text.clone())
    };
    for name in &crates {
        let folder = if name == "xtask" { name.clone() } else { format!("crates/{name}") };
        for file in ["lib.rs", "main.rs"].map(|file| format!("{folder}/src/{file}")) {
            if read(&file).is_some() {
                circles::check(&file, &read, &mut complaints);
            }
        }
    }
    let page = read("ARCHITECTURE.md").context("ARCHITECTURE.md is not there")?;
    directions::check(&page, &crates, &mut complaints)?;
    Ok(complaints)
}

/// The crates of the workspace, by the names of their folders.
fn crates(sources: &[Source]) -> Vec<String> {
    let folders = sources.iter().filter_map(|source| {
        let folder = source.name.strip_suffix("/Cargo.toml")?;
        let name = folder.strip_prefix("crates/").unwrap_or(folder);
        (!name.contains('/')).then(|| name.to_owned())
    });
    folders.collect()
}

/// The texts that git knows or would add.
fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("cannot run git, which lists the sources")?;
    if !output.status.success() {
        bail!("`git ls-files` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = names.split('\0').filter(|name| !name.is_empty()).collect::<BTreeSet<_>>();
    // A file that is gone or no text has nothing to check.
    let read = |name: &str| {
        let text = fs::read_to_string(root.join(name)).ok()?;
        Some(Source { name: name.to_owned(), text })
    };
    Ok(names.into_iter().filter_map(read).collect())
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
