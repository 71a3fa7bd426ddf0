//! The pool alone: its rules, the attacks that they are for, and random histories.

mod attacks;
mod market;
mod properties;
mod rules;
