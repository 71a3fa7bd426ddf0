//! Dependencies point downwards: each crate must not depend on what the code map of
//! ARCHITECTURE.md says it must not.
//!
//! The rules are read from that page's table, so that it cannot say more or less than what is
//! checked. A cell is empty, or a list of kinds ([`KINDS`]) and crates of ours, or `every other
//! crate`, or `everything`, or `everything but` a list: then the crate's own dependencies are
//! exactly that list.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use super::complaint::Complaint;
use crate::process;

/// What the words of the table stand for: these crates, and all whose names begin so.
const KINDS: [(&str, &[&str]); 6] = [
    ("async", &["tokio", "async-std", "smol"]),
    ("consensus", &["arc-malachitebft"]),
    ("disk", &["redb"]),
    ("network", &["axum", "hyper", "libp2p", "reqwest", "rustls", "tonic"]),
    ("storage", &["redb"]),
    ("tensors", &["burn"]),
];

/// What a crate may depend on.
#[derive(Debug, PartialEq, Eq)]
enum Rule {
    /// On none of these, however indirectly.
    Never(Vec<String>),
    /// On exactly these, directly.
    Exactly(BTreeSet<String>),
}

/// Checks every row of the code map. `crates` are the names of our own, without their prefix.
pub fn check(page: &str, crates: &[String], complaints: &mut Vec<Complaint>) -> anyhow::Result<()> {
    let rows = rows(page, crates)?;
    for name in crates.iter().filter(|name| !rows.iter().any(|(row, _)| row == *name)) {
        complaints.push(complaint(name, "has no row in the code map of ARCHITECTURE.md".into()));
    }
    for (name, rule) in rows {
        match rule {
            Rule::Never(words) => {
                let found = dependencies(&name, false)?;
                for word in found.iter().filter(|found| words.iter().any(|w| is(found, w))) {
                    complaints.push(complaint(
                        &name,
                        format!("depends on `{word}`, which it must never see"),
                    ));
                }
            }
            Rule::Exactly(expected) => {
                let found = dependencies(&name, true)?;
                if found != expected {
                    complaints.push(complaint(
                        &name,
                        format!("depends on {found:?}, its row allows {expected:?}"),
                    ));
                }
            }
        }
    }
    Ok(())
}

fn complaint(name: &str, text: String) -> Complaint {
    let folder = if name == "xtask" { name.to_owned() } else { format!("crates/{name}") };
    Complaint { rule: "direction", path: folder, text }
}

fn package(name: &str) -> String {
    if name == "xtask" { name.to_owned() } else { format!("muster-{name}") }
}

/// Whether a dependency is what a word of a rule means. Our own crates are meant whole.
fn is(found: &str, word: &str) -> bool {
    let more = !word.starts_with("muster-");
    found == word || more && found.strip_prefix(word).is_some_and(|rest| rest.starts_with('-'))
}

/// The crates of the code map and their rules.
fn rows(page: &str, crates: &[String]) -> anyhow::Result<Vec<(String, Rule)>> {
    let table = page.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    let mut rows = Vec::new();
    for line in table.take_while(|line| line.starts_with('|')) {
        let cells = line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
        let [name, _, cell] = cells[..] else {
            bail!("ARCHITECTURE.md: a row of the code map has {} cells: {line}", cells.len());
        };
        let name = name.trim_matches('`').to_owned();
        let rule =
            rule(&name, cell, crates).with_context(|| format!("ARCHITECTURE.md: `{name}`"))?;
        rows.push((name, rule));
    }
    if rows.is_empty() {
        bail!("ARCHITECTURE.md has no table that begins with `| crate |`");
    }
    Ok(rows)
}

fn rule(name: &str, cell: &str, crates: &[String]) -> anyhow::Result<Rule> {
    if cell == "every other crate" {
        let others = crates.iter().filter(|other| *other != name);
        return Ok(Rule::Never(others.map(|other| package(other)).collect()));
    }
    let words = |list: &str| -> Vec<String> {
        let words = list.split(',').map(|word| word.trim().trim_matches('`').to_owned());
        words.filter(|word| !word.is_empty()).collect()
    };
    if cell == "everything" {
        return Ok(Rule::Exactly(BTreeSet::new()));
    }
    if let Some(list) = cell.strip_prefix("everything but ") {
        return Ok(Rule::Exactly(words(list).into_iter().collect()));
    }
    let mut never = Vec::new();
    for word in words(cell) {
        match KINDS.iter().find(|(kind, _)| *kind == word) {
            Some((_, names)) => never.extend(names.iter().map(|name| name.to_string())),
            None if crates.contains(&word) => never.push(package(&word)),
            None => {
                bail!("{word:?} is neither a crate of ours nor one of the kinds that are known")
            }
        }
    }
    Ok(Rule::Never(never))
}

/// Names of what a crate depends on when it runs.
fn dependencies(name: &str, direct: bool) -> anyhow::Result<BTreeSet<String>> {
    let package = package(name);
    let mut command = process::cargo();
    command
        .args(["tree", "--locked", "--package", &package, "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"]);
    if direct {
        command.args(["--depth", "1"]);
    }
    let output = command.output().context("cannot run `cargo tree`")?;
    if !output.status.success() {
        bail!("`cargo tree`: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split(' ').next());
    Ok(names.filter(|name| !name.is_empty() && *name != package).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{Rule, is, rows};

    fn crates() -> Vec<String> {
        ["ledger", "node", "xtask"].map(str::to_owned).to_vec()
    }

    fn rule(cell: &str) -> anyhow::Result<Rule> {
        let page = format!(
            "# A\n\n| crate | what | not |\n|---|---|---|\n| `node` | it | {cell} |\n\nMore.\n"
        );
        rows(&page, &crates()).map(|mut rows| rows.remove(0).1)
    }

    #[test]
    fn the_table_is_what_is_checked() {
        let never =
            |words: &[&str]| Rule::Never(words.iter().map(|word| word.to_string()).collect());
        assert_eq!(rule("").expect("a rule"), never(&[]));
        assert_eq!(rule("tensors, `ledger`").expect("a rule"), never(&["burn", "muster-ledger"]));
        assert_eq!(rule("every other crate").expect("a rule"), never(&["muster-ledger", "xtask"]));
        assert_eq!(rule("everything").expect("a rule"), Rule::Exactly([].into()));
        let exactly = ["libm", "rayon"].map(str::to_owned).into();
        assert_eq!(rule("everything but `libm`, `rayon`").expect("a rule"), Rule::Exactly(exactly));
        assert!(rule("tensers").is_err(), "a word that nobody knows forbids nothing");
        assert!(rows("no table", &crates()).is_err());
    }

    #[test]
    fn a_kind_covers_its_family() {
        for (found, word, expected) in [
            ("burn", "burn", true),
            ("burn-core", "burn", true),
            ("burnish", "burn", false),
            ("muster-peer", "muster-peer", true),
            ("muster-peer-tools", "muster-peer", false),
        ] {
            assert_eq!(is(found, word), expected, "{found} {word}");
        }
    }
}
