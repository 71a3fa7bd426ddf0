//! Where a program could fail or go wrong without a word: `unwrap` outside tests, `unsafe` that
//! does not say why it is sound, and functions of floating-point numbers that differ between
//! machines.

use super::code::Code;
use super::complaint::{Complaint, Source};

/// Spelled so that this file does not contain it.
const UNWRAP: &str = concat!(".unw", "rap()");

/// Crates whose numbers must be the same on every machine.
const STRICT: [&str; 3] = ["crates/ledger/src/", "crates/mechanism/src/", "crates/lab/src/"];

/// Functions that std takes from the system's library or computes in no specified way; `libm` has
/// them in Rust, the same bits everywhere.
const SYSTEM_FUNCTIONS: [&str; 25] = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp",
    "exp2", "exp_m1", "hypot", "ln", "ln_1p", "log", "log10", "log2", "powf", "powi", "sin",
    "sinh", "tan", "tanh",
];

/// Checks one source.
pub fn check(source: &Source, code: &Code, complaints: &mut Vec<Complaint>) {
    let mut complain =
        |rule, text| complaints.push(Complaint { rule, path: source.name.clone(), text });
    if !source.is_test() {
        for (index, line) in code.code.lines().enumerate().take(code.without_tests()) {
            if line.contains(UNWRAP) {
                complain("unwrap", format!("line {}: `{UNWRAP}` outside tests", index + 1));
            }
        }
    }
    for line in unexplained(code) {
        complain("unsafe", format!("line {line}: no comment `SAFETY:` says why this is sound"));
    }
    if !source.is_test() && STRICT.iter().any(|folder| source.name.starts_with(folder)) {
        for (line, name) in system_functions(code) {
            complain(
                "float",
                format!("line {line}: `{name}` of std differs between machines: take libm's"),
            );
        }
    }
}

/// Lines (from 1) of unsafe blocks and implementations with no comment beside or above them.
fn unexplained(code: &Code) -> Vec<usize> {
    let lines = code.code.lines().zip(code.comments.lines()).collect::<Vec<_>>();
    let mut found = Vec::new();
    for (index, (line, comment)) in lines.iter().enumerate() {
        let risky = ["unsafe {", "unsafe impl"].iter().any(|start| line.contains(start));
        // The comment stands above the statement of which the block may be only a part.
        let above = lines[..index].iter().rev().take_while(|(line, comment)| {
            let blank = line.trim().is_empty() && comment.trim().is_empty();
            !blank && !line.trim_end().ends_with([';', '{', '}'])
        });
        let mut said = above.map(|(_, comment)| *comment).chain([*comment]);
        if risky && !said.any(|comment| comment.contains("SAFETY:")) {
            found.push(index + 1);
        }
    }
    found
}

/// Uses of functions that are not the same everywhere, with their lines (from 1): called on a
/// value, or named as in `map(f64::exp)`.
fn system_functions(code: &Code) -> Vec<(usize, &str)> {
    let words = code.words();
    let mut found = Vec::new();
    for window in words.windows(3) {
        let [(_, first), (line, second), (line_after, third)] = window else { continue };
        if *first == "." && SYSTEM_FUNCTIONS.contains(second) && *third == "(" {
            found.push((line + 1, *second));
        }
        if ["f32", "f64"].contains(first) && *second == "::" && SYSTEM_FUNCTIONS.contains(third) {
            found.push((line_after + 1, *third));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::super::complaint::Source;
    use super::check;

    fn rules(name: &str, text: &str) -> Vec<&'static str> {
        let (code, mut complaints) = (Code::new(text), Vec::new());
        check(&Source { name: name.into(), text: text.into() }, &code, &mut complaints);
        complaints.iter().map(|complaint| complaint.rule).collect()
    }

    #[test]
    fn unwrap_counts_outside_tests_only() {
        let text = "//! A.\nfn a() {\n    b().unwrap(); // .unwrap()\n}\n#[cfg(test)]\nmod tests {\n    fn c() { d().unwrap() }\n}\n";
        assert_eq!(rules("a/src/a.rs", text), ["unwrap"]);
        assert!(rules("a/tests/a.rs", text).is_empty());
    }

    #[test]
    fn unsafe_says_why() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(rules("a/tests/a.rs", text), expected, "{text}");
        };
        check("fn a() {\n    unsafe { b() }\n}\n", &["unsafe"]);
        check("// SAFETY: of another.\nfn a() {\n    unsafe { b() }\n}\n", &["unsafe"]);
        check("fn a() {\n    // SAFETY: b does nothing.\n    unsafe { b() }\n}\n", &[]);
        check(
            "// SAFETY: it has no fields,\n// none at all.\n#[expect(unsafe_code)]\nunsafe impl Send for A {}\n",
            &[],
        );
        check("// SAFETY: b does nothing.\nlet a =\n    unsafe { b() };\n", &[]);
        check("let a = \"unsafe { b() }\"; // unsafe { b() }\n", &[]);
    }

    #[test]
    fn numbers_are_the_same_everywhere() {
        let check = |text: &str, expected: usize| {
            assert_eq!(rules("crates/lab/src/a.rs", text).len(), expected, "{text}");
        };
        check("let a = b.exp() + (c + d).powf(2.0);", 2);
        check("let a = b.map(f64::ln).sum::<f64>() + f32::sin(c);", 2);
        check("let a = libm::exp(b) + b.sqrt() + rule.exp + my::exp(b);", 0);
        check("// b.exp()\n#[cfg(test)]\nmod tests {\n    fn a() { b.exp() }\n}\n", 0);
        assert!(rules("crates/learning/src/a.rs", "let a = b.exp();").is_empty());
    }
}
