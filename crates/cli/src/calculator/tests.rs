//! What the tests of all calculators share.

use serde::Serialize;
use serde_json::Value;

/// The document of a report, whose fields must stand in the order of the alphabet.
#[track_caller]
pub fn document(report: &impl Serialize) -> Value {
    let document = serde_json::to_value(report).expect("a document");
    assert_eq!(serde_json::to_string(report).expect("a document"), document.to_string());
    document
}

/// Fails unless two documents agree in every number.
#[track_caller]
pub fn agree(field: &str, found: &Value, expected: &Value, relative: f64, absolute: f64) {
    match (found, expected) {
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{field}");
            for (found, expected) in found.iter().zip(expected) {
                agree(field, found, expected, relative, absolute);
            }
        }
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) =
                (found.as_f64().expect("a number"), expected.as_f64().expect("a number"));
            let allowed = absolute + relative * expected.abs();
            assert!((found - expected).abs() <= allowed, "{field}: {found}, not {expected}");
        }
        _ => assert_eq!(found, expected, "{field}"),
    }
}
