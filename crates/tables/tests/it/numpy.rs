use std::io::{Cursor, Write};

use muster_tables::{ENTRIES_MAX, Table, TableError, read_numpy};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Written by scipy 1.17 with `save_npz`: float64 and int32 compressed, float32 and int64 not.
const SCIPY: [&[u8]; 2] =
    [include_bytes!("../fixtures/scipy.npz"), include_bytes!("../fixtures/scipy-wide.npz")];
const COLUMNS: &[u8] = include_bytes!("../fixtures/scipy-csc.npz");

fn read(bytes: &[u8]) -> Result<Table, TableError> {
    read_numpy(Cursor::new(bytes), &|_| ())
}

/// An archive of arrays: name, type, shape as text, bytes.
fn archive(arrays: &[(&str, &str, &str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, descr, shape, bytes) in arrays {
        let options = SimpleFileOptions::default();
        writer.start_file(format!("{name}.npy"), options).expect("in memory");
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
        let mut start = b"\x93NUMPY\x01\x00".to_vec();
        start.extend((header.len() as u16).to_le_bytes());
        for part in [&start, header.as_bytes(), bytes] {
            writer.write_all(part).expect("in memory");
        }
    }
    writer.finish().expect("in memory").into_inner()
}

fn wide(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn reals(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

type Array = (&'static str, &'static str, &'static str, Vec<u8>);

/// A valid archive of a 2 x 3 matrix with two entries.
fn valid() -> Vec<Array> {
    vec![
        ("format", "|S3", "", b"csr".to_vec()),
        ("shape", "<i8", "2,", wide(&[2, 3])),
        ("indptr", "<i8", "3,", wide(&[0, 1, 2])),
        ("indices", "<i8", "2,", wide(&[2, 0])),
        ("data", "<f8", "2,", reals(&[0.5, -1.5])),
    ]
}

#[test]
fn what_scipy_writes() {
    for bytes in SCIPY {
        let table = read(bytes).expect("valid");
        assert_eq!(table.shape, Some((4, 4)));
        assert_eq!(table.entries, [(0, 1, 2.0), (0, 2, 1.0), (1, 3, -0.5), (3, 0, 4.0)]);
        assert!(table.names.is_empty());
    }
    let error = read(COLUMNS).expect_err("columns").to_string();
    assert!(error.contains("array `format`: it is `csc`, not `csr`"), "{error}");
}

#[test]
fn kinds_of_numbers() {
    let table = read(&archive(&valid())).expect("valid");
    assert_eq!(table.entries, [(0, 2, 0.5), (1, 0, -1.5)]);
    for (descr, bytes, wanted) in [
        (">f8", reals(&[0.5, -1.5]).chunks(8).flat_map(|b| b.iter().rev().copied()).collect(), 0.5),
        ("<f4", [0.5f32, -1.5].iter().flat_map(|v| v.to_le_bytes()).collect(), 0.5),
        ("|i1", vec![255, 1], -1.0),
        ("<u2", vec![255, 255, 1, 0], 65535.0),
        ("|b1", vec![1, 0], 1.0),
    ] {
        let mut arrays = valid();
        arrays[4] = ("data", descr, "2,", bytes);
        assert_eq!(read(&archive(&arrays)).expect(descr).entries[0], (0, 2, wanted), "{descr}");
    }
}

#[test]
fn refusals_name_the_array() {
    let huge = (ENTRIES_MAX as i64) + 1;
    let cases: [(usize, Array, &str); 16] = [
        (0, ("format", "|S3", "", b"coo".to_vec()), "`format`: it is `coo`"),
        (0, ("other", "|S3", "", b"csr".to_vec()), "`format`: it is missing"),
        (1, ("shape", "<i8", "3,", wide(&[2, 3, 4])), "`shape`: its shape is [3]"),
        (1, ("shape", "<i8", "2,", wide(&[-2, 3])), "`shape`: entry 0: it is negative"),
        (1, ("shape", "<f8", "2,", reals(&[2.0, 3.0])), "`shape`: entry 0: it is not a whole"),
        (1, ("shape", "<i8", "2,", wide(&[huge, 3])), "more than 134217728 rows"),
        (1, ("shape", "<i8", "2,", wide(&[2, 1 << 33])), "more than 4294967295 columns"),
        (2, ("indptr", "<i8", "2,", wide(&[0, 2])), "`indptr`: its shape is [2]: it must have"),
        (2, ("indptr", "<i8", "3,", wide(&[1, 1, 2])), "`indptr`: it does not begin with 0"),
        (2, ("indptr", "<i8", "3,", wide(&[0, 3, 2])), "`indptr`: entry 2 is below"),
        (2, ("indptr", "<i8", "3,", wide(&[0, 1, huge])), "`indptr`: entry 2: it is above"),
        (3, ("indices", "<i8", "2,", wide(&[0, 3])), "`indices`: entry 1: there is no such column"),
        (3, ("indices", "<i8", "2,", wide(&[0])), "`indices`: it ends too early"),
        (4, ("data", "<c16", "2,", vec![0; 32]), "`data`: numbers of kind c16"),
        (4, ("data", "<f8", "9999999999999999999999,", vec![]), "`data`: its header"),
        (4, ("data", "<f8", "2,", reals(&[1.0, f64::NAN])), "`data`: entry 1: NaN is not finite"),
    ];
    for (place, array, words) in cases {
        let mut arrays = valid();
        arrays[place] = array;
        let error = read(&archive(&arrays)).expect_err(words).to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let error = read(b"PK but no archive").expect_err("no archive").to_string();
    assert!(error.contains("save_npz"), "{error}");
}

/// A claim of 2^27 rows in an archive of a kilobyte takes no memory.
#[test]
fn what_is_not_there_takes_no_memory() {
    let mut arrays = valid();
    arrays[1] = ("shape", "<i8", "2,", wide(&[(1 << 27) - 1, 3]));
    arrays[2] = ("indptr", "<i8", "134217728,", wide(&[0, 1, 2]));
    let error = read(&archive(&arrays)).expect_err("too short").to_string();
    assert!(error.contains("`indptr`: it ends too early"), "{error}");
}

/// No damage of a file is a panic.
#[test]
fn damaged_archives_are_refused_or_read() {
    for original in SCIPY {
        for length in 0..original.len() {
            assert!(read(&original[..length]).is_err());
        }
        for place in 0..original.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = original.to_vec();
                bytes[place] ^= flip;
                if let Ok(table) = read(&bytes) {
                    assert!(table.entries.iter().all(|entry| entry.2.is_finite()));
                }
            }
        }
    }
}
