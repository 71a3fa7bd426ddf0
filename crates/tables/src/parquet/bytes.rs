//! Bytes of a file by their place.

use std::io::{Read, Seek, SeekFrom};

use crate::TableError;

/// That the file is no Parquet file, or a damaged one.
pub fn damaged(reason: impl Into<String>) -> TableError {
    TableError::Parquet { reason: reason.into() }
}

/// As many bytes from `start` on. Memory grows with what is read.
pub fn read_at(
    input: &mut (impl Read + Seek),
    start: u64,
    length: u64,
) -> Result<Vec<u8>, TableError> {
    input.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(damaged("it ends too early")) }
}
