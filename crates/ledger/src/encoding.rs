//! Canonical encoding: borsh, nothing left over, never more memory than the input allows.

use borsh::{BorshDeserialize, BorshSerialize};

/// Why bytes are not what they are said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than the caller accepts.
    #[error("{what}: {bytes} bytes, at most {bytes_max} are accepted")]
    TooLong {
        /// What was being read.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not the canonical encoding of the type.
    #[error("{what}: not a valid encoding ({reason})")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// What the decoder stumbled over.
        reason: String,
    },
}

/// Decodes exactly one value; `bytes_max` bounds the input, and with it the memory.
pub fn decode<T: BorshDeserialize>(
    what: &'static str,
    bytes: &[u8],
    bytes_max: usize,
) -> Result<T, DecodeError> {
    if bytes.len() > bytes_max {
        return Err(DecodeError::TooLong { what, bytes: bytes.len(), bytes_max });
    }
    borsh::from_slice(bytes)
        .map_err(|error| DecodeError::Malformed { what, reason: error.to_string() })
}

/// The canonical bytes of a value.
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail and no length exceeds u32")
}

/// Reads a text of at most `bytes_max` bytes before allocating anything for it.
pub(crate) fn read_text<R: std::io::Read>(
    reader: &mut R,
    bytes_max: usize,
) -> std::io::Result<String> {
    let invalid = |reason| std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
    let length = u32::deserialize_reader(reader)? as usize;
    if length > bytes_max {
        return Err(invalid("text too long"));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| invalid("text is not UTF-8"))
}
