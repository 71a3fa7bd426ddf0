//! The model's thread.

/// What the model's thread hears besides requests.
#[derive(Debug)]
pub enum Event {}
