use muster_ledger::money::{Grains, MoneyError, distribute, mul_div, mul_div_ceil};
use proptest::prelude::*;

#[test]
fn amounts_parse_and_show() {
    let cases = [
        ("0", Some(0)),
        ("12.5", Some(12_500_000_000)),
        ("12.5 MST", Some(12_500_000_000)),
        (".000000001", Some(1)),
        ("1.", Some(1_000_000_000)),
        ("18446744073.709551615", Some(u64::MAX)),
        ("18446744073.709551616", None),
        ("99999999999999999999", None),
        ("0.0000000001", None),
        ("", None),
        (".", None),
        ("-1", None),
        ("+1", None),
        ("1e3", None),
        ("1.2.3", None),
        ("\u{664}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Grains>().ok().map(|grains| grains.0), expected, "{text}");
    }
    assert_eq!("x".parse::<Grains>(), Err(MoneyError::NotANumber("x".into())));
    assert_eq!(Grains(1).to_string(), "0.000000001 MST");
    assert_eq!(Grains(3_000_000_000).to_string(), "3 MST");
}

#[test]
fn json_carries_grains_as_text() {
    assert_eq!(serde_json::to_string(&Grains(u64::MAX)).unwrap(), "\"18446744073709551615\"");
    assert!(serde_json::from_str::<Grains>("12").is_err());
    assert!(serde_json::from_str::<Grains>("\"-1\"").is_err());
}

#[test]
fn leftover_grains_go_to_the_largest_remainders() {
    let check = |amount: u64, parts: &[u32], expected: &[u64]| {
        let paid: Vec<u64> =
            distribute(Grains(amount), parts).unwrap().iter().map(|grains| grains.0).collect();
        assert_eq!(paid, expected, "{amount} by {parts:?}");
    };
    check(10, &[500_000_000, 500_000_000], &[5, 5]);
    // Both remainders are a half: the tie goes to the first.
    check(11, &[500_000_000, 500_000_000], &[6, 5]);
    // 0.9 + 0.1 of a grain: one grain in all, to the larger part.
    check(1, &[100_000_000, 900_000_000], &[0, 1]);
    // What the parts leave over is not paid.
    check(100, &[100_000_000, 100_000_000], &[10, 10]);
    check(0, &[1_000_000_000], &[0]);
    check(u64::MAX, &[1_000_000_000], &[u64::MAX]);
    check(5, &[], &[]);
    assert_eq!(distribute(Grains(1), &[1_000_000_000, 1]), None);
}

proptest! {
    #[test]
    fn amounts_round_trip(grains: u64) {
        let amount = Grains(grains);
        prop_assert_eq!(amount.to_string().parse::<Grains>().unwrap(), amount);
    }

    #[test]
    fn products_are_exact(a in any::<u128>(), b in any::<u64>(), d in 1_u128..) {
        // Reconstruct a * b = q * d + r in 256 bits, checked by its value modulo two primes.
        for prime in [18_446_744_073_709_551_557_u128, 4_294_967_291] {
            let modular = |x: u128, y: u128| {
                let (x, y) = (x % prime, y % prime);
                let mut sum = 0_u128;
                for bit in (0..64).rev() {
                    sum = (sum * 2) % prime;
                    if y >> bit & 1 == 1 {
                        sum = (sum + x) % prime;
                    }
                }
                sum
            };
            if let (Some(floor), Some(ceil)) = (mul_div(a, b, d), mul_div_ceil(a, b, d)) {
                prop_assert!(ceil == floor || ceil == floor + 1);
                let product = modular(a, u128::from(b));
                let back = modular(floor, d);
                let remainder = (product + prime - back) % prime;
                // The remainder is below d; equal ceil means that it is zero.
                if ceil == floor {
                    prop_assert_eq!(remainder, 0);
                }
            }
        }
        if let Some(product) = a.checked_mul(u128::from(b)) {
            prop_assert_eq!(mul_div(a, b, d), Some(product / d));
        }
    }

    #[test]
    fn wide_division_inverts_multiplication(q in any::<u128>(), b in 1_u64..) {
        // q * b / b, with a product beyond 128 bits, must give q again.
        prop_assert_eq!(mul_div(q, b, u128::from(b)), Some(q));
    }

    #[test]
    fn distribution_pays_the_floor_of_the_whole(
        amount: u64,
        parts in prop::collection::vec(0_u32..50_000_000, 0..20),
    ) {
        let paid = distribute(Grains(amount), &parts).unwrap();
        let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
        let expected = u128::from(amount) * sum / 1_000_000_000;
        prop_assert_eq!(paid.iter().map(|grains| u128::from(grains.0)).sum::<u128>(), expected);
        for (grains, part) in paid.iter().zip(&parts) {
            let floor = u128::from(amount) * u128::from(*part) / 1_000_000_000;
            prop_assert!(u128::from(grains.0) == floor || u128::from(grains.0) == floor + 1);
        }
    }
}
