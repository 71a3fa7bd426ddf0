//! `muster wallet`: the words that all keys come from, encrypted at rest.

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use crate::output::{self, Align, Table};
use crate::wallet::{Wallet, WalletFile, passphrase, taken};

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
    /// Make a wallet from words that were written down; - reads them from standard input
    Import {
        /// The words, in quotes
        words: String,
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
        Verb::Import { words } => {
            ensure!(!path.exists(), taken(&path));
            let words = match words.as_str() {
                "-" => zeroize::Zeroizing::new(
                    std::io::read_to_string(std::io::stdin()).context("cannot read stdin")?,
                ),
                words => zeroize::Zeroizing::new(words.to_owned()),
            };
            let wallet = Wallet::from_words(words.trim())?;
            wallet.save(&path, &passphrase(&path, true)?)?;
            output::say(&format!("wrote {}", path.display()));
            addresses(&wallet, &["user".to_owned()], options.json)
        }
        Verb::Show => show(&options.file.open()?, options.json),
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
