//! Reference vectors: SLIP-0010 test vector 1 for ed25519; BIP-39's English list of 2013.

use muster_keys::{Mnemonic, MnemonicError, derive};
use muster_ledger::crypto::PublicKey;
use proptest::prelude::*;

#[test]
fn derivation_follows_slip_0010() {
    let seed = hex::decode("000102030405060708090a0b0c0d0e0f").unwrap();
    let cases = [
        (
            "m",
            "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
            "a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
        ),
        (
            "m/0'",
            "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
            "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
        ),
        (
            "m/0'/1'",
            "b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2",
            "1932a5270f335bed617d5b935c80aedb1a35bd9fc1e31acafd5372c30f5c1187",
        ),
    ];
    for (path, private, public) in cases {
        let derived = derive(&seed, path).unwrap();
        assert_eq!(hex::encode(*derived.seed()), private, "{path}");
        assert_eq!(hex::encode(derived.public().0), public, "{path}");
    }
}

#[test]
fn bad_paths_are_refused_in_words() {
    let long = "a".repeat(200);
    for path in ["", "m/", "m/0", "m/x'", "m/-1'", "m/+1'", "m/2147483648'", long.as_str()] {
        assert!(matches!(derive(&[0; 64], path), Err(MnemonicError::Path(_))), "{path}");
    }
}

#[test]
fn mnemonics_follow_bip_39() {
    let mnemonic = Mnemonic::from_entropy(&[0xff; 32]);
    let words = mnemonic.words();
    assert!(words.starts_with("zoo zoo zoo") && words.ends_with("vote"));
    // BIP-39's reference vector for this mnemonic with the passphrase TREZOR.
    let seed = hex::encode(*mnemonic.seed("TREZOR"));
    assert!(seed.starts_with("dd48c104698c30cfe2b6142103248622fb7bb0ff692eebb00089b32d22484e16"));
    let again: Mnemonic = format!("  {}\n", words.to_uppercase()).parse().unwrap();
    assert_eq!(*again.words(), *words);
    assert_eq!(format!("{mnemonic:?}"), "Mnemonic(24 words)");
}

#[test]
fn wrong_mnemonics_are_told_apart() {
    let parse = |text: &str| text.parse::<Mnemonic>().unwrap_err();
    assert_eq!(parse("zoo zoo"), MnemonicError::WordCount(2));
    assert_eq!(parse(&"zoo ".repeat(24)), MnemonicError::Checksum);
    let typo = format!("{}zoom", "zoo ".repeat(23));
    assert_eq!(parse(&typo), MnemonicError::Word { position: 24 });
}

#[test]
fn names_give_different_keys_and_generated_wallets_differ() {
    let mnemonic = Mnemonic::generate().unwrap();
    let mut keys: Vec<PublicKey> = ["cold/peer-0", "hot/peer-0", "cold/peer-1", "cold", "user"]
        .iter()
        .map(|name| mnemonic.key(name).unwrap().public())
        .collect();
    keys.push(Mnemonic::generate().unwrap().key("user").unwrap().public());
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6);
}

proptest! {
    #[test]
    fn no_text_breaks_the_parsers(text in "\\PC{0,80}") {
        let _ = text.parse::<Mnemonic>();
        let _ = derive(&[1; 64], &text);
    }
}
