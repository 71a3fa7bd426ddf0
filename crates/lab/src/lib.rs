//! Experiments that run Muster's mechanisms: the papers' figures, tables and theorems, and the
//! questions that the papers leave open.
//!
//! - [`experiment`]: what an experiment is; [`grid`]: its cells, where they are a grid; [`head`]:
//!   of what finished cells are.
//! - [`figure`]: what a figure shows; [`draw`]: how it is drawn, as SVG and PNG.
//! - [`run`]: computes cells on all cores, goes on where it stopped, unites shards.
//! - [`output`]: tables, reports, and the page that shows them.
//! - [`market`], [`presence`], [`reputation`], [`verification`]: the experiments.
//! - [`statistics`]: summaries of samples; [`words`]: numbers as people read them, text from
//!   outside.

pub mod draw;
pub mod experiment;
pub mod figure;
pub mod files;
pub mod grid;
pub mod head;
pub mod market;
pub mod output;
pub mod presence;
pub mod reputation;
pub mod run;
pub mod statistics;
pub mod verification;
pub mod words;

use experiment::Experiment;

/// All experiments, in the order of the page.
pub fn all() -> Vec<&'static Experiment> {
    [presence::EXPERIMENTS, verification::EXPERIMENTS, reputation::EXPERIMENTS, market::EXPERIMENTS]
        .concat()
}
