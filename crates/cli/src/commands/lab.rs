//! `muster lab`: the experiments that set the papers' claims beside what the mechanisms do.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use muster_lab::experiment::{Experiment, Scale, Setting};
use muster_lab::run::{self, Observer, Outcome, Plan, Shard, Status};
use serde_json::{Value, json};

use crate::output::{self, Align, Table};

/// Measure the mechanisms beside what the papers claim
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// The experiments: names, what they show, and what they measure
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Run experiments: numbers, figures and one page; what is finished is not computed again
    Run(RunOptions),
    /// Unite the results of `lab run --shard`, and report as if one machine had run it all
    Merge {
        /// The directories of the shards
        #[arg(required = true, value_name = "DIR")]
        from: Vec<PathBuf>,
        /// Where the united results go
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Where the real data lies; by default `../shared/data` beside the source, if it is there
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct RunOptions {
    /// Names as `lab list` prints them, or `all`
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Few seeds and coarse grids: the shape of every result, in minutes
    #[arg(long)]
    quick: bool,
    /// Where results go; by default `lab-quick` or `lab-full`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// From which every random number comes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the real data lies; by default `../shared/data` beside the source, if it is there
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only the part I of N of all cells, I from 0; unite the parts with `lab merge`
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Part,
    /// Threads; by default one for each core
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Compute what is finished again
    #[arg(long, conflicts_with = "keep_cells")]
    fresh: bool,
    /// Go on from cells that another build of this program computed
    #[arg(long)]
    keep_cells: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// `i/n`.
#[derive(Clone, Copy)]
struct Part(Shard);

impl std::fmt::Display for Part {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "{}/{}", self.0.index, self.0.of)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not I/N with I from 0 to N - 1");
        let (index, of) = text.split_once('/').ok_or_else(refuse)?;
        let (index, of) = index.parse().ok().zip(of.parse().ok()).ok_or_else(refuse)?;
        if index < of { Ok(Self(Shard { index, of })) } else { Err(refuse()) }
    }
}

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    match &options.verb {
        Verb::List { json } => list(*json),
        Verb::Run(options) => run_experiments(options),
        Verb::Merge { from, out, data, json } => {
            for folder in from {
                anyhow::ensure!(folder.is_dir(), "{} is not a directory", folder.display());
            }
            let data = data.clone().or_else(default_data);
            let screen = Screen::new();
            let outcomes = run::merge(&muster_lab::all(), from, out, data, &screen)?;
            summary(&outcomes, out, &muster_lab::all(), *json)?;
            failures(&outcomes, false)
        }
    }
}

fn list(json: bool) -> Result<()> {
    let experiments = muster_lab::all();
    if json {
        let entry = |experiment: &&Experiment| {
            json!({
                "name": experiment.name,
                "title": experiment.title,
                "source": experiment.source,
                "columns": experiment.columns,
                "data_file": experiment.data_file,
            })
        };
        return output::print_json(&experiments.iter().map(entry).collect::<Vec<_>>());
    }
    let mut table = Table::new(&[("experiment", Align::Left), ("what it shows", Align::Left)]);
    for experiment in experiments {
        table.row(vec![experiment.name.to_owned(), experiment.title.to_owned()]);
    }
    table.print()
}

fn run_experiments(options: &RunOptions) -> Result<()> {
    let all = options.names.iter().any(|name| name == "all");
    let experiments = if all { muster_lab::all() } else { chosen(&options.names)? };
    let scale = if options.quick { Scale::Quick } else { Scale::Full };
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(if options.quick { "lab-quick" } else { "lab-full" }));
    let data = options.data.clone().or_else(default_data);
    let plan = Plan {
        setting: Setting { scale, seed: options.seed, data },
        experiments,
        out,
        shard: options.shard.0,
        fresh: options.fresh,
        other_sources: options.keep_cells,
    };
    let threads = options.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.with_context(|| format!("cannot start {threads} threads"))?;
    let screen = Screen::new();
    let outcomes = pool.install(|| run::run(&plan, &screen))?;
    summary(&outcomes, &plan.out, &plan.experiments, options.json)?;
    failures(&outcomes, !all)
}

/// The experiments of these names, each once, in the order of the page.
fn chosen(names: &[String]) -> Result<Vec<&'static Experiment>> {
    let experiments = muster_lab::all();
    for name in names {
        if !experiments.iter().any(|experiment| experiment.name == name) {
            let known = experiments.iter().map(|experiment| experiment.name);
            match output::nearest(name, known) {
                Some(near) => bail!("there is no experiment `{name}`: did you mean `{near}`?"),
                None => bail!("there is no experiment `{name}`: `muster lab list` names them all"),
            }
        }
    }
    let named = |experiment: &&Experiment| names.iter().any(|name| name == experiment.name);
    Ok(experiments.into_iter().filter(named).collect())
}

/// The directory of real data beside a checkout of the source, or beside the working directory's.
fn default_data() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let here = [checkout.map(Path::to_path_buf), std::env::current_dir().ok()];
    let beside = here.into_iter().flatten().map(|folder| folder.join("../shared/data"));
    beside.into_iter().find(|folder| folder.is_dir())
}

/// What became of each experiment, on stdout.
fn summary(
    outcomes: &[Outcome],
    out: &Path,
    experiments: &[&Experiment],
    as_json: bool,
) -> Result<()> {
    let page = out.join("index.html");
    if as_json {
        let title = |name: &str| {
            experiments.iter().find(|known| known.name == name).map(|known| known.title)
        };
        let entries = outcomes.iter().map(|outcome| {
            let mut entry = json!({
                "experiment": outcome.experiment,
                "title": title(&outcome.experiment),
                "seconds": outcome.seconds,
                "cells": outcome.cells,
                "cells_resumed": outcome.resumed,
            });
            let fields = status(&outcome.status);
            for (field, value) in fields.as_object().into_iter().flatten() {
                entry[field] = value.clone();
            }
            entry
        });
        let entries = entries.collect::<Vec<_>>();
        return output::print_json(&json!({ "page": page, "experiments": entries }));
    }
    let mut table = Table::new(&[
        ("experiment", Align::Left),
        ("seconds", Align::Right),
        ("agrees", Align::Right),
        ("differs", Align::Right),
        ("answered", Align::Right),
        ("", Align::Left),
    ]);
    for outcome in outcomes {
        let (counts, words) = match &outcome.status {
            Status::Reported { agrees, differs, answered } => {
                ([agrees, differs, answered].map(ToString::to_string), String::new())
            }
            Status::Partial { finished } => (
                Default::default(),
                format!("{finished} of {} cells; unite with `muster lab merge`", outcome.cells),
            ),
            Status::Skipped(reason) => (Default::default(), format!("skipped: {reason}")),
            Status::Failed(error) => (Default::default(), format!("failed: {error}")),
        };
        let mut row = vec![outcome.experiment.clone(), format!("{:.1}", outcome.seconds)];
        row.extend(counts);
        row.push(words);
        table.row(row);
    }
    table.print()?;
    output::print(&format!("The page: {}", page.display()))
}

fn status(status: &Status) -> Value {
    match status {
        Status::Reported { agrees, differs, answered } => json!({
            "status": "reported", "agrees": agrees, "differs": differs, "answered": answered,
        }),
        Status::Partial { finished } => {
            json!({ "status": "partial", "cells_finished": finished })
        }
        Status::Skipped(reason) => json!({ "status": "skipped", "reason": reason.to_string() }),
        Status::Failed(error) => json!({ "status": "failed", "reason": error.to_string() }),
    }
}

/// The error to end with: what failed, and what was asked for by name but could not run.
fn failures(outcomes: &[Outcome], by_name: bool) -> Result<()> {
    let told = outcomes.iter().filter_map(|outcome| match &outcome.status {
        Status::Failed(error) => Some(format!("{}: {error}", outcome.experiment)),
        Status::Skipped(reason) if by_name => Some(format!("{} {reason}", outcome.experiment)),
        _ => None,
    });
    let told = told.collect::<Vec<_>>();
    match told.as_slice() {
        [] => Ok(()),
        [one] => Err(anyhow!("{one}")),
        [first, ..] => Err(anyhow!("{} experiments did not run; the first: {first}", told.len())),
    }
}

/// Progress on stderr: a bar on a terminal, otherwise a line for each experiment.
struct Screen {
    bar: Option<Mutex<ProgressBar>>,
}

impl Screen {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { bar: terminal.then(|| Mutex::new(ProgressBar::hidden())) }
    }

    fn bar(&self) -> Option<MutexGuard<'_, ProgressBar>> {
        self.bar.as_ref().map(|bar| bar.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Screen {
    fn begin(&self, experiment: &Experiment, todo: usize) {
        if let Some(mut bar) = self.bar() {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            *bar = ProgressBar::new(todo as u64).with_style(style).with_message(experiment.name);
            bar.tick();
        }
    }

    fn cell(&self) {
        if let Some(bar) = self.bar() {
            bar.inc(1);
        }
    }

    fn end(&self, outcome: &Outcome) {
        let name = &outcome.experiment;
        let line = match &outcome.status {
            Status::Reported { agrees, differs, answered } => {
                let known = if outcome.resumed > 0 {
                    format!(" ({} were finished before)", outcome.resumed)
                } else {
                    String::new()
                };
                format!(
                    "{name}: {} cells{known} in {:.1} s; {agrees} agree, {differs} differ, \
                     {answered} answered",
                    outcome.cells, outcome.seconds
                )
            }
            Status::Partial { finished } => {
                format!("{name}: {finished} of {} cells in {:.1} s", outcome.cells, outcome.seconds)
            }
            Status::Skipped(reason) => format!("{name} is skipped: it {reason}"),
            Status::Failed(error) => format!("{name} failed: {error}"),
        };
        if let Some(bar) = self.bar() {
            bar.finish_and_clear();
        }
        output::say(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_so_many() {
        for (text, expected) in [
            ("0/1", Some((0, 1))),
            ("2/3", Some((2, 3))),
            ("3/3", None),
            ("0/0", None),
            ("1", None),
            ("-1/2", None),
            ("1/2/3", None),
        ] {
            let part = text.parse::<Part>().ok().map(|part| (part.0.index, part.0.of));
            assert_eq!(part, expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest() {
        let Some(known) = muster_lab::all().first().map(|experiment| experiment.name) else {
            panic!("there are experiments");
        };
        let error = chosen(&[format!("{known}x")]).expect_err("unknown").to_string();
        assert!(error.contains(&format!("did you mean `{known}`?")), "{error}");
        assert!(chosen(&["zzz".to_owned()]).is_err());
        assert_eq!(chosen(&[known.to_owned(), known.to_owned()]).expect("known").len(), 1);
    }
}
