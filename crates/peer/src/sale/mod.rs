//! Continuations for money: selling them, buying them, and the till between.

pub mod ask;
pub mod buy;
pub mod payments;
pub mod till;
