//! One peer of the market: it learns from its own text and from what other peers answer, answers
//! them, and says on the ledger what they are worth.

pub mod admission;
pub mod ask;
pub mod client;
pub mod counters;
pub mod directory;
pub mod envelope;
pub mod evidence;
pub mod identity;
pub mod inbox;
pub mod limits;
pub mod listen;
pub mod message;
pub mod payment;
pub mod proto;
pub mod queue;
pub mod replay;
pub mod server;
pub mod tensor;
pub mod worker;
