//! Tables as Parquet.

use std::io::Cursor;

use muster_tables::{Labels, read_parquet};

use super::{choose, chosen, tables};
use crate::Target;

/// Parquet.
pub const TARGET: Target = Target {
    name: "parquet",
    about: "tables as Parquet, numbered and named",
    bytes_max: 16 << 10,
    run,
    seeds,
};

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 2) else { return };
    let labels = [Labels::Any, Labels::Numbers][usize::from(kind)];
    if let Ok(table) = read_parquet(Cursor::new(bytes), labels, &|_| ()) {
        tables::check(&table);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for file in [
        include_bytes!("../../../tables/tests/fixtures/categories.parquet").as_slice(),
        include_bytes!("../../../tables/tests/fixtures/names.parquet"),
        include_bytes!("../../../tables/tests/fixtures/numbers.parquet"),
    ] {
        seeds.push(choose(0, file));
        seeds.push(choose(1, file));
    }
    seeds
}
