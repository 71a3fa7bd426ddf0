//! Compressed pages.

use std::io::Read;

use flate2::read::GzDecoder;
use ruzstd::decoding::StreamingDecoder;

/// How the pages of a column are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Uncompressed,
    Snappy,
    Gzip,
    Zstandard,
}

impl Codec {
    /// By the number in `parquet.thrift`.
    pub fn of(number: i64) -> Result<Self, String> {
        let name = match number {
            0 => return Ok(Self::Uncompressed),
            1 => return Ok(Self::Snappy),
            2 => return Ok(Self::Gzip),
            6 => return Ok(Self::Zstandard),
            3 => "LZO",
            4 => "Brotli",
            5 | 7 => "LZ4",
            _ => "something unknown",
        };
        Err(format!("it is compressed with {name}: write it with snappy, zstd or gzip"))
    }

    /// What is compressed in `bytes`, which must be `size` bytes. No more memory is taken than for
    /// what is really there.
    pub fn decompress(self, bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
        if size == 0 {
            return Ok(Vec::new());
        }
        let found = match self {
            Self::Uncompressed => bytes.to_vec(),
            Self::Snappy => snappy(bytes, size)?,
            Self::Gzip => all(GzDecoder::new(bytes), size)?,
            Self::Zstandard => {
                all(StreamingDecoder::new(bytes).map_err(|error| error.to_string())?, size)?
            }
        };
        if found.len() == size { Ok(found) } else { Err("its length is not as declared".into()) }
    }
}

/// At most one byte more than there should be.
fn all(input: impl Read, size: usize) -> Result<Vec<u8>, String> {
    let mut found = Vec::new();
    input.take(size as u64 + 1).read_to_end(&mut found).map_err(|error| error.to_string())?;
    Ok(found)
}

fn snappy(bytes: &[u8], size: usize) -> Result<Vec<u8>, String> {
    // Three bytes stand for 64 at most; the crate takes the memory at once.
    let possible = bytes.len().saturating_mul(22);
    let declared = snap::raw::decompress_len(bytes).map_err(|error| error.to_string())?;
    if declared != size || size > possible {
        return Err("its length is not as declared".into());
    }
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(|error| error.to_string())
}
