//! `muster`: a validator, a peer, a wallet, a calculator, and a whole market on one machine.
//!
//! stdout carries the result, stderr everything else. Exit codes: 0 done; 1 refused or failed,
//! with one line on stderr that says what, where and what to do; 2 wrong usage; 3 from
//! `muster launch` alone: too few are there, the network does not begin.

mod calculator;
mod commands;
mod documents;
mod keyring;
mod meant;
mod network;
mod output;
mod panic;
mod perform;
mod unlocks;
mod up;
mod wallet;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A market of machine intelligence: validators agree, peers learn from and pay each other.
#[derive(Parser)]
#[command(name = "muster", version, about, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a whole market on this machine
    Up(up::Options),
    /// Buy a continuation of a text from the network
    Ask(commands::ask::Options),
    /// Run a validator or a node that follows the chain
    Node(commands::node::Options),
    /// Run a peer
    Peer(commands::peer::Options),
    /// Make and look at keys
    Wallet(commands::wallet::Options),
    /// Send money
    Transfer(commands::transfer::Options),
    /// Put money behind peers, and take it back
    Stake(commands::stake::Options),
    /// Look at and set the weights between peers
    Weights(commands::weights::Options),
    /// Look at and vote on changes of the network's parameters
    Proposal(commands::proposal::Options),
    /// Ask a running network
    Query(commands::query::Options),
    /// Begin a network of one's own
    Genesis(commands::genesis::Options),
    /// Wait for enough others before a network begins, then run the node
    Launch(commands::launch::Options),
    /// Compute the market without any network
    Market(calculator::market::Options),
    /// Tell how many are present from how fast a puzzle is solved
    Presence(commands::presence::Options),
    /// Distil reputation from endorsements
    Reputation(calculator::reputation::Options),
    /// Design and check payments to verifiers
    #[command(visible_alias = "scoring")]
    Verification(calculator::verification::Options),
    /// Measure the mechanisms beside what the papers claim
    Lab(commands::lab::Options),
    /// Print the reference of all commands as Markdown
    #[command(hide = true)]
    Reference,
}

/// Does what the arguments of this process say.
#[must_use]
pub fn run() -> ExitCode {
    panic::install();
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Up(options) => commands::block_on(up::run(options)),
        Command::Ask(options) => commands::block_on(commands::ask::run(options)),
        Command::Node(options) => commands::node::run(options),
        Command::Peer(options) => commands::peer::run(options),
        Command::Wallet(options) => commands::wallet::run(&options),
        Command::Transfer(options) => commands::block_on(commands::transfer::run(options)),
        Command::Stake(options) => commands::block_on(commands::stake::run(options)),
        Command::Weights(options) => commands::block_on(commands::weights::run(options)),
        Command::Proposal(options) => commands::block_on(commands::proposal::run(options)),
        Command::Query(options) => commands::block_on(commands::query::run(options)),
        Command::Genesis(options) => commands::genesis::run(&options),
        Command::Launch(options) => commands::launch::run(options),
        Command::Market(options) => calculator::market::run(&options),
        Command::Presence(options) => commands::presence::run(options),
        Command::Reputation(options) => calculator::reputation::run(&options),
        Command::Verification(options) => calculator::verification::run(&options),
        Command::Lab(options) => commands::lab::run(&options),
        Command::Reference => commands::reference::print(&Arguments::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            up::screen::restore();
            output::say(&format!("muster: {}", output::one_line(&format!("{error:#}"))));
            let not_launched = error.is::<commands::launch::NotLaunched>();
            ExitCode::from(if not_launched { 3 } else { 1 })
        }
    }
}
