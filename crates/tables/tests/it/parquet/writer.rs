//! Writes small Parquet files, true ones and false ones.

/// A column of one group of rows, on one page.
#[derive(Clone)]
pub struct Column {
    pub name: &'static str,
    pub physical: i64,
    pub repetition: i64,
    /// What its numbers stand for, in the older way.
    pub converted: Option<i64>,
    pub codec: i64,
    /// Kind of page (0 data, 2 dictionary, 3 data of the second version), its encoding, how many
    /// values it declares, its bytes, and how many it declares when decompressed.
    pub pages: Vec<(i64, i64, i64, Vec<u8>, i64)>,
    /// Values that the footer declares.
    pub values: i64,
    /// Added to the offset and the length that the footer declares.
    pub shift: (i64, i64),
    pub elsewhere: bool,
    pub encrypted: bool,
}

/// A page of values as they are.
pub fn page(values: i64, bytes: Vec<u8>) -> (i64, i64, i64, Vec<u8>, i64) {
    let size = bytes.len() as i64;
    (0, 0, values, bytes, size)
}

/// A required column of values as they are.
pub fn column(name: &'static str, physical: i64, values: i64, bytes: Vec<u8>) -> Column {
    Column {
        name,
        physical,
        repetition: 0,
        converted: None,
        codec: 0,
        pages: vec![page(values, bytes)],
        values,
        shift: (0, 0),
        elsewhere: false,
        encrypted: false,
    }
}

/// Text with its length before it.
pub fn texts(values: &[&[u8]]) -> Vec<u8> {
    values.iter().flat_map(|v| [&(v.len() as u32).to_le_bytes()[..], v].concat()).collect()
}

pub fn file(rows: i64, columns: &[Column]) -> Vec<u8> {
    let mut bytes = b"PAR1".to_vec();
    let chunks = columns.iter().map(|column| chunk(column, &mut bytes)).collect();
    let root = Structure::default().binary(4, b"schema").whole(5, columns.len() as i64).end();
    let group = Structure::default().list(1, chunks).whole(3, rows).end();
    let schema = std::iter::once(root).chain(columns.iter().map(element)).collect();
    let footer =
        Structure::default().whole(1, 2).list(2, schema).whole(3, rows).list(4, vec![group]).end();
    bytes.extend(&footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}

fn element(column: &Column) -> Vec<u8> {
    let element = Structure::default().whole(1, column.physical).whole(3, column.repetition);
    let element = element.binary(4, column.name.as_bytes());
    match column.converted {
        Some(number) => element.whole(6, number).end(),
        None => element.end(),
    }
}

/// Appends the pages of a column, and gives what the footer says of it.
fn chunk(column: &Column, bytes: &mut Vec<u8>) -> Vec<u8> {
    let start = bytes.len() as i64;
    let (mut data, mut dictionary) = (None, None);
    for (kind, encoding, values, page, size) in &column.pages {
        let place = if *kind == 2 { &mut dictionary } else { &mut data };
        place.get_or_insert(bytes.len() as i64);
        let header =
            Structure::default().whole(1, *kind).whole(2, *size).whole(3, page.len() as i64);
        let header = match kind {
            0 => header.nested(
                5,
                Structure::default().whole(1, *values).whole(2, *encoding).whole(3, 3).whole(4, 3),
            ),
            2 => header.nested(7, Structure::default().whole(1, *values).whole(2, *encoding)),
            _ => header.nested(
                8,
                Structure::default()
                    .whole(1, *values)
                    .whole(2, 0)
                    .whole(3, *values)
                    .whole(4, *encoding),
            ),
        };
        bytes.extend(header.end());
        bytes.extend(page);
    }
    let length = bytes.len() as i64 - start + column.shift.1;
    let mut inner = Structure::default().whole(1, column.physical).whole(4, column.codec);
    inner = inner.whole(5, column.values).whole(6, length).whole(7, length);
    inner = inner.whole(9, data.unwrap_or(start) + column.shift.0);
    if let Some(dictionary) = dictionary {
        inner = inner.whole(11, dictionary + column.shift.0);
    }
    let mut chunk = Structure::default();
    if column.elsewhere {
        chunk = chunk.binary(1, b"other.parquet");
    }
    chunk = chunk.whole(2, start);
    if column.encrypted { chunk.end() } else { chunk.nested(3, inner).end() }
}

/// A structure of Thrift in the compact protocol.
#[derive(Default)]
struct Structure {
    bytes: Vec<u8>,
    last: i64,
}

impl Structure {
    fn begin(mut self, field: i64, form: u8) -> Self {
        self.bytes.push((field - self.last) as u8 * 16 + form);
        self.last = field;
        self
    }

    fn whole(self, field: i64, value: i64) -> Self {
        let mut structure = self.begin(field, 6);
        varint((value << 1 ^ value >> 63) as u64, &mut structure.bytes);
        structure
    }

    fn binary(self, field: i64, value: &[u8]) -> Self {
        let mut structure = self.begin(field, 8);
        varint(value.len() as u64, &mut structure.bytes);
        structure.bytes.extend(value);
        structure
    }

    fn list(self, field: i64, items: Vec<Vec<u8>>) -> Self {
        let mut structure = self.begin(field, 9);
        assert!(items.len() < 15, "longer lists have another header");
        structure.bytes.push(items.len() as u8 * 16 + 12);
        structure.bytes.extend(items.concat());
        structure
    }

    fn nested(self, field: i64, inner: Self) -> Self {
        let mut structure = self.begin(field, 12);
        structure.bytes.extend(inner.end());
        structure
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
