//! The words of the ledger: numbers with a name, so that none stands for another, and the small
//! values that transactions and entries have in common.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::encoding::read_text;
use crate::money::BILLION;

/// Longest address of an endpoint, in bytes.
pub const URL_BYTES_MAX: usize = 128;

/// Declares numbers with a name; each shows as its number.
macro_rules! numbers {
    ($( $(#[$about:meta])* $name:ident($kind:ty); )*) => { $(
        $(#[$about])*
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
            Serialize,
            Deserialize,
        )]
        pub struct $name(pub $kind);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )* };
}

numbers! {
    /// A block's position; the genesis has height 0, the first block 1.
    Height(u64);
    /// How many epochs ended: 0 while the first runs.
    Epoch(u64);
    /// A peer's number, given at registration and never used again for another.
    PeerId(u32);
    /// A presence round's number, never used again.
    RoundId(u64);
    /// The number of money that is held for somebody.
    EscrowId(u64);
    /// A part of a whole in parts per billion, at most 10^9.
    Share(u32);
    /// A number on the grid of 10^-9 on which scores enter the state, in units of 10^-9.
    Score(i64);
}

/// A finite number that somebody states: kept by its bits, of which zero has one form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Real(u64);

impl Real {
    /// A number; `None` for what is infinite or none.
    pub fn new(number: f64) -> Option<Self> {
        // Negative zero becomes zero.
        number.is_finite().then(|| Self((number + 0.0).to_bits()))
    }

    /// The nearest finite number, 0 for none.
    pub fn nearest(number: f64) -> Self {
        let number = if number.is_nan() { 0.0 } else { number.clamp(f64::MIN, f64::MAX) };
        Self((number + 0.0).to_bits())
    }

    /// As a floating-point number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(formatter)
    }
}

impl fmt::Display for Real {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(formatter)
    }
}

impl BorshSerialize for Real {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl BorshDeserialize for Real {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let bits = u64::deserialize_reader(reader)?;
        let real = Self::new(f64::from_bits(bits)).filter(|real| real.0 == bits);
        let reason = "a number must be finite, and zero must not be negative";
        real.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, reason))
    }
}

impl Height {
    /// The height after this one.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("heights do not reach 2^64"))
    }

    /// This height moved on by a number of blocks, at most the largest height.
    pub fn after(self, blocks: u64) -> Self {
        Self(self.0.saturating_add(blocks))
    }
}

impl Epoch {
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("epochs do not reach 2^64"))
    }

    /// This epoch moved on by a number of epochs, at most the largest.
    pub fn after(self, epochs: u64) -> Self {
        Self(self.0.saturating_add(epochs))
    }
}

impl Share {
    /// The whole.
    pub const ONE: Self = Self(1_000_000_000);

    /// The nearest share to a number between 0 and 1; `None` outside and for NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        // The comparison is false for NaN; the product is at most 10^9, so the conversion is exact.
        (0.0..=1.0).contains(&value).then(|| Self((value * BILLION as f64).round() as u32))
    }

    /// As a number between 0 and 1.
    pub fn to_f64(self) -> f64 {
        f64::from(self.0) / BILLION as f64
    }
}

impl Score {
    /// One.
    pub const ONE: Self = Self(1_000_000_000);

    /// The nearest number of the grid, halves away from zero; `None` for NaN and beyond a billion.
    pub fn from_f64(value: f64) -> Option<Self> {
        let scaled = value * BILLION as f64;
        (scaled.abs() <= 1e18).then(|| Self(scaled.round() as i64))
    }

    /// As a floating-point number.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / BILLION as f64
    }
}

/// Why pairs of peers and shares are not a [`Row`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Not in rising order, or a peer twice.
    #[error("the row is not sorted by peer without duplicates (at peer {0})")]
    Order(PeerId),
    /// A share of nothing.
    #[error("the row names peer {0} with weight zero: leave it out")]
    Zero(PeerId),
    /// More than the whole is given away.
    #[error("the row sums to {0} parts per billion, at most 1000000000 are allowed")]
    Sum(u64),
}

/// Shares of a whole that go to peers: peers in rising order, each once, no share of zero (one
/// row, one encoding), together at most the whole. Whatever is decoded was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "Vec<(PeerId, Share)>")]
pub struct Row(Vec<(PeerId, Share)>);

impl TryFrom<Vec<(PeerId, Share)>> for Row {
    type Error = RowError;

    fn try_from(pairs: Vec<(PeerId, Share)>) -> Result<Self, RowError> {
        Self::new(pairs)
    }
}

impl Row {
    /// A row of these pairs.
    ///
    /// ```
    /// use muster_ledger::types::{PeerId, Row, RowError, Share};
    /// let half = Share(500_000_000);
    /// assert!(Row::new(vec![(PeerId(1), half), (PeerId(4), half)]).is_ok());
    /// let error = Row::new(vec![(PeerId(4), half), (PeerId(1), half)]).unwrap_err();
    /// assert_eq!(error, RowError::Order(PeerId(1)));
    /// ```
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn new(pairs: Vec<(PeerId, Share)>) -> Result<Self, RowError> {
        if let Some(pair) = pairs.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            return Err(RowError::Order(pair[1].0));
        }
        if let Some((peer, _)) = pairs.iter().find(|(_, share)| share.0 == 0) {
            return Err(RowError::Zero(*peer));
        }
        let sum: u64 = pairs.iter().map(|(_, share)| u64::from(share.0)).sum();
        if sum > BILLION { Err(RowError::Sum(sum)) } else { Ok(Self(pairs)) }
    }

    /// The row nearest to numbers between 0 and 1, in any order: what is no such number is left
    /// out, of a peer that appears twice the first counts, and where rounding to the nearest
    /// exceeds the whole, all is scaled down, never up.
    pub fn from_numbers(numbers: &[(PeerId, f64)]) -> Self {
        let share = |(peer, number): &(PeerId, f64)| Some((*peer, Share::from_f64(*number)?));
        let mut pairs: Vec<(PeerId, Share)> = numbers.iter().filter_map(share).collect();
        pairs.sort_by_key(|(peer, _)| *peer);
        pairs.dedup_by_key(|(peer, _)| *peer);
        let total: u64 = pairs.iter().map(|(_, share)| u64::from(share.0)).sum();
        if total > BILLION {
            for (_, share) in &mut pairs {
                // At most the whole, so it fits.
                share.0 = (u64::from(share.0) * BILLION / total) as u32;
            }
        }
        pairs.retain(|(_, share)| share.0 > 0);
        Self(pairs)
    }

    /// The largest entries of pairs in rising order, their sum brought within the whole; zeros
    /// are dropped, ties go to the lower number.
    pub(crate) fn bounded(mut pairs: Vec<(PeerId, Share)>, length_max: usize) -> Self {
        pairs.retain(|(_, share)| share.0 > 0);
        if pairs.len() > length_max {
            pairs.sort_unstable_by_key(|(peer, share)| (std::cmp::Reverse(share.0), *peer));
            pairs.truncate(length_max);
            pairs.sort_unstable_by_key(|(peer, _)| *peer);
        }
        let sum: u64 = pairs.iter().map(|(_, share)| u64::from(share.0)).sum();
        let mut excess = sum.saturating_sub(BILLION);
        while excess > 0
            && let Some((_, largest)) = pairs.iter_mut().max_by_key(|(_, share)| share.0)
        {
            let cut = u32::try_from(excess).map_or(largest.0, |excess| excess.min(largest.0));
            largest.0 -= cut;
            excess -= u64::from(cut);
            pairs.retain(|(_, share)| share.0 > 0);
        }
        Self(pairs)
    }

    /// The row's largest entries, as many as may stand in one; ties go to the lower number.
    ///
    /// ```
    /// use muster_ledger::types::{PeerId, Row, Share};
    /// let row = Row::new([3, 7, 5].into_iter().zip(1..).map(|(share, peer)| {
    ///     (PeerId(peer), Share(share))
    /// }).collect()).unwrap();
    /// assert_eq!(*row.largest(2), [(PeerId(2), Share(7)), (PeerId(3), Share(5))]);
    /// ```
    pub fn largest(self, length_max: usize) -> Self {
        Self::bounded(self.0, length_max)
    }

    /// The entries that a condition on their peer keeps.
    pub(crate) fn only(&self, keep: impl Fn(PeerId) -> bool) -> Self {
        Self(self.iter().filter(|(peer, _)| keep(*peer)).copied().collect())
    }
}

impl std::ops::Deref for Row {
    type Target = [(PeerId, Share)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl BorshDeserialize for Row {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let pairs = Vec::deserialize_reader(reader)?;
        Self::new(pairs)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

/// What a peer's model takes in.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Token ids, `[batch, sequence]`.
    Text,
    /// Pixels, `[batch, sequence, channels, rows, columns]`.
    Image,
    /// Vectors, `[batch, sequence, dimension]`.
    Tensor,
}

/// The address is not one that a peer can answer at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint is not https://host:port of at most 128 bytes")]
pub struct EndpointError;

/// Where a peer answers, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, Serialize, Deserialize)]
pub struct Endpoint {
    /// `https://host:port`, at most [`URL_BYTES_MAX`] bytes.
    pub url: String,
    /// What the peer's model takes in.
    pub modality: Modality,
}

impl BorshDeserialize for Endpoint {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let url = read_text(reader, URL_BYTES_MAX)?;
        Ok(Self { url, modality: Modality::deserialize_reader(reader)? })
    }
}

impl Endpoint {
    /// Checks the address: `https://`, a host of letters, digits, points and hyphens (or an IPv6
    /// address in brackets), a port, nothing else.
    ///
    /// # Errors
    /// It is something else.
    pub fn check(&self) -> Result<(), EndpointError> {
        if self.url.len() > URL_BYTES_MAX {
            return Err(EndpointError);
        }
        let rest = self.url.strip_prefix("https://").ok_or(EndpointError)?;
        let (host, port) = rest.rsplit_once(':').ok_or(EndpointError)?;
        let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_good = match bracketed {
            Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(named),
        };
        let port_good = port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.starts_with('0')
            && port.parse::<u16>().is_ok();
        if host_good && port_good { Ok(()) } else { Err(EndpointError) }
    }
}
