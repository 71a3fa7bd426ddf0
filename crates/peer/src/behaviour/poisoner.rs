//! Attack simulator: a poisoner. It behaves well in everything that is scored, and sends gradients
//! that lead the models of those it asks uphill, as large as a receiver accepts.

use crate::behaviour::conduct::Conduct;
use muster_learning::Activations;

/// Factor from the true gradient of a mean loss (about 1e-4 for each value) to the poisoned one.
const FACTOR: f32 = -1.0e5;
/// Largest value sent; larger ones would be refused by the receiver.
const VALUE_MAX: f32 = 1.0e3;

/// A poisoner.
pub(super) struct Poisoner;

impl Conduct for Poisoner {
    fn gradient(&mut self, mut honest: Activations) -> Activations {
        for value in &mut honest.values {
            *value = (*value * FACTOR).clamp(-VALUE_MAX, VALUE_MAX);
        }
        honest
    }
}
