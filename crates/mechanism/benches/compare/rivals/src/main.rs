//! The rivals that are written in Rust: contestants as `main.rs` beside this directory describes
//! them. `compare.py` builds and drives it.

#[path = "../../serve.rs"]
mod serve;

use cpu_time::ProcessTime;
use graph::page_rank::{PageRankConfig, page_rank};
use graph::prelude::{CsrLayout, DirectedCsrGraph, GraphBuilder};
use microlp::{ComparisonOp, OptimizationDirection, Problem};

use serve::{edges, number, serve};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [result, "rank", graph] => rank(result, graph),
        [result, "design", program] => design(result, program),
        _ => eprintln!("run compare.py, which runs this: {words:?} is not a task"),
    }
}

/// Ordinary PageRank of `graph`, which knows neither weights nor double precision: to 1e-6, since
/// its numbers end there.
fn rank(result: &str, graph: &str) {
    let (_, _, edges) = edges(graph);
    let edges: Vec<(u32, u32)> = edges.iter().map(|&(from, to, _)| (from, to)).collect();
    let start = ProcessTime::now();
    let graph: DirectedCsrGraph<u32> =
        GraphBuilder::new().csr_layout(CsrLayout::Sorted).edges(edges).build();
    let built = start.elapsed();
    let work = || page_rank(&graph, PageRankConfig::new(1_000, 1e-6, 0.85)).0;
    let flat = |ranks: Vec<f32>| ranks.into_iter().map(f64::from).collect();
    serve(result, "graph 0.3.2", built.as_secs_f64(), work, flat);
}

/// The compactness program as `rivals.py` writes it: the number of variables, then rows of
/// coefficients, each with its limit, least objective the last variable. Its rows of payments have
/// nothing in common but that variable, so that each is a program of its own.
fn design(result: &str, program: &str) {
    let text = std::fs::read_to_string(program).expect("written before");
    let mut lines = text.lines();
    let variables = number(lines.next().expect("a number of variables"));
    let types = (variables - 1).isqrt();
    let rows: Vec<(Vec<f64>, f64)> = lines
        .map(|line| {
            let mut row: Vec<f64> = line.split(' ').map(|x| x.parse().expect("a number")).collect();
            let limit = row.pop().expect("a limit");
            (row, limit)
        })
        .collect();
    let part = |payments: std::ops::Range<usize>| -> Vec<(Vec<(usize, f64)>, f64)> {
        let own = |(k, x): (usize, &f64)| (*x != 0.0).then_some((k, *x));
        let terms = rows.iter().map(|(row, limit)| {
            (row.iter().enumerate().filter_map(own).collect::<Vec<_>>(), *limit)
        });
        terms.filter(|(terms, _)| payments.contains(&terms[0].0)).collect()
    };
    let parts: Vec<_> = (0..types).map(|t| part(t * types..(t + 1) * types)).collect();
    let bound = |(first, rows): (usize, &Vec<(Vec<(usize, f64)>, f64)>)| {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let every = (f64::NEG_INFINITY, f64::INFINITY);
        let payments: Vec<_> = (0..types).map(|_| problem.add_var(0.0, every)).collect();
        let bound = problem.add_var(1.0, every);
        for (terms, limit) in rows {
            let named = |&(k, x): &(usize, f64)| {
                (payments.get(k - first * types).copied().unwrap_or(bound), x)
            };
            let terms: Vec<_> = terms.iter().map(named).collect();
            problem.add_constraint(terms.as_slice(), ComparisonOp::Le, *limit);
        }
        problem.solve().expect("feasible").objective()
    };
    let work = || parts.iter().enumerate().map(bound).fold(0.0, f64::max);
    serve(result, "microlp 0.5.0", 0.0, work, |bound| vec![bound]);
}
