//! Parquet files of plain columns, of which the first three are source, target and weight.
//!
//! Read by hand, as far as pandas, Polars, DuckDB and pyarrow write such tables unless they are
//! told otherwise: values as they are or through a dictionary, pages of both versions, compressed
//! with Snappy, Zstandard or gzip. Source: `parquet.thrift`, `Encodings.md` of Apache Parquet. Why
//! not the crate `parquet`: docs/adr/0010-large-inputs.md.

mod bytes;
mod compression;
mod footer;
mod pages;
mod runs;
mod thrift;

use std::io::{Read, Seek};

use self::footer::Footer;
use self::pages::Values;
use crate::names::Names;
use crate::{Labels, Table, TableError};

/// Progress is told this often.
const ROWS_PER_REPORT: usize = 1 << 16;

/// Reads a file. Nodes are text, without the space around it, or whole numbers; weights are any
/// numbers. `progress` hears the share of rows that has been read.
///
/// # Errors
/// [`TableError::Column`] with the name of the column and the row, [`TableError::Parquet`],
/// [`TableError::TooMany`], [`TableError::Read`].
pub fn read_parquet(
    mut input: impl Read + Seek,
    labels: Labels,
    progress: &dyn Fn(f64),
) -> Result<Table, TableError> {
    let footer = Footer::read(&mut input)?;
    let [source, target, weight] = &footer.columns;
    let mut table = Table::default();
    let mut names = Names::default();
    for group in &footer.groups {
        let first = table.entries.len();
        let [of_source, of_target, of_weight] = group.chunks;
        let rows = first..first + group.rows;
        let mut sources = Values::new(source, of_source, rows.clone());
        let mut targets = Values::new(target, of_target, rows.clone());
        let mut weights = Values::new(weight, of_weight, rows.clone());
        for _ in rows {
            let source = sources.node(&mut input, labels, &mut names)?;
            let target = targets.node(&mut input, labels, &mut names)?;
            table.entries.push((source, target, weights.weight(&mut input)?));
            if table.entries.len().is_multiple_of(ROWS_PER_REPORT) {
                progress(table.entries.len() as f64 / footer.rows as f64);
            }
        }
    }
    table.names = names.into_list();
    Ok(table)
}
