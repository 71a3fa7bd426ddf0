//! The pages of a column: their headers, and their values one by one.

use std::io::{Read, Seek};
use std::ops::Range;

use super::bytes::read_at;
use super::footer::{Chunk, Column, Kind};
use super::runs::Runs;
use super::thrift::{Form, Thrift};
use crate::names::{self, LabelError, Names};
use crate::{Labels, TableError};

/// The longest header of a page, in bytes. It may repeat the least and the greatest name twice.
const HEADER_MAX: u64 = 1 << 13;
/// The largest page, in bytes, when it is decompressed.
const PAGE_MAX: usize = 1 << 29;
/// The largest dictionary, in bytes, when it is decompressed: writers stop at a few.
const DICTIONARY_MAX: usize = 1 << 26;

/// Not numbered yet.
const NONE: u32 = u32::MAX;

/// The values of one column in one group of rows, from the first to the last.
pub struct Values<'a> {
    column: &'a Column,
    /// What is left of the bytes.
    chunk: Chunk,
    /// The rows, from 0, whose values are still to be read.
    rows: Range<usize>,
    dictionary: Option<Dictionary>,
    /// The page that is being read, where its next value begins, and how many are left.
    page: Vec<u8>,
    at: usize,
    left: usize,
    /// Where the page has places in the dictionary instead of values.
    places: Option<Runs>,
}

/// Values that the pages after it name by their place.
struct Dictionary {
    bytes: Vec<u8>,
    values: Vec<Range<usize>>,
    /// The nodes that they name, once they have been met.
    nodes: Vec<u32>,
}

/// A value of a column.
#[derive(Clone, Copy)]
enum Value<'a> {
    Whole(i128),
    Real(f64),
    Text(&'a [u8]),
}

impl Kind {
    /// The value that begins at `at`, which then is where the next one does.
    fn next_in(self, bytes: &[u8], at: &mut usize) -> Option<Range<usize>> {
        let (start, length) = match self {
            Self::Int32 | Self::UInt32 | Self::Float => (*at, 4),
            Self::Int64 | Self::UInt64 | Self::Double => (*at, 8),
            Self::Text => {
                let length = bytes.get(*at..)?.first_chunk()?;
                (*at + 4, u32::from_le_bytes(*length) as usize)
            }
        };
        *at = start.checked_add(length).filter(|&end| end <= bytes.len())?;
        Some(start..*at)
    }

    /// `bytes` are as many as a value of this kind has.
    fn value(self, bytes: &[u8]) -> Value<'_> {
        if self == Self::Text {
            return Value::Text(bytes);
        }
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let bits = u64::from_le_bytes(wide);
        match self {
            Self::Int32 => Value::Whole((bits as u32 as i32).into()),
            Self::UInt32 | Self::UInt64 => Value::Whole(bits.into()),
            Self::Int64 => Value::Whole((bits as i64).into()),
            Self::Float => Value::Real(f32::from_bits(bits as u32).into()),
            Self::Double | Self::Text => Value::Real(f64::from_bits(bits)),
        }
    }
}

impl<'a> Values<'a> {
    /// `rows` are those of the group.
    pub fn new(column: &'a Column, chunk: Chunk, rows: Range<usize>) -> Self {
        Self {
            column,
            chunk,
            rows,
            dictionary: None,
            page: Vec::new(),
            at: 0,
            left: 0,
            places: None,
        }
    }

    fn wrong(&self, reason: impl Into<String>) -> TableError {
        TableError::Column { column: self.column.name.clone(), reason: reason.into() }
    }

    fn wrong_row(&self, reason: impl std::fmt::Display) -> TableError {
        self.wrong(format!("row {} (from 0): {reason}", self.rows.start))
    }

    /// The node that the next row names.
    pub fn node(
        &mut self,
        input: &mut (impl Read + Seek),
        labels: Labels,
        names: &mut Names,
    ) -> Result<u32, TableError> {
        let (place, bytes) = self.locate(input)?;
        if let (Some(place), Some(dictionary)) = (place, &self.dictionary)
            && dictionary.nodes[place] != NONE
        {
            self.rows.start += 1;
            return Ok(dictionary.nodes[place]);
        }
        let number = match (self.value(place, bytes), labels) {
            (Value::Whole(whole), Labels::Numbers) => names::whole(whole),
            (Value::Whole(whole), Labels::Any) => names.label(&whole.to_string(), labels),
            (Value::Text(text), _) => match std::str::from_utf8(text) {
                Ok(text) => names.label(text.trim(), labels),
                Err(_) => Err(LabelError::Wrong("is not UTF-8".into())),
            },
            (Value::Real(_), _) => {
                return Err(self.wrong("it holds reals: nodes are text or whole numbers"));
            }
        };
        let number = number.map_err(|error| match error {
            LabelError::Wrong(reason) => self.wrong_row(format!("the label {reason}")),
            LabelError::TooMany(error) => error,
        })?;
        if let (Some(place), Some(dictionary)) = (place, &mut self.dictionary) {
            dictionary.nodes[place] = number;
        }
        self.rows.start += 1;
        Ok(number)
    }

    /// The weight of the next row.
    pub fn weight(&mut self, input: &mut (impl Read + Seek)) -> Result<f64, TableError> {
        let (place, bytes) = self.locate(input)?;
        let weight = match self.value(place, bytes) {
            Value::Whole(whole) => whole as f64,
            Value::Real(real) if real.is_finite() => real,
            Value::Real(real) => return Err(self.wrong_row(format!("{real} is not finite"))),
            Value::Text(_) => return Err(self.wrong("it holds text: weights are numbers")),
        };
        self.rows.start += 1;
        Ok(weight)
    }

    fn value(&self, place: Option<usize>, bytes: Range<usize>) -> Value<'_> {
        let source = match (place, &self.dictionary) {
            (Some(_), Some(dictionary)) => &dictionary.bytes,
            _ => &self.page,
        };
        self.column.kind.value(&source[bytes])
    }

    /// The place of the next value in the dictionary, if it stands there, and its bytes there or
    /// in the page.
    fn locate(
        &mut self,
        input: &mut (impl Read + Seek),
    ) -> Result<(Option<usize>, Range<usize>), TableError> {
        while self.left == 0 {
            self.next_page(input)?;
        }
        self.left -= 1;
        let found = match (&mut self.places, &self.dictionary) {
            (Some(places), Some(dictionary)) => places.next(&self.page).and_then(|place| {
                Some((Some(place as usize), dictionary.values.get(place as usize)?.clone()))
            }),
            (Some(_), None) => None,
            (None, _) => {
                self.column.kind.next_in(&self.page, &mut self.at).map(|bytes| (None, bytes))
            }
        };
        found.ok_or_else(|| self.wrong_row("its page is damaged"))
    }

    fn next_page(&mut self, input: &mut (impl Read + Seek)) -> Result<(), TableError> {
        let damaged = || self.wrong_row("its page is damaged");
        if self.chunk.length == 0 {
            return Err(self.wrong_row("the column ends too early"));
        }
        let start = read_at(input, self.chunk.start, self.chunk.length.min(HEADER_MAX))?;
        let mut thrift = Thrift::new(&start);
        let header = Header::parse(&mut thrift).ok_or_else(damaged)?;
        let header_length = (start.len() - thrift.left()) as u64;
        let length = u64::try_from(header.length).map_err(|_| damaged())?;
        let whole = header_length.checked_add(length).ok_or_else(damaged)?;
        let left = self.chunk.length.checked_sub(whole).ok_or_else(damaged)?;
        let size = usize::try_from(header.size).map_err(|_| damaged())?;
        let max = if header.kind == DICTIONARY { DICTIONARY_MAX } else { PAGE_MAX };
        if size > max {
            return Err(self.wrong_row(format!(
                "its page has {size} bytes: at most {max} are read, write smaller pages"
            )));
        }
        let body = read_at(input, self.chunk.start + header_length, length)?;
        (self.chunk.start, self.chunk.length) = (self.chunk.start + whole, left);
        match header.kind {
            DATA => self.data_page(&header, &body, size),
            DATA_V2 => self.data_page_v2(&header, &body, size),
            DICTIONARY => self.dictionary_page(&header, &body, size),
            INDEX => Ok(()),
            _ => Err(self.wrong_row("its page is damaged")),
        }
    }

    fn decompress(&self, bytes: &[u8], size: usize) -> Result<Vec<u8>, TableError> {
        self.chunk
            .codec
            .decompress(bytes, size)
            .map_err(|reason| self.wrong_row(format!("its page is damaged: {reason}")))
    }

    fn dictionary_page(
        &mut self,
        header: &Header,
        body: &[u8],
        size: usize,
    ) -> Result<(), TableError> {
        let bytes = self.decompress(body, size)?;
        let count = usize::try_from(header.values).ok();
        let plain = matches!(header.encoding, PLAIN | PLAIN_DICTIONARY);
        let (Some(count), true, None) = (count, plain, &self.dictionary) else {
            return Err(self.wrong_row("its dictionary is damaged"));
        };
        let (mut values, mut at) = (Vec::new(), 0);
        for _ in 0..count {
            let value = self.column.kind.next_in(&bytes, &mut at);
            values.push(value.ok_or_else(|| self.wrong_row("its dictionary is damaged"))?);
        }
        let nodes = vec![NONE; values.len()];
        self.dictionary = Some(Dictionary { bytes, values, nodes });
        Ok(())
    }

    /// How many values a page of data has. Levels take no bytes for each, so that the bytes are no
    /// bound for it.
    fn count(&self, header: &Header) -> Result<usize, TableError> {
        let count =
            usize::try_from(header.values).map_err(|_| self.wrong_row("its page is damaged"))?;
        if count > self.rows.len() {
            return Err(self.wrong("it has more values than rows"));
        }
        Ok(count)
    }

    fn data_page(&mut self, header: &Header, body: &[u8], size: usize) -> Result<(), TableError> {
        let count = self.count(header)?;
        self.page = self.decompress(body, size)?;
        let mut at = 0;
        if self.column.optional {
            if header.level_encoding != RLE {
                return Err(self.wrong_row("its empty rows are marked in an outdated way"));
            }
            let damaged = || self.wrong_row("its page is damaged");
            let length = *self.page.first_chunk().ok_or_else(damaged)?;
            at = 4 + u32::from_le_bytes(length) as usize;
            let levels = self.page.get(4..at).ok_or_else(damaged)?;
            self.must_be_full(levels, count)?;
        }
        self.begin(header, at, count)
    }

    fn data_page_v2(
        &mut self,
        header: &Header,
        body: &[u8],
        size: usize,
    ) -> Result<(), TableError> {
        let count = self.count(header)?;
        let damaged = || self.wrong_row("its page is damaged");
        let length = usize::try_from(header.level_bytes).map_err(|_| damaged())?;
        if header.list_level_bytes != 0 {
            return Err(damaged());
        }
        let (levels, data) = body.split_at_checked(length).ok_or_else(damaged)?;
        let size = size.checked_sub(length).ok_or_else(damaged)?;
        if self.column.optional {
            self.must_be_full(levels, count)?;
        }
        self.page = if header.compressed { self.decompress(data, size)? } else { data.to_vec() };
        self.begin(header, 0, count)
    }

    /// No row is empty: its level is 1.
    fn must_be_full(&self, levels: &[u8], count: usize) -> Result<(), TableError> {
        let mut levels_left = Runs::new(1, 0).expect("one bit is narrow enough");
        for place in 0..count {
            match levels_left.next(levels) {
                Some(1) => {}
                Some(_) => {
                    let row = self.rows.start + place;
                    return Err(self.wrong(format!("row {row} (from 0) is empty")));
                }
                None => return Err(self.wrong_row("its page is damaged")),
            }
        }
        Ok(())
    }

    /// `left` values begin at `at` of the page.
    fn begin(&mut self, header: &Header, at: usize, left: usize) -> Result<(), TableError> {
        let damaged = || self.wrong_row("its page is damaged");
        let places = match header.encoding {
            PLAIN => None,
            PLAIN_DICTIONARY | RLE_DICTIONARY if left > 0 => {
                let width = *self.page.get(at).ok_or_else(damaged)?;
                Some(Runs::new(width, at + 1).ok_or_else(damaged)?)
            }
            PLAIN_DICTIONARY | RLE_DICTIONARY => None,
            other => {
                let name = encoding(other);
                return Err(self.wrong(format!(
                    "it is encoded as {name}: write it as PLAIN or RLE_DICTIONARY"
                )));
            }
        };
        (self.at, self.left, self.places) = (at, left, places);
        Ok(())
    }
}

/// Kinds of pages.
const DATA: i64 = 0;
const INDEX: i64 = 1;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// Encodings.
const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const RLE_DICTIONARY: i64 = 8;

fn encoding(number: i64) -> &'static str {
    match number {
        RLE => "RLE",
        4 => "BIT_PACKED",
        5 => "DELTA_BINARY_PACKED",
        6 => "DELTA_LENGTH_BYTE_ARRAY",
        7 => "DELTA_BYTE_ARRAY",
        9 => "BYTE_STREAM_SPLIT",
        _ => "something unknown",
    }
}

/// The header of a page, as it is written.
struct Header {
    kind: i64,
    /// Bytes, decompressed and as they lie in the file.
    size: i64,
    length: i64,
    values: i64,
    encoding: i64,
    level_encoding: i64,
    /// Of pages of the second version: bytes of levels before the data.
    level_bytes: i64,
    list_level_bytes: i64,
    compressed: bool,
}

impl Header {
    fn parse(thrift: &mut Thrift) -> Option<Self> {
        let mut header = Self {
            kind: -1,
            size: -1,
            length: -1,
            values: -1,
            encoding: -1,
            level_encoding: -1,
            level_bytes: 0,
            list_level_bytes: 0,
            compressed: true,
        };
        thrift.structure(|thrift, field, form| match field {
            1 => thrift.whole(form).map(|number| header.kind = number),
            2 => thrift.whole(form).map(|number| header.size = number),
            3 => thrift.whole(form).map(|number| header.length = number),
            5 | 7 => header.first_version(thrift, form),
            8 => header.second_version(thrift, form),
            _ => thrift.skip(form),
        })?;
        Some(header)
    }

    /// Of a page of data in the first version, or of a dictionary.
    fn first_version(&mut self, thrift: &mut Thrift, form: Form) -> Option<()> {
        thrift.nested(form, |thrift, field, form| {
            let number = match field {
                1 => &mut self.values,
                2 => &mut self.encoding,
                3 if form != Form::TRUE && form != Form::FALSE => &mut self.level_encoding,
                _ => return thrift.skip(form),
            };
            *number = thrift.whole(form)?;
            Some(())
        })
    }

    fn second_version(&mut self, thrift: &mut Thrift, form: Form) -> Option<()> {
        thrift.nested(form, |thrift, field, form| {
            let number = match field {
                1 => &mut self.values,
                4 => &mut self.encoding,
                5 => &mut self.level_bytes,
                6 => &mut self.list_level_bytes,
                7 => {
                    self.compressed = thrift.flag(form)?;
                    return Some(());
                }
                _ => return thrift.skip(form),
            };
            *number = thrift.whole(form)?;
            Some(())
        })
    }
}
