//! A key in a file: 64 lower-case hexadecimal digits and a line end, which only the owner of the
//! file may read. A passphrase in a file is held to the same.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use muster_files::Readers;
use muster_ledger::crypto::SecretKey;
use zeroize::Zeroizing;

/// Digits of a key.
const DIGITS: usize = 64;
/// Longest key file that is looked at, bytes: the digits and what an editor may leave behind them.
const FILE_BYTES_MAX: usize = DIGITS + 16;

/// Longest passphrase, bytes.
const PASSPHRASE_BYTES_MAX: usize = 4096;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("the key {path} cannot be used: {source}; it must hold 64 hexadecimal digits")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A folder, a pipe or the like.
    #[error("the key {path} cannot be used: it is no file; it must hold 64 hexadecimal digits")]
    Kind {
        /// What is there.
        path: PathBuf,
    },
    /// The file can be read by others.
    #[error("{what} {path} can be read by other users (mode {mode:o}): run chmod 600 {path}")]
    Mode {
        /// What it holds.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else.
    #[error(
        "the key {path} cannot be used: it has {bytes} bytes; it must hold 64 hexadecimal digits"
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file holds as many characters, but others.
    #[error(
        "the key {path} cannot be used: character {position} is no digit; it must hold 64 \
         hexadecimal digits, letters in lower case"
    )]
    Digit {
        /// The file.
        path: PathBuf,
        /// Which character, counted from 1. What it is stays untold: it may be part of a secret.
        position: usize,
    },
    /// The file holds no passphrase, or cannot be read.
    #[error("the passphrase {path} cannot be used: {why}; it must be a line of text")]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A key is there already.
    #[error("{path} is there already: a key is never overwritten")]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("the key {path} cannot be written: {source}; make room or choose another place")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Reads a key file. What it held is wiped from memory, but for the key itself.
///
/// # Errors
/// [`KeyFileError`], which never tells what the file holds.
pub fn read_key(path: &Path) -> Result<SecretKey, KeyFileError> {
    let unread = |source| KeyFileError::Read { path: path.into(), source };
    // Before it is opened, because opening a pipe would wait for whoever writes to it.
    check_kind(path, &fs::metadata(path).map_err(unread)?)?;
    let mut file = File::open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    check_kind(path, &metadata)?;
    check_mode("the key", path, &metadata)?;
    let wrong_length = || KeyFileError::Length { path: path.into(), bytes: metadata.len() };
    if metadata.len() > FILE_BYTES_MAX as u64 {
        return Err(wrong_length());
    }
    let mut bytes = Zeroizing::new([0; FILE_BYTES_MAX]);
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]).map_err(unread)? {
            0 => break,
            count => length += count,
        }
    }
    let digits = bytes[..length].trim_ascii();
    if digits.len() != DIGITS {
        return Err(wrong_length());
    }
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if let Some(index) = digits.iter().position(|byte| !is_digit(byte)) {
        return Err(KeyFileError::Digit { path: path.into(), position: index + 1 });
    }
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, seed.as_mut_slice()).expect("64 digits are 32 bytes");
    Ok(SecretKey::from_seed(*seed))
}

fn check_kind(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    if metadata.is_file() { Ok(()) } else { Err(KeyFileError::Kind { path: path.into() }) }
}

fn check_mode(what: &'static str, path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    let mode = metadata.permissions().mode() & 0o777;
    let private = mode & 0o077 == 0;
    if private { Ok(()) } else { Err(KeyFileError::Mode { what, path: path.into(), mode }) }
}

/// Reads a passphrase, without its line end. What is read is wiped from memory.
///
/// # Errors
/// [`KeyFileError::Mode`] or [`KeyFileError::Passphrase`], which tell nothing of what the file
/// holds.
pub fn read_passphrase(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let fault = |why: String| KeyFileError::Passphrase { path: path.into(), why };
    let unread = |error: io::Error| fault(error.to_string());
    // Before it is opened, because opening a pipe would wait for whoever writes to it.
    let is_file = fs::metadata(path).map_err(unread)?.is_file();
    if !is_file {
        return Err(fault("it is no file".into()));
    }
    let file = File::open(path).map_err(unread)?;
    check_mode("the passphrase", path, &file.metadata().map_err(unread)?)?;
    // As long as it can get, so that it never moves and leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(PASSPHRASE_BYTES_MAX + 1));
    file.take(PASSPHRASE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unread)?;
    if text.len() > PASSPHRASE_BYTES_MAX {
        return Err(fault(format!("it has more than {PASSPHRASE_BYTES_MAX} bytes")));
    }
    let length = text.trim_end().len();
    text.truncate(length);
    Ok(text)
}

/// Writes a key file where nothing is yet, as [`read_key`] wants it. Makes its folder.
///
/// # Errors
/// [`KeyFileError::Taken`] or [`KeyFileError::Write`].
pub fn write_key(path: &Path, key: &SecretKey) -> Result<(), KeyFileError> {
    let mut text = Zeroizing::new([b'\n'; DIGITS + 1]);
    hex::encode_to_slice(*key.seed(), &mut text[..DIGITS]).expect("32 bytes are 64 digits");
    muster_files::create(path, text.as_slice(), Readers::Owner).map_err(|source| {
        match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Taken { path: path.into() },
            _ => KeyFileError::Write { path: path.into(), source },
        }
    })
}
