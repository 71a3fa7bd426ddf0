//! Circles between the files of a crate: files that use each other's items can only be understood
//! together.
//!
//! A file uses another where a path in its code, in a `use` or in an expression, leads to an item
//! that the other defines. Paths are followed through re-exports to where the item really is, so
//! that a `mod.rs` which only hands on what its children define uses nothing, and whoever takes
//! an item from it uses the child. What a path does not say (methods, what a macro writes) is not
//! seen, and tests may use what they like.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;
use super::complaint::Complaint;

/// Complains of each circle of the crate with this root file. The exception names all its files,
/// so that no other joins them unnoticed.
pub fn check(root: &str, read: &dyn Fn(&str) -> Option<String>, complaints: &mut Vec<Complaint>) {
    let modules = Modules::new(root, read);
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    for circle in modules.circles() {
        let names = circle.iter().map(|file| file[folder.len() + 1..].trim_end_matches(".rs"));
        complaints.push(Complaint {
            rule: "circle",
            path: format!("{folder}:{}", names.collect::<Vec<_>>().join(",")),
            text: format!(
                "{} files use each other:\n  {}",
                circle.len(),
                modules.ties(&circle).join("\n  ")
            ),
        });
    }
}

/// A path of a `use`, and whether others can take the name from here by a further path.
struct Import {
    path: Vec<String>,
    exported: bool,
}

/// One file, which is one module.
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    imports: BTreeMap<String, Import>,
    /// Every path of the code but those in `use`.
    paths: BTreeSet<Vec<String>>,
    /// Names of macros that are defined here: their paths begin at the crate's root.
    macros: BTreeSet<String>,
}

/// The modules of a crate, its root first.
struct Modules(Vec<Module>);

impl Modules {
    /// Reads the modules of the crate with this root file; `read` gives the text of a file where
    /// it is there.
    fn new(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut modules = Self(Vec::new());
        modules.add(root, None, read);
        modules
    }

    fn add(
        &mut self,
        file: &str,
        parent: Option<usize>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Option<usize> {
        let code = Code::new(&read(file)?);
        let words = code.words().into_iter().map(|(_, word)| word).collect::<Vec<_>>();
        let index = self.0.len();
        let (imports, paths) = names(&words);
        self.0.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            imports,
            paths,
            macros: after(&words, &["macro_rules", "!"]),
        });
        for name in declared(&words) {
            let folder = folder(file, parent.is_none());
            let child = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
                .iter()
                .find_map(|path| self.add(path, Some(index), read));
            if let Some(child) = child {
                self.0[index].children.insert(name, child);
            }
        }
        Some(index)
    }

    /// The groups of files each of which uses, directly or not, every other of its group.
    fn circles(&self) -> Vec<Vec<&str>> {
        let uses = (0..self.0.len()).map(|module| self.uses(module)).collect::<Vec<_>>();
        let reached = (0..self.0.len()).map(|module| reached(&uses, module)).collect::<Vec<_>>();
        let mut circles = BTreeSet::new();
        for (module, found) in reached.iter().enumerate() {
            if found.contains(&module) {
                let circle = found.iter().filter(|other| reached[**other].contains(&module));
                circles.insert(circle.copied().collect::<Vec<_>>());
            }
        }
        let name = |module: &usize| self.0[*module].file.as_str();
        let mut named: Vec<Vec<_>> =
            circles.iter().map(|circle| circle.iter().map(name).collect()).collect();
        named.iter_mut().for_each(|circle| circle.sort_unstable());
        named
    }

    /// What one file of a circle uses of the others, for the complaint.
    fn ties(&self, circle: &[&str]) -> Vec<String> {
        let mut ties = Vec::new();
        for (index, module) in self.0.iter().enumerate() {
            for (target, path) in self.used(index) {
                let other = &self.0[target].file;
                let inside = |file: &String| circle.contains(&file.as_str());
                if target != index && inside(&module.file) && inside(other) {
                    ties.push(format!("{} names {path} of {other}", module.file));
                }
            }
        }
        ties
    }

    fn uses(&self, module: usize) -> BTreeSet<usize> {
        self.used(module).into_iter().map(|(target, _)| target).filter(|t| *t != module).collect()
    }

    /// The files that a file uses, each with the path that says so.
    fn used(&self, index: usize) -> Vec<(usize, String)> {
        let module = &self.0[index];
        let mut used = Vec::new();
        for (name, import) in &module.imports {
            // What is only handed on is used by those who take it.
            let single = std::slice::from_ref(name);
            let used_here = module.paths.iter().any(|path| path.starts_with(single));
            if !import.exported || used_here {
                used.extend(self.target(index, &import.path));
            }
        }
        for path in module.paths.iter().filter(|path| path.len() > 1) {
            used.extend(self.target(index, path));
        }
        used
    }

    fn target(&self, from: usize, path: &[String]) -> Option<(usize, String)> {
        match self.follow(from, path, 0)? {
            Place::Item(module) => Some((module, path.join("::"))),
            // The paths that begin with it say what is used of it.
            Place::Module => None,
        }
    }

    /// Where a path leads that is written in a module; `None` when it leaves the crate.
    fn follow(&self, from: usize, path: &[String], depth: usize) -> Option<Place> {
        // Names that stand for each other in a circle are none that compile.
        if depth > 16 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        let module = &self.0[from];
        match first.as_str() {
            "crate" => self.enter(0, rest, depth),
            "self" => self.enter(from, rest, depth),
            "super" => self.enter(module.parent?, rest, depth),
            name if module.children.contains_key(name) || module.imports.contains_key(name) => {
                self.enter(from, path, depth)
            }
            _ => None,
        }
    }

    /// Where a path leads from inside a module.
    fn enter(&self, at: usize, path: &[String], depth: usize) -> Option<Place> {
        let Some((first, rest)) = path.split_first() else {
            return Some(Place::Module);
        };
        let module = &self.0[at];
        if first == "super" {
            return self.enter(module.parent?, rest, depth);
        }
        let import = module.imports.get(first).filter(|import| import.path[0] != *first);
        let child = module.children.get(first);
        // A module and an item may have one name; only the module goes on.
        match (import, child) {
            (_, Some(child)) if !rest.is_empty() || import.is_none() => {
                self.enter(*child, rest, depth)
            }
            (Some(import), _) => {
                let whole = import.path.iter().chain(rest).cloned().collect::<Vec<_>>();
                self.follow(at, &whole, depth + 1)
            }
            _ if at == 0 => {
                let home = self.0.iter().position(|module| module.macros.contains(first));
                Some(Place::Item(home.unwrap_or(0)))
            }
            _ => Some(Place::Item(at)),
        }
    }
}

enum Place {
    /// A module itself, of which nothing is used yet.
    Module,
    /// An item that this module defines.
    Item(usize),
}

/// What can be reached in one step or more.
fn reached(uses: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut next = uses[from].iter().copied().collect::<Vec<_>>();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(&uses[module]);
        }
    }
    found
}

/// The folder in which the children of a file lie.
fn folder(file: &str, root: bool) -> String {
    let (folder, name) = file.rsplit_once('/').unwrap_or((".", file));
    match name {
        _ if root => folder.to_owned(),
        "mod.rs" => folder.to_owned(),
        _ => file.trim_end_matches(".rs").to_owned(),
    }
}

/// The word that follows each of these sequences.
fn after(words: &[&str], sequence: &[&str]) -> BTreeSet<String> {
    let matches = words.windows(sequence.len() + 1).filter(|window| window.starts_with(sequence));
    matches.map(|window| window[sequence.len()].to_owned()).collect()
}

/// The modules that a file declares and that are files of their own.
fn declared(words: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for (index, window) in words.windows(3).enumerate() {
        let tests = words[..index].ends_with(&["#", "[", "cfg", "(", "test", ")", "]"]);
        if window[0] == "mod" && window[2] == ";" && !tests {
            names.push(window[1].to_owned());
        }
    }
    names
}

/// What a file imports, by the name it has there, and all other paths of its code.
fn names(words: &[&str]) -> (BTreeMap<String, Import>, BTreeSet<Vec<String>>) {
    let (mut imports, mut paths) = (BTreeMap::new(), BTreeSet::new());
    let mut at = 0;
    while at < words.len() {
        let ahead = words.get(at + 1).copied().unwrap_or_default();
        // `use<'a>` bounds what a type captures.
        if words[at] == "use" && ahead != "<" {
            let exported = at > 0 && ["pub", ")"].contains(&words[at - 1]);
            let mut found = Vec::new();
            at = tree(words, at + 1, &[], &mut found);
            for (name, path) in found {
                imports.insert(name, Import { path, exported });
            }
        } else if is_word(words[at]) {
            let start = at;
            while words.get(at + 1) == Some(&"::") && words.get(at + 2).is_some_and(|w| is_word(w))
            {
                at += 2;
            }
            // Paths that go on after a type, as in `Vec::<u8>::new`, say enough before it.
            if start == 0 || words[start - 1] != "::" {
                paths.insert(words[start..=at].iter().step_by(2).map(|w| w.to_string()).collect());
            }
            at += 1;
        } else {
            at += 1;
        }
    }
    (imports, paths)
}

fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Reads one branch of a `use`; returns where it ends.
fn tree(
    words: &[&str],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(String, Vec<String>)>,
) -> usize {
    let mut path = before.to_vec();
    while let Some(word) = words.get(at) {
        match *word {
            "::" => at += 1,
            "{" => {
                at += 1;
                while words.get(at).is_some_and(|word| *word != "}") {
                    at = tree(words, at, &path, found);
                    at += usize::from(words.get(at) == Some(&","));
                }
                return at + 1;
            }
            "*" => {
                found.push((format!("{}::*", path.join("::")), path));
                return at + 1;
            }
            "as" => {
                let name = words.get(at + 1).copied().unwrap_or("_");
                found.push((name.to_owned(), path));
                return at + 2;
            }
            "," | "}" | ";" => break,
            word => {
                path.push(word.to_owned());
                at += 1;
            }
        }
    }
    // `use a::{self}` names the module itself.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(name) = path.last().cloned() {
        found.push((name, path));
    }
    at
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Modules;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let files: BTreeMap<_, _> = files.iter().copied().collect();
        let read = |path: &str| files.get(path).map(|text| text.to_string());
        let modules = Modules::new("src/lib.rs", &read);
        modules.circles().iter().map(|circle| circle.join(" ")).collect()
    }

    #[test]
    fn two_files_that_use_each_other_are_a_circle() {
        let root = ("src/lib.rs", "pub mod a;\npub mod b;\n");
        let found = circles(&[
            root,
            ("src/a.rs", "use crate::b::B;\npub struct A(B);"),
            ("src/b.rs", "pub struct B;\nfn b() { let a: super::a::A = crate::a::new(); }"),
        ]);
        assert_eq!(found, ["src/a.rs src/b.rs"]);
        let found = circles(&[
            root,
            ("src/a.rs", "use crate::b::B;\npub struct A(B);"),
            (
                "src/b.rs",
                "//! Of [`crate::a`].\npub struct B; // crate::a::A\nconst C: &str = \"crate::a::A\";",
            ),
        ]);
        assert!(found.is_empty(), "comments and texts use nothing: {found:?}");
    }

    #[test]
    fn handing_on_is_no_use_but_leads_to_where_the_item_is() {
        let files = |root: &'static str| {
            circles(&[
                ("src/lib.rs", root),
                ("src/a.rs", "pub struct A;\nfn a(e: crate::Error) {}"),
                ("src/error.rs", "pub struct Error;"),
            ])
        };
        assert!(files("mod a;\nmod error;\npub use a::A;\npub use error::Error;").is_empty());
        // Here the root itself defines what its child uses, and uses the child.
        let found = files("mod a;\npub use a::A;\npub struct Error(A);");
        assert_eq!(found, ["src/a.rs src/lib.rs"]);
        // And here a name leads through the root from one child to the other and back.
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B as C;"),
            ("src/a.rs", "use super::C;\npub struct A(C);"),
            ("src/b.rs", "pub struct B;\nimpl B { fn a(&self) -> crate::A { crate::A::new() } }"),
        ]);
        assert_eq!(found, ["src/a.rs src/b.rs"]);
    }

    #[test]
    fn longer_circles_aliases_groups_and_macros_are_seen() {
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("src/a.rs", "use crate::{b::{self as other, X}, c as _};\nfn a() { other::b(); }"),
            ("src/b.rs", "use crate::c;\npub fn b() { c::deep::run(); }"),
            ("src/c/mod.rs", "pub mod deep;"),
            ("src/c/deep.rs", "pub fn run() { crate::table!(1); }"),
        ]);
        assert!(found.is_empty(), "{found:?}");
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("src/a.rs", "use crate::b;\nmacro_rules! table { () => {} }\nfn a() { b::b(); }"),
            ("src/b.rs", "use crate::c;\npub fn b() { c::deep::run(); }"),
            ("src/c/mod.rs", "pub mod deep;"),
            ("src/c/deep.rs", "pub fn run() { crate::table!(1); }"),
        ]);
        assert_eq!(found, ["src/a.rs src/b.rs src/c/deep.rs"]);
    }

    #[test]
    fn tests_may_use_what_they_like() {
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod c;"),
            ("src/a.rs", "pub fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::b::b;\n}\n"),
            ("src/b.rs", "pub fn b() { crate::a::a() }"),
            ("src/c.rs", "use crate::c::c;"),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }
}
