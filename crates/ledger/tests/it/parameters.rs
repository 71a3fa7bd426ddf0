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
        assert_eq!(parameters.moved(&change(field.name, now)).unwrap(), parameters);
        for value in [field.min.checked_sub(1), field.max.checked_add(1)].into_iter().flatten() {
            assert!(change(field.name, value).check_form().is_err(), "{}", field.name);
            assert!(parameters.with(&change(field.name, value)).is_err(), "{}", field.name);
        }
        assert!(!field.about.trim().is_empty(), "{}", field.name);
    }
}

#[test]
fn a_change_touches_one_parameter() {
    let changed = Parameters::default().moved(&change("market_rule", 0)).unwrap();
    assert_eq!(changed, Parameters { market_rule: MarketRule::Paper, ..Parameters::default() });
    let changed = Parameters::default().moved(&change("market_rule", 3)).unwrap();
    assert_eq!(changed.market_rule, MarketRule::CredibleMedian);
    let changed = Parameters::default().moved(&change("weights_commit_required", 1)).unwrap();
    assert_eq!(changed, Parameters { weights_commit_required: true, ..Parameters::default() });
}

#[test]
fn unknown_and_contradicting_parameters_are_refused() {
    let parameters = Parameters::default();
    assert_eq!(
        parameters.moved(&change("colour", 1)),
        Err(ParameterError::Unknown("colour".into()))
    );
    let small = Parameters { block_bytes_max: 20_000, ..Parameters::default() };
    let error = small.moved(&change("block_bytes_max", 10_000)).unwrap_err();
    assert!(matches!(error, ParameterError::Order { greater: "block_bytes_max", .. }));
}

#[test]
fn one_vote_moves_a_number_by_a_factor_of_two_at_most() {
    let parameters = Parameters::default();
    for field in FIELDS {
        let now = field.get(&parameters);
        let (least, most) = field.reach(now);
        assert!(field.min <= least && least <= now && now <= most && most <= field.max);
        let switch = ["market_rule", "market_restart", "weights_commit_required"];
        if switch.contains(&field.name) {
            assert_eq!((least, most), (field.min, field.max), "{}", field.name);
            continue;
        }
        assert!(2 * least >= now || now - least == 1, "{}", field.name);
        assert!(most <= 2 * now || most - now == 1, "{}", field.name);
        for value in [least.checked_sub(1), most.checked_add(1)].into_iter().flatten() {
            assert!(parameters.moved(&change(field.name, value)).is_err(), "{}", field.name);
        }
    }
    let check = |name: &str, now: u64, expected: (u64, u64)| {
        let field = FIELDS.iter().find(|field| field.name == name).unwrap();
        assert_eq!(field.reach(now), expected, "{name}");
    };
    check("immunity_epochs", 0, (0, 1));
    check("immunity_epochs", 1, (0, 2));
    check("immunity_epochs", 7, (4, 14));
    check("committee_max", 7, (4, 14));
    check("unbonding_blocks", 2_000_000, (1_000_000, 2_000_000));
}

/// What the votes of the attack on governance proposed, and their like: none is possible at once,
/// nor are many steps of it.
#[test]
fn no_row_of_votes_reaches_what_stops_a_chain() {
    // As far as votes can bring a parameter one after the other.
    let end = |name: &str, up: bool| {
        let field = FIELDS.iter().find(|field| field.name == name).unwrap();
        let mut parameters = Parameters::default();
        for _ in 0..200 {
            let (least, most) = field.reach(field.get(&parameters));
            let value = if up { most } else { least };
            let Ok(moved) = parameters.moved(&change(name, value)) else { break };
            parameters = moved;
        }
        parameters
    };
    assert_eq!(end("committee_max", false).committee_max, 4);
    assert_eq!(end("block_transactions_max", false).block_transactions_max, 16);
    assert!(end("inflation_ppb", true).inflation_ppb <= 100_000_000);
    assert!(end("unbonding_blocks", true).unbonding_blocks <= 2_000_000);
    assert!(end("quorum_ppb", false).quorum_ppb >= 1_000_000);
    assert!(end("timeout_propose_ms", false).timeout_propose_ms >= 1_000, "a full block is made");
    for name in ["fee_flat", "fee_per_byte"] {
        let dear = end(name, true);
        let vote = dear.fee_flat.0 + 163 * dear.fee_per_byte.0;
        assert!(vote <= dear.stake_min.0, "{name}");
    }
    for name in ["peers_max", "row_length_max", "market_opinions_max", "market_depth"] {
        let dear = end(name, true);
        assert!(dear.epoch_units() <= dear.block_cost_max, "{name}");
        assert!(dear.block_cost_max <= 1_000 * dear.timeout_propose_ms, "{name}");
    }
}

#[test]
fn a_market_that_would_not_end_computing_is_refused_in_words() {
    let check = |expected: &str, parameters: Parameters| {
        let error = parameters.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error} / {expected}");
    };
    let plain = Parameters::default();
    let (timeout_propose_ms, timeout_prevote_ms, timeout_precommit_ms) = (999, 500, 500);
    let quick = Parameters {
        timeout_propose_ms,
        timeout_prevote_ms,
        timeout_precommit_ms,
        ..plain.clone()
    };
    check("the work of an epoch's end", Parameters { peers_max: 4_096, ..plain.clone() });
    check("the work of an epoch's end", Parameters { market_restart: true, ..plain.clone() });
    check("exceeds timeout_propose_ms in us", quick);
    check("the fee of a vote", Parameters { fee_per_byte: Grains(100_000), ..plain.clone() });
    check(
        "timeout_prevote_ms (2001) exceeds",
        Parameters { timeout_prevote_ms: 2_001, ..plain.clone() },
    );
    // The largest there can be does not overflow.
    let huge = Parameters {
        peers_max: 65_536,
        row_length_max: 65_536,
        market_opinions_max: 65_536,
        market_restart: true,
        market_restart_ppb: 10_000_000,
        market_rule: MarketRule::CredibleMedian,
        ..plain
    };
    check("the work of an epoch's end", huge);
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
    check("not an Ed25519 key", &|genesis| genesis.accounts[0].0.0 = [0xff; 32]);
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
