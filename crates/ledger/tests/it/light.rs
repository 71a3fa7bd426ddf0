//! The light client: certificates, committees from the genesis, entries against headers.

use muster_ledger::block::Header;
use muster_ledger::committee::{Validator, committee_hash};
use muster_ledger::crypto::Hash;
use muster_ledger::genesis::Genesis;
use muster_ledger::light::{Follower, LightError, verify, verify_entry};
use muster_ledger::parameters::Parameters;
use muster_ledger::state as entries;
use muster_ledger::tree::prove;
use muster_ledger::types::Height;
use muster_ledger::vote::{Certificate, CertificateError, VOTE_DOMAIN, VoteKind, vote_bytes};

use crate::support::{Chain, address, genesis, key};

/// The precommits of these validators for a header.
fn certificate(header: &Header, signers: &[&str]) -> Certificate {
    let (height, round, block) = (header.height, 1, header.hash());
    let bytes = vote_bytes(&header.chain, VoteKind::Precommit, height, round, Some(&block));
    let sign = |name: &&str| (address(name), key(name).sign(VOTE_DOMAIN, &bytes));
    Certificate { height, round, block, signatures: signers.iter().map(sign).collect() }
}

const ALL: [&str; 4] = ["validator-0", "validator-1", "validator-2", "validator-3"];

/// A chain, and its headers from height 1, which say that its committee shrinks from four to three
/// with block 4: what no vote brings about, but a light client would have to follow.
fn shrinking() -> (Genesis, Vec<(Header, Vec<Validator>)>, Chain) {
    let genesis = genesis(2, Parameters { epoch_blocks: 4, ..Parameters::default() });
    let mut chain = Chain::new(&genesis);
    let mut headers = Vec::new();
    while chain.state.height() < Height(6) {
        chain.block(Vec::new());
        let (mut header, mut next) = (chain.header.clone(), chain.state.committee().to_vec());
        if header.height >= Height(4) {
            next.truncate(3);
            header.next_committee = committee_hash(&next);
        }
        headers.push((header, next));
    }
    (genesis, headers, chain)
}

#[test]
fn committees_are_followed_from_the_genesis() {
    let (genesis, headers, chain) = shrinking();
    let mut follower = Follower::new(&genesis).unwrap();
    // Blocks may be skipped while the committee is the same.
    let (header, next) = &headers[3];
    follower.follow(header, &certificate(header, &ALL), next).unwrap();
    assert_eq!((follower.height(), follower.committee().len()), (Height(4), 3));
    let (header, next) = &headers[5];
    let names = next.iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
    follower.follow(header, &certificate(header, &names), next).unwrap();
    assert_eq!(follower.height(), chain.state.height());
    // And an entry stands, or stands not, in the block that was reached.
    for name in ["alice", "nobody"] {
        let key = entries::account::Key::Account(address(name)).into();
        let (value, proof) = prove(&chain.tree, header.height, &key).unwrap();
        assert_eq!(value.is_some(), name == "alice");
        verify_entry(header, &key, value.as_ref(), &proof).unwrap();
        let clock = chain.state.get(&entries::chain::Key::Clock.into());
        assert!(matches!(verify_entry(header, &key, clock, &proof), Err(LightError::Entry(_))));
    }
}

#[test]
fn a_header_that_does_not_follow_is_refused_and_changes_nothing() {
    let (genesis, headers, _) = shrinking();
    let mut follower = Follower::new(&genesis).unwrap();
    let (header, next) = &headers[3];
    let good = certificate(header, &ALL);
    let other_chain = Header { chain: Hash([7; 32]), ..header.clone() };
    let few = certificate(header, &ALL[..2]);
    let twice = certificate(header, &["validator-0", "validator-0", "validator-1"]);
    let strange = certificate(header, &["validator-0", "validator-1", "alice"]);
    let mut forged = good.clone();
    forged.signatures[2].1 = forged.signatures[1].1;
    let four = genesis.committee();
    let before = follower.clone();
    let mut refused = |header: &Header, certificate: &Certificate, next: &[Validator]| {
        let error = follower.follow(header, certificate, next).unwrap_err();
        assert_eq!(follower, before);
        error
    };
    assert!(matches!(refused(&other_chain, &good, next), LightError::Chain { .. }));
    assert!(matches!(refused(&headers[2].0, &good, next), LightError::OtherBlock { .. }));
    assert!(matches!(refused(header, &good, &four), LightError::Committee { .. }));
    let certificate_error = |error| match error {
        LightError::Certificate(error) => error,
        other => panic!("{other}"),
    };
    let error = certificate_error(refused(header, &few, next));
    assert_eq!(error, CertificateError::TooFew { signed: 2, committee: 4 });
    let error = certificate_error(refused(header, &twice, next));
    assert_eq!(error, CertificateError::Stranger(address("validator-0")));
    let error = certificate_error(refused(header, &strange, next));
    assert_eq!(error, CertificateError::Stranger(address("alice")));
    let error = certificate_error(refused(header, &forged, next));
    assert_eq!(error, CertificateError::Signature(address("validator-2")));
    follower.follow(header, &good, next).unwrap();
    // Nothing old, and nothing that only those certify who have left.
    let before = follower.clone();
    assert!(matches!(follower.follow(header, &good, next), Err(LightError::Height { .. })));
    let (later, after) = &headers[5];
    let left = genesis.committee().iter().find(|one| !next.contains(one)).unwrap().name.clone();
    let mut signers = ALL.to_vec();
    signers.retain(|name| *name != left);
    signers[0] = &left;
    assert!(matches!(
        follower.follow(later, &certificate(later, &signers), after),
        Err(LightError::Certificate(CertificateError::Stranger(_)))
    ));
    assert_eq!(follower, before);
}

#[test]
fn a_vote_of_another_kind_round_or_block_certifies_nothing() {
    let (genesis, headers, _) = shrinking();
    let (header, _) = &headers[0];
    let committee = genesis.committee();
    let (chain, hash) = (header.chain, header.hash());
    let kinds = [
        vote_bytes(&chain, VoteKind::Prevote, header.height, 1, Some(&hash)),
        vote_bytes(&chain, VoteKind::Precommit, header.height, 2, Some(&hash)),
        vote_bytes(&chain, VoteKind::Precommit, header.height.next(), 1, Some(&hash)),
        vote_bytes(&chain, VoteKind::Precommit, header.height, 1, None),
        vote_bytes(&hash, VoteKind::Precommit, header.height, 1, Some(&hash)),
    ];
    for bytes in kinds {
        let mut certificate = certificate(header, &ALL);
        verify(header, &certificate, &committee).unwrap();
        for ((_, signature), name) in certificate.signatures.iter_mut().zip(ALL) {
            *signature = key(name).sign(VOTE_DOMAIN, &bytes);
        }
        let error = verify(header, &certificate, &committee).unwrap_err();
        assert!(matches!(error, LightError::Certificate(CertificateError::Signature(_))));
    }
}
