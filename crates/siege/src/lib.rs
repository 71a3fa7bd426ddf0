//! A market under attack, for real: validators and peers as processes of their own, strangers who
//! do together all that strangers were found to be able to do, and what honest people notice of it.
//!
//! - [`market`] makes a market and runs its processes, each a machine of its own in [`lan`], a
//!   network of network namespaces: there everybody has addresses of their own, and strangers have
//!   as many as they like;
//! - [`attack`] is what strangers do, one file for each door that they knock at;
//! - [`honest`] is what people do meanwhile, [`watch`] what they see, [`process`] what it costs;
//! - [`soak`] lets a market run for long, with attackers, load and [`faults`], and fits a
//!   [`mod@slope`] to what every process takes;
//! - [`siege`] sets an undisturbed phase beside one under attack, and says whether the market
//!   works.
//!
//! None of it is part of the program `muster`.

pub mod attack;
pub mod error;
pub mod faults;
pub mod honest;
pub mod lan;
pub mod market;
pub mod phase;
#[path = "../../node/tests/it/ports.rs"]
mod ports;
pub mod process;
pub mod report;
pub mod siege;
pub mod slope;
pub mod soak;
pub mod watch;
