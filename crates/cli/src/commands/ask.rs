//! `muster ask`: a continuation of a text, bought from a peer of the network, beside what the
//! peer's own student would have said.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, ensure};
use clap::Args;
use muster_api::Peer;
use muster_ledger::crypto::PublicKey;
use muster_ledger::money::Grains;
use muster_peer::{Ask, Continuation};
use serde::Serialize;

use crate::keyring::open_wallet;
use crate::network::{Network, latest_home};
use crate::output;
use crate::wallet::WalletFile;

/// Arguments of `muster ask`.
#[derive(Args)]
pub struct Options {
    /// The text to continue; - reads standard input
    text: String,
    /// How many bytes to buy
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_bytes: u32,
    /// Ask this peer (number or name) [default: the one with the most incentive that answers]
    #[arg(long, value_name = "PEER")]
    peer: Option<String>,
    /// The most that may be paid, in MST
    #[arg(long, value_name = "AMOUNT", default_value = "1")]
    max_cost: Grains,
    /// Connect to peers in private networks too, this machine among them; always so with the
    /// market of --home
    #[arg(long)]
    private_addresses: bool,
    /// Seed of the sampling; 0 takes the most likely byte each time [default: a random one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    wallet: WalletFile,
    /// The name of the key in the wallet that pays
    #[arg(long, value_name = "NAME", default_value = "user")]
    key: String,
}

/// What was bought.
#[derive(Serialize)]
struct Answer {
    text: String,
    network: String,
    student: String,
    peer: Asked,
    asked: Vec<Asked>,
    requests: u32,
    cost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
}

/// A peer that took part.
#[derive(Clone, Serialize)]
struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    address: String,
}

impl Asked {
    fn shown(&self) -> String {
        match (&self.name, self.id) {
            (Some(name), _) => name.clone(),
            (None, Some(id)) => format!("peer {id}"),
            (None, None) => self.address.clone(),
        }
    }
}

/// Runs the command.
pub async fn run(mut options: Options) -> Result<()> {
    if options.network.home.is_none() && options.network.url.is_empty() {
        options.network.home = latest_home().filter(|home| home.join("running.toml").exists());
    }
    let text = match options.text.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).context("cannot read stdin")?,
        text => text.to_owned(),
    };
    ensure!(!text.is_empty(), "there is nothing to continue: give a text");
    ensure!(options.max_bytes > 0, "--max-bytes 0 buys nothing");
    let client = options.network.client()?;
    let key = open_wallet(&options.wallet, &options.network)?.key(&options.key)?;
    let peers = client.peers().await?.peers;
    let wanted = Ask {
        text: text.clone().into_bytes(),
        bytes: options.max_bytes as usize,
        seed: sampling_seed(options.seed)?,
        peer: options.peer.as_deref().map(|name| find(&peers, name)).transpose()?,
        price_max: options.max_cost,
        private_addresses: options.private_addresses || options.network.home.is_some(),
    };
    let mut heard = 0;
    let bought = muster_peer::ask(&client, &key, wanted, |network, _| {
        heard += network.len();
        progress(&format!("{heard} of {} bytes", options.max_bytes));
    })
    .await;
    progress("");
    show(&options, text, bought?, &peers)
}

/// The wanted seed, or a random one that is not 0.
fn sampling_seed(wanted: Option<u64>) -> Result<u64> {
    if let Some(seed) = wanted {
        return Ok(seed);
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(u64::from_le_bytes(bytes).max(1))
}

/// The hot key of the peer of this number, name or address.
fn find(peers: &[Peer], wanted: &str) -> Result<PublicKey> {
    let found = peers.iter().find(|peer| {
        peer.id.to_string() == wanted
            || peer.name.as_deref() == Some(wanted)
            || peer.address.to_string() == wanted
    });
    let names = peers.iter().filter_map(|peer| peer.name.as_deref());
    let near = output::nearest(wanted, names)
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    found.map(|peer| peer.address.0).with_context(|| format!("no peer is called `{wanted}`{near}"))
}

/// Shows how far the answer is, on a terminal.
fn progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush()).ok();
    }
}

fn named(peer: &Peer) -> Asked {
    Asked { id: Some(peer.id), name: peer.name.clone(), address: peer.address.to_string() }
}

fn show(options: &Options, text: String, bought: Continuation, peers: &[Peer]) -> Result<()> {
    let who = |key: &PublicKey| {
        let known = peers.iter().find(|peer| peer.address.0 == *key);
        known.map_or_else(|| Asked { id: None, name: None, address: key.to_string() }, named)
    };
    let answer = Answer {
        text,
        network: String::from_utf8_lossy(&bought.network).into_owned(),
        student: String::from_utf8_lossy(&bought.student).into_owned(),
        peer: who(&bought.peer),
        asked: bought.asked.iter().map(who).collect(),
        requests: bought.requests,
        cost: bought.cost.0,
        payment: bought.payment.map(|hash| hash.to_string()),
    };
    if options.network.json {
        return output::print_json(&answer);
    }
    output::print(&side_by_side(&answer, width(), output::colours()))?;
    let others = answer.asked.iter().map(Asked::shown).collect::<Vec<_>>();
    let with = match others.len() {
        0 => "alone".to_owned(),
        _ => format!("with {} ({} requests)", others.join(", "), answer.requests),
    };
    output::print(&format!(
        "\n{} answered {with}; cost {}",
        answer.peer.shown(),
        Grains(answer.cost)
    ))
}

/// Columns of the terminal.
fn width() -> usize {
    crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns)).clamp(40, 160)
}

/// The network's continuation to the left, the student's to the right.
fn side_by_side(answer: &Answer, width: usize, colour: bool) -> String {
    let column = (width - 3) / 2;
    let left = wrap(&format!("{}{}", answer.text, answer.network), column);
    let right = wrap(&format!("{}{}", answer.text, answer.student), column);
    let mut lines = Vec::new();
    let head = format!("{:<column$}   {}", "network", "student (offline)");
    lines.push(if colour { format!("\u{1b}[1m{head}\u{1b}[0m") } else { head });
    for index in 0..left.len().max(right.len()) {
        let cell = |side: &[String]| side.get(index).cloned().unwrap_or_default();
        let (one, other) = (cell(&left), cell(&right));
        let space = " ".repeat(column.saturating_sub(one.chars().count()));
        lines.push(format!("{one}{space}   {other}").trim_end().to_owned());
    }
    lines.join("\n")
}

/// Cuts a text into lines of at most `width` characters, between words where that is possible.
/// What a terminal could take for a command is shown as a dot.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            let clean =
                word.chars().map(|c| if c.is_control() { '·' } else { c }).collect::<Vec<_>>();
            let visible = clean.iter().rposition(|c| *c != ' ').map_or(0, |last| last + 1);
            if line.chars().count() + visible > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for (index, character) in clean.into_iter().enumerate() {
                if line.chars().count() == width {
                    if index >= visible {
                        // A space at the end of a full line is not seen.
                        continue;
                    }
                    lines.push(std::mem::take(&mut line));
                }
                line.push(character);
            }
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_and_control_characters_keep_to_the_column() {
        let lines = wrap("to be or not\nabcdefghijklmnop \u{1b}[31m", 8);
        assert!(lines.iter().all(|line| line.chars().count() <= 8), "{lines:?}");
        assert_eq!(lines[0], "to be or");
        assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
    }
}
