//! The mathematics of Muster's mechanisms: pure functions of their arguments.
//!
//! Nothing here reads a clock, a disk, the network or a source of randomness, so every result can
//! be recomputed by whoever holds the inputs. What the ledger executes uses only `+ - * /`,
//! square roots, comparisons and the software `libm`, with sums in an order that does not depend
//! on the number of threads.
//!
//! - [`market`]: peers price each other; ranks, connectivity, trust, incentive and emission.

pub mod market;
