//! What nobody uses: files that no module names, and public items whose name stands nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;
use super::complaint::{Complaint, Source};

/// Complains of every Rust file that is neither compiled by itself nor a module of one that is.
pub fn check_files(sources: &[Source], complaints: &mut Vec<Complaint>) {
    let files: BTreeMap<&str, &Source> =
        sources.iter().filter(|s| s.is_rust()).map(|s| (s.name.as_str(), s)).collect();
    let mut alive = BTreeSet::new();
    let mut next: Vec<String> =
        files.keys().filter(|name| is_root(name, &files)).map(|name| name.to_string()).collect();
    while let Some(name) = next.pop() {
        if let Some(source) = files.get(name.as_str())
            && alive.insert(name.clone())
        {
            next.extend(named(source, is_root(&name, &files)));
        }
    }
    for name in files.keys().filter(|name| !alive.contains(**name)) {
        complaints.push(Complaint {
            rule: "dead-file",
            path: name.to_string(),
            text: "no module names this file".into(),
        });
    }
}

/// Whether cargo compiles the file by itself.
fn is_root(name: &str, files: &BTreeMap<&str, &Source>) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let parent = |folder: &str| folder.rsplit_once('/').map(|(_, last)| last.to_owned());
    let kinds = ["tests", "benches", "examples"];
    let last = parent(folder);
    let of_kind = |folder: Option<&str>| folder.is_some_and(|folder| kinds.contains(&folder));
    match file {
        "lib.rs" | "main.rs" if last.as_deref() == Some("src") => true,
        "build.rs" => true,
        "main.rs" => of_kind(folder.rsplit_once('/').and_then(|(up, _)| parent(up)).as_deref()),
        // A file beside a `mod.rs` is one of its modules.
        _ => of_kind(last.as_deref()) && !files.contains_key(format!("{folder}/mod.rs").as_str()),
    }
}

/// The files that a file may mean by the modules it declares, and those it includes.
fn named(source: &Source, root: bool) -> Vec<String> {
    let (folder, file) = source.name.rsplit_once('/').unwrap_or((".", &source.name));
    let inner = if root || file == "mod.rs" {
        folder.to_owned()
    } else {
        source.name.trim_end_matches(".rs").to_owned()
    };
    let mut files = Vec::new();
    for line in source.text.lines().map(str::trim) {
        let quoted = line.split('"').nth(1);
        let names = line.starts_with("#[path = ") || line.starts_with("include!(");
        if let (true, Some(path)) = (names, quoted) {
            files.push(format!("{folder}/{path}"));
        }
        let declared = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod "));
        if let Some((visibility, name)) = declared
            && (visibility.is_empty() || visibility.starts_with("pub"))
        {
            files.push(format!("{inner}/{name}.rs"));
            files.push(format!("{inner}/{name}/mod.rs"));
        }
    }
    files
}

/// Complains of public items of the crates' sources whose name is no word of any other code.
/// Names that two items share hide each other: what is found is dead, not all that is dead is
/// found.
pub fn check_items(codes: &[(&Source, &Code)], complaints: &mut Vec<Complaint>) {
    let mut count = BTreeMap::<&str, usize>::new();
    let words = |code: &str| -> Vec<String> {
        let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let all: Vec<Vec<String>> = codes.iter().map(|(_, code)| words(&code.code)).collect();
    // An example in the documentation is a test.
    let examples: Vec<Vec<String>> = codes.iter().map(|(_, code)| words(&example(code))).collect();
    for word in all.iter().chain(&examples).flatten() {
        *count.entry(word).or_default() += 1;
    }
    for (source, code) in
        codes.iter().filter(|(source, _)| !source.is_test() && !source.is_generated())
    {
        let words = code.words();
        for window in words.windows(3) {
            let [(_, visibility), (_, kind), (line, name)] = window else { continue };
            let item = ["fn", "struct", "enum", "trait", "const", "static", "type"].contains(kind);
            if *visibility == "pub" && item && count.get(name) == Some(&1) {
                complaints.push(Complaint {
                    rule: "dead-item",
                    path: source.name.clone(),
                    text: format!("line {}: nothing names `{name}`", line + 1),
                });
            }
        }
    }
}

/// The lines of the examples in a file's documentation.
fn example(code: &Code) -> String {
    let mut inside = false;
    let mut text = String::new();
    for line in code.comments.lines() {
        let line = line.trim_start().trim_start_matches(['/', '!']).trim();
        if line.starts_with("```") {
            inside = !inside;
        } else if inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::super::complaint::Source;
    use super::{check_files, check_items};

    fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        let source =
            |(name, text): &(&str, &str)| Source { name: name.to_string(), text: text.to_string() };
        files.iter().map(source).collect()
    }

    #[test]
    fn files_that_no_module_names_are_dead() {
        let mut complaints = Vec::new();
        check_files(
            &sources(&[
                (
                    "crates/a/src/lib.rs",
                    "pub mod b;\n#[cfg(test)]\n#[path = \"b_tests.rs\"]\nmod tests;",
                ),
                ("crates/a/src/b.rs", "pub(crate) mod c;\ninclude!(\"made.rs\");"),
                ("crates/a/src/made.rs", ""),
                ("crates/a/src/b/c.rs", ""),
                ("crates/a/src/b_tests.rs", ""),
                ("crates/a/src/old.rs", "mod older;"),
                ("crates/a/src/old/older.rs", ""),
                ("crates/a/build.rs", ""),
                ("crates/a/tests/it/main.rs", "mod one;"),
                ("crates/a/tests/it/one.rs", ""),
                ("crates/a/tests/it/two.rs", ""),
                ("crates/a/examples/show.rs", ""),
            ]),
            &mut complaints,
        );
        let dead = complaints.iter().map(|complaint| complaint.path.as_str()).collect::<Vec<_>>();
        let expected =
            ["crates/a/src/old.rs", "crates/a/src/old/older.rs", "crates/a/tests/it/two.rs"];
        assert_eq!(dead, expected);
    }

    #[test]
    fn items_that_nothing_names_are_dead() {
        let sources = sources(&[
            (
                "a/src/lib.rs",
                "/// ```\n/// exemplary();\n/// ```\npub fn exemplary() {}\npub fn used() {}\npub fn dead() {} // dead();\npub(crate) fn own() {}",
            ),
            ("a/tests/it/main.rs", "fn a() { used(); \"dead\" }"),
        ]);
        let codes: Vec<Code> = sources.iter().map(|source| Code::new(&source.text)).collect();
        let mut complaints = Vec::new();
        check_items(&sources.iter().zip(&codes).collect::<Vec<_>>(), &mut complaints);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].text.contains("line 6: nothing names `dead`"), "{complaints:?}");
    }
}
