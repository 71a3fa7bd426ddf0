//! `muster ask`: a continuation of a text, bought from a peer of the network, beside what the
//! peer's own student would have said.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use muster_api::Peer;
use muster_ledger::crypto::PublicKey;
use muster_ledger::money::Grains;
use muster_peer::{Ask, Continuation};
use serde::Serialize;

use crate::keyring::open_wallet;
use crate::meant::meant;
use crate::network::{Network, running_home};
use crate::output::{self, is_seen};
use crate::wallet::WalletFile;

/// Arguments of `muster ask`.
#[derive(Args)]
pub struct Options {
    /// The text to continue; - reads standard input
    text: String,
    /// How many bytes to buy
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_bytes: u32,
    /// Ask this peer: its number or address, or the name that no other peer gives itself [default:
    /// the one with the most incentive that answers]
    #[arg(long, value_name = "PEER")]
    peer: Option<String>,
    /// The most that may be paid, in MST; the default buys a thousand bytes at the price that peers
    /// ask unless told otherwise
    #[arg(long, value_name = "AMOUNT", default_value = "0.001")]
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
            (Some(name), Some(id)) => format!("peer {id} (`{name}`)"),
            (None, Some(id)) => format!("peer {id}"),
            (_, None) => self.address.clone(),
        }
    }
}

/// Runs the command.
pub async fn run(mut options: Options) -> Result<()> {
    let network = &options.network;
    if network.home.is_none() && network.url.is_empty() && network.genesis.is_none() {
        options.network.home = running_home();
    }
    let text = match options.text.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).context("cannot read stdin")?,
        text => text.to_owned(),
    };
    ensure!(!text.is_empty(), "there is nothing to continue: give a text");
    ensure!(options.max_bytes > 0, "--max-bytes 0 buys nothing");
    let client = options.network.client()?;
    let wallet = open_wallet(&options.wallet, &options.network)?;
    let key = wallet.key(&options.key)?;
    meant(&options.network, &client, wallet.chain()).await?;
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
        output::progress(&format!("{heard} of {} bytes", options.max_bytes));
    })
    .await;
    output::progress("");
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

/// The hot key of the peer of this number or address. Names are the peers' own and decide nothing:
/// one is understood only where it can mean one peer, and who that is is said before it is paid.
fn find(peers: &[Peer], wanted: &str) -> Result<PublicKey> {
    if let Ok(id) = wanted.parse::<u32>() {
        let found = peers.iter().find(|peer| peer.id == id);
        return Ok(found.with_context(|| format!("no peer has the number {id}"))?.address.0);
    }
    if let Ok(address) = wanted.parse::<PublicKey>() {
        let found = peers.iter().find(|peer| peer.address.0 == address);
        return Ok(found.with_context(|| format!("no peer has the hot key {address}"))?.address.0);
    }
    let called = |peer: &&Peer| peer.name.as_deref() == Some(wanted);
    match peers.iter().filter(called).collect::<Vec<_>>()[..] {
        [one] => {
            let Peer { id, address, .. } = one;
            output::say(&format!("`{wanted}` is what peer {id} calls itself ({address})"));
            Ok(address.0)
        }
        [] => {
            let names = peers.iter().filter_map(|peer| peer.name.as_deref());
            let near = output::nearest(wanted, names)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            bail!("no peer is called `{wanted}`{near}")
        }
        ref several => {
            let numbers = several.iter().map(|peer| peer.id.to_string()).collect::<Vec<_>>();
            bail!(
                "peers {} all call themselves `{wanted}`: name the one you mean by its number",
                numbers.join(", ")
            )
        }
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
    let (heading, lines) = side_by_side(&answer, width());
    output::print_under(&heading, &lines.join("\n"))?;
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

/// A heading, and under it the network's continuation to the left, the student's to the right.
fn side_by_side(answer: &Answer, width: usize) -> (String, Vec<String>) {
    let column = (width - 3) / 2;
    let left = wrap(&format!("{}{}", answer.text, answer.network), column);
    let right = wrap(&format!("{}{}", answer.text, answer.student), column);
    let mut lines = Vec::new();
    for index in 0..left.len().max(right.len()) {
        let cell = |side: &[String]| side.get(index).cloned().unwrap_or_default();
        let (one, other) = (cell(&left), cell(&right));
        let space = " ".repeat(column.saturating_sub(one.chars().count()));
        lines.push(format!("{one}{space}   {other}").trim_end().to_owned());
    }
    (format!("{:<column$}   {}", "network", "student (offline)"), lines)
}

/// Cuts a text into lines of at most `width` characters, between words where that is possible.
/// What a terminal could take for a command is shown as a dot.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            let clean = word.chars().map(|c| if is_seen(c) { c } else { '·' }).collect::<Vec<_>>();
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

    /// A peer that gives itself a name.
    fn peer(id: u32, name: Option<&str>) -> Peer {
        let key = muster_ledger::crypto::SecretKey::from_seed([id as u8 + 1; 32]).public();
        let zero = Grains(0).into();
        Peer {
            id,
            name: name.map(str::to_owned),
            address: key.into(),
            owner: key.into(),
            endpoint: muster_api::Endpoint {
                url: String::new(),
                modality: muster_ledger::types::Modality::Text,
            },
            stake: zero,
            rank: 0.0,
            trust: 0.0,
            incentive: 0.0,
            scaling: 0.0,
            earned: muster_api::Earned { market: zero },
            accrued: zero,
            registered: 0,
            weights_set: None,
            weights: Vec::new(),
            telemetry: None,
        }
    }

    #[test]
    fn names_capture_no_payment() {
        let address = peer(1, None).address;
        // Peer 0 calls itself by the number and by the address of others.
        for name in ["1", "+1", "01", &address.to_string()] {
            let peers = [peer(0, Some(name)), peer(1, Some("alice")), peer(2, Some("bob"))];
            assert_eq!(find(&peers, name).expect("peer 1"), address.0, "{name}");
        }
        let peers = [peer(0, Some("alice")), peer(1, Some("alice")), peer(2, Some("7"))];
        for (wanted, complaint) in [
            ("alice", "peers 0, 1 all call themselves `alice`"),
            ("7", "no peer has the number 7"),
            ("alic", "did you mean `alice`"),
            (&peer(9, None).address.to_string(), "no peer has the hot key"),
        ] {
            let error = find(&peers, wanted).expect_err(wanted).to_string();
            assert!(error.contains(complaint), "{error}");
        }
        assert_eq!(find(&peers[..1], "alice").expect("one"), peers[0].address.0);
    }

    #[test]
    fn long_words_and_control_characters_keep_to_the_column() {
        let lines = wrap("to be or not\nabcdefghijklmnop \u{1b}[31m\u{202e}", 8);
        assert!(lines.iter().all(|line| line.chars().count() <= 8), "{lines:?}");
        assert_eq!(lines[0], "to be or");
        assert!(lines.iter().flat_map(|line| line.chars()).all(is_seen), "{lines:?}");
    }
}
