use serde_json::Value;

use super::*;
use crate::calculator::plot::drawn;
use crate::calculator::tests::{agree, document};

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
        let report = rank(&parse(text).expect("valid"), false).expect("valid");
        let found = document(&report);
        for (field, expected) in case["expected"].as_object().expect("an object") {
            agree(field, &found[field], expected, 1e-9, 1e-12);
        }
        assert!(report.residual <= 1e-12);
        assert!(!drawn(figure::reputation(&report)).contains("no data"));
    }
}

#[test]
fn audits_find_what_is_lost() {
    let report = audit(&parse(CASES[0]).expect("valid")).expect("valid");
    assert!(report.regret > 0.0);
    assert_eq!(report.users.len(), 5);
    document(&report);
}

fn table(text: &str) -> muster_tables::Table {
    muster_tables::read_text(text.as_bytes(), Labels::Any, &|_| ()).expect("valid")
}

#[test]
fn labels_from_text() {
    let text =
        "source,target,rating,time\n# a comment\nd,e,-1,0\na,b,3,1\na,c,1,2\nb,c,-5,3\nb,a,2,4\n";
    let everyone = Labelled::everyone(table(text)).expect("valid");
    assert_eq!(everyone.distrusted, 2);
    assert_eq!(
        everyone.servers,
        ["a", "b", "c"],
        "nodes without a rating that counts are no nodes"
    );
    let chosen = Labelled::with_servers(table(text), "c\n# and again\nc\n").expect("valid");
    assert_eq!((chosen.graph.users(), chosen.graph.servers()), (2, 1));
    let report = ranks(&chosen.graph, 0.15, None, false).expect("valid");
    assert_eq!(report.reputation, [1.0]);
    for (text, list, words) in [
        ("s,t,w\na,b,1\n", "a", "a is a server and must not endorse"),
        ("s,t,w\na,b,1\n", "z", "no user endorses any server"),
        ("s,t,w\na,b,1\n", "", "0 servers"),
    ] {
        let refusal = Labelled::with_servers(table(text), list).err().expect("must be refused");
        assert!(format!("{refusal:#}").contains(words), "{text}: {refusal:#}");
    }
    let refusal = Labelled::by_shape(table("s,t,w\na,b,1\n")).err().expect("must be refused");
    assert!(refusal.to_string().contains("--servers FILE or --rank-everyone"), "{refusal}");
}

/// The same graph as a document, as text and as matrices.
#[test]
fn matrices_rank_as_documents_do() {
    let given =
        r#"{"users": 3, "servers": 2, "edges": [[0, 1, 1], [0, 3, 2], [1, 4, 1], [2, 3, 1]]}"#;
    let wanted = document(&rank(&parse(given).expect("valid"), false).expect("valid"));
    let ranked =
        |found: &Labelled| document(&ranks(&found.graph, 0.15, None, false).expect("valid"));
    let entries = vec![(0, 1, 1.0), (0, 3, 2.0), (1, 4, 1.0), (2, 3, 1.0), (2, 4, -3.0)];
    let matrix = |rows, columns| muster_tables::Table {
        entries: entries.clone(),
        names: Vec::new(),
        shape: Some((rows, columns)),
    };
    let found = Labelled::by_shape(matrix(3, 5)).expect("valid");
    assert_eq!((found.distrusted, &found.servers), (1, &vec!["0".to_owned(), "1".to_owned()]));
    assert_eq!(ranked(&found), wanted);
    let found = Labelled::with_servers(matrix(5, 5), "3\n4\n").expect("valid");
    assert_eq!(found.servers, ["3", "4"]);
    assert_eq!(ranked(&found), wanted);
    let everyone = Labelled::everyone(matrix(5, 5)).expect("valid");
    assert_eq!(everyone.servers.len(), 5);
    for (refused, words) in [
        (Labelled::by_shape(matrix(5, 5)), "5 x 5: without --servers"),
        (Labelled::by_shape(matrix(3, 1 << 31)), "do not fit"),
        (Labelled::everyone(matrix(3, 5)), "3 x 5: to rank everyone it must be square"),
        (
            Labelled::with_servers(matrix(5, 5), "3\n7"),
            "line 2 of the servers: there is no node `7`",
        ),
        (Labelled::with_servers(matrix(5, 5), "1"), "1 is a server and must not endorse"),
    ] {
        let refusal = refused.err().expect("must be refused").to_string();
        assert!(refusal.contains(words), "{words}: {refusal}");
    }
}

#[test]
fn committees_and_games() {
    let parse = |text: &str, fields: &[&str]| Document::parse(text, fields).expect("valid");
    let text = r#"{"reputation": [0.1, 0.5, 0.4], "honesty": [0.5, 0.9, 0.8], "size": 2}"#;
    let report = committee(&parse(text, &COMMITTEE_FIELDS)).expect("valid");
    assert_eq!(report.members, [1, 2]);
    assert!((report.risk.expect("honesty was given") - 0.28).abs() < 1e-12);
    document(&report);
    let text = r#"{"reputation": [0.1, 0.5, 0.4], "size": 2, "lottery_seed": 7}"#;
    assert!(committee(&parse(text, &COMMITTEE_FIELDS)).is_ok());
    let text = r#"{"reputation": [0.1], "size": 2}"#;
    assert!(committee(&parse(text, &COMMITTEE_FIELDS)).is_err());
    let text = r#"{"reputation": []}"#;
    let refusal = committee(&parse(text, &COMMITTEE_FIELDS)).err().expect("must be refused");
    assert!(refusal.to_string().contains("field `reputation` is empty"), "{refusal}");
    let text = r#"{"trust": [0.9, 0.3], "users": 4}"#;
    let report = game(&parse(text, &GAME_FIELDS)).expect("valid");
    assert!(report.distance < 1e-6);
    document(&report);
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
        (r#"{"users": 1, "servers": 4000000000, "edges": [[0, 1, 1]]}"#, "do not fit"),
        (
            r#"{"users": 1, "servers": 1, "edges": [[0, 99999999999, 1]]}"#,
            "field `edges[0]`: there is no node 99999999999",
        ),
    ] {
        let refusal = parse(text).and_then(|document| rank(&document, false));
        let refusal = format!("{:#}", refusal.err().expect("must be refused"));
        assert!(refusal.contains(words), "{text}: {refusal}");
    }
}
