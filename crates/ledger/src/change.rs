//! What a vote can change: a parameter, or the rules themselves.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::parameters::ParameterChange;
use crate::protocol::Switch;

/// A change to be decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Change {
    /// One parameter takes a value.
    Parameter(ParameterChange),
    /// From a height on, blocks are executed by the rules of another protocol version.
    Upgrade(Switch),
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(change) => change.fmt(formatter),
            Self::Upgrade(Switch { version, height }) => {
                write!(formatter, "protocol version {version} from height {height}")
            }
        }
    }
}
