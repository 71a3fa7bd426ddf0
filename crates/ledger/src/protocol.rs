//! Protocol versions: by which rules a block is executed, and how a living chain takes up new
//! ones.
//!
//! A version is a number in the genesis, in every header and in the state. A program knows every
//! version up to its newest; what a later one brings (a parameter, an entry, an action, a rule)
//! says from which version on it is there, and the rules of earlier ones stay as they were. A
//! chain moves from one to the next by a vote that names version and height. See
//! `docs/adr/0011-protocol-versions.md`.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::types::Height;

/// A set of rules, counted from 1.
#[derive(
    Clone,
    Copy,
    Debug,
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
pub struct Version(pub u32);

impl Version {
    /// The first there was; what a genesis means that names none.
    pub const FIRST: Self = Self(1);
    /// The newest that this program knows.
    pub const NEWEST: Self = Self(3);
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// From a height on, the rules of a version.
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
pub struct Switch {
    /// The version.
    pub version: Version,
    /// The first block that is executed by it.
    pub height: Height,
}

/// By which rules the chain runs, and what was agreed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Protocol {
    /// The rules of the last block executed.
    pub version: Version,
    /// The switch that was agreed and is to come.
    pub next: Option<Switch>,
}

impl Protocol {
    /// The rules of the block at a height, which comes after the last one executed.
    pub fn at(&self, height: Height) -> Version {
        match self.next {
            Some(switch) if switch.height <= height => switch.version,
            _ => self.version,
        }
    }
}
