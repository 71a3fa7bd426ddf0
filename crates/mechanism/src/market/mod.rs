//! Peers price each other: one epoch of the market.
//!
//! Source: "BitTensor: A Peer-to-Peer Intelligence Market" (its first version), Sections 2 to 5;
//! `I`, `T`, `R`, `W`, `S`, `A` below are the paper's symbols. With stake `S`, weights `W` and
//! scaling `A` in `[0, 1]`, every peer has the *standing* `s_i = a_i S_i / sum S`, and
//!
//! - ranks `R = W^T s` (Eq. 1),
//! - connectivity `c_ij = +1` where a walk from `i` is expected to visit `j` often enough, else
//!   `-1` ([`Connectivity`]), and `x = C^T s`,
//! - trust `T = sigmoid(temperature * x)` (Section 3),
//! - loss `L = -R . (T - 1/2)` with its gradient in `A` (Section 4, Figure 7),
//! - incentive `I` by one of four [`Rule`]s; minting is in proportion to it (Eq. 5).
//!
//! Nothing is ever dense: the work grows with the weights, not with the square of the peers.
//! All sums are taken in an order that depends on the input alone, so the result is the same bit
//! for bit for any number of threads.
//!
//! ```
//! use muster_mechanism::market::{epoch, Config, Rule, Weights};
//!
//! // Two honest peers that rank each other, and a smaller cabal of two.
//! let weights = Weights::from_triplets(4, [(0, 1, 1.0), (1, 0, 1.0), (2, 3, 1.0), (3, 2, 1.0)])?;
//! let config = Config { rule: Rule::Paper, ..Config::default() };
//! let after = epoch(&weights, &[30.0, 30.0, 20.0, 20.0], None, &config)?;
//! assert!(after.loss < 0.0 && after.minted > 0.0);
//! assert!(after.incentive[0] > 2.0 * after.incentive[2]);
//! # Ok::<(), muster_mechanism::market::Error>(())
//! ```

mod clip;
mod config;
mod connectivity;
mod core;
mod epoch;
mod error;
mod opinions;
mod panel;
mod parts;
mod payouts;
pub mod simulation;
mod votes;
mod walk;
mod weights;

pub use config::{
    CREDIBLE_FROM, Config, Connectivity, DEPTH_MAX, OPINIONS_DEFAULT, RESTART_MIN, Rule, Walk,
};
pub use epoch::{Epoch, epoch};
pub use error::Error;
pub use payouts::{PayoutRow, Payouts};
pub use weights::{ROW_SUM_TOLERANCE, Weights};
