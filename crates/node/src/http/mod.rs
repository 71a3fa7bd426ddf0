//! The HTTP API: reads, submissions, events, metrics, the dashboard.
//!
//! Nothing here is privileged: whatever changes the ledger carries a signature. Whatever strangers
//! can make the node hold or do is bounded, in all and for each of them (`limits`); errors are
//! problem documents.

mod admission;
mod api;
mod budget;
mod chain;
mod dashboard;
mod governance;
mod guard;
pub(crate) mod limits;
pub(crate) mod listen;
mod made;
mod market;
mod node;
mod pace;
mod pages;
mod places;
mod presence;
mod problems;
mod proof;
mod rate;
mod routes;
mod snapshots;
mod source;
mod sse;
mod submit;
pub mod tls;
mod told;
mod work;

pub use api::{Api, ApiParts};
pub use guard::Guard;
pub(crate) use routes::weighed;
pub use routes::{openapi_json, router};
pub use source::Proxies;
