//! What is wrong with the input of an epoch.

/// Why an epoch was refused. Peers count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// More peers than 32-bit indices can name.
    #[error("{peers} peers are more than {} can be numbered", u32::MAX)]
    TooManyPeers {
        /// How many there are.
        peers: usize,
    },
    /// An index outside the matrix.
    #[error("there is no peer {peer}: peers are numbered from 0 to one below {peers}")]
    PeerOutOfRange {
        /// The index.
        peer: usize,
        /// How many peers there are.
        peers: usize,
    },
    /// A weight that is negative, infinite or not a number.
    #[error("the weight from peer {row} to peer {column} is {weight}: it must be at least 0")]
    WeightInvalid {
        /// Who gives.
        row: usize,
        /// Who is given.
        column: usize,
        /// The weight.
        weight: f64,
    },
    /// The same pair twice.
    #[error("the weight from peer {row} to peer {column} is given twice")]
    WeightTwice {
        /// Who gives.
        row: usize,
        /// Who is given.
        column: usize,
    },
    /// A row that gives more than everything.
    #[error("the weights of peer {row} sum to {sum}: a row sums to at most 1")]
    RowTooLarge {
        /// Who gives.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// Compressed-sparse-row arrays that do not fit each other.
    #[error("the compressed rows are malformed at {at}: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where: a row, or a length.
        at: usize,
    },
    /// A vector of the wrong length.
    #[error("{what} has {found} entries, one for each of {expected} peers is needed")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The number of peers.
        expected: usize,
    },
    /// An entry of a vector outside its range.
    #[error("{what} of peer {peer} is {value}: it must lie {range}")]
    EntryInvalid {
        /// Which vector.
        what: &'static str,
        /// Whose.
        peer: usize,
        /// The value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// No stake at all: shares of it are undefined.
    #[error("the stake of all peers is 0 or overflows: there is nothing to take shares of")]
    NoStake,
    /// A parameter outside its range.
    #[error("the parameter `{name}` is {value}: it must lie {range}")]
    Parameter {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
}
