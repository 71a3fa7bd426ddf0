//! The mathematics of Muster's mechanisms: pure functions of their arguments.
//!
//! Nothing here reads a clock, a disk, the network or a source of randomness, so every result can
//! be recomputed by whoever holds the inputs. What the ledger executes uses only `+ - * /`,
//! square roots, comparisons and the software `libm`, with sums in an order that does not depend
//! on the number of threads.
//!
//! - [`market`]: peers price each other; ranks, connectivity, trust, incentive and emission.
//! - [`presence`]: how many are here, told by how fast a puzzle is solved.
//! - [`reputation`]: trust distilled from endorsements, what endorsers earn, committees.
//! - [`verification`]: payments that make honest checking the best strategy.
//! - [`random`]: a reproducible generator for simulations.

mod fourier;
mod gather;
pub mod market;
mod numeric;
pub mod presence;
pub mod random;
pub mod reputation;
pub mod verification;
mod wide;
