//! The rules that types hold by themselves.

use muster_ledger::types::{PeerId, Row};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_numbers_make_a_row(
        numbers in prop::collection::vec(
            (0_u32..20, prop_oneof![0.0..1.0_f64, Just(f64::NAN), Just(-1.0), Just(2.0)]),
            0..12,
        ),
        scale in any::<bool>(),
    ) {
        let usable = |number: &f64| (0.0..=1.0).contains(number);
        let total: f64 = numbers.iter().map(|(_, number)| *number).filter(usable).sum();
        let factor = if scale && total > 0.0 { 1.0 / total } else { 1.0 / 12.0 };
        let numbers: Vec<(PeerId, f64)> =
            numbers.into_iter().map(|(id, number)| (PeerId(id), number * factor)).collect();
        let row = Row::from_numbers(&numbers);
        prop_assert_eq!(Row::new(row.to_vec()), Ok(row));
    }
}
