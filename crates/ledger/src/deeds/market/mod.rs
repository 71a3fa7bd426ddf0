//! The market of peers: places in it, weights, prices, and pay.

pub(crate) mod payout;
pub(crate) mod price;
pub(crate) mod registration;
pub(crate) mod weights;
