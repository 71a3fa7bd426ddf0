use super::*;

const CASES: [&str; 3] = [
    include_str!("../../../../mechanism/tests/reference/reputation-0.json"),
    include_str!("../../../../mechanism/tests/reference/reputation-1.json"),
    include_str!("../../../../mechanism/tests/reference/reputation-2.json"),
];

fn parse(text: &str) -> Result<Document> {
    Document::parse(text, &RANK_FIELDS)
}

#[test]
fn recorded_cases_agree() {
    for text in CASES {
        let case: Value = serde_json::from_str(text).expect("JSON");
        let found = rank(&parse(text).expect("valid"), false).expect("valid");
        for (field, expected) in case["expected"].as_object().expect("an object") {
            crate::calculator::tests::agree(field, &found[field], expected, 1e-9, 1e-12);
        }
        assert!(found["residual"].as_f64() <= Some(1e-12));
    }
}

#[test]
fn audits_find_what_is_lost() {
    let report = audit(&parse(CASES[0]).expect("valid")).expect("valid");
    assert!(report["regret"].as_f64() > Some(0.0));
    assert_eq!(report["users"].as_array().map(Vec::len), Some(5));
}

#[test]
fn labels_from_csv() {
    let text = "source,target,rating,time\n# a comment\na,b,3,1\na,c,1,2\nb,c,-5,3\nb,a,2,4\n";
    let everyone = Labelled::everyone(text).expect("valid");
    assert_eq!((everyone.distrusted, everyone.servers.len()), (1, 3));
    let chosen = Labelled::with_servers(text, "c\n").expect("valid");
    let report = ranks(&chosen.graph, 0.15, None, false).expect("valid");
    assert_eq!(report["reputation"], json!([1.0]));
    for (text, list, words) in [
        ("a,b,1\n", "b", "header"),
        ("s,t,w\na,b\n", "b", "line 2: `a,b` is not"),
        ("s,t,w\na,b,x\n", "b", "line 2: weight `x`"),
        ("s,t,w\na,b,inf\n", "b", "line 2: weight inf"),
        ("s,t,w\na,b,1\n", "a", "is a server and must not endorse"),
        ("s,t,w\na,b,1\n", "z", "no user endorses any server"),
        ("s,t,w\na,b,1\n", "", "0 servers"),
    ] {
        let refusal = Labelled::with_servers(text, list).err().expect("must be refused");
        assert!(format!("{refusal:#}").contains(words), "{text}: {refusal:#}");
    }
}

#[test]
fn committees_and_games() {
    let document = |text: &str, fields: &[&str]| Document::parse(text, fields).expect("valid");
    let text = r#"{"reputation": [0.1, 0.5, 0.4], "honesty": [0.5, 0.9, 0.8], "size": 2}"#;
    let report = committee(&document(text, &COMMITTEE_FIELDS)).expect("valid");
    assert_eq!(report["members"], json!([1, 2]));
    assert!((report["risk"].as_f64().expect("a number") - 0.28).abs() < 1e-12);
    let text = r#"{"reputation": [0.1, 0.5, 0.4], "size": 2, "lottery_seed": 7}"#;
    assert!(committee(&document(text, &COMMITTEE_FIELDS)).is_ok());
    let text = r#"{"reputation": [0.1], "size": 2}"#;
    assert!(committee(&document(text, &COMMITTEE_FIELDS)).is_err());
    let text = r#"{"trust": [0.9, 0.3], "users": 4}"#;
    let report = game(&document(text, &GAME_FIELDS)).expect("valid");
    assert!(report["distance"].as_f64() < Some(1e-6));
}

#[test]
fn refusals_name_the_field() {
    for (text, words) in [
        ("{}", "field `edges` is missing"),
        (r#"{"edges": []}"#, "field `users` is missing"),
        (r#"{"users": 1, "servers": 1, "edges": []}"#, "no user endorses any server"),
        (r#"{"users": 1, "servers": 1, "edges": [[0, 5, 1]]}"#, "target 5 is out of range"),
        (r#"{"users": 1, "servers": 1, "edges": [[0, 1, -1]]}"#, "weight -1"),
        (r#"{"users": 1, "servers": 1, "edges": [[0, 1, 1]], "restart": 1}"#, "restart is 1"),
        (
            r#"{"users": 1, "servers": 1, "edges": [[0, 1, 1]], "trust": [0.5, 0.5]}"#,
            "trust has 2 entries",
        ),
        (r#"{"users": 1e30, "servers": 1, "edges": []}"#, "not a whole number"),
    ] {
        let refusal = parse(text).and_then(|document| rank(&document, false));
        let refusal = format!("{:#}", refusal.expect_err("must be refused"));
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}
