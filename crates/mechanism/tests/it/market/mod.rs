//! The market.

mod reference;
