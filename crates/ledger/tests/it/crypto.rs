//! Keys, signatures and addresses; an address that other networks know.

use muster_ledger::address::AddressError;
use muster_ledger::crypto::{Claim, PublicKey, SecretKey, Signature, verify_batch};
use proptest::prelude::*;

use crate::support::{address, key};

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
    assert!(!PublicKey(identity).is_well_formed());
    // p, which is zero in disguise, and 2^255 - 1.
    let mut modulus = [0xff; 32];
    (modulus[0], modulus[31]) = (0xed, 0x7f);
    assert!(!PublicKey(modulus).is_well_formed());
    assert!(!PublicKey([0xff; 32]).is_well_formed());
    // y = 2 is reduced, but no point has it.
    let mut two = [0; 32];
    two[0] = 2;
    assert!(PublicKey(two).is_well_formed() && !PublicKey(two).is_valid());
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

/// The checksum has 16 bits: of all wrong letters one in 65,536 gets through. Of these 2,500, which
/// are always the same, none does.
#[test]
fn a_wrong_letter_gives_no_other_address() {
    let alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let right = SecretKey::from_seed([5; 32]).public().to_string();
    let mut wrong = 0;
    for at in 0..right.len() {
        for letter in alphabet.chars() {
            let text = format!("{}{letter}{}", &right[..at], &right[at + 1..]);
            if text != right {
                assert!(text.parse::<PublicKey>().is_err(), "{text}");
                wrong += 1;
            }
        }
    }
    assert!(wrong > 2_500);
}

proptest! {
    #[test]
    fn addresses_round_trip(bytes: [u8; 32]) {
        let text = PublicKey(bytes).to_string();
        prop_assert_eq!(text.parse::<PublicKey>().unwrap(), PublicKey(bytes));
    }

    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,80}") {
        let _ = text.parse::<PublicKey>();
    }
}
