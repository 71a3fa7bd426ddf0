//! Archives of NumPy arrays as `scipy.sparse.save_npz` writes them, in compressed-sparse-row form.
//!
//! The header of an array is one line of a fixed form, read here by hand: the crate that reads it
//! (npyz 0.9) multiplies the shape without a check, which ends in a panic, and brings a parser
//! generator.

use std::io::{Read, Seek};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use crate::{ENTRIES_MAX, Table, TableError};

/// Headers have 118 bytes, or a little more for arrays of records, which are not read.
const HEADER_MAX: usize = 1024;
/// Numbers that are read at once.
const BLOCK: usize = 1 << 13;

/// Reads an archive. `progress` hears the share that has been read.
///
/// # Errors
/// [`TableError::Array`] with the name of the array, [`TableError::Archive`],
/// [`TableError::TooMany`].
pub fn read_numpy(input: impl Read + Seek, progress: &dyn Fn(f64)) -> Result<Table, TableError> {
    let mut archive = ZipArchive::new(input).map_err(archive_error)?;
    check_format(&mut archive)?;
    let (rows, columns) = shape(&mut archive)?;
    for (count, what, max) in [(rows, "rows", ENTRIES_MAX), (columns, "columns", u32::MAX as usize)]
    {
        if count > max {
            return Err(TableError::TooMany { what, max });
        }
    }
    let mut offsets = Array::open(&mut archive, "indptr")?;
    offsets.must_have(rows + 1, "one entry more than there are rows")?;
    let offsets = offsets.read(&|_| (), |value| whole(value, ENTRIES_MAX))?;
    let count = check_offsets(&offsets)?;
    let mut targets = Array::open(&mut archive, "indices")?;
    targets.must_have(count, "as many entries as `indptr` ends with")?;
    let targets =
        targets.read(&|share| progress(0.5 * share), |value| match whole(value, columns) {
            Ok(column) if column < columns => Ok(column as u32),
            _ => Err(format!("there is no such column among {columns}")),
        })?;
    let mut weights = Array::open(&mut archive, "data")?;
    weights.must_have(count, "as many entries as `indices`")?;
    let (mut row, mut at) = (0, 0);
    let entries = weights.read(&|share| progress(0.5 + 0.5 * share), |value| {
        while offsets[row + 1] <= at {
            row += 1;
        }
        let (target, weight) = (targets[at], value.real());
        at += 1;
        if weight.is_finite() {
            Ok((row as u32, target, weight))
        } else {
            Err(format!("{weight} is not finite"))
        }
    })?;
    Ok(Table { entries, names: Vec::new(), shape: Some((rows, columns)) })
}

fn archive_error(error: ZipError) -> TableError {
    TableError::Archive { reason: error.to_string() }
}

fn wrong(array: &'static str, reason: impl Into<String>) -> TableError {
    TableError::Array { array, reason: reason.into() }
}

/// The array `format` must say csr.
fn check_format<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<(), TableError> {
    let mut array = Array::open(archive, "format")?;
    let mut bytes = Vec::new();
    array
        .input
        .by_ref()
        .take(64)
        .read_to_end(&mut bytes)
        .map_err(|e| wrong("format", e.to_string()))?;
    // Text is padded with zeros, in one or four bytes a letter.
    let word: String = bytes.iter().filter(|&&b| b != 0).map(|&b| char::from(b)).collect();
    if word == "csr" {
        return Ok(());
    }
    let reason =
        format!("it is `{}`, not `csr`: save the matrix with .tocsr()", word.escape_debug());
    Err(wrong("format", reason))
}

fn shape<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<(usize, usize), TableError> {
    let mut array = Array::open(archive, "shape")?;
    array.must_have(2, "two entries")?;
    let shape = array.read(&|_| (), |value| whole(value, usize::MAX))?;
    Ok((shape[0], shape[1]))
}

/// Offsets start with 0, never fall, and end with the number of entries.
fn check_offsets(offsets: &[usize]) -> Result<usize, TableError> {
    if offsets.first() != Some(&0) {
        return Err(wrong("indptr", "it does not begin with 0"));
    }
    if let Some(row) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(wrong("indptr", format!("entry {} is below the one before", row + 1)));
    }
    Ok(offsets.last().copied().unwrap_or(0))
}

/// A number of an array.
#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    fn real(self) -> f64 {
        match self {
            Self::Whole(value) => value as f64,
            Self::Real(value) => value,
        }
    }
}

fn whole(value: Number, max: usize) -> Result<usize, String> {
    match value {
        Number::Whole(value) if value < 0 => Err("it is negative".into()),
        Number::Whole(value) => match usize::try_from(value) {
            Ok(value) if value <= max => Ok(value),
            _ => Err(format!("it is above {max}")),
        },
        Number::Real(_) => Err("it is not a whole number".into()),
    }
}

/// An array of the archive, its header read.
struct Array<'a, R: Read + Seek> {
    name: &'static str,
    input: ZipFile<'a, R>,
    /// Kind (`i`, `u`, `f`, `b`, ..) and bytes of a number, and whether the high byte comes first.
    kind: char,
    size: usize,
    big_endian: bool,
    /// Its lengths; none for a single value.
    lengths: Vec<u64>,
}

impl<'a, R: Read + Seek> Array<'a, R> {
    fn open(archive: &'a mut ZipArchive<R>, name: &'static str) -> Result<Self, TableError> {
        let mut input = archive.by_name(&format!("{name}.npy")).map_err(|error| match error {
            ZipError::FileNotFound => wrong(name, "it is missing"),
            other => wrong(name, other.to_string()),
        })?;
        let header = header(&mut input).map_err(|reason| wrong(name, reason))?;
        let parsed = parse(&header);
        let (descr, lengths) = parsed.ok_or_else(|| {
            wrong(name, format!("its header `{}` is not understood", header.escape_debug()))
        })?;
        let mut letters = descr.chars();
        let order = letters.next().unwrap_or(' ');
        let kind = letters.next().unwrap_or(' ');
        let size = letters.as_str().parse().unwrap_or(0);
        Ok(Self { name, input, kind, size, big_endian: order == '>', lengths })
    }

    fn must_have(&mut self, count: usize, words: &str) -> Result<(), TableError> {
        if self.lengths == [count as u64] {
            return Ok(());
        }
        let reason = format!("its shape is {:?}: it must have {words}, {count}", self.lengths);
        Err(wrong(self.name, reason))
    }

    /// All numbers, each checked. Memory grows with what is read.
    fn read<T>(
        mut self,
        progress: &dyn Fn(f64),
        mut check: impl FnMut(Number) -> Result<T, String>,
    ) -> Result<Vec<T>, TableError> {
        let number = self.number()?;
        let count = usize::try_from(self.lengths[0]).unwrap_or(usize::MAX);
        let mut list = Vec::new();
        let mut block = vec![0; BLOCK * self.size];
        while list.len() < count {
            let bytes = BLOCK.min(count - list.len()) * self.size;
            self.input.read_exact(&mut block[..bytes]).map_err(|error| {
                let reason = match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => "it ends too early".into(),
                    _ => error.to_string(),
                };
                wrong(self.name, reason)
            })?;
            for bytes in block[..bytes].chunks_exact(self.size) {
                let value = check(number(bytes)).map_err(|reason| {
                    wrong(self.name, format!("entry {}: {reason}", list.len()))
                })?;
                list.push(value);
            }
            progress(list.len() as f64 / count as f64);
        }
        Ok(list)
    }

    /// How its numbers are decoded.
    fn number(&self) -> Result<impl Fn(&[u8]) -> Number + use<R>, TableError> {
        let (kind, size, big_endian) = (self.kind, self.size, self.big_endian);
        let known = matches!((kind, size), ('i' | 'u', 1 | 2 | 4 | 8) | ('f', 4 | 8) | ('b', 1));
        if !known {
            let reason = format!("numbers of kind {kind}{size} are not read: use f4, f8, i4 or i8");
            return Err(wrong(self.name, reason));
        }
        Ok(move |bytes: &[u8]| {
            let mut wide = [0; 8];
            for (place, byte) in bytes.iter().enumerate() {
                wide[if big_endian { size - 1 - place } else { place }] = *byte;
            }
            let bits = u64::from_le_bytes(wide);
            match (kind, size) {
                ('f', 4) => Number::Real(f64::from(f32::from_bits(bits as u32))),
                ('f', _) => Number::Real(f64::from_bits(bits)),
                ('i', _) => {
                    let unused = 64 - 8 * size as u32;
                    Number::Whole(i128::from((bits << unused) as i64 >> unused))
                }
                _ => Number::Whole(i128::from(bits)),
            }
        })
    }
}

/// The header of an array as text.
fn header(input: &mut impl Read) -> Result<String, String> {
    let early = |_| "it has no complete header".to_owned();
    let mut start = [0; 8];
    input.read_exact(&mut start).map_err(early)?;
    if &start[..6] != b"\x93NUMPY" {
        return Err("it is no NumPy array".into());
    }
    let mut length = [0; 4];
    let wide = if start[6] == 1 { 2 } else { 4 };
    input.read_exact(&mut length[..wide]).map_err(early)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > HEADER_MAX {
        return Err(format!("its header has {length} bytes: at most {HEADER_MAX} are read"));
    }
    let mut text = vec![0; length];
    input.read_exact(&mut text).map_err(early)?;
    String::from_utf8(text).map_err(|_| "its header is not text".into())
}

/// `{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }`: type and lengths.
fn parse(header: &str) -> Option<(&str, Vec<u64>)> {
    let after = |key: &str| Some(header[header.find(key)? + key.len()..].trim_start());
    let descr = after("'descr':")?.strip_prefix('\'')?;
    let descr = &descr[..descr.find('\'')?];
    let lengths = after("'shape':")?.strip_prefix('(')?;
    let lengths = lengths[..lengths.find(')')?].split(',').map(str::trim);
    let lengths = lengths.filter(|length| !length.is_empty()).map(|length| length.parse().ok());
    Some((descr, lengths.collect::<Option<Vec<u64>>>()?))
}
