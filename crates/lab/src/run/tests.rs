//! The same bytes for any threads, shards and interruptions; refusals in one sentence.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Error, Observer, Outcome, Plan, Shard, Status, merge, run};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Part, Report, Row, Scale, Setting, Table, Value,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};

/// Counts the cells that are computed.
#[derive(Default)]
struct Count(AtomicUsize);

impl Observer for Count {
    fn begin(&self, _: &Experiment, _: usize) {}
    fn cell(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn end(&self, _: &Outcome) {}
}

/// Twelve cells of two rows.
const CURVE: Experiment = Experiment {
    part: &Part { heading: "Tests", about: "What tests run.", sources: "fedcba9876543210" },
    name: "test-curve",
    title: "A curve <of> tests",
    source: "this test",
    columns: &["x", "y", "word, or \"name\""],
    data_file: None,
    cells: |_| 12,
    cell,
    report,
};

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let x = index as f64 / 3.0;
    let row = |y: f64, word: &str| vec![Value::from(x), Value::Number(y), Value::from(word)];
    Ok(vec![row(x * setting.seed as f64, "a, b"), row(f64::NAN, "c")])
}

fn report(_: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let points = table.records().map(|row| (row.number("x"), row.number("y")));
    let points = points.filter(|(_, y)| !y.is_nan());
    let absent = table.rows.iter().filter(|row| row[1] == Value::Absent).count();
    let line = Mark::line("y", points, Stroke::Solid);
    let panel = Panel::new("y over x", Axis::linear("x"), Axis::linear("y"), vec![line]);
    let measured = format!("{absent} of {}", table.rows.len());
    Ok(Report {
        findings: vec![Finding::claim("half of it is absent", measured, absent == 12)],
        figures: vec![Figure::new("curve", "A <line>.", vec![panel])],
        tables: vec![("All.".to_owned(), table.clone())],
    })
}

fn plan<'a>(experiment: &'a Experiment, out: &Path) -> Plan<'a> {
    Plan {
        experiments: vec![experiment],
        setting: Setting { scale: Scale::Quick, seed: 7, data: None },
        out: out.to_path_buf(),
        shard: Shard::WHOLE,
        fresh: false,
        other_sources: false,
    }
}

/// Runs with so many threads: the outcome, and how many cells were computed.
fn go(plan: &Plan, threads: usize) -> (Result<Outcome, Error>, usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let count = Count::default();
    let outcome = pool.install(|| run(plan, &count));
    (outcome.map(|mut all| all.remove(0)), count.0.into_inner())
}

/// All files of a run but the cells, whose order tells who was first.
fn files(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in [out.to_path_buf(), out.join("test-curve")] {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() && !path.ends_with("cells.jsonl") {
                let name = path.strip_prefix(out).expect("inside").to_path_buf();
                files.push((name, fs::read(&path).expect("a file")));
            }
        }
    }
    files.sort();
    files
}

fn text(out: &Path, name: &str) -> String {
    fs::read_to_string(out.join(name)).expect("a file")
}

#[test]
fn a_run_leaves_tables_figures_report_and_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let (outcome, computed) = go(&plan(&CURVE, folder.path()), 2);
    let outcome = outcome.expect("it runs");
    assert!(matches!(outcome.status, Status::Reported { agrees: 1, differs: 0, answered: 0 }));
    assert_eq!((computed, outcome.cells, outcome.resumed), (12, 12, 0));
    let names = files(folder.path()).into_iter().map(|(name, _)| name.display().to_string());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "index.html",
            "test-curve/curve.png",
            "test-curve/curve.svg",
            "test-curve/data.csv",
            "test-curve/data.json",
            "test-curve/report.json"
        ]
    );
    let csv = text(folder.path(), "test-curve/data.csv");
    assert!(
        csv.starts_with("x,y,\"word, or \"\"name\"\"\"\n0,0,\"a, b\"\n0,,c\n0.3333333333333333,")
    );
    let page = text(folder.path(), "index.html");
    for part in ["A curve &lt;of&gt; tests", "12 of 24", "✓ agrees", "--seed 7 --quick", "<img"] {
        assert!(page.contains(part), "{part}");
    }
    let elsewhere = page.replace("src=\"data:image/svg+xml,", "");
    assert!(!page.contains("<script") && !elsewhere.contains("src="), "nothing from elsewhere");
}

#[test]
fn threads_shards_and_interruptions_leave_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    go(&plan(&CURVE, &at("whole")), 1).0.expect("it runs");
    let whole = files(&at("whole"));
    go(&plan(&CURVE, &at("threads")), 4).0.expect("it runs");
    assert_eq!(files(&at("threads")), whole);

    let parts = [0, 1, 2].map(|index| {
        let out = at(&format!("shard-{index}"));
        let shard = Shard { index, of: 3 };
        let (outcome, computed) = go(&Plan { shard, ..plan(&CURVE, &out) }, 2);
        let status = outcome.expect("it runs").status;
        assert!(matches!(status, Status::Partial { finished: 4 }), "{status:?}");
        assert_eq!(computed, 4);
        out
    });
    let missing = merge(&[&CURVE], &parts[..2], &at("merged"), None, &Count::default());
    let sentence = missing.expect_err("a shard is missing").to_string();
    assert!(sentence.contains("only 8 of 12 cells are there, cell 2 is not"), "{sentence}");
    assert!(!at("merged").exists(), "nothing half-written");
    merge(&[&CURVE], &parts, &at("merged"), None, &Count::default()).expect("they fit");
    assert_eq!(files(&at("merged")), whole);

    // Crashed in the middle of a line.
    let cells = at("shard-0").join("test-curve/cells.jsonl");
    let mut torn = fs::read(&cells).expect("a file");
    torn.truncate(torn.len() - 5);
    fs::write(&cells, torn).expect("written");
    let (outcome, computed) = go(&plan(&CURVE, &at("shard-0")), 2);
    assert_eq!((computed, outcome.expect("it runs").resumed), (9, 3));
    assert_eq!(files(&at("shard-0")), whole);
    let (again, computed) = go(&plan(&CURVE, &at("shard-0")), 2);
    assert_eq!((computed, again.expect("it runs").resumed), (0, 12));
}

#[test]
fn cells_of_another_setting_are_refused_until_told_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    go(&plan(&CURVE, folder.path()), 2).0.expect("it runs");
    let mut other = plan(&CURVE, folder.path());
    other.setting.seed = 8;
    let Status::Failed(error) = go(&other, 2).0.expect("it runs").status else {
        panic!("refused");
    };
    let sentence = error.to_string();
    assert!(
        sentence.contains("(the seed: 7, now 8)") && sentence.contains("--fresh"),
        "{sentence}"
    );
    other.fresh = true;
    let (outcome, computed) = go(&other, 2);
    assert!(matches!(outcome.expect("it runs").status, Status::Reported { .. }));
    assert_eq!(computed, 12);

    let path = folder.path().join("test-curve/cells.jsonl");
    let whole = fs::read_to_string(&path).expect("a file");
    let foreign = whole.replace(CURVE.part.sources, "0123456789abcdef");
    fs::write(&path, foreign).expect("written");
    other.fresh = false;
    assert!(matches!(go(&other, 2).0.expect("it runs").status, Status::Failed(_)));
    other.other_sources = true;
    let (outcome, computed) = go(&other, 2);
    assert!(matches!(outcome.expect("it runs").status, Status::Reported { .. }));
    assert_eq!(computed, 0);
}

#[test]
fn damage_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    go(&plan(&CURVE, folder.path()), 1).0.expect("it runs");
    let path = folder.path().join("test-curve/cells.jsonl");
    let whole = fs::read_to_string(&path).expect("a file");
    for damage in
        ["{\"cell\":99,\"rows\":[]}\n", "{\"cell\":1,\"rows\":[[1]]}\n", "no\n", "\u{0}\n"]
    {
        let (head, rest) = whole.split_once('\n').expect("lines");
        fs::write(&path, format!("{head}\n{damage}{rest}")).expect("written");
        let Status::Failed(error) = go(&plan(&CURVE, folder.path()), 1).0.expect("it runs").status
        else {
            panic!("refused: {damage}");
        };
        assert!(error.to_string().contains("cells.jsonl, line 2: "), "{error}");
    }
}

#[test]
fn failures_are_told_and_keep_what_was_computed() {
    let folder = tempfile::tempdir().expect("a folder");
    let failing = Experiment {
        cell: |setting, index| match index {
            5 => Err(ExperimentError::Mechanism("no such number".into())),
            _ => cell(setting, index),
        },
        ..CURVE
    };
    let (outcome, _) = go(&plan(&failing, folder.path()), 1);
    let Status::Failed(error) = outcome.expect("the run goes on").status else { panic!("failed") };
    assert_eq!(error.to_string(), "cell 5: no such number");
    let (outcome, computed) = go(&plan(&CURVE, folder.path()), 1);
    assert!(matches!(outcome.expect("it runs").status, Status::Reported { .. }));
    assert!(computed < 12, "{computed} cells were computed again");

    let out = folder.path().join("skipped");
    let needs = Experiment { data_file: Some("numbers.csv"), ..CURVE };
    let (outcome, _) = go(&plan(&needs, &out), 1);
    assert!(matches!(outcome.expect("it runs").status, Status::Skipped(_)));
    assert!(text(&out, "index.html").contains("Not run: needs numbers.csv"));

    let none = Plan { shard: Shard { index: 2, of: 2 }, ..plan(&CURVE, folder.path()) };
    assert!(matches!(go(&none, 1).0, Err(Error::Shard { index: 2, of: 2 })));
    let nowhere = merge(&[&CURVE], &[out], &folder.path().join("m"), None, &Count::default());
    assert!(matches!(nowhere, Err(Error::NothingToMerge)));
}

#[test]
fn rows_are_written_and_read_by_name() {
    let row = CURVE.row_of([("y", 2.0.into())]);
    assert_eq!(row, [Value::Absent, Value::Number(2.0), Value::Absent]);
    let table = Table::new(CURVE.columns, vec![row]);
    let record = table.records().next().expect("a row");
    assert!(record.number("x").is_nan() && record.number("y") == 2.0);
    assert_eq!(record.values(&["y", "x"]), [Value::Number(2.0), Value::Absent]);
    assert_eq!((table.with("y", 2.0).count(), table.with("y", 3.0).count()), (1, 0));
    type Slip = fn(&Table);
    let slips: [(&str, Slip); 7] = [
        ("`z` is not one of", |table| _ = table.records().next().map(|row| row.number("z"))),
        ("`z` is not one of", |table| _ = table.records().next().map(|row| row.text("z"))),
        ("`z` is not one of", |table| _ = table.records().next().map(|row| row.values(&["z"]))),
        ("`z` is not one of", |table| _ = table.with("z", 1.0).count()),
        ("`z` is not one of", |_| _ = CURVE.row_of([("z", 1.0.into())])),
        ("`y` stands twice", |_| _ = CURVE.row_of([("y", 1.0.into()), ("y", 1.0.into())])),
        ("a value for every column", |_| _ = CURVE.row([("y", 1.0.into())])),
    ];
    for (words, slip) in slips {
        let panic = std::panic::catch_unwind(|| slip(&table)).expect_err("a slip");
        let sentence = panic.downcast_ref::<String>().expect("a sentence");
        assert!(sentence.contains(words), "{sentence}");
    }
}

/// Directories of strangers: what they say of places is refused, what they draw is not run.
#[test]
fn results_of_strangers_neither_run_in_the_page_nor_read_other_files() {
    let folder = tempfile::tempdir().expect("a folder");
    go(&plan(&CURVE, folder.path()), 1).0.expect("it runs");
    let at = |name: &str| folder.path().join("test-curve").join(name);
    let report = text(folder.path(), "test-curve/report.json");
    let page = || crate::output::page::write(folder.path(), &[&CURVE]);
    let hostile = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"x()\"><script>alert(1)</script>\
                   </svg>\"><script>alert(2)</script>";
    fs::write(at("curve.svg"), hostile).expect("written");
    let named = report.replace("A <line>.", "A \u{202e}line' onload=x\\u001b[2J<script>.");
    fs::write(at("report.json"), named).expect("written");
    page().expect("it is drawn");
    let drawn = text(folder.path(), "index.html");
    assert!(drawn.contains("data:image/svg+xml,%3Csvg"), "{drawn}");
    for sign in ["<script", "<svg", "\u{202e}", "\u{1b}", "' onload"] {
        assert!(!drawn.contains(sign), "{sign:?} in {drawn}");
    }

    fs::write(folder.path().join("secret.svg"), "a secret").expect("written");
    for (from, to, complaint) in [
        ("\"name\": \"curve\"", "\"name\": \"../secret\"", "is not the name of a figure"),
        ("\"name\": \"curve\"", "\"name\": \"/etc/x\"", "is not the name of a figure"),
        ("\"experiment\": \"test-curve\"", "\"experiment\": \"../..\"", "lies in the place of"),
    ] {
        assert!(report.contains(from), "{from} in {report}");
        fs::write(at("report.json"), report.replace(from, to)).expect("written");
        let error = page().expect_err(to).to_string();
        assert!(error.contains(complaint), "{error}");
    }
    // A directory that is no experiment's is not looked at.
    fs::write(at("report.json"), &report).expect("written");
    fs::create_dir(folder.path().join("other")).expect("made");
    fs::write(folder.path().join("other/report.json"), "no report").expect("written");
    page().expect("it is drawn");
}
