//! What the experiments of this module share.

use crate::words::significant;

/// Three digits that say something.
pub(super) fn number(value: f64) -> String {
    significant(value, 3)
}
