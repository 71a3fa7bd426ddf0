//! Encryption with a passphrase.

use muster_keys::{SealError, decrypt, encrypt};

#[test]
fn encryption_is_undone_by_the_passphrase_alone() {
    let secret = b"twenty-four words";
    let file = encrypt("correct horse", secret, 4).unwrap();
    assert_eq!(decrypt("correct horse", &file).unwrap().as_slice(), secret);
    assert_eq!(decrypt("wrong horse", &file).unwrap_err(), SealError::Passphrase);
    let mut cut = file.clone();
    cut.truncate(file.len() - 5);
    assert!(decrypt("correct horse", &cut).is_err());
    for bytes in [&b""[..], b"age-encryption.org/v1\n", &[0; 100]] {
        assert!(matches!(decrypt("x", bytes), Err(SealError::Ciphertext(_))));
    }
    assert!(matches!(decrypt("x", &vec![0; 2 << 20]), Err(SealError::Ciphertext(_))));
}

#[test]
fn excessive_work_is_refused() {
    let file = encrypt("p", b"x", 4).unwrap();
    let text = String::from_utf8_lossy(&file).into_owned();
    // The stanza "-> scrypt <salt> 4" says how much work to do before anything is authenticated.
    let position = text.find(" 4\n").unwrap();
    let mut forged = file[..position].to_vec();
    forged.extend(b" 40\n");
    forged.extend(&file[position + 3..]);
    assert!(matches!(decrypt("p", &forged), Err(SealError::Ciphertext(_))));
}
