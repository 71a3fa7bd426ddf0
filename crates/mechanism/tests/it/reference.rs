//! Reference cases: documents of `given` and `expected` with a recorded oracle.

use serde_json::Value;
use std::path::Path;

/// All cases whose file name starts with `prefix`, sorted by name.
pub fn cases(prefix: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the reference folder is part of the crate")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.starts_with(prefix) && name.ends_with(".json"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no case of {prefix}");
    names
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(folder.join(&name)).expect("readable");
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

/// A list of numbers.
pub fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().expect("a list");
    list.iter().map(number).collect()
}

/// A number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Fails unless the two agree to `relative` or `absolute`.
#[track_caller]
pub fn agree(what: &str, found: f64, wanted: f64, relative: f64, absolute: f64) {
    assert!(
        (found - wanted).abs() <= (relative * wanted.abs()).max(absolute),
        "{what}: {found:e} instead of {wanted:e}"
    );
}
