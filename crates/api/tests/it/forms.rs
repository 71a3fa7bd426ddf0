//! How things look as JSON, and what is signed.

use muster_api::{
    Action, Address, Amount, Digest, Event, EventBody, HexBytes, Parameters, SignatureHex,
    Telemetry, TelemetryError, TelemetryReport,
};
use muster_ledger::change::Change;
use muster_ledger::crypto::{Hash, SecretKey};
use muster_ledger::money::Grains;
use muster_ledger::parameters as ledger;
use muster_ledger::presence::{Belief, Design, Payoff, Puzzle, Solution};
use muster_ledger::transaction::presence::Unlocks;
use muster_ledger::types::{Endpoint, Modality, PeerId, Real, RoundId, Row, Share};
use muster_ledger::{outcome, transaction};
use serde_json::json;

fn key(index: u8) -> SecretKey {
    SecretKey::from_seed([index; 32])
}

#[test]
fn scalars_are_strings() {
    let json = |value: serde_json::Value| value.to_string();
    let amount = serde_json::to_value(Amount(Grains(u64::MAX))).expect("serialises");
    assert_eq!(json(amount), "\"18446744073709551615\"");
    let digest = serde_json::to_value(Digest(Hash([0xab; 32]))).expect("serialises");
    assert_eq!(json(digest), format!("\"{}\"", "ab".repeat(32)));
    let bytes = serde_json::to_value(HexBytes(vec![1, 255])).expect("serialises");
    assert_eq!(json(bytes), "\"01ff\"");
    let address = Address(key(1).public());
    let text = serde_json::to_string(&address).expect("serialises");
    assert_eq!(serde_json::from_str::<Address>(&text).expect("parses"), address);
}

#[test]
fn what_is_no_scalar_is_refused() {
    for text in ["\"\"", "\"-1\"", "\"18446744073709551616\"", "\"1.5\"", "7", "null"] {
        assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
    }
    for text in ["\"\"", "\"5F\"", "\"not an address\"", "[]"] {
        assert!(serde_json::from_str::<Address>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Digest>("\"ab\"").is_err());
    assert!(serde_json::from_str::<SignatureHex>("\"zz\"").is_err());
    assert!(serde_json::from_str::<HexBytes>("\"abc\"").is_err());
}

fn actions() -> Vec<(transaction::Action, serde_json::Value)> {
    use transaction::{account, governance, market, presence, stake};
    let (to, amount) = (key(1).public(), Grains(5));
    let row = Row::new(vec![(PeerId(3), Share(250_000_000))]).expect("a row");
    let endpoint = Endpoint { url: "https://a.example:1".into(), modality: Modality::Text };
    let payment = market::Payment::Work { nonce: 1 };
    let chain = Hash([1; 32]);
    let registration = market::Registration::agree(&chain, &key(2), to, endpoint.clone(), payment);
    let change = Change::Parameter(ledger::ParameterChange { name: "fee_flat".into(), value: 7 });
    let shown = json!({ "url": "https://a.example:1", "modality": "text" });
    let commitment = Hash([0xab; 32]);
    let solve = |proof| {
        let solution = Solution { nonce: 9, proof };
        presence::Action::Solve { round: RoundId(3), solution }.into()
    };
    vec![
        (
            account::Action::Transfer { to, amount }.into(),
            json!({ "kind": "transfer", "to": to.to_string(), "amount": "5" }),
        ),
        (account::Action::Close { to }.into(), json!({ "kind": "close", "to": to.to_string() })),
        (
            stake::Action::Stake { peer: PeerId(3), amount }.into(),
            json!({ "kind": "stake", "peer": 3, "amount": "5" }),
        ),
        (
            stake::Action::Unstake { peer: PeerId(3), amount }.into(),
            json!({ "kind": "unstake", "peer": 3, "amount": "5" }),
        ),
        (
            market::Action::Register { registration: Box::new(registration) }.into(),
            json!({
                "kind": "register", "hot": key(2).public().to_string(), "cold": to.to_string(),
                "endpoint": shown, "payment": "work",
            }),
        ),
        (
            market::Action::SetEndpoint { endpoint }.into(),
            json!({ "kind": "set_endpoint", "endpoint": shown }),
        ),
        (
            market::Action::CommitWeights { commitment }.into(),
            json!({ "kind": "commit_weights", "commitment": "ab".repeat(32) }),
        ),
        (
            market::Action::RevealWeights { weights: row.clone(), salt: [1; 32] }.into(),
            json!({ "kind": "reveal_weights", "weights": [[3, 0.25]] }),
        ),
        (
            market::Action::SetWeights { weights: row }.into(),
            json!({ "kind": "set_weights", "weights": [[3, 0.25]] }),
        ),
        (market::Action::Emit.into(), json!({ "kind": "emit" })),
        (market::Action::Leave { peer: PeerId(3) }.into(), json!({ "kind": "leave", "peer": 3 })),
        (
            governance::Action::Propose { change }.into(),
            json!({ "kind": "propose", "change": "fee_flat = 7" }),
        ),
        (
            governance::Action::Vote { proposal: 2, approve: true }.into(),
            json!({ "kind": "vote", "proposal": 2, "approve": true }),
        ),
        (
            presence::Action::Open {
                design: Box::new(design()),
                unlocks: Some(Unlocks::Account(account::Action::Transfer { to, amount })),
                prize: amount,
                deposit_max: amount,
            }
            .into(),
            json!({
                "kind": "open_round",
                "design": {
                    "players": { "listed": [0.5, 0.5] },
                    "malicious": { "poisson": { "mean": 1.5, "largest": 9 } },
                    "payoff": { "linear": { "alone": 0.0, "step": 1.0 } },
                    "null_payoff": 0.7,
                    "puzzle": "sha256",
                    "difficulty": 1_000,
                    "tries_per_second": 1e6,
                    "solutions": 2,
                    "deadline_ms": 5_000,
                },
                "unlocks": { "kind": "transfer", "to": to.to_string(), "amount": "5" },
                "prize": "5",
                "deposit_max": "5",
            }),
        ),
        (solve(Vec::new()), json!({ "kind": "solve_round", "round": 3, "nonce": 9 })),
        (
            solve(vec![1, 255]),
            json!({ "kind": "solve_round", "round": 3, "nonce": 9, "proof": "01ff" }),
        ),
        (
            presence::Action::Claim { round: RoundId(3), to }.into(),
            json!({ "kind": "claim_prize", "round": 3, "to": to.to_string() }),
        ),
    ]
}

fn design() -> Design {
    let real = |number| Real::new(number).expect("finite");
    Design {
        players: Belief::Listed(vec![real(0.5), real(0.5)]),
        malicious: Belief::Poisson { mean: real(1.5), largest: 9 },
        payoff: Payoff::Linear { alone: real(0.0), step: real(1.0) },
        null_payoff: real(0.7),
        puzzle: Puzzle::Sha256,
        difficulty: 1_000,
        tries_per_second: real(1e6),
        solutions: 2,
        deadline_ms: Some(5_000),
    }
}

#[test]
fn a_design_comes_back_as_it_was_written() {
    let shown = muster_api::presence::Design::from(&design());
    let json = serde_json::to_string(&shown).expect("serialises");
    let read: muster_api::presence::Design = serde_json::from_str(&json).expect("parses");
    assert_eq!(Design::try_from(&read), Ok(design()));
    let wild = muster_api::presence::Design { null_payoff: f64::NAN, ..shown };
    let error = Design::try_from(&wild).expect_err("no number").to_string();
    assert_eq!(error, "null_payoff is NaN: it must be a finite number");
}

#[test]
fn actions_are_flat_whatever_mechanism_they_belong_to() {
    for (action, expected) in actions() {
        let shown = Action::from(&action);
        let json = serde_json::to_value(&shown).expect("serialises");
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<Action>(json).expect("parses"), shown);
    }
    let error = serde_json::from_value::<Action>(json!({ "kind": "fly" })).expect_err("unknown");
    assert!(error.to_string().contains("not an action of a kind"), "{error}");
}

#[test]
fn events_carry_their_kind_beside_their_fields() {
    let set = outcome::market::Event::WeightsSet { peer: PeerId(3), weights: 5 };
    let body = EventBody::from(&outcome::Event::Market(set));
    let event = Event::new(12, 4, body);
    let json = serde_json::to_value(&event).expect("serialises");
    let expected = serde_json::json!({
        "id": "12.4", "height": 12, "kind": "weights_set", "peer": 3, "weights": 5,
    });
    assert_eq!(json, expected);
    assert_eq!(event.kind(), "weights_set");
    assert_eq!(serde_json::from_value::<Event>(json).expect("parses"), event);
    let moved = EventBody::from(&outcome::Event::CommitteeChanged { committee: Hash([0; 32]) });
    let json = serde_json::to_value(&moved).expect("serialises");
    assert_eq!(json["kind"], Event::new(1, 0, moved.clone()).kind());
    assert_eq!(serde_json::from_value::<EventBody>(json).expect("parses"), moved);
    let error = serde_json::from_value::<EventBody>(json!({ "kind": "x" })).expect_err("unknown");
    assert!(error.to_string().contains("not an event of a kind"), "{error}");
    assert_eq!(Event::parse_id("12.4"), Some((12, 4)));
    for id in ["", "12", "12.", ".4", "12.4.1", "a.b"] {
        assert_eq!(Event::parse_id(id), None, "{id}");
    }
}

#[test]
fn parameters_are_told_in_full_or_refused_by_name() {
    let changed = ledger::Parameters { weights_commit_required: true, ..Default::default() };
    let told = Parameters { height: 7, parameters: changed, unknown: Vec::new() };
    let json = serde_json::to_value(&told).expect("serialises");
    assert_eq!(json["parameters"]["weights_commit_required"], true);
    assert_eq!(json["parameters"]["fee_flat"], "100000");
    assert_eq!(json["parameters"]["market_rule"], "connected-median");
    assert_eq!(json.as_object().expect("an object").len(), 2);
    assert_eq!(serde_json::from_value::<Parameters>(json.clone()).expect("parses"), told);

    let mut newer = json.clone();
    newer["parameters"]["zeal"] = 3.into();
    newer["parameters"]["audits_min"] = 1.into();
    let read: Parameters = serde_json::from_value(newer).expect("what is known is there");
    assert_eq!(read.parameters, told.parameters);
    assert_eq!(read.unknown, ["audits_min", "zeal"]);

    for field in ledger::FIELDS {
        let mut older = json.clone();
        older["parameters"].as_object_mut().expect("an object").remove(field.name);
        let error = serde_json::from_value::<Parameters>(older).expect_err(field.name).to_string();
        assert!(
            error.contains(&format!("does not tell the parameter `{}`", field.name)),
            "{error}"
        );
    }
    let mut wrong = json;
    wrong["parameters"]["weights_commit_required"] = 1.into();
    let error = serde_json::from_value::<Parameters>(wrong).expect_err("no switch").to_string();
    assert!(error.contains("expected a boolean"), "{error}");
}

fn telemetry() -> Telemetry {
    Telemetry {
        name: "peer-0".to_string(),
        steps: 12,
        loss_alone: Some(2.345_678_901_234_568),
        loss_with_network: Some(1.0 / 3.0),
        at_ms: 1_700_000_000_000,
        ..Telemetry::default()
    }
}

#[test]
fn telemetry_survives_the_wire_and_nothing_else() {
    let (chain, hot) = (Hash([1; 32]), key(7));
    let report = TelemetryReport::sign(telemetry(), &chain, &hot).expect("in range");
    let json = serde_json::to_string(&report).expect("serialises");
    let received: TelemetryReport = serde_json::from_str(&json).expect("parses");
    assert_eq!(received.check(&chain), Ok(hot.public()));
    assert_eq!(received.check(&Hash([2; 32])), Err(TelemetryError::Signature));
    let mut changed = received.clone();
    changed.telemetry.loss_alone = Some(0.0);
    assert_eq!(changed.check(&chain), Err(TelemetryError::Signature));
    let mut other = received;
    other.peer = Address(key(8).public());
    assert_eq!(other.check(&chain), Err(TelemetryError::Signature));
}

#[test]
fn telemetry_out_of_range_is_refused() {
    let check = |change: &dyn Fn(&mut Telemetry), expected: TelemetryError| {
        let mut changed = telemetry();
        change(&mut changed);
        assert_eq!(changed.validate(), Err(expected));
    };
    check(&|t| t.name = "x".repeat(65), TelemetryError::NameTooLong(65));
    check(&|t| t.name = "<script>".to_string(), TelemetryError::NameCharacters);
    // What could be taken for the number or the address of another.
    let address = SecretKey::from_seed([9; 32]).public().to_string();
    for name in
        ["", "1", " 12 ", "-3", "1.5", "\u{ff11}", "\u{661}", &address, &format!(" {address}")]
    {
        check(&|t| t.name = name.to_string(), TelemetryError::NameOfAnother);
    }
    check(&|t| t.step_ms = Some(f64::NAN), TelemetryError::NotFinite("step_ms"));
    check(&|t| t.loss_student = Some(f64::INFINITY), TelemetryError::NotFinite("loss_student"));
}
