//! `muster wallet`: the words that all keys come from, encrypted at rest.

use std::io::{IsTerminal, Read};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use crate::output::{self, Align, Table};
use crate::wallet::{Wallet, WalletFile, ask_hidden, passphrase, taken};

/// Longest text in which the words of a wallet are looked for, bytes.
const WORDS_BYTES_MAX: usize = 4 << 10;

/// Arguments of `muster wallet`. The passphrase comes from MUSTER_PASSPHRASE, or is asked for.
#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    file: WalletFile,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a wallet; its 24 words are shown once, for writing down
    New,
    /// Make a wallet from words that were written down; they are asked for, and not shown
    Import {
        /// Nothing, or - to read the words from standard input
        #[arg(value_name = "-")]
        from: Option<String>,
    },
    /// Show the words again
    Show,
    /// Show the address of one key
    Address {
        /// The key's name, such as user or cold/alice
        #[arg(default_value = "user")]
        name: String,
    },
    /// Show the addresses of several keys
    List {
        /// The keys' names
        #[arg(default_values = ["user", "validator", "cold", "hot"])]
        names: Vec<String>,
    },
}

/// Runs the command.
pub fn run(options: &Options) -> Result<()> {
    let path = options.file.path()?;
    match &options.verb {
        Verb::New => {
            ensure!(!path.exists(), taken(&path));
            let wallet = Wallet::generate()?;
            wallet.save(&path, &passphrase(&path, true)?)?;
            output::say(&format!(
                "wrote {}; write these words down, they are the wallet:",
                path.display()
            ));
            show(&wallet, options.json)
        }
        Verb::Import { from } => {
            ensure!(!path.exists(), taken(&path));
            let wallet = Wallet::from_words(written_down(from.as_deref())?.trim())?;
            wallet.save(&path, &passphrase(&path, true)?)?;
            output::say(&format!("wrote {}", path.display()));
            addresses(&wallet, &["user".to_owned()], options.json)
        }
        Verb::Show => {
            let wallet = options.file.open()?;
            if let Some(chain) = wallet.chain() {
                output::say(&format!(
                    "this wallet is of a trial on chain {chain}, and its passphrase lies open: \
                     keep nothing of worth under these words"
                ));
            }
            show(&wallet, options.json)
        }
        Verb::Address { name } => {
            let address = options.file.open()?.address(name)?.to_string();
            if options.json {
                return output::print_json(
                    &serde_json::json!({ "name": name, "address": address }),
                );
            }
            output::print(&address)
        }
        Verb::List { names } => addresses(&options.file.open()?, names, options.json),
    }
}

/// The words of a wallet, on no way that others on this machine see: a command line stands in the
/// shell's history and in the list of processes.
fn written_down(from: Option<&str>) -> Result<Zeroizing<String>> {
    match from {
        Some("-") => {
            let mut words = Zeroizing::new(String::with_capacity(WORDS_BYTES_MAX));
            let read = std::io::stdin().take(WORDS_BYTES_MAX as u64).read_to_string(&mut words);
            read.context("cannot read stdin")?;
            Ok(words)
        }
        // What was written there stays untold: it is a secret, though no longer a good one.
        Some(_) => bail!(
            "words on a command line stay in the shell's history: give them when you are asked, or \
             on standard input with -; if these were the words of a wallet, move its money to a \
             new one"
        ),
        None => {
            ensure!(
                std::io::stdin().is_terminal(),
                "the words are needed and there is no terminal to ask on: give them on standard \
                 input, and -"
            );
            ask_hidden("The words, in their order: ")
        }
    }
}

fn show(wallet: &Wallet, json: bool) -> Result<()> {
    let words = wallet.words();
    if json {
        let address = wallet.address("user")?.to_string();
        return output::print_json(&serde_json::json!({ "words": *words, "user": address }));
    }
    output::print(&words)
}

fn addresses(wallet: &Wallet, names: &[String], json: bool) -> Result<()> {
    let rows = names
        .iter()
        .map(|name| Ok((name.clone(), wallet.address(name)?.to_string())))
        .collect::<Result<Vec<_>>>()?;
    if json {
        let map = rows.into_iter().map(|(name, address)| (name, address.into()));
        return output::print_json(&serde_json::Value::Object(map.collect()));
    }
    let mut table = Table::new(&[("key", Align::Left), ("address", Align::Left)]);
    for (name, address) in rows {
        table.row(vec![name, address]);
    }
    table.print()
}
