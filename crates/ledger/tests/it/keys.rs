//! Reference vectors: SLIP-0010 test vector 1 for ed25519; BIP-39's English list of 2013.

use muster_ledger::address::AddressError;
use muster_ledger::crypto::{Claim, PublicKey, SecretKey, Signature, verify_batch};
use muster_ledger::keys::{KeyError, Mnemonic, decrypt, derive, encrypt};
use proptest::prelude::*;

use crate::support::{address, key};

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
        assert!(matches!(derive(&[0; 64], path), Err(KeyError::Path(_))), "{path}");
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
    assert_eq!(parse("zoo zoo"), KeyError::WordCount(2));
    assert_eq!(parse(&"zoo ".repeat(24)), KeyError::Checksum);
    let typo = format!("{}zoom", "zoo ".repeat(23));
    assert_eq!(parse(&typo), KeyError::Word { position: 24 });
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

#[test]
fn encryption_is_undone_by_the_passphrase_alone() {
    let secret = b"twenty-four words";
    let file = encrypt("correct horse", secret, 4).unwrap();
    assert_eq!(decrypt("correct horse", &file).unwrap().as_slice(), secret);
    assert_eq!(decrypt("wrong horse", &file).unwrap_err(), KeyError::Passphrase);
    let mut cut = file.clone();
    cut.truncate(file.len() - 5);
    assert!(decrypt("correct horse", &cut).is_err());
    for bytes in [&b""[..], b"age-encryption.org/v1\n", &[0; 100]] {
        assert!(matches!(decrypt("x", bytes), Err(KeyError::Ciphertext(_))));
    }
    assert!(matches!(decrypt("x", &vec![0; 2 << 20]), Err(KeyError::Ciphertext(_))));
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
    assert!(matches!(decrypt("p", &forged), Err(KeyError::Ciphertext(_))));
}

#[test]
fn addresses_check_themselves() {
    // The development account "Alice" of Substrate networks, whose key and address are well known.
    let alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
    let mut bytes = [0; 32];
    hex::decode_to_slice(alice, &mut bytes).unwrap();
    let text = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    assert_eq!(PublicKey(bytes).to_string(), text);
    assert_eq!(text.parse::<PublicKey>().unwrap(), PublicKey(bytes));
    let parse = |text: &str| text.parse::<PublicKey>().unwrap_err();
    assert_eq!(parse(&text.replace("QY", "QZ")), AddressError::Checksum);
    assert_eq!(parse("0OIl"), AddressError::Alphabet);
    assert_eq!(parse(&text[..40]), AddressError::Length(29));
    assert_eq!(parse(&"5".repeat(65)), AddressError::Alphabet);
    // The same key under prefix 0.
    assert_eq!(parse("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"), AddressError::Prefix(0));
}

#[test]
fn only_points_with_a_canonical_encoding_are_keys() {
    assert!(address("alice").is_valid());
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(!PublicKey(identity).is_canonical());
    // p, which is zero in disguise, and 2^255 - 1.
    let mut modulus = [0xff; 32];
    (modulus[0], modulus[31]) = (0xed, 0x7f);
    assert!(!PublicKey(modulus).is_canonical());
    assert!(!PublicKey([0xff; 32]).is_canonical());
    // y = 2 is reduced, but no point has it.
    let mut two = [0; 32];
    two[0] = 2;
    assert!(PublicKey(two).is_canonical() && !PublicKey(two).is_valid());
}

#[test]
fn batches_say_which_signature_is_wrong() {
    let claims: Vec<Claim> = (0..150_u32)
        .map(|index| {
            let signer = key(&format!("signer-{index}"));
            let message = index.to_le_bytes();
            let mut signature = signer.sign("test", &message);
            if index % 70 == 13 {
                signature = Signature([index as u8; 64]);
            }
            Claim::new(signer.public(), "test", &message, signature)
        })
        .collect();
    let expected: Vec<bool> = (0..150).map(|index| index % 70 != 13).collect();
    assert_eq!(verify_batch(&claims), expected);
    assert_eq!(claims.iter().map(Claim::verify).collect::<Vec<_>>(), expected);
    assert!(verify_batch(&[]).is_empty());
}

proptest! {
    #[test]
    fn addresses_round_trip(bytes: [u8; 32]) {
        let text = PublicKey(bytes).to_string();
        prop_assert_eq!(text.parse::<PublicKey>().unwrap(), PublicKey(bytes));
    }

    #[test]
    fn a_wrong_letter_never_gives_another_address(seed: [u8; 32], at in 0_usize..47, letter in 0_usize..58) {
        let alphabet = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        let key = SecretKey::from_seed(seed).public();
        let mut text = key.to_string().into_bytes();
        text[at] = alphabet[letter];
        let text = String::from_utf8(text).unwrap();
        // The checksum has 16 bits: a miss would be one in 65,536, and is fixed by the seed.
        match text.parse::<PublicKey>() {
            Ok(parsed) => prop_assert!(parsed == key),
            Err(_) => prop_assert!(text != key.to_string()),
        }
    }

    #[test]
    fn no_text_breaks_the_parsers(text in "\\PC{0,80}") {
        let _ = text.parse::<PublicKey>();
        let _ = text.parse::<Mnemonic>();
        let _ = derive(&[1; 64], &text);
    }
}
