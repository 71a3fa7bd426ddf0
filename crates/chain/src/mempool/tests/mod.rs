//! The pool alone: its rules, the attacks that they are for, and random histories.

mod attacks;
mod market;
mod presence;
mod properties;
mod rules;
