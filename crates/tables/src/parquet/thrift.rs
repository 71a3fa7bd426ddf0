//! The compact protocol of Thrift, in which Parquet writes its metadata.
//!
//! Source: the document `thrift-compact-protocol.md` of Apache Thrift. Nothing here takes memory:
//! lists are walked, texts borrowed. `None` is damage.

use std::ops::RangeInclusive;

/// Structures and lists within what is skipped.
const DEPTH_MAX: u32 = 16;

/// How a field or an element of a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form(u8);

impl Form {
    pub const TRUE: Self = Self(1);
    pub const FALSE: Self = Self(2);
    const BYTE: Self = Self(3);
    /// Whole numbers of 16, 32 and 64 bits.
    const WHOLE: RangeInclusive<u8> = 4..=6;
    const DOUBLE: Self = Self(7);
    const BINARY: Self = Self(8);
    const LIST: Self = Self(9);
    const SET: Self = Self(10);
    const MAP: Self = Self(11);
    const STRUCTURE: Self = Self(12);
    const UUID: Self = Self(13);
}

/// What is left to read.
pub struct Thrift<'a> {
    bytes: &'a [u8],
}

impl<'a> Thrift<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Reads a structure: `field` is called with the number and form of each field, and reads or
    /// skips it.
    pub fn structure(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, Form) -> Option<()>,
    ) -> Option<()> {
        let mut number = 0i16;
        loop {
            let byte = self.byte()?;
            let form = Form(byte & 0x0f);
            if form.0 == 0 {
                return Some(());
            }
            number = match byte >> 4 {
                0 => i16::try_from(self.zigzag()?).ok()?,
                step => number.checked_add(i16::from(step))?,
            };
            field(self, number, form)?;
        }
    }

    /// Reads a structure within another, or in a list.
    pub fn nested(
        &mut self,
        form: Form,
        field: impl FnMut(&mut Self, i16, Form) -> Option<()>,
    ) -> Option<()> {
        if form == Form::STRUCTURE { self.structure(field) } else { None }
    }

    /// Reads a list: `element` is called with the place and form of each element, and reads or
    /// skips it.
    pub fn list(
        &mut self,
        form: Form,
        mut element: impl FnMut(&mut Self, usize, Form) -> Option<()>,
    ) -> Option<()> {
        if form != Form::LIST && form != Form::SET {
            return None;
        }
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            count => usize::from(count),
        };
        (0..count).try_for_each(|place| element(self, place, Form(byte & 0x0f)))
    }

    /// A whole number of 8 to 64 bits.
    pub fn whole(&mut self, form: Form) -> Option<i64> {
        match form {
            Form::BYTE => Some(i64::from(self.byte()? as i8)),
            Form(number) if Form::WHOLE.contains(&number) => self.zigzag(),
            _ => None,
        }
    }

    /// A field that is true or false.
    pub fn flag(&mut self, form: Form) -> Option<bool> {
        match form {
            Form::TRUE => Some(true),
            Form::FALSE => Some(false),
            _ => None,
        }
    }

    /// Text or other bytes.
    pub fn binary(&mut self, form: Form) -> Option<&'a [u8]> {
        if form != Form::BINARY {
            return None;
        }
        let length = usize::try_from(self.varint()?).ok()?;
        self.take(length)
    }

    /// Leaves out a field.
    pub fn skip(&mut self, form: Form) -> Option<()> {
        // The value of a field that is true or false stands in its form.
        if form == Form::TRUE || form == Form::FALSE {
            return Some(());
        }
        self.skip_element(form, DEPTH_MAX)
    }

    fn skip_element(&mut self, form: Form, depth: u32) -> Option<()> {
        let inner = depth.checked_sub(1)?;
        match form {
            Form::TRUE | Form::FALSE | Form::BYTE => self.byte().map(drop),
            Form(number) if Form::WHOLE.contains(&number) => self.varint().map(drop),
            Form::DOUBLE => self.take(8).map(drop),
            Form::BINARY => self.binary(form).map(drop),
            Form::LIST | Form::SET => {
                self.list(form, |thrift, _, form| thrift.skip_element(form, inner))
            }
            Form::MAP => {
                let count = self.varint()?;
                let forms = if count == 0 { 0 } else { self.byte()? };
                (0..count).try_for_each(|_| {
                    self.skip_element(Form(forms >> 4), inner)?;
                    self.skip_element(Form(forms & 0x0f), inner)
                })
            }
            Form::STRUCTURE => self.structure(|thrift, _, form| match form {
                Form::TRUE | Form::FALSE => Some(()),
                form => thrift.skip_element(form, inner),
            }),
            Form::UUID => self.take(16).map(drop),
            _ => None,
        }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.bytes.split_at_checked(count)?;
        self.bytes = left;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, length) = varint(self.bytes)?;
        self.take(length)?;
        Some(value)
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

/// A number in groups of seven bits, the lowest first, and how many bytes it takes.
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some((value, place + 1));
        }
    }
    None
}
