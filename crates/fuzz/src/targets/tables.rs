//! Tables as text and as archives of NumPy.

use std::io::{Cursor, Write};

use muster_tables::{Labels, Table, read_numpy, read_text};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{choose, chosen};
use crate::Target;

/// Text and NumPy.
pub const TARGET: Target = Target {
    name: "tables",
    about: "tables as text and as NumPy archives, raw and with arrays from the input",
    bytes_max: 16 << 10,
    run,
    seeds,
};

/// The arrays of an archive.
const ARRAYS: [&str; 5] = ["format", "shape", "indptr", "indices", "data"];

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 5) else { return };
    let nothing = |_: f64| ();
    let table = match kind {
        0 => read_text(bytes, Labels::Any, &|_| ()),
        1 => read_text(bytes, Labels::Numbers, &|_| ()),
        2 => read_numpy(Cursor::new(bytes), &nothing),
        kind => {
            let method =
                if kind == 3 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
            read_numpy(Cursor::new(archive(bytes, method)), &nothing)
        }
    };
    if let Ok(table) = table {
        check(&table);
    }
}

/// What every reader promises of what it accepts.
pub fn check(table: &Table) {
    let bound = |of: fn((usize, usize)) -> usize| match (table.shape, table.names.len()) {
        (Some(shape), _) => of(shape),
        (None, 0) => usize::MAX,
        (None, names) => names,
    };
    let (rows, columns) = (bound(|shape| shape.0), bound(|shape| shape.1));
    for &(source, target, weight) in &table.entries {
        assert!(weight.is_finite(), "{weight} is no weight");
        assert!((source as usize) < rows && (target as usize) < columns, "no such node");
    }
}

/// An archive of arrays: for each two bytes of length, then its bytes. A checksum of a damaged one
/// would not fit.
fn archive(mut bytes: &[u8], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for name in ARRAYS {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        archive.start_file(format!("{name}.npy"), options).expect("written to memory");
        archive.write_all(&rest[..length]).expect("written to memory");
        bytes = &rest[length..];
    }
    archive.finish().expect("written to memory").into_inner()
}

/// An array as NumPy writes it.
fn array(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), data].concat()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for text in [
        "source,target,weight\nalice,bob,2\n# a comment\nbob,carol,1\n",
        "0,1,0.5\n1,2,1e-3\n2,0,-4\n",
        "source\ttarget\nalice\tbob\n",
        "\u{feff}a;b;c\r\n\"a b\";c;3\r\n",
    ] {
        seeds.push(choose(0, text));
        seeds.push(choose(1, text));
    }
    for file in [
        include_bytes!("../../../tables/tests/fixtures/scipy.npz").as_slice(),
        include_bytes!("../../../tables/tests/fixtures/scipy-wide.npz"),
        include_bytes!("../../../tables/tests/fixtures/scipy-csc.npz"),
    ] {
        seeds.push(choose(2, file));
    }
    let little = |numbers: &[i32]| -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    };
    let weights: Vec<u8> = [0.5_f64, 1.0, 2.0].iter().flat_map(|w| w.to_le_bytes()).collect();
    let shape: Vec<u8> = [3_i64, 3].iter().flat_map(|side| side.to_le_bytes()).collect();
    let arrays = [
        array("|S3", "()", b"csr"),
        array("<i8", "(2,)", &shape),
        array("<i4", "(4,)", &little(&[0, 1, 2, 3])),
        array("<i4", "(3,)", &little(&[1, 2, 0])),
        array("<f8", "(3,)", &weights),
    ];
    let length = |bytes: &Vec<u8>| (bytes.len() as u16).to_le_bytes().to_vec();
    let whole: Vec<u8> =
        arrays.iter().flat_map(|bytes| [length(bytes), bytes.clone()].concat()).collect();
    seeds.push(choose(3, &whole));
    seeds.push(choose(4, &whole));
    seeds
}
