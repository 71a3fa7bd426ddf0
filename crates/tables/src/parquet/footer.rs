//! The footer of a Parquet file: its columns, and where their values lie.
//!
//! Source: `parquet.thrift` of Apache Parquet, whose numbers of fields stand here.

use std::io::{Read, Seek, SeekFrom};

use super::bytes::{damaged, read_at};
use super::compression::Codec;
use super::thrift::{Form, Thrift};
use crate::names::short;
use crate::{ENTRIES_MAX, TableError};

/// The longest footer, in bytes.
const FOOTER_MAX: u64 = 1 << 26;
/// The most groups of rows.
const GROUPS_MAX: usize = 1 << 20;
/// At the beginning and the end of a file.
const MAGIC: &[u8; 4] = b"PAR1";
const MAGIC_ENCRYPTED: &[u8; 4] = b"PARE";

/// How many columns are read: source, target and weight.
const COLUMNS: usize = 3;

/// What a file says about itself, checked: everything lies within the file.
pub struct Footer {
    pub columns: [Column; COLUMNS],
    pub groups: Vec<Group>,
    /// Of all groups.
    pub rows: usize,
}

/// A column of values that are no lists.
pub struct Column {
    /// For messages.
    pub name: String,
    pub kind: Kind,
    /// Rows may be empty.
    pub optional: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int32,
    Int64,
    UInt32,
    UInt64,
    Float,
    Double,
    Text,
}

/// Rows that are stored together, column by column.
pub struct Group {
    pub rows: usize,
    pub chunks: [Chunk; COLUMNS],
}

/// The values of one column in a group.
#[derive(Clone, Copy)]
pub struct Chunk {
    pub codec: Codec,
    pub start: u64,
    /// In bytes.
    pub length: u64,
}

impl Footer {
    /// # Errors
    /// [`TableError::Parquet`], [`TableError::Column`] for columns that cannot be read,
    /// [`TableError::TooMany`].
    pub fn read(input: &mut (impl Read + Seek)) -> Result<Self, TableError> {
        let size = input.seek(SeekFrom::End(0))?;
        let foreign = || damaged("it does not end with PAR1: it was cut off or is no such file");
        let tail_start = size.checked_sub(8).ok_or_else(foreign)?;
        let tail = read_at(input, tail_start, 8)?;
        match tail.last_chunk() {
            Some(MAGIC) => {}
            Some(MAGIC_ENCRYPTED) => {
                return Err(damaged("it is encrypted: write it without encryption"));
            }
            _ => return Err(foreign()),
        }
        let length = tail.first_chunk().map_or(0, |&bytes| u64::from(u32::from_le_bytes(bytes)));
        if length > FOOTER_MAX {
            let reason = format!("its footer has {length} bytes: at most {FOOTER_MAX} are read");
            return Err(damaged(reason));
        }
        let start = tail_start.checked_sub(length).ok_or_else(broken)?;
        let bytes = read_at(input, start, length)?;
        let raw = RawFooter::parse(&mut Thrift::new(&bytes)).ok_or_else(broken)?;
        raw.check(start)
    }
}

fn broken() -> TableError {
    damaged("its footer is damaged")
}

/// The footer as it is written.
#[derive(Default)]
struct RawFooter {
    /// The first is the root of the tree of columns.
    schema: Vec<RawColumn>,
    rows: i64,
    groups: Vec<RawGroup>,
    /// With those that were not kept.
    groups_found: usize,
}

/// A node of the tree of columns.
#[derive(Default)]
struct RawColumn {
    name: String,
    physical: Option<i64>,
    repetition: Option<i64>,
    children: i64,
    /// What its numbers stand for, in the older way and the newer one.
    converted: Option<i64>,
    logical: Option<i16>,
    signed: Option<bool>,
}

#[derive(Default)]
struct RawGroup {
    rows: i64,
    columns: usize,
    chunks: [RawChunk; COLUMNS],
}

#[derive(Default)]
struct RawChunk {
    elsewhere: bool,
    encrypted: bool,
    physical: i64,
    codec: i64,
    values: i64,
    length: i64,
    data: i64,
    dictionary: i64,
}

impl RawFooter {
    fn parse(thrift: &mut Thrift) -> Option<Self> {
        let mut footer = Self::default();
        thrift.structure(|thrift, field, form| match field {
            2 => thrift.list(form, |thrift, place, form| {
                if place > COLUMNS {
                    return thrift.skip(form);
                }
                footer.schema.push(RawColumn::parse(thrift, form)?);
                Some(())
            }),
            3 => thrift.whole(form).map(|rows| footer.rows = rows),
            4 => thrift.list(form, |thrift, place, form| {
                footer.groups_found = place + 1;
                if place >= GROUPS_MAX {
                    return thrift.skip(form);
                }
                footer.groups.push(RawGroup::parse(thrift, form)?);
                Some(())
            }),
            _ => thrift.skip(form),
        })?;
        Some(footer)
    }

    /// `end` is where values must end.
    fn check(self, end: u64) -> Result<Footer, TableError> {
        let children = self.schema.first().map_or(0, |root| root.children);
        if children < COLUMNS as i64 || self.schema.len() <= COLUMNS {
            let reason = format!("it has {children} columns: source, target and weight are needed");
            return Err(damaged(reason));
        }
        let [source, target, weight] = [1, 2, 3].map(|place: usize| self.schema[place].check());
        let columns = [source?, target?, weight?];
        let rows = usize::try_from(self.rows).map_err(|_| broken())?;
        if rows > ENTRIES_MAX {
            return Err(TableError::TooMany { what: "entries", max: ENTRIES_MAX });
        }
        if self.groups_found > GROUPS_MAX {
            return Err(TableError::TooMany { what: "groups of rows", max: GROUPS_MAX });
        }
        let mut groups = Vec::new();
        let (mut rows_left, mut bytes_left) = (rows, end);
        for raw in &self.groups {
            let group = raw.check(&self.schema, &columns, end)?;
            rows_left = rows_left
                .checked_sub(group.rows)
                .ok_or_else(|| damaged("its groups have more rows than the file"))?;
            let bytes = group.chunks.iter().map(|chunk| chunk.length).sum();
            bytes_left = bytes_left
                .checked_sub(bytes)
                .ok_or_else(|| damaged("its columns lie upon each other"))?;
            groups.push(group);
        }
        if rows_left > 0 {
            return Err(damaged("its groups have fewer rows than the file"));
        }
        Ok(Footer { columns, groups, rows })
    }
}

impl RawColumn {
    fn parse(thrift: &mut Thrift, form: Form) -> Option<Self> {
        let mut column = Self::default();
        thrift.nested(form, |thrift, field, form| match field {
            1 => thrift.whole(form).map(|number| column.physical = Some(number)),
            3 => thrift.whole(form).map(|number| column.repetition = Some(number)),
            4 => {
                let name = short(&String::from_utf8_lossy(thrift.binary(form)?));
                column.name = name.escape_debug().to_string();
                Some(())
            }
            5 => thrift.whole(form).map(|count| column.children = count),
            6 => thrift.whole(form).map(|number| column.converted = Some(number)),
            // The type is that field of a union which is there.
            10 => thrift.nested(form, |thrift, field, form| {
                column.logical = Some(field);
                if field != LOGICAL_INTEGER {
                    return thrift.skip(form);
                }
                thrift.nested(form, |thrift, field, form| match field {
                    2 => thrift.flag(form).map(|signed| column.signed = Some(signed)),
                    _ => thrift.skip(form),
                })
            }),
            _ => thrift.skip(form),
        })?;
        Some(column)
    }

    fn check(&self) -> Result<Column, TableError> {
        let wrong = |reason: &str| {
            Err(TableError::Column { column: self.name.clone(), reason: reason.into() })
        };
        let optional = match (self.physical, self.repetition) {
            (Some(_), Some(0)) => false,
            (Some(_), Some(1)) => true,
            _ => return wrong("it holds lists or structures: plain values are needed"),
        };
        let unsigned = match (self.signed, self.converted) {
            (Some(signed), _) => !signed,
            (None, converted) => matches!(converted, Some(11..=14)),
        };
        let whole = matches!(self.converted, None | Some(11..=18))
            && matches!(self.logical, None | Some(LOGICAL_INTEGER));
        let decimal = self.converted == Some(5) || self.logical == Some(LOGICAL_DECIMAL);
        let kind = match self.physical {
            Some(1) if whole && unsigned => Kind::UInt32,
            Some(1) if whole => Kind::Int32,
            Some(2) if whole && unsigned => Kind::UInt64,
            Some(2) if whole => Kind::Int64,
            Some(4) => Kind::Float,
            Some(5) => Kind::Double,
            Some(6) if !decimal => Kind::Text,
            Some(0) => return wrong("it holds truth values: text or numbers are needed"),
            _ => {
                return wrong(
                    "its values are dates, decimals or another special type: write them as text \
                     or as numbers of 32 or 64 bits",
                );
            }
        };
        Ok(Column { name: self.name.clone(), kind, optional })
    }
}

/// Fields of the union `LogicalType`.
const LOGICAL_DECIMAL: i16 = 5;
const LOGICAL_INTEGER: i16 = 10;

impl RawGroup {
    fn parse(thrift: &mut Thrift, form: Form) -> Option<Self> {
        let mut group = Self::default();
        thrift.nested(form, |thrift, field, form| match field {
            1 => thrift.list(form, |thrift, place, form| {
                let Some(chunk) = group.chunks.get_mut(place) else { return thrift.skip(form) };
                *chunk = RawChunk::parse(thrift, form)?;
                group.columns = place + 1;
                Some(())
            }),
            3 => thrift.whole(form).map(|rows| group.rows = rows),
            _ => thrift.skip(form),
        })?;
        Some(group)
    }

    fn check(
        &self,
        schema: &[RawColumn],
        columns: &[Column; COLUMNS],
        end: u64,
    ) -> Result<Group, TableError> {
        let rows = usize::try_from(self.rows).map_err(|_| broken())?;
        if self.columns < COLUMNS {
            return Err(broken());
        }
        let check = |place: usize| {
            let chunk = &self.chunks[place];
            let wrong =
                |reason: String| TableError::Column { column: columns[place].name.clone(), reason };
            if chunk.encrypted {
                return Err(wrong("it is encrypted: write it without encryption".into()));
            }
            if chunk.elsewhere {
                return Err(wrong("it lies in another file: write one file".into()));
            }
            let physical = schema[place + 1].physical;
            if physical != Some(chunk.physical) || chunk.values != self.rows {
                return Err(broken());
            }
            let codec = Codec::of(chunk.codec).map_err(wrong)?;
            chunk.place(end).map(|(start, length)| Chunk { codec, start, length })
        };
        Ok(Group { rows, chunks: [check(0)?, check(1)?, check(2)?] })
    }
}

impl RawChunk {
    fn parse(thrift: &mut Thrift, form: Form) -> Option<Self> {
        // What an encrypted column lacks.
        let mut chunk = Self { encrypted: true, ..Self::default() };
        thrift.nested(form, |thrift, field, form| match field {
            1 => {
                chunk.elsewhere = !thrift.binary(form)?.is_empty();
                Some(())
            }
            3 => {
                chunk.encrypted = false;
                thrift.nested(form, |thrift, field, form| {
                    let number = match field {
                        1 => &mut chunk.physical,
                        4 => &mut chunk.codec,
                        5 => &mut chunk.values,
                        7 => &mut chunk.length,
                        9 => &mut chunk.data,
                        11 => &mut chunk.dictionary,
                        _ => return thrift.skip(form),
                    };
                    *number = thrift.whole(form)?;
                    Some(())
                })
            }
            _ => thrift.skip(form),
        })?;
        Some(chunk)
    }

    /// Where its pages begin and how many bytes they have. A dictionary, if there is one, comes
    /// first.
    fn place(&self, end: u64) -> Result<(u64, u64), TableError> {
        let first = match self.dictionary {
            dictionary if dictionary > 0 => dictionary.min(self.data),
            _ => self.data,
        };
        let outside = || damaged("a column lies outside of the file");
        let start = u64::try_from(first).map_err(|_| outside())?;
        let length = u64::try_from(self.length).map_err(|_| outside())?;
        match start.checked_add(length) {
            Some(last) if last <= end => Ok((start, length)),
            _ => Err(outside()),
        }
    }
}
