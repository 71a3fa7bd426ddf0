mod writer;

use std::io::Cursor;

use muster_tables::{ENTRIES_MAX, Labels, Table, TableError, read_parquet, read_text};

use self::writer::{Column, column, file, page, texts};

/// Written by pyarrow 26: `fixtures/parquet.py`.
const NAMES: &[u8] = include_bytes!("../../fixtures/names.parquet");
const CATEGORIES: &[u8] = include_bytes!("../../fixtures/categories.parquet");
const NUMBERS: &[u8] = include_bytes!("../../fixtures/numbers.parquet");

/// The same tables as text.
const NAMES_TEXT: &str =
    "source,target,rating,time\ndave,bob,2,7\ndave,carol,1,7\nbob,dave,-0.5,7\nalice,dave,4,7\n";
const NUMBERS_TEXT: &str = "source,target,rating\n3,1,2\n3,2,1\n1,3,-0.5\n0,3,4\n";

fn read(bytes: &[u8], labels: Labels) -> Result<Table, TableError> {
    read_parquet(Cursor::new(bytes), labels, &|_| ())
}

#[test]
fn what_pyarrow_writes_is_what_text_says() {
    for (bytes, text, labels) in [
        (NAMES, NAMES_TEXT, Labels::Any),
        (CATEGORIES, NAMES_TEXT, Labels::Any),
        (NUMBERS, NUMBERS_TEXT, Labels::Any),
        (NUMBERS, NUMBERS_TEXT, Labels::Numbers),
    ] {
        let expected = read_text(text.as_bytes(), labels, &|_| ()).expect("valid");
        assert_eq!(read(bytes, labels).expect("valid"), expected);
    }
    let table = read(NAMES, Labels::Any).expect("valid");
    assert_eq!(table.names, ["dave", "bob", "carol", "alice"], "by rows, not by columns");
}

fn wide(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn narrow(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn reals(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

const INT32: i64 = 1;
const INT64: i64 = 2;
const DOUBLE: i64 = 5;
const TEXT: i64 = 6;

/// Two rows: 7 -> 0 with 0.5, 8 -> 1 with -1.5.
fn valid() -> [Column; 3] {
    [
        column("from", INT64, 2, wide(&[7, 8])),
        column("to", INT32, 2, narrow(&[0, 1])),
        column("weight", DOUBLE, 2, reals(&[0.5, -1.5])),
    ]
}

fn with(place: usize, change: impl Fn(&mut Column)) -> Vec<u8> {
    let mut columns = valid();
    change(&mut columns[place]);
    file(2, &columns)
}

#[test]
fn kinds_of_values() {
    let table = read(&file(2, &valid()), Labels::Numbers).expect("valid");
    assert_eq!(table.entries, [(7, 0, 0.5), (8, 1, -1.5)]);
    let names = |bytes: &[u8]| read(bytes, Labels::Any).expect("valid").names;
    assert_eq!(names(&file(2, &valid())), ["7", "0", "8", "1"]);
    // Numbers without a sign, 11 to 14 in the older way.
    let unsigned = with(0, |column| {
        column.converted = Some(14);
        column.pages = vec![page(2, wide(&[-1, 8]))];
    });
    assert_eq!(names(&unsigned), ["18446744073709551615", "0", "8", "1"]);
    let unsigned = with(1, |column| {
        column.converted = Some(13);
        column.pages = vec![page(2, narrow(&[-1, 8]))];
    });
    assert_eq!(names(&unsigned), ["7", "4294967295", "8"]);
    // Text may hold numbers, and space around names does not count, as in comma-separated text.
    let text = with(0, |column| {
        column.physical = TEXT;
        column.pages = vec![page(2, texts(&[b" 7", b"8 "]))];
    });
    assert_eq!(names(&text), ["7", "0", "8", "1"]);
    let table = read(&text, Labels::Numbers).expect("valid");
    assert_eq!(table.entries, [(7, 0, 0.5), (8, 1, -1.5)]);
    let whole = with(2, |column| {
        column.physical = INT64;
        column.pages = vec![page(1, wide(&[3])), page(1, wide(&[-4]))];
    });
    let table = read(&whole, Labels::Numbers).expect("valid");
    assert_eq!(table.entries, [(7, 0, 3.0), (8, 1, -4.0)]);
    let empty = [column("a", TEXT, 0, vec![]), column("b", TEXT, 0, vec![]), valid()[2].clone()];
    let empty = empty.map(|column| Column { pages: vec![], values: 0, ..column });
    assert_eq!(read(&file(0, &empty), Labels::Any).expect("valid"), Table::default());
}

#[test]
fn refusals_name_the_column_and_the_row() {
    let cases: [(Vec<u8>, &str); 16] = [
        (with(0, |c| c.repetition = 2), "`from`: it holds lists or structures"),
        (with(0, |c| c.physical = DOUBLE), "`from`: it holds reals: nodes are"),
        (with(0, |c| c.physical = 0), "`from`: it holds truth values"),
        (with(0, |c| c.converted = Some(9)), "`from`: its values are dates, decimals"),
        (with(2, |c| c.physical = TEXT), "`weight`: it holds text: weights are numbers"),
        (
            with(2, |c| c.codec = 7),
            "`weight`: it is compressed with LZ4: write it with snappy, zstd",
        ),
        (with(1, |c| c.encrypted = true), "`to`: it is encrypted"),
        (with(1, |c| c.elsewhere = true), "`to`: it lies in another file"),
        (with(1, |c| c.pages[0].1 = 5), "`to`: it is encoded as DELTA_BINARY_PACKED"),
        (
            with(2, |c| c.pages[0].3 = reals(&[1.0, f64::NAN])),
            "`weight`: row 1 (from 0): NaN is not finite",
        ),
        (
            with(0, |c| c.pages[0].3 = wide(&[7, -3])),
            "`from`: row 1 (from 0): the label `-3` is not a whole number below 2^32",
        ),
        (
            with(0, |c| {
                c.physical = TEXT;
                c.pages = vec![page(2, texts(&[b"7", b"a\xff"]))];
            }),
            "`from`: row 1 (from 0): the label is not UTF-8",
        ),
        (
            with(2, |c| {
                // Levels 1, 0 as a group of eight packed bits after their length.
                c.repetition = 1;
                c.pages = vec![page(2, [&[2, 0, 0, 0, 3, 1], &reals(&[1.0])[..]].concat())];
            }),
            "`weight`: row 1 (from 0) is empty",
        ),
        (with(1, |c| c.pages[0].3.truncate(7)), "`to`: row 0 (from 0): its page is damaged"),
        (with(1, |c| c.pages = vec![page(1, narrow(&[1]))]), "row 1 (from 0): the column ends"),
        (with(1, |c| c.pages = vec![page(3, narrow(&[1; 3]))]), "it has more values than rows"),
    ];
    for (bytes, words) in cases {
        let error = read(&bytes, Labels::Numbers).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let long = [b'x'; 2000];
    for (name, words) in [
        (&b"  "[..], "`from`: row 1 (from 0): the label is empty"),
        (&long[..], "`from`: row 1 (from 0): the label has more than 1024 bytes"),
    ] {
        let bytes = with(0, |column| {
            column.physical = TEXT;
            column.pages = vec![page(2, texts(&[b"7", name]))];
        });
        let error = read(&bytes, Labels::Any).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn damaged_footers_are_refused() {
    let mut encrypted = file(2, &valid());
    let end = encrypted.len() - 1;
    encrypted[end] = b'E';
    let mut many = valid();
    many.iter_mut().for_each(|column| column.values = ENTRIES_MAX as i64 + 1);
    for (bytes, words) in [
        (b"PAR1".to_vec(), "does not end with PAR1"),
        (b"PAR1 but nothing else".to_vec(), "does not end with PAR1"),
        (b"\xff\xff\xff\xffPAR1".to_vec(), "its footer has 4294967295 bytes"),
        (b"\x40\x00\x00\x00PAR1".to_vec(), "its footer is damaged"),
        (encrypted, "it is encrypted"),
        (file(2, &valid()[..2]), "it has 2 columns: source, target and weight are needed"),
        (file(3, &valid()), "its footer is damaged"),
        (file(-2, &valid()), "its footer is damaged"),
        (file(ENTRIES_MAX as i64 + 1, &many), "has more than 134217728 entries"),
        (with(0, |column| column.shift = (-9999, 0)), "a column lies outside of the file"),
        (with(0, |column| column.shift = (9999, 0)), "a column lies outside of the file"),
        (with(0, |column| column.shift = (0, -9999)), "a column lies outside of the file"),
        (with(0, |column| column.shift = (0, i64::MAX - 9999)), "lies outside of the file"),
        (with(2, |column| column.shift = (-40, 40)), "its columns lie upon each other"),
    ] {
        let error = read(&bytes, Labels::Any).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

/// What a small file declares and has not takes no memory.
#[test]
fn what_is_not_there_takes_no_memory() {
    let gigabyte = 1 << 30;
    let many = i64::from(i32::MAX);
    let dictionary = (2, 0, many, narrow(&[5, 6]), 8);
    let large = (2, 0, 2, narrow(&[5, 6]), 1 << 27);
    let declares = |codec, size| {
        with(1, move |column| {
            column.codec = codec;
            column.pages[0].4 = size;
        })
    };
    for (bytes, words) in [
        (declares(0, gigabyte), "its page has 1073741824 bytes"),
        (declares(0, 1 << 29), "its length is not as declared"),
        (declares(1, 1 << 29), "its page is damaged"),
        (declares(2, 1 << 29), "its page is damaged"),
        (declares(6, 1 << 29), "its page is damaged"),
        (with(1, |column| column.pages[0].2 = many), "it has more values than rows"),
        (with(1, |column| column.pages = vec![dictionary.clone()]), "its dictionary is damaged"),
        (with(1, |column| column.pages = vec![large.clone()]), "its page has 134217728 bytes"),
    ] {
        let error = read(&bytes, Labels::Any).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

/// A run of levels has any length that it likes in a few bytes.
#[test]
fn what_is_not_there_takes_no_time() {
    let levels = [&[10, 0, 0, 0, 0xfe][..], &[0xff; 7], &[0x7f, 1], &narrow(&[0, 1])].concat();
    let endless = with(1, |column| {
        column.repetition = 1;
        column.pages = vec![page(i64::MAX, levels.clone())];
    });
    let error = read(&endless, Labels::Any).expect_err("too many").to_string();
    assert!(error.contains("it has more values than rows"), "{error}");
    let enough = with(1, |column| {
        column.repetition = 1;
        column.pages = vec![page(2, levels.clone())];
    });
    assert_eq!(read(&enough, Labels::Numbers).expect("valid").entries[1], (8, 1, -1.5));
}

/// No damage of a file is a panic.
#[test]
fn damaged_files_are_refused_or_read() {
    let check = |bytes: &[u8]| {
        if let Ok(table) = read(bytes, Labels::Any) {
            assert!(table.entries.iter().all(|entry| entry.2.is_finite()));
        }
    };
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    for original in [NAMES, CATEGORIES, NUMBERS, &file(2, &valid())] {
        for length in 0..original.len() {
            assert!(read(&original[..length], Labels::Any).is_err());
        }
        for place in 0..original.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = original.to_vec();
                bytes[place] ^= flip;
                check(&bytes);
            }
        }
        for _ in 0..5000 {
            let mut bytes = original.to_vec();
            for _ in 0..=random(4) {
                let place = random(bytes.len());
                bytes[place] = random(256) as u8;
            }
            check(&bytes);
        }
    }
}
