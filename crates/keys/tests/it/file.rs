//! Key files: what is written is read, and everything else is refused in words that do not tell
//! what the file holds.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use muster_keys::{KeyFileError, new_key, read_key, read_passphrase, write_key};
use muster_ledger::crypto::SecretKey;

fn put(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_is_written_once_for_its_owner_alone_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/key");
    let key = SecretKey::from_seed([0xa7; 32]);
    write_key(&path, &key).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", "a7".repeat(32)));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(read_key(&path).unwrap().public(), key.public());
    let error = write_key(&path, &SecretKey::from_seed([1; 32])).unwrap_err();
    assert!(matches!(error, KeyFileError::Taken { .. }), "{error}");
    assert_eq!(read_key(&path).unwrap().public(), key.public());
    assert_ne!(new_key().unwrap().public(), new_key().unwrap().public());
}

#[test]
fn what_a_person_leaves_around_the_digits_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let digits = "0123456789abcdef".repeat(4);
    let links = folder.path().join("link");
    symlink(&path, &links).unwrap();
    let mut found = Vec::new();
    for text in [digits.clone(), format!("{digits}\n"), format!(" {digits}\r\n\n")] {
        put(&path, &text, 0o400);
        found.push(read_key(&links).unwrap().public());
        fs::remove_file(&path).unwrap();
    }
    found.dedup();
    assert_eq!(found.len(), 1);
}

#[test]
fn other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let digits = "0123456789abcdef".repeat(4);
    let refusal = |path: &Path| read_key(path).unwrap_err().to_string();
    let cases = [
        (String::new(), 0o600, "it has 0 bytes; it must hold 64 hexadecimal digits"),
        (digits[1..].into(), 0o600, "it has 63 bytes"),
        (format!("{digits}0\n"), 0o600, "it has 66 bytes"),
        (digits.repeat(100), 0o600, "it has 6400 bytes"),
        (digits.replace("ef0", "eF0"), 0o600, "character 16 is no digit"),
        (digits.replace("89", "8 "), 0o600, "character 10 is no digit"),
        (digits.clone(), 0o640, "can be read by other users (mode 640): run chmod 600"),
        (digits.clone(), 0o604, "mode 604"),
        (digits.clone(), 0o620, "mode 620"),
    ];
    for (text, mode, expected) in cases {
        put(&path, &text, mode);
        let refusal = refusal(&path);
        assert!(refusal.contains(expected) && refusal.contains("key"), "{refusal}");
        assert!(!refusal.contains("0123"), "{refusal}");
        fs::remove_file(&path).unwrap();
    }
    assert!(refusal(&path).contains("cannot be used"));
    assert!(refusal(folder.path()).contains("it is no file"));
}

#[test]
fn nobody_waits_for_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status();
    assert!(made.unwrap().success());
    let error = read_key(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Kind { .. }), "{error}");
}

#[test]
fn a_passphrase_is_read_only_where_nobody_else_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("passphrase");
    fs::write(&path, "three words here\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    let error = read_passphrase(&path).expect_err("others can read it").to_string();
    assert!(error.contains("the passphrase") && error.contains("mode 640"), "{error}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(read_passphrase(&path).expect("private").as_str(), "three words here");
    let fault = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("written");
        read_passphrase(&path).expect_err("refused").to_string()
    };
    assert!(fault(&[b'a'; 5000]).contains("more than 4096 bytes"));
    assert!(fault(&[0xff, 0xfe]).contains("a line of text"));
    assert!(read_passphrase(folder.path()).expect_err("a folder").to_string().contains("no file"));
    assert!(read_passphrase(&folder.path().join("missing")).is_err());
}
