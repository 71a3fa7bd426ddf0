//! Money: whole grains in a `u64`, checked arithmetic, named rounding.
//!
//! One MST is 10^9 grains. Intermediate products are `u128` (or wider, inside [`mul_div`]);
//! nothing here wraps or saturates.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Parts per billion: the denominator of every share, rate and score in the state.
pub const BILLION: u64 = 1_000_000_000;

/// An amount of money in grains; 10^9 grains are one MST.
///
/// ```
/// use muster_ledger::money::Grains;
/// let amount: Grains = "12.5".parse().unwrap();
/// assert_eq!(amount, Grains(12_500_000_000));
/// assert_eq!(amount.to_string(), "12.5 MST");
/// assert_eq!(amount.checked_sub(Grains(12_500_000_001)), None);
/// ```
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
)]
pub struct Grains(pub u64);

impl Grains {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One MST.
    pub const MST: Self = Self(BILLION);

    /// The sum, or `None` where it exceeds `u64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The product with a count, or `None` where it exceeds `u64`.
    pub fn checked_mul(self, count: u64) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// `self * parts / 10^9`, rounded down. `parts` at most 10^9, so the result never exceeds
    /// `self`.
    pub fn parts_floor(self, parts: u32) -> Self {
        let product = u128::from(self.0) * u128::from(parts.min(1_000_000_000));
        Self(u64::try_from(product / u128::from(BILLION)).expect("a part is at most the whole"))
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Grains> for u128 {
    fn from(amount: Grains) -> Self {
        Self::from(amount.0)
    }
}

/// A checked sum: `None` where it exceeds `u64`.
impl Sum<Grains> for Option<Grains> {
    fn sum<I: Iterator<Item = Grains>>(mut iterator: I) -> Self {
        iterator.try_fold(Grains::ZERO, Grains::checked_add)
    }
}

impl fmt::Display for Grains {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / BILLION, self.0 % BILLION);
        if part == 0 {
            return write!(formatter, "{whole} MST");
        }
        let digits = format!("{part:09}");
        write!(formatter, "{whole}.{} MST", digits.trim_end_matches('0'))
    }
}

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Something else than digits and one point.
    #[error("\"{0}\" is not an amount: write MST with a decimal point, such as 12.5")]
    NotANumber(String),
    /// More than nine decimals.
    #[error("\"{0}\" has more than nine decimals: one grain is 0.000000001 MST")]
    TooFine(String),
    /// Beyond `u64` grains.
    #[error("\"{0}\" is more money than there can be (18446744073.709551615 MST)")]
    TooLarge(String),
}

impl FromStr for Grains {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let shown = || text.chars().take(40).collect::<String>();
        let number = text.trim();
        let number = number.strip_suffix("MST").unwrap_or(number).trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) {
            return Err(MoneyError::NotANumber(shown()));
        }
        if part.len() > 9 {
            return Err(MoneyError::TooFine(shown()));
        }
        let too_large = || MoneyError::TooLarge(shown());
        let whole: u64 =
            if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_large())? };
        let part: u64 = format!("{part:0<9}").parse().map_err(|_| too_large())?;
        whole
            .checked_mul(BILLION)
            .and_then(|grains| grains.checked_add(part))
            .map(Self)
            .ok_or_else(too_large)
    }
}

/// JSON carries grains as a decimal string, since numbers of that size do not survive JavaScript.
impl Serialize for Grains {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Grains {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            serde::de::Error::custom(format!("\"{shown}\" is not a number of grains in a string"))
        })
    }
}

/// `a * b / d` rounded down, with a 192-bit product; `None` where `d` is 0 or the result exceeds
/// `u128`.
///
/// ```
/// use muster_ledger::money::mul_div;
/// assert_eq!(mul_div(10, 7, 4), Some(17));
/// assert_eq!(mul_div(u128::MAX, 6, 3), None);
/// assert_eq!(mul_div(u128::MAX, 6, 6), Some(u128::MAX));
/// ```
pub fn mul_div(a: u128, b: u64, d: u128) -> Option<u128> {
    let (quotient, _) = mul_div_rem(a, b, d)?;
    Some(quotient)
}

/// `a * b / d` rounded up; `None` as for [`mul_div`].
pub fn mul_div_ceil(a: u128, b: u64, d: u128) -> Option<u128> {
    let (quotient, remainder) = mul_div_rem(a, b, d)?;
    if remainder == 0 { Some(quotient) } else { quotient.checked_add(1) }
}

/// Quotient and remainder of `a * b / d` by long division of the 192-bit product.
fn mul_div_rem(a: u128, b: u64, d: u128) -> Option<(u128, u128)> {
    if d == 0 {
        return None;
    }
    if let Some(product) = a.checked_mul(u128::from(b)) {
        return Some((product / d, product % d));
    }
    let mask = u128::from(u64::MAX);
    let low = (a & mask) * u128::from(b);
    let high = (a >> 64) * u128::from(b) + (low >> 64);
    // The product is high * 2^64 + (low mod 2^64): divide the high part, then bring down 64 bits.
    let mut quotient = high / d;
    let mut remainder = high % d;
    for bit in (0..64).rev() {
        let carry = remainder >> 127;
        remainder = (remainder << 1) | ((low >> bit) & 1);
        quotient = quotient.checked_mul(2)?;
        if carry == 1 || remainder >= d {
            remainder = remainder.wrapping_sub(d);
            quotient += 1;
        }
    }
    Some((quotient, remainder))
}

/// Splits `amount` by parts per billion: the total paid is `amount * sum(parts) / 10^9` rounded
/// down, each share is rounded down, and the grains left over go one each to the largest
/// remainders, ties to the earlier share (largest remainder method). The parts must not sum to
/// more than 10^9; `None` where they do.
///
/// ```
/// use muster_ledger::money::{distribute, Grains};
/// let third = 333_333_333;
/// let paid = distribute(Grains(100), &[third, third, third + 1]).unwrap();
/// assert_eq!(paid, [Grains(33), Grains(33), Grains(34)]);
/// ```
pub fn distribute(amount: Grains, parts: &[u32]) -> Option<Vec<Grains>> {
    let sum: u64 = parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(u64::from(*part)))?;
    if sum > BILLION {
        return None;
    }
    let billion = u128::from(BILLION);
    let total = u128::from(amount.0) * u128::from(sum) / billion;
    let mut paid = Vec::with_capacity(parts.len());
    let mut remainders = Vec::with_capacity(parts.len());
    let mut left = total;
    for (index, part) in parts.iter().enumerate() {
        let exact = u128::from(amount.0) * u128::from(*part);
        let floor = exact / billion;
        left -= floor;
        paid.push(Grains(u64::try_from(floor).expect("a part is at most the whole")));
        remainders.push((std::cmp::Reverse(exact % billion), index));
    }
    remainders.sort_unstable();
    for (_, index) in remainders.into_iter().take(usize::try_from(left).ok()?) {
        paid[index].0 += 1;
    }
    Some(paid)
}
