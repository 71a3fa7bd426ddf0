//! The ledger's state machine: pure and deterministic, without clock, randomness, disk or async.
//!
//! A [`state::State`] and a [`block::Block`] give the next state ([`execute::execute`]), the same
//! on every machine. The authenticated tree over it is [`tree`]; what the market of peers decides
//! comes from `muster-mechanism` at the end of every epoch.
//!
//! ```
//! use muster_ledger::crypto::{Hash, SecretKey};
//! use muster_ledger::execute::propose;
//! use muster_ledger::committee::Validator;
//! use muster_ledger::genesis::Genesis;
//! use muster_ledger::money::Grains;
//! use muster_ledger::parameters::Parameters;
//! use muster_ledger::state::State;
//! use muster_ledger::protocol::Version;
//! use muster_ledger::transaction::account::Action::Transfer;
//! use muster_ledger::transaction::{SignedTransaction, Transaction};
//! use muster_ledger::types::Height;
//!
//! let [alice, bob, validator] = [1, 2, 3].map(|seed| SecretKey::from_seed([seed; 32]));
//! let genesis = Genesis {
//!     version: Version::NEWEST,
//!     name: "example".into(),
//!     time_ms: 0,
//!     parameters: Parameters::default(),
//!     validators: vec![Validator { name: "v".into(), key: validator.public() }],
//!     accounts: vec![(alice.public(), Grains::MST)],
//!     peers: vec![],
//! };
//! let state = State::genesis(&genesis)?;
//! let transfer = SignedTransaction::sign(
//!     Transaction {
//!         chain: state.chain(),
//!         signer: alice.public(),
//!         nonce: 0,
//!         expires: Height(10),
//!         tip: Grains(0),
//!         action: Transfer { to: bob.public(), amount: "0.25".parse()? }.into(),
//!     },
//!     &alice,
//! );
//! transfer.check_stateless(&state.limits())?;
//! // The root of the genesis state comes from `tree::update`; here nobody looks at it.
//! let parent = genesis.header(Hash([0; 32]));
//! let (included, execution) =
//!     propose(&state, &parent, 1_000, validator.public(), [transfer].into_iter())?;
//! assert_eq!(included.len(), 1);
//! assert_eq!(execution.state.account(&bob.public()).total().to_string(), "0.25 MST");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not in this version, and nowhere pretended: a beacon, verification of work, reputation and the
//! chains that build on it.

pub mod address;
pub mod block;
pub mod change;
pub mod committee;
pub mod crypto;
pub mod encoding;
pub mod execute;
pub mod genesis;
pub mod light;
pub mod money;
pub mod outcome;
pub mod parameters;
pub mod presence;
pub mod protocol;
pub mod sealed;
pub mod snapshot;
pub mod state;
pub mod transaction;
pub mod tree;
pub mod types;
pub mod vote;

mod deeds;
mod schedule;
mod transition;
