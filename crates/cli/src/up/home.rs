//! The folder of a market: made once, found again by the next `up`, held by one process.
//!
//! A new home is written beside its place and renamed, so that an interrupted `up` leaves either
//! a whole home or none.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use muster_keys::write_key;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::PublicKey;
use muster_ledger::genesis::{Genesis, GenesisPeer};
use muster_ledger::money::Grains;
use muster_ledger::protocol::Version;
use muster_ledger::types::{Endpoint, Modality};
use muster_peer::Behaviour;

use super::reader;
use super::scenario::{NamedPeer, Scenario};
use crate::documents;
use crate::network::read_genesis;
use crate::wallet::{Wallet, write_private, write_whole};
use zeroize::Zeroizing;

/// What the user's account holds at the start, for buying answers and for trying things out.
const USER_BALANCE: Grains = Grains(1_000_000 * 1_000_000_000);
/// What each hot key holds at the start, for fees.
const HOT_BALANCE: Grains = Grains(100 * 1_000_000_000);
/// What each cold key holds beside its stake.
const COLD_BALANCE: Grains = Grains(100 * 1_000_000_000);
/// The port of the first peer.
pub const PEER_PORT: u16 = 8700;
/// Least text that a peer can learn from, bytes.
const PART_BYTES_MIN: u64 = 1_024;

/// The part of a text that a peer learns from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The text.
    pub path: PathBuf,
    /// Which part, from 0.
    pub index: usize,
    /// Of how many equal contiguous parts.
    pub of: usize,
}

/// An open home. The lock is held while this lives.
pub struct Home {
    /// The folder.
    pub path: PathBuf,
    /// The market, as it was made; its seed is set.
    pub scenario: Scenario,
    /// How the chain began.
    pub genesis: Genesis,
    /// The peers, in the order of their numbers.
    pub peers: Vec<NamedPeer>,
    /// Whether the market was there before.
    pub resumed: bool,
    _lock: File,
}

impl Home {
    /// Opens the market in a folder, or makes it there.
    pub fn open(path: &Path, wanted: &Scenario) -> Result<Self> {
        let path = std::path::absolute(path).context("the home has no absolute path")?;
        let resumed = path.join("market.toml").exists();
        if !resumed {
            create(&path, wanted)?;
        }
        let lock = lock(&path)?;
        let scenario = reader::read(&path.join("market.toml"))?;
        let genesis = read_genesis(&path.join("genesis.json"))
            .context("the home is damaged, choose another --home")?;
        if resumed {
            same_market(&path, wanted, &scenario)?;
        }
        let peers = scenario.peers()?;
        let home = Self { path, scenario, genesis, peers, resumed, _lock: lock };
        home.check_genesis()?;
        Ok(home)
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.scenario.seed.unwrap_or_default()
    }

    /// The folder of a process.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Names of the validators.
    pub fn validators(&self) -> Vec<String> {
        (0..self.scenario.validators).map(|index| format!("validator-{index}")).collect()
    }

    /// What each peer learns from: texts in turn, each text cut among those who read it.
    pub fn parts(&self) -> Result<Vec<Part>> {
        let default = self.path.join("text").join(documents::NAME);
        let mut parts = assign(&self.peers, &default);
        for part in &mut parts {
            let length = fs::metadata(&part.path)
                .with_context(|| format!("cannot read the text {}", part.path.display()))?
                .len();
            check_part(&part.path, length, part.of)?;
        }
        Ok(parts)
    }

    /// The genesis must be of the keys in this home: else it is another market's.
    fn check_genesis(&self) -> Result<()> {
        let key = muster_keys::read_key(&self.folder("validator-0").join("key"))?.public();
        // A genesis lists its validators in the order of their keys.
        let ours = self.genesis.validators.iter().any(|validator| validator.key == key);
        let counts = self.genesis.validators.len() == self.scenario.validators
            && self.genesis.peers.len() == self.peers.len();
        ensure!(
            ours && counts,
            "{} holds the genesis of another market than its market.toml: choose another --home",
            self.path.display()
        );
        Ok(())
    }
}

/// Holds the home against a second `up`.
fn lock(path: &Path) -> Result<File> {
    let name = path.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .with_context(|| format!("cannot write {}", name.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another `muster up` runs the market in {}: end it, or choose another --home",
            path.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", name.display()))
        }
    }
}

/// Which text, and which part of it, each peer reads. Peers of one list of texts take them in
/// turn; a text is cut into as many parts as peers have taken it.
fn assign(peers: &[NamedPeer], default: &Path) -> Vec<Part> {
    let mut taken = std::collections::BTreeMap::<&[PathBuf], usize>::new();
    let mut readers = std::collections::BTreeMap::<PathBuf, usize>::new();
    let mut parts = Vec::new();
    for peer in peers {
        let turn = taken.entry(&peer.text).or_default();
        let path = match peer.text.len() {
            0 => default.to_path_buf(),
            count => peer.text[*turn % count].clone(),
        };
        *turn += 1;
        let index = readers.entry(path.clone()).or_default();
        parts.push(Part { path, index: *index, of: 0 });
        *index += 1;
    }
    for part in &mut parts {
        part.of = readers[&part.path];
    }
    parts
}

fn check_part(path: &Path, length: u64, readers: usize) -> Result<()> {
    let shown = path.display();
    ensure!(length > 0, "the text {shown} is empty: give a file with something to learn from");
    let needed = PART_BYTES_MIN * readers as u64;
    ensure!(
        length >= needed,
        "the text {shown} has {length} bytes, and {readers} peers need at least {needed}: give a \
         longer one or fewer peers"
    );
    Ok(())
}

/// Checks that all texts of a scenario can be read, before anything is written.
pub fn check_texts(scenario: &Scenario) -> Result<()> {
    let peers = scenario.peers()?;
    let default = Path::new(documents::NAME);
    for part in assign(&peers, default) {
        if part.path == default {
            continue;
        }
        let shown = part.path.display();
        let metadata = fs::metadata(&part.path)
            .with_context(|| format!("cannot read the text {shown}: name a file that is there"))?;
        ensure!(metadata.is_file(), "the text {shown} is no file: name a file");
        File::open(&part.path)
            .with_context(|| format!("cannot read the text {shown}: you may not open it"))?;
        check_part(&part.path, metadata.len(), part.of)?;
    }
    Ok(())
}

/// Makes a home: written beside its place, then renamed.
fn create(path: &Path, wanted: &Scenario) -> Result<()> {
    let shown = path.display();
    if path.exists() {
        let empty = fs::read_dir(path)
            .with_context(|| format!("{shown} is no folder: choose another --home"))?
            .next()
            .is_none();
        ensure!(empty, "{shown} is not empty and holds no market: choose another --home");
        fs::remove_dir(path).with_context(|| format!("cannot replace {shown}"))?;
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = parent.join(format!(".{name}.{}.part", std::process::id()));
    let outcome = write_home(&part, path, wanted).and_then(|()| {
        muster_files::rename(&part, path).with_context(|| format!("cannot make {shown}"))
    });
    if outcome.is_err() {
        fs::remove_dir_all(&part).ok();
    }
    outcome
}

fn write_home(part: &Path, path: &Path, wanted: &Scenario) -> Result<()> {
    fs::create_dir_all(part).with_context(|| {
        format!("cannot make the home {}: choose another --home", path.display())
    })?;
    let mut scenario = wanted.clone();
    let seed = match scenario.seed {
        Some(seed) => seed,
        None => random_seed()?,
    };
    scenario.seed = Some(seed);
    for text in scenario.text.iter_mut().chain(scenario.groups.iter_mut().flat_map(|g| &mut g.text))
    {
        *text = fs::canonicalize(&*text)
            .with_context(|| format!("cannot read the text {}", text.display()))?;
    }
    // Not from the seed, which is printed and short: whoever funds one of these keys elsewhere,
    // against all advice, must not be robbed by counting to 2^32.
    let mut wallet = Wallet::trial()?;
    let genesis = genesis(&scenario, &wallet, seed)?;
    wallet.bind(genesis.chain_id());
    for validator in &genesis.validators {
        write_key(&part.join(&validator.name).join("key"), &wallet.key(&validator.name)?)?;
    }
    for peer in scenario.peers()? {
        let key = wallet.key(&format!("hot/{}", peer.name))?;
        write_key(&part.join(&peer.name).join("hot.key"), &key)?;
    }
    write_whole(&part.join("text").join(documents::NAME), documents::TEXT.as_bytes())?;
    write_wallet(part, &wallet)?;
    let mut document = serde_json::to_string_pretty(&genesis)?;
    document.push('\n');
    write_whole(&part.join("genesis.json"), document.as_bytes())?;
    // Last: a home with this file is whole.
    write_whole(&part.join("market.toml"), scenario.to_toml()?.as_bytes())
}

fn random_seed() -> Result<u64> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    // 32 bits are enough to tell markets apart, and can be typed.
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

fn genesis(scenario: &Scenario, wallet: &Wallet, seed: u64) -> Result<Genesis> {
    let public = |name: &str| -> Result<PublicKey> { wallet.address(name) };
    let peers = scenario.peers()?;
    let mut accounts = vec![(public("user")?, USER_BALANCE)];
    for peer in &peers {
        accounts.push((public(&format!("hot/{}", peer.name))?, HOT_BALANCE));
        accounts.push((public(&format!("cold/{}", peer.name))?, COLD_BALANCE));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    let genesis = Genesis {
        version: Version::NEWEST,
        name: format!("trial-{seed}"),
        time_ms: u64::try_from(now.as_millis())?,
        parameters: scenario.parameters.clone(),
        validators: (0..scenario.validators)
            .map(|index| format!("validator-{index}"))
            .map(|name| Ok(Validator { key: public(&name)?, name }))
            .collect::<Result<_>>()?,
        accounts,
        peers: peers
            .iter()
            .enumerate()
            .map(|(index, peer)| {
                Ok(GenesisPeer {
                    hot: public(&format!("hot/{}", peer.name))?,
                    cold: public(&format!("cold/{}", peer.name))?,
                    endpoint: Endpoint {
                        url: format!("https://127.0.0.1:{}", PEER_PORT + u16::try_from(index)?),
                        modality: Modality::Text,
                    },
                    stake: peer.stake,
                })
            })
            .collect::<Result<_>>()?,
    };
    genesis.validate().context("this market cannot begin")?;
    Ok(genesis)
}

/// Writes the user's wallet and its passphrase, for `muster ask`, `muster transfer` and the like.
fn write_wallet(home: &Path, wallet: &Wallet) -> Result<()> {
    let mut secret = Zeroizing::new([0; 16]);
    getrandom::fill(secret.as_mut_slice()).context("the system gives no random numbers")?;
    let passphrase = Zeroizing::new(hex::encode(*secret));
    write_private(&home.join("passphrase"), passphrase.as_bytes())?;
    wallet.save(&home.join("wallet.age"), &passphrase)
}

/// Refuses flags that contradict the market in the home, naming the first difference.
fn same_market(path: &Path, wanted: &Scenario, stored: &Scenario) -> Result<()> {
    let canonical = |paths: &[PathBuf]| -> Vec<PathBuf> {
        paths.iter().map(|path| fs::canonicalize(path).unwrap_or_else(|_| path.clone())).collect()
    };
    let difference = if wanted.seed.is_some() && wanted.seed != stored.seed {
        Some(format!(
            "the seed {}, not {}",
            stored.seed.unwrap_or_default(),
            wanted.seed.unwrap_or_default()
        ))
    } else if wanted.validators != stored.validators {
        Some(format!("{} validators, not {}", stored.validators, wanted.validators))
    } else if wanted.validators_present != stored.validators_present {
        Some(format!("validators_present = {}", stored.validators_present))
    } else if groups(wanted) != groups(stored) {
        Some(format!("the peers {}, not {}", groups(stored), groups(wanted)))
    } else if canonical(&wanted.text) != canonical(&stored.text) {
        Some("other texts".into())
    } else if wanted.control != stored.control {
        Some("another choice of --no-control".into())
    } else if wanted.parameters != stored.parameters {
        Some("other network parameters".into())
    } else {
        None
    };
    match difference {
        None => Ok(()),
        Some(difference) => bail!(
            "the market in {} has {difference}: leave out what differs, or choose another --home",
            path.display()
        ),
    }
}

fn groups(scenario: &Scenario) -> String {
    let words = scenario
        .groups
        .iter()
        .map(|group| {
            let name = group.name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
            let power = match group.behaviour {
                Behaviour::Farm => format!(" of {} machines", group.power),
                _ => String::new(),
            };
            let kind = group.behaviour.name();
            format!("{} {kind}{name}{power} with {}", group.count, group.stake)
        })
        .collect::<Vec<_>>();
    if words.is_empty() { "none".into() } else { words.join(" + ") }
}

/// Where the homes are that nobody named.
pub fn markets_folder() -> Result<PathBuf> {
    Ok(crate::wallet::data_folder()?.join("markets"))
}

#[cfg(test)]
mod tests {
    use super::super::scenario::group;
    use super::*;

    #[test]
    fn texts_go_round_and_are_cut_among_their_readers() {
        let scenario = Scenario {
            groups: vec![group(3, Behaviour::Honest), group(2, Behaviour::Cabal)],
            text: vec!["a".into(), "b".into()],
            ..Scenario::default()
        };
        let peers = scenario.peers().expect("names differ");
        let parts = assign(&peers, Path::new("default"));
        let found = parts
            .iter()
            .map(|part| (part.path.to_str().unwrap_or_default(), part.index, part.of))
            .collect::<Vec<_>>();
        assert_eq!(found, [("a", 0, 3), ("b", 0, 2), ("a", 1, 3), ("b", 1, 2), ("a", 2, 3)]);
        let none = Scenario { text: Vec::new(), ..scenario };
        let parts = assign(&none.peers().expect("names differ"), Path::new("default"));
        assert!(parts.iter().all(|part| part.path == Path::new("default") && part.of == 5));
    }

    #[test]
    fn a_home_is_whole_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("home");
        let scenario = Scenario { seed: Some(3), ..Scenario::default() };
        let first = Home::open(&path, &scenario).expect("made");
        assert!(!first.resumed);
        let error = Home::open(&path, &scenario).err().expect("it is locked");
        assert!(error.to_string().contains("another `muster up` runs"), "{error:#}");
        let chain = first.genesis.chain_id();
        drop(first);
        let again = Home::open(&path, &Scenario { seed: None, ..scenario.clone() }).expect("found");
        assert!(again.resumed);
        assert_eq!(again.genesis.chain_id(), chain);
        assert_eq!(again.seed(), 3);
        drop(again);
        let more = Scenario { validators: 5, ..scenario };
        let error = Home::open(&path, &more).err().expect("another market");
        assert!(error.to_string().contains("has 4 validators, not 5"), "{error:#}");
    }

    #[test]
    fn a_folder_with_something_else_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("letter.txt"), "dear").expect("written");
        let error = Home::open(folder.path(), &Scenario::default()).err().expect("refused");
        assert!(error.to_string().contains("is not empty and holds no market"), "{error:#}");
        assert!(folder.path().join("letter.txt").exists());
    }

    #[test]
    fn empty_and_short_texts_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("text");
        let scenario = Scenario { text: vec![text.clone()], ..Scenario::default() };
        let complaint = || format!("{:#}", check_texts(&scenario).expect_err("refused"));
        assert!(complaint().contains("name a file that is there"));
        fs::write(&text, "").expect("written");
        assert!(complaint().contains("is empty"));
        fs::write(&text, "short").expect("written");
        assert!(complaint().contains("has 5 bytes, and 6 peers need at least 6144"));
    }
}
