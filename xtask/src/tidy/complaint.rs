//! What a check found, and the files that it looks at.

/// A rule that a file breaks.
#[derive(Debug)]
pub struct Complaint {
    /// The rule, one word.
    pub rule: &'static str,
    /// The file, from the checkout's root, or whatever else breaks the rule; one word.
    pub path: String,
    /// What is wrong and where.
    pub text: String,
}

/// A file of the checkout.
pub struct Source {
    /// Its path from the checkout's root.
    pub name: String,
    /// What it holds.
    pub text: String,
}

impl Source {
    /// Whether the file is Rust.
    pub fn is_rust(&self) -> bool {
        self.name.ends_with(".rs")
    }

    /// Whether a program wrote the file; what it writes is that program's matter.
    pub fn is_generated(&self) -> bool {
        self.text.lines().next().is_some_and(|line| line.contains("@generated"))
    }

    /// Whether the file only tests, measures or shows: a table of cases may be as long as it has
    /// cases.
    pub fn is_test(&self) -> bool {
        let places = ["/tests/", "/benches/", "/examples/"];
        places.iter().any(|place| self.name.contains(place)) || self.name.ends_with("tests.rs")
    }
}
