use muster_ledger::genesis::GenesisError;
use muster_ledger::money::Grains;
use muster_ledger::parameters::{FIELDS, MarketRule, ParameterChange, ParameterError, Parameters};
use muster_ledger::state::{State, StateError};

use crate::support::{genesis, mst};

fn change(name: &str, value: u64) -> ParameterChange {
    ParameterChange { name: name.into(), value }
}

#[test]
fn every_parameter_can_be_set_within_its_range_only() {
    let parameters = Parameters::default();
    parameters.validate().unwrap();
    for field in FIELDS {
        let now = field.get(&parameters);
        assert!(field.min <= now && now <= field.max, "{}", field.name);
        assert_eq!(parameters.changed(&change(field.name, now)).unwrap(), parameters);
        for value in [field.min.checked_sub(1), field.max.checked_add(1)].into_iter().flatten() {
            assert!(change(field.name, value).check_form().is_err(), "{}", field.name);
            assert!(parameters.changed(&change(field.name, value)).is_err(), "{}", field.name);
        }
        assert!(!field.about.trim().is_empty(), "{}", field.name);
    }
}

#[test]
fn a_change_touches_one_parameter() {
    let changed = Parameters::default().changed(&change("market_rule", 0)).unwrap();
    assert_eq!(changed, Parameters { market_rule: MarketRule::Paper, ..Parameters::default() });
    let changed = Parameters::default().changed(&change("market_rule", 3)).unwrap();
    assert_eq!(changed.market_rule, MarketRule::CredibleMedian);
    let changed = Parameters::default().changed(&change("weights_commit_required", 1)).unwrap();
    assert_eq!(changed, Parameters { weights_commit_required: true, ..Parameters::default() });
}

#[test]
fn unknown_and_contradicting_parameters_are_refused() {
    let parameters = Parameters::default();
    assert_eq!(
        parameters.changed(&change("colour", 1)),
        Err(ParameterError::Unknown("colour".into()))
    );
    let error = parameters.changed(&change("block_bytes_max", 8_192)).unwrap_err();
    assert!(matches!(error, ParameterError::Order { greater: "block_bytes_max", .. }));
}

#[test]
fn genesis_json_is_complete_and_strict() {
    let full = genesis(2, Parameters::default());
    let text = serde_json::to_string_pretty(&full).unwrap();
    assert!(text.contains("\"connected-median\"") && text.contains("\"fee_flat\": \"100000\""));
    assert_eq!(serde_json::from_str::<muster_ledger::genesis::Genesis>(&text).unwrap(), full);
    let misspelt = text.replace("fee_flat", "fee_flatt");
    assert!(serde_json::from_str::<muster_ledger::genesis::Genesis>(&misspelt).is_err());
    let mut other = full.clone();
    other.time_ms += 1;
    assert_ne!(other.chain_id(), full.chain_id());
}

#[test]
fn impossible_beginnings_are_refused_in_words() {
    let check = |expected: &str, edit: &dyn Fn(&mut muster_ledger::genesis::Genesis)| {
        let mut broken = genesis(2, Parameters::default());
        edit(&mut broken);
        let error = State::genesis(&broken).unwrap_err();
        assert!(matches!(error, StateError::Genesis(_)));
        assert!(error.to_string().contains(expected), "{error} / {expected}");
    };
    check("there are 0 validators", &|genesis| genesis.validators.clear());
    check("twice among the validators", &|genesis| {
        genesis.validators[1].key = genesis.validators[0].key;
    });
    check("twice among the accounts", &|genesis| genesis.accounts[1].0 = genesis.accounts[0].0);
    check("twice among the hot keys", &|genesis| genesis.peers[1].hot = genesis.peers[0].hot);
    check("must have 1 to 64 bytes", &|genesis| genesis.name.clear());
    check("not a valid Ed25519 key", &|genesis| genesis.accounts[0].0.0 = [0xff; 32]);
    check("peer 1: the endpoint", &|genesis| genesis.peers[1].endpoint.url = "http://x".into());
    check("below the least stake", &|genesis| genesis.peers[0].stake = Grains(1));
    check("sum to more", &|genesis| genesis.accounts[0].1 = Grains(u64::MAX));
    check("epoch_blocks is 0", &|genesis| genesis.parameters.epoch_blocks = 0);
    check("peers_max is 1", &|genesis| genesis.parameters.peers_max = 1);
}

#[test]
fn the_genesis_state_holds_what_the_genesis_says() {
    let genesis = genesis(3, Parameters::default());
    let state = State::genesis(&genesis).unwrap();
    assert_eq!(state.supply().total(), mst(1_000 + 10 + 3 + 300));
    assert_eq!(state.peers().count(), 3);
    assert_eq!(state.committee().len(), 4);
    assert!(state.committee().windows(2).all(|pair| pair[0].key < pair[1].key));
    assert_eq!(state.market().staked, mst(300));
    assert!(matches!(genesis.validate(), Ok::<(), GenesisError>(())));
}
