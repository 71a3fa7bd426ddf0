//! The keys of a person or of a market on this machine: one mnemonic, keys by name, and the
//! encrypted file that holds it.

use std::fs;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use muster_files::Readers;
use muster_keys::{Mnemonic, WORK_FACTOR, decrypt, derive, encrypt, read_passphrase};
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use zeroize::Zeroizing;

/// The variable that holds the passphrase where nobody can be asked.
pub const PASSPHRASE_VARIABLE: &str = "MUSTER_PASSPHRASE";
/// Longest line that a person types unseen, bytes.
const LINE_BYTES_MAX: usize = 4 << 10;
/// The file of a wallet; anything longer is none.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// What stands before the chain to which a wallet is bound, in the line after its words.
const CHAIN_LINE: &str = "chain ";
/// Longest text in a wallet, bytes: 24 words of at most 8 letters, and a chain.
const TEXT_BYTES_MAX: usize = 512;

/// Work factor of a trial market's wallet: its passphrase lies beside it.
const TRIAL_WORK_FACTOR: u8 = 10;

/// An open wallet.
pub struct Wallet {
    mnemonic: Mnemonic,
    seed: Zeroizing<[u8; 64]>,
    work_factor: u8,
    /// The only chain on which its keys are used; any where there is none.
    chain: Option<Hash>,
}

impl Wallet {
    /// A wallet from the system's randomness.
    pub fn generate() -> Result<Self> {
        Ok(Self::new(Mnemonic::generate()?, WORK_FACTOR))
    }

    /// The wallet of a trial market. Its passphrase lies beside it.
    pub fn trial() -> Result<Self> {
        Ok(Self::new(Mnemonic::generate()?, TRIAL_WORK_FACTOR))
    }

    /// Keeps its keys from being used on any other chain, also when the file goes elsewhere.
    pub fn bind(&mut self, chain: Hash) {
        self.chain = Some(chain);
    }

    /// The only chain on which its keys are used, if there is one.
    pub fn chain(&self) -> Option<Hash> {
        self.chain
    }

    /// The wallet of these words.
    pub fn from_words(words: &str) -> Result<Self> {
        Ok(Self::new(words.parse()?, WORK_FACTOR))
    }

    fn new(mnemonic: Mnemonic, work_factor: u8) -> Self {
        let seed = mnemonic.seed("");
        Self { mnemonic, seed, work_factor, chain: None }
    }

    /// The words, for writing down.
    pub fn words(&self) -> Zeroizing<String> {
        self.mnemonic.words()
    }

    /// The key of a name, such as `user` or `cold/peer-0`.
    pub fn key(&self, name: &str) -> Result<SecretKey> {
        Ok(derive(self.seed.as_slice(), name)?)
    }

    /// The address of a name.
    pub fn address(&self, name: &str) -> Result<PublicKey> {
        Ok(self.key(name)?.public())
    }

    /// Writes the wallet, encrypted; never over another.
    pub fn save(&self, path: &Path, passphrase: &str) -> Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
        text.push_str(&self.words());
        if let Some(chain) = self.chain {
            text.push_str(&format!("\n{CHAIN_LINE}{chain}"));
        }
        let sealed = encrypt(passphrase, text.as_bytes(), self.work_factor)
            .context("the wallet cannot be encrypted")?;
        muster_files::create(path, &sealed, Readers::Owner).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(path),
            _ => unwritten(path, error),
        })
    }

    /// Reads a wallet.
    pub fn open(path: &Path, passphrase: &str) -> Result<Self> {
        let shown = path.display();
        let length = fs::metadata(path)
            .with_context(|| format!("no wallet at {shown}: make one with `muster wallet new`"))?
            .len();
        ensure!(length <= FILE_BYTES_MAX, "{shown} is no wallet: it has {length} bytes");
        let sealed = fs::read(path).with_context(|| format!("cannot read {shown}"))?;
        let text = decrypt(passphrase, &sealed)
            .with_context(|| format!("cannot open the wallet {shown}"))?;
        let text = std::str::from_utf8(&text)
            .with_context(|| format!("{shown} does not hold the words of a wallet"))?;
        let (words, chain) = match text.split_once('\n') {
            Some((words, rest)) => (words, rest.strip_prefix(CHAIN_LINE).map(str::parse)),
            None => (text, None),
        };
        let chain = chain.transpose().with_context(|| format!("{shown} names no chain"))?;
        Ok(Self { chain, ..Self::from_words(words)? })
    }
}

/// Where a wallet is and where its passphrase comes from.
#[derive(Clone, Debug, clap::Args)]
pub struct WalletFile {
    /// The wallet's file [default: in the user's data folder]
    #[arg(long, value_name = "FILE", global = true)]
    pub wallet: Option<PathBuf>,
}

impl WalletFile {
    /// The file.
    pub fn path(&self) -> Result<PathBuf> {
        match &self.wallet {
            Some(path) => Ok(path.clone()),
            None => Ok(data_folder()?.join("wallet.age")),
        }
    }

    /// Opens it, with the passphrase of the variable, of a file beside it, or of the person.
    pub fn open(&self) -> Result<Wallet> {
        let path = self.path()?;
        ensure!(
            path.exists(),
            "no wallet at {}: make one with `muster wallet new`, or name one with --wallet",
            path.display()
        );
        Wallet::open(&path, &passphrase(&path, false)?)
    }
}

/// The passphrase for a wallet: from the variable, from the file `passphrase` that a market of
/// `muster up` keeps beside its wallet, or asked for on the terminal (twice for a new one).
pub fn passphrase(wallet: &Path, new: bool) -> Result<Zeroizing<String>> {
    if let Ok(text) = std::env::var(PASSPHRASE_VARIABLE) {
        ensure!(
            !text.is_empty(),
            "{PASSPHRASE_VARIABLE} is empty: set it, or unset it to be asked"
        );
        return Ok(Zeroizing::new(text));
    }
    let beside = wallet.with_file_name("passphrase");
    if !new && beside.is_file() {
        return Ok(read_passphrase(&beside)?);
    }
    ensure!(
        std::io::stdin().is_terminal(),
        "a passphrase is needed and there is no terminal to ask on: set {PASSPHRASE_VARIABLE}"
    );
    let first = ask_hidden(&format!("Passphrase for {}: ", wallet.display()))?;
    ensure!(!first.is_empty(), "an empty passphrase protects nothing: choose another");
    if new {
        let second = ask_hidden("The same again: ")?;
        ensure!(*first == *second, "the two passphrases differ: start again");
    }
    Ok(first)
}

/// Reads a line without showing it.
pub fn ask_hidden(prompt: &str) -> Result<Zeroizing<String>> {
    use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
    let mut stderr = std::io::stderr();
    write!(stderr, "{prompt}").and_then(|()| stderr.flush()).context("cannot ask")?;
    crossterm::terminal::enable_raw_mode().context("cannot hide what is typed")?;
    // Of one size, so that no copy of it is left behind where it grew.
    let mut line = Zeroizing::new(String::with_capacity(LINE_BYTES_MAX));
    let outcome = loop {
        let key = match read() {
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => key,
            Ok(_) => continue,
            Err(error) => break Err(anyhow::Error::from(error).context("cannot read the answer")),
        };
        match key.code {
            KeyCode::Enter => break Ok(()),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                break Err(anyhow::anyhow!("interrupted; nothing was done"));
            }
            KeyCode::Char(_) if line.len() + 4 > LINE_BYTES_MAX => {
                break Err(anyhow!("the answer is longer than {LINE_BYTES_MAX} bytes"));
            }
            KeyCode::Char(character) => line.push(character),
            KeyCode::Backspace => {
                line.pop();
            }
            _ => {}
        }
    };
    crossterm::terminal::disable_raw_mode().ok();
    writeln!(stderr).ok();
    outcome.map(|()| line)
}

/// Where this user's data is kept.
pub fn data_folder() -> Result<PathBuf> {
    let from =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(folder) = from("XDG_DATA_HOME") {
        return Ok(folder.join("muster"));
    }
    match from("HOME") {
        Some(home) => Ok(home.join(".local/share/muster")),
        None => bail!("neither XDG_DATA_HOME nor HOME says where your data is: set one of them"),
    }
}

/// A wallet is never written over another.
pub fn taken(path: &Path) -> anyhow::Error {
    anyhow!("{} is there already: name another with --wallet", path.display())
}

/// Writes a file that only its owner may read, completely or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    muster_files::replace(path, bytes, Readers::Owner).map_err(|error| unwritten(path, error))
}

/// Writes a file completely or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    muster_files::replace(path, bytes, Readers::Everyone).map_err(|error| unwritten(path, error))
}

fn unwritten(path: &Path, error: std::io::Error) -> anyhow::Error {
    let shown = path.display();
    anyhow!(error).context(format!("cannot write {shown}: make room or choose another place"))
}
