//! Whose key: who signs, and whose account is meant by an address or the name of a key.

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use muster_ledger::crypto::{Hash, PublicKey, SecretKey};
use muster_ledger::money::Grains;

use crate::network::{Network, latest_home};
use crate::wallet::{Wallet, WalletFile};

/// Text of this length is meant as an address, not as the name of a key.
const ADDRESS_LETTERS_MIN: usize = 40;

/// The wallet that a command may need. It is opened when the first key is named and stays open:
/// opening takes a passphrase, and a quarter of a second.
#[derive(Args)]
pub struct Keyring {
    #[command(flatten)]
    file: WalletFile,
    #[arg(skip)]
    opened: OnceCell<Box<Wallet>>,
}

impl Keyring {
    /// The key of this name, and the only chain on which it is used, if there is one.
    pub fn key(&self, name: &str, network: Option<&Network>) -> Result<(SecretKey, Option<Hash>)> {
        let wallet = self.wallet(network)?;
        Ok((wallet.key(name)?, wallet.chain()))
    }

    /// An account: an address, or the name of a key in the wallet.
    pub fn account(&self, text: &str, network: Option<&Network>) -> Result<PublicKey> {
        let error = match text.parse() {
            Ok(address) => return Ok(address),
            Err(error) => error,
        };
        // Every text is the name of some key. A slip of the pen in an address must not make one.
        let letters = text.chars().all(|letter| letter.is_ascii_alphanumeric());
        if text.len() >= ADDRESS_LETTERS_MIN && letters {
            bail!("`{text}` is not an address: {error}");
        }
        let wallet = self.wallet(network).with_context(|| {
            format!("`{text}` is not an address, and no wallet tells the key of that name")
        })?;
        wallet.address(text)
    }

    fn wallet(&self, network: Option<&Network>) -> Result<&Wallet> {
        if let Some(wallet) = self.opened.get() {
            return Ok(wallet);
        }
        let wallet = match network {
            Some(network) => open_wallet(&self.file, network)?,
            None => self.file.open()?,
        };
        Ok(self.opened.get_or_init(|| Box::new(wallet)))
    }
}

/// Who signs.
#[derive(Args)]
pub struct Signer {
    #[command(flatten)]
    pub keyring: Keyring,
    /// The name of the key in the wallet, such as user, cold/peer-0 or hot/peer-0
    #[arg(long, value_name = "NAME", default_value = "user")]
    pub key: String,
    /// A file with a key of its own instead (64 hexadecimal digits)
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Paid on top of the fee, for earlier inclusion (MST)
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    pub tip: Grains,
    /// Do not wait until the transaction is decided
    #[arg(long)]
    pub no_wait: bool,
    /// Do nothing now: write the action to FILE, for `muster presence open --unlocks FILE`
    #[arg(long, value_name = "FILE")]
    pub for_round: Option<PathBuf>,
}

impl Signer {
    /// The key that signs, and the only chain on which it does, if there is one.
    pub fn key(&self, network: &Network) -> Result<(SecretKey, Option<Hash>)> {
        match &self.key_file {
            Some(path) => Ok((muster_keys::read_key(path)?, None)),
            None => self.keyring.key(&self.key, Some(network)),
        }
    }
}

/// Opens the wallet that a person means: the named one; else that of the named market; else the
/// user's own; else that of the market started last, whose keys sign on its own chain only.
pub fn open_wallet(file: &WalletFile, network: &Network) -> Result<Wallet> {
    let mut file = file.clone();
    if file.wallet.is_none() {
        let own = file.path()?;
        let home = match &network.home {
            Some(home) => Some(home.clone()),
            None if own.exists() => None,
            None => latest_home(),
        };
        file.wallet = home.map(|home| home.join("wallet.age"));
    }
    file.open()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn keyring(folder: &Path) -> Keyring {
        let file = WalletFile { wallet: Some(folder.join("wallet.age")) };
        Keyring { file, opened: OnceCell::new() }
    }

    /// A folder with a wallet and its passphrase, as a market has it.
    fn folder() -> (tempfile::TempDir, Wallet) {
        let folder = tempfile::tempdir().expect("a folder");
        let wallet = Wallet::trial().expect("randomness");
        let passphrase = folder.path().join("passphrase");
        std::fs::write(&passphrase, "secret\n").expect("written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&passphrase, private).expect("made private");
        wallet.save(&folder.path().join("wallet.age"), "secret").expect("saved");
        (folder, wallet)
    }

    #[test]
    fn names_are_looked_up_in_a_wallet_that_is_opened_once() {
        let (folder, wallet) = folder();
        let keyring = keyring(folder.path());
        for name in ["user", "cold/peer-0"] {
            let address = wallet.address(name).expect("a name");
            assert_eq!(keyring.account(name, None).expect("found"), address);
            let (key, chain) = keyring.key(name, None).expect("found");
            assert_eq!((key.public(), chain), (address, None));
            std::fs::remove_file(folder.path().join("wallet.age")).ok();
        }
        assert!(keyring.account("", None).is_err());
    }

    #[test]
    fn an_address_needs_no_wallet() {
        let folder = tempfile::tempdir().expect("a folder");
        let address = Wallet::trial().expect("randomness").address("user").expect("a name");
        let found = keyring(folder.path()).account(&address.to_string(), None);
        assert_eq!(found.expect("an address"), address);
        let error = keyring(folder.path()).account("user", None).expect_err("no wallet");
        let error = format!("{error:#}");
        assert!(error.contains("`user` is not an address"), "{error}");
        assert!(error.contains("no wallet at"), "{error}");
    }

    #[test]
    fn a_mistyped_address_is_not_taken_for_a_name() {
        let (folder, wallet) = folder();
        let address = wallet.address("user").expect("a name").to_string();
        let swapped = if address.ends_with('A') { "B" } else { "A" };
        let wrong = [
            format!("{}{swapped}", &address[..address.len() - 1]),
            address[1..].to_owned(),
            format!("{address}x"),
            address.replacen('5', "0", 1),
        ];
        for text in wrong {
            let error = keyring(folder.path()).account(&text, None).expect_err(&text).to_string();
            assert!(error.contains("is not an address: "), "{error}");
        }
    }
}
