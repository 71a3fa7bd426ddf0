//! What the tests of all calculators share.

use serde_json::Value;

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
