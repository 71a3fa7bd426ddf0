//! Every mark on every axis, and what should not be drawn at all.

use resvg::usvg::roxmltree;

use super::{png, svg};
use crate::figure::{Axis, Division, Figure, Mark, Panel, Stroke};
use crate::words::is_seen;

const DIVISIONS: [Division; 2] = [Division::Linear, Division::Logarithmic];

fn axis(division: Division) -> Axis {
    Axis { division, ..Axis::linear("quantity <&> (s)") }
}

fn figure(x: Axis, y: Axis, marks: Vec<Mark>) -> Figure {
    let panel = Panel::new("a < b & \"c\" \u{1}\u{202e}\u{200b}", x, y, marks);
    Figure { name: "one".to_owned(), caption: "A <caption> & more".to_owned(), panels: vec![panel] }
}

/// Each kind of mark, made of points on one curve.
fn marks(points: &[(f64, f64)]) -> Vec<Mark> {
    let label = |text: &str| format!("{text} <&>");
    let middles = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).collect::<Vec<_>>();
    let line = |text, stroke| Mark::Line { label: label(text), points: points.to_vec(), stroke };
    let first = points.first().copied().unwrap_or((1.0, 1.0));
    vec![
        line("solid", Stroke::Solid),
        line("dashed", Stroke::Dashed),
        Mark::Band {
            label: label("solid"),
            points: points.iter().map(|&(x, y)| (x, y - 0.5 * y.abs(), y + 1.0)).collect(),
        },
        Mark::Points { label: label("points"), points: points.to_vec() },
        Mark::Bars { label: label("bars"), values: points.to_vec() },
        Mark::Heatmap {
            label: label("map"),
            x: middles(|point| point.0),
            y: middles(|point| point.0),
            values: (0..points.len() * points.len())
                .map(|at| (at % 3 != 0).then_some(at as f64))
                .collect(),
            range: (0.0, (points.len() * points.len()) as f64),
        },
        Mark::Horizontal { label: label("horizontal"), y: first.1 },
        Mark::Vertical { label: label("vertical"), x: first.0 },
    ]
}

/// Well-formed, without numbers that are none, and with all of its text as text.
#[track_caller]
fn check(figure: &Figure, texts: &[&str]) -> String {
    let drawing = svg(figure);
    assert!(drawing.chars().all(|sign| sign == '\n' || is_seen(sign)), "{drawing:?}");
    let document = roxmltree::Document::parse(&drawing).expect("well-formed");
    for node in document.descendants() {
        for attribute in node.attributes() {
            let value = attribute.value();
            assert!(!value.contains("NaN") && !value.contains("inf"), "{attribute:?}");
        }
    }
    let written = document.descendants().filter(|node| node.has_tag_name("text"));
    let written = written.filter_map(|node| node.text()).collect::<Vec<_>>();
    for text in texts {
        assert!(written.contains(text), "{text} is not among {written:?}");
    }
    drawing
}

#[test]
fn every_mark_is_drawn_on_every_axis() {
    let points = [(1.0, 2.0), (2.0, 0.5), (3.0, 40.0), (4.0, 3.0)];
    for x in DIVISIONS {
        for y in DIVISIONS {
            let all = marks(&points);
            for mark in &all {
                let drawn = check(&figure(axis(x), axis(y), vec![mark.clone()]), &[]);
                let shapes = ["<path", "<polygon", "<circle"].map(|tag| drawn.matches(tag).count());
                let bare = check(&figure(axis(x), axis(y), Vec::new()), &["no data"]);
                assert!(shapes.iter().sum::<usize>() > 3, "{mark:?}");
                assert!(bare.contains("no data") && !drawn.contains("no data"), "{mark:?}");
            }
            let legend = ["solid <&>", "points <&>", "bars <&>", "horizontal <&>", "map <&>"];
            check(&figure(axis(x), axis(y), all), &legend);
        }
    }
}

#[test]
fn nothing_single_points_and_numbers_that_are_none_do_not_break_a_drawing() {
    let curves: [&[(f64, f64)]; 8] = [
        &[],
        &[(3.0, 2.0)],
        &[(0.0, 0.0)],
        &[(-1.0, -2.0), (-0.5, -1.0)],
        &[(1.0, f64::NAN), (f64::INFINITY, 2.0), (3.0, f64::NEG_INFINITY)],
        &[(1e-300, 1e-300), (1e300, 1e300)],
        &[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)],
        &[(1.0, -f64::MAX), (2.0, f64::MAX)],
    ];
    for x in DIVISIONS {
        for y in DIVISIONS {
            for points in curves {
                for mark in marks(points) {
                    check(&figure(axis(x), axis(y), vec![mark]), &[]);
                }
                check(&figure(axis(x), axis(y), marks(points)), &[]);
            }
        }
    }
    let none = Figure { name: String::new(), caption: String::new(), panels: Vec::new() };
    check(&none, &[]);
    assert!(png(&none).is_ok());
}

#[test]
fn names_stand_where_numbers_would() {
    let names = ["alpha", "beta"].map(str::to_owned).to_vec();
    let bars = Mark::Bars { label: String::new(), values: vec![(0.0, 1.0), (1.0, 2.0)] };
    let axis = Axis::categories("", names);
    check(&figure(axis, Axis::linear("y").within(0.0, 3.0), vec![bars]), &["alpha", "beta"]);
}

#[test]
fn panels_with_the_same_labels_share_one_legend() {
    let line = |label: &str| Mark::Line {
        label: label.to_owned(),
        points: vec![(0.0, 1.0), (1.0, 2.0)],
        stroke: Stroke::Solid,
    };
    let count = |labels: [&str; 2]| {
        let mut both = figure(Axis::linear("x"), Axis::linear("y"), vec![line(labels[0])]);
        both.panels.push(Panel { marks: vec![line(labels[1])], ..both.panels[0].clone() });
        let drawing = svg(&both);
        labels.map(|label| drawing.matches(&format!(">{label}<")).count())
    };
    assert_eq!(count(["same", "same"]), [1, 1]);
    assert_eq!(count(["one", "other"]), [1, 1]);
}

/// A picture has ink where letters are, on a machine with no fonts of its own.
#[test]
fn a_picture_shows_its_text() {
    let blank = png(&figure(Axis::linear(""), Axis::linear(""), Vec::new())).expect("drawn");
    let labelled = figure(Axis::linear("deadline (s)"), Axis::linear(""), Vec::new());
    let labelled = png(&labelled).expect("drawn");
    assert!(labelled.len() > blank.len() + 500, "{} and {} bytes", labelled.len(), blank.len());
    assert_eq!(&labelled[1..4], b"PNG");
}
