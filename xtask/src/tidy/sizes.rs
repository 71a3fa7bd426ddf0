//! How long files, functions and comments may be, and that every file says what it is for.

use super::code::Code;
use super::complaint::{Complaint, Source};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const COMMENT_COLUMNS_MAX: usize = 100;
const ARCHITECTURE_LINES_MAX: usize = 300;

/// Checks one source.
pub fn check(source: &Source, code: &Code, complaints: &mut Vec<Complaint>) {
    let mut complain =
        |rule, text| complaints.push(Complaint { rule, path: source.name.clone(), text });
    let lines = source.text.lines().collect::<Vec<_>>();
    let test = source.is_test();
    if !test && lines.len() > FILE_LINES_MAX {
        complain("file-length", format!("{} lines, at most {FILE_LINES_MAX}", lines.len()));
    }
    if !source.text.starts_with("//!") && !source.name.ends_with("build.rs") && !test {
        complain("purpose", "does not begin with `//!` and its purpose".into());
    }
    for (start, length) in functions(&lines) {
        if !test && start < code.without_tests() && length > FUNCTION_LINES_MAX {
            complain(
                "function-length",
                format!("line {}: {length} lines, at most {FUNCTION_LINES_MAX}", start + 1),
            );
        }
    }
    for (index, line) in code.comments.lines().enumerate() {
        let columns = line.trim_end().chars().count();
        // An address cannot be broken.
        if columns > COMMENT_COLUMNS_MAX && !line.contains("://") {
            complain(
                "comment-width",
                format!("line {}: {columns} columns, at most {COMMENT_COLUMNS_MAX}", index + 1),
            );
        }
    }
}

/// Checks the page that everybody reads first.
pub fn check_page(source: &Source, complaints: &mut Vec<Complaint>) {
    if source.name == "ARCHITECTURE.md" && source.text.lines().count() > ARCHITECTURE_LINES_MAX {
        complaints.push(Complaint {
            rule: "file-length",
            path: source.name.clone(),
            text: format!("longer than {ARCHITECTURE_LINES_MAX} lines"),
        });
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

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::super::complaint::Source;
    use super::{check, functions};

    fn rules(name: &str, text: String) -> Vec<&'static str> {
        let (code, mut complaints) = (Code::new(&text), Vec::new());
        check(&Source { name: name.into(), text }, &code, &mut complaints);
        complaints.iter().map(|complaint| complaint.rule).collect()
    }

    #[test]
    fn functions_are_measured() {
        let text = "fn a() {\n    1\n}\n\nimpl B {\n    pub fn c(\n        x: u8,\n    ) -> u8 {\n        x\n    }\n}\n";
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(functions(&lines), vec![(0, 3), (5, 5)]);
    }

    #[test]
    fn what_is_too_long_or_has_no_purpose_is_named() {
        assert!(rules("a/src/a.rs", "//! A.\nfn a() {}\n".into()).is_empty());
        assert_eq!(rules("a/src/a.rs", "fn a() {}\n".into()), ["purpose"]);
        assert_eq!(rules("a/src/a.rs", format!("//! A.\n{}", "\n".repeat(600))), ["file-length"]);
        let function = format!("fn a() {{\n{}}}\n", "    a();\n".repeat(69));
        assert_eq!(rules("a/src/a.rs", format!("//! A.\n{function}")), ["function-length"]);
        assert!(rules("a/tests/a.rs", function).is_empty());
    }

    #[test]
    fn comments_have_a_width_and_code_is_left_to_its_formatter() {
        let wide = "a".repeat(110);
        assert_eq!(rules("a/src/a.rs", format!("//! A.\n/// {wide}\n")), ["comment-width"]);
        assert_eq!(rules("a/tests/a.rs", format!("let a; // {wide}\n")), ["comment-width"]);
        assert!(rules("a/src/a.rs", format!("//! A.\nconst A: &str = \"{wide}\";\n")).is_empty());
        assert!(rules("a/src/a.rs", format!("//! A.\n/// https://{wide}\n")).is_empty());
    }
}
