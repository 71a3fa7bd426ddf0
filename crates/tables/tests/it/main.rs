//! Integration tests of `muster-tables`: files that other programs wrote, and damaged ones.

mod numpy;
mod parquet;
