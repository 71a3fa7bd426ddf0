//! Keys for which anybody can sign: the points of small order, in each of their encodings.

use ed25519_zebra::VerificationKey;
use muster_ledger::block::transactions_root;
use muster_ledger::committee::Validator;
use muster_ledger::crypto::{Claim, Hash, PublicKey, Signature, hash, verify, verify_batch};
use muster_ledger::execute::{BlockError, check, execute};
use muster_ledger::genesis::GenesisError;
use muster_ledger::outcome::Rejection;
use muster_ledger::parameters::Parameters;
use muster_ledger::transaction::market::{HotKeyReplacement, Payment, Registration};
use muster_ledger::transaction::{SignedTransaction, Transaction, account, market};
use muster_ledger::types::{Height, PeerId};
use muster_ledger::vote::{Certificate, CertificateError, VOTE_DOMAIN, VoteKind, vote_bytes};

use crate::support::{Chain, address, endpoint, genesis, key, mst};

/// Every encoding that ZIP-215 reads as a point of small order: five y, two of them also unreduced,
/// each with either sign.
fn weak_keys() -> Vec<PublicKey> {
    let ys = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let bytes = |y: &str, sign: u8| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(y, &mut bytes).unwrap();
        bytes[31] |= sign;
        PublicKey(bytes)
    };
    ys.iter().flat_map(|y| [bytes(y, 0), bytes(y, 0x80)]).collect()
}

/// Made without any secret: R is the identity, s is zero.
fn forged() -> Signature {
    let mut signature = [0; 64];
    signature[0] = 1;
    Signature(signature)
}

#[test]
fn what_anybody_could_sign_nobody_signed() {
    let all: Vec<Claim> =
        weak_keys().into_iter().map(|key| Claim::new(key, "test", b"pay me", forged())).collect();
    for (weak, claim) in weak_keys().into_iter().zip(&all) {
        // The forgery is real: the equation of ZIP-215 holds.
        let equation = VerificationKey::try_from(weak.0).unwrap();
        let digest = hash("test", &[b"pay me"]);
        let signature = ed25519_zebra::Signature::from(forged().0);
        assert!(equation.verify(&signature, &digest.0).is_ok(), "{weak}");
        assert!(!weak.is_valid(), "{weak}");
        assert!(!verify(&weak, "test", b"pay me", &forged()), "{weak}");
        assert!(!claim.verify(), "{weak}");
        // Among good signatures as well as alone.
        let good = Claim::new(address("alice"), "test", b"x", key("alice").sign("test", b"x"));
        assert_eq!(verify_batch(&[good, *claim]), [true, false], "{weak}");
    }
    assert_eq!(verify_batch(&all), vec![false; all.len()]);
}

#[test]
fn no_transaction_is_signed_by_such_a_key_nor_pays_one() {
    let mut chain = Chain::with(2, Parameters::default());
    for weak in weak_keys() {
        let theft = Transaction {
            chain: chain.state.chain(),
            signer: weak,
            nonce: 0,
            expires: Height(10),
            tip: mst(0),
            action: account::Action::Transfer { to: address("alice"), amount: mst(1) }.into(),
        };
        let theft = SignedTransaction { transaction: theft, signature: forged() };
        let refused = Err(Rejection::Key { key: weak });
        assert_eq!(theft.check_stateless(&chain.state.limits()), refused);
        let gift = account::Action::Transfer { to: weak, amount: mst(1) };
        let gift = chain.sign("alice", 0, gift);
        assert_eq!(gift.check_stateless(&chain.state.limits()), refused);
        // Nor may a proposer put either into a block.
        for signed in [theft, gift] {
            let (mut block, _) = chain.next(Vec::new());
            block.transactions.push(signed);
            block.header.transactions_root = transactions_root(&block.transactions);
            let error = execute(&chain.state, &chain.header, &block).unwrap_err();
            assert!(
                matches!(
                    error,
                    BlockError::Signature { index: 0 }
                        | BlockError::Transaction { index: 0, reason: Rejection::Key { .. } }
                ),
                "{error}"
            );
        }
        assert_eq!(chain.state.account(&weak).balance, mst(0));
    }
    let honest = account::Action::Transfer { to: address("bob"), amount: mst(1) };
    chain.act("alice", honest).unwrap();
}

#[test]
fn no_peer_is_registered_with_such_a_key() {
    let chain = Chain::with(2, Parameters::default());
    let limits = chain.state.limits();
    let id = chain.state.chain();
    let burn = Payment::Burn { price_max: mst(10) };
    for weak in weak_keys() {
        let refused = Err(Rejection::Key { key: weak });
        // As the owner; as the hot key, whose agreement is forged; as the next hot key.
        let owned = Registration::agree(&id, &key("hot-n"), weak, endpoint("n"), burn);
        let mut hot = Registration::agree(&id, &key("hot-n"), address("c"), endpoint("n"), burn);
        (hot.hot, hot.hot_signature) = (weak, forged());
        for registration in [owned, hot] {
            let action = market::Action::Register { registration: Box::new(registration) };
            let signed = chain.sign("alice", 0, action);
            assert_eq!(signed.check_stateless(&limits), refused);
        }
        let mut replacement = HotKeyReplacement::agree(&id, PeerId(0), &key("hot-n"));
        (replacement.hot, replacement.hot_signature) = (weak, forged());
        let action = market::Action::ReplaceHotKey { replacement: Box::new(replacement) };
        let signed = chain.sign("cold-0", 0, action);
        assert_eq!(signed.check_stateless(&limits), refused);
        assert!(check(&chain.state, &signed).is_err());
    }
}

#[test]
fn no_genesis_names_such_a_key() {
    let good = || genesis(2, Parameters::default());
    for weak in weak_keys() {
        let mut validator = good();
        validator.validators[0] = Validator { name: "weak".into(), key: weak };
        let mut owner = good();
        owner.peers[1].cold = weak;
        let mut hot = good();
        hot.peers[1].hot = weak;
        let mut rich = good();
        rich.accounts.push((weak, mst(1)));
        let lists = ["validators", "cold keys", "hot keys", "accounts"];
        for (genesis, list) in [validator, owner, hot, rich].into_iter().zip(lists) {
            let refused = GenesisError::Key { key: weak, list };
            assert_eq!(genesis.validate(), Err(refused));
        }
    }
    // What the genesis names as its proposer is nobody.
    assert!(!good().header(Hash([0; 32])).proposer.is_valid());
}

#[test]
fn such_keys_do_not_vote() {
    let (chain, block) = (Hash([1; 32]), Hash([2; 32]));
    for weak in weak_keys() {
        let honest = ["a", "b"].map(key);
        let height = Height(5);
        let bytes = vote_bytes(&chain, VoteKind::Precommit, height, 0, Some(&block));
        let votes = honest.iter().map(|key| (key.public(), key.sign(VOTE_DOMAIN, &bytes)));
        let signatures: Vec<_> = votes.chain([(weak, forged())]).collect();
        let committee: Vec<PublicKey> = signatures.iter().map(|(key, _)| *key).collect();
        let certificate = Certificate { height, round: 0, block, signatures };
        let refused = Err(CertificateError::Signature(weak));
        assert_eq!(certificate.check(&chain, &committee), refused);
    }
}
