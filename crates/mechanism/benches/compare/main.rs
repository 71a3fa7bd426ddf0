//! Our side of the comparison with rivals, and the epoch that we wrote in their style: one
//! contestant a process, told on stdin when to run, so that contestants can take turns.
//! `compare.py` drives it.
//!
//! `compare generate FOLDER` writes the inputs; every other task is `compare RESULT TASK ..`. It
//! prints one JSON line when it is ready and one after each line that it reads, and writes its
//! result to the file RESULT as little-endian doubles when stdin ends.

mod bell;
mod inputs;
mod rival;
mod rmat;
mod serve;
mod simulation;

use std::fs;
use std::hint::black_box;

use cpu_time::ProcessTime;
use muster_mechanism::market::{Config, Connectivity, Rule, Walk, Weights, epoch};
use muster_mechanism::presence::Seconds;
use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    ContributionSettings, Contributions, EndorsementGraph, IncrementalRank, RankSettings, Teleport,
    best_response, honest_majority,
};
use muster_mechanism::verification::ProtocolModel;

use serve::{edges, number};

/// As [`serve::serve`], for what is ours.
fn serve<T>(result: &str, built: f64, work: impl FnMut() -> T, flat: impl Fn(T) -> Vec<f64>) {
    serve::serve(result, "", built, work, flat);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["generate", folder] => generate(folder),
        [result, "rank", graph, teleport, tolerance] => rank(result, graph, teleport, tolerance),
        [result, "contributions", graph, servers] => contributions(result, graph, number(servers)),
        [result, "payoffs", graph] => payoffs(result, graph),
        [result, "change", how] => change(result, how),
        [result, "response", servers] => response(result, number(servers)),
        [result, "majority", members] => majority(result, number(members)),
        [result, "epoch", rule, peers, active, density] => {
            let weights = inputs::dense_rows(number(peers), number(active), density_of(density));
            market(result, rule, &weights, &inputs::stake(number(peers), number(active)));
        }
        [result, "epoch", rule, peers, degree] => {
            let weights = inputs::sparse_rows(number(peers), number(degree));
            market(result, rule, &weights, &inputs::stake(number(peers), number(peers)));
        }
        [result, "cabal"] => cabal(result),
        [result, "gradient"] => gradient(result),
        [result, "design", flags] => design(result, number(flags)),
        [result, "presence", what, half] => presence(result, what, number(half)),
        _ => eprintln!("run compare.py, which runs this: {words:?} is not a task"),
    }
}

fn density_of(word: &str) -> f64 {
    word.parse().expect("a share")
}

fn generate(folder: &str) {
    for scale in [16, 20] {
        let graph = rmat::rmat(scale, 16);
        let name = |ending: &str| format!("{folder}/rmat{scale}.{ending}");
        let write = |ending: &str, bytes: Vec<u8>| {
            fs::write(name(ending), bytes).expect("the inputs can be written");
        };
        write("source", graph.edges.iter().flat_map(|e| e.0.to_le_bytes()).collect());
        write("target", graph.edges.iter().flat_map(|e| e.1.to_le_bytes()).collect());
        write("weight", graph.edges.iter().flat_map(|e| e.2.to_le_bytes()).collect());
        write("sizes", format!("{} {}", graph.users, graph.servers).into_bytes());
    }
    let weights = inputs::dense_rows(4_096, 256, 0.9375);
    let mut dense = vec![0.0f64; 256 * 4_096];
    for (i, j, w) in weights.triplets() {
        dense[i * 4_096 + j] = w;
    }
    let stake = inputs::stake(4_096, 256);
    let [honest, cabal] = simulation::sides();
    let stakes = [&simulation::STAKE_HONEST[..], &simulation::STAKE_CABAL[..]].concat();
    for (name, numbers) in [
        ("epoch.weights", &dense),
        ("epoch.stake", &stake),
        ("cabal.honest", &honest),
        ("cabal.weights", &cabal),
        ("cabal.stake", &stakes),
    ] {
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        fs::write(format!("{folder}/{name}"), bytes).expect("the inputs can be written");
    }
}

/// The graph and the processor seconds that it took to make from edges in memory.
fn load(graph: &str) -> (EndorsementGraph, f64) {
    let (users, servers, edges) = edges(graph);
    let edges = edges.iter().map(|&(source, target, weight)| (source, target, f64::from(weight)));
    let start = ProcessTime::now();
    let graph = EndorsementGraph::new(users, servers, edges).expect("valid");
    (graph, start.elapsed().as_secs_f64())
}

fn rank(result: &str, graph: &str, teleport: &str, tolerance: &str) {
    let (graph, built) = load(graph);
    let teleport = if teleport == "users" { Teleport::Users } else { Teleport::Everyone };
    let tolerance = tolerance.parse().expect("a tolerance");
    let settings = RankSettings { tolerance, teleport, ..RankSettings::default() };
    serve(result, built, || graph.rank(&settings).expect("converges"), |r| r.pagerank);
}

/// The solver and the processor seconds that its setup took.
fn solver(graph: &EndorsementGraph) -> (Contributions<'_>, f64) {
    let settings = ContributionSettings { tolerance: 1e-9, ..ContributionSettings::default() };
    let start = ProcessTime::now();
    let solver = Contributions::new(graph, settings).expect("converges");
    (solver, start.elapsed().as_secs_f64())
}

/// The first `servers` columns.
fn contributions(result: &str, graph: &str, servers: usize) {
    let (graph, _) = load(graph);
    let (solver, built) = solver(&graph);
    let servers: Vec<usize> = (0..servers).collect();
    serve(result, built, || solver.columns(&servers).expect("converges"), |c| c.concat());
}

/// What every user earns if every server behaves with probability 1/2.
fn payoffs(result: &str, graph: &str) {
    let (graph, _) = load(graph);
    let (solver, built) = solver(&graph);
    let trust = vec![0.5; graph.servers()];
    serve(result, built, || solver.payoffs(&trust).expect("converges"), |payoffs| payoffs);
}

/// One of 20,000 users endorses six others anew; ranks follow by `pushed` or are `solved` again.
fn change(result: &str, how: &str) {
    let (users, servers) = (20_000, 500);
    let mut stream = Stream::new(1, 1);
    let row = |stream: &mut Stream| -> Vec<(u32, f64)> {
        (0..6).map(|_| (stream.below((users + servers) as u64) as u32, 1.0)).collect()
    };
    let mut rows: Vec<_> = (0..users).map(|_| row(&mut stream)).collect();
    let settings = RankSettings { tolerance: 1e-5, ..RankSettings::default() };
    let flat = |reputation: Vec<f64>| reputation;
    if how == "pushed" {
        let mut ranks = IncrementalRank::new(servers, rows, settings).expect("valid");
        let work = || {
            let user = stream.below(users as u64) as usize;
            ranks.set_row(user, row(&mut stream)).expect("valid");
            ranks.reputation()
        };
        return serve(result, 0.0, work, flat);
    }
    let work = || {
        let user = stream.below(users as u64) as usize;
        rows[user] = row(&mut stream);
        let edges = rows.iter().enumerate().flat_map(|(user, row)| {
            row.iter().map(move |&(node, weight)| (user as u32, node, weight))
        });
        let graph = EndorsementGraph::new(users, servers, edges).expect("valid");
        graph.rank(&settings).expect("converges").reputation
    };
    serve(result, 0.0, work, flat);
}

fn response(result: &str, servers: usize) {
    let others: Vec<f64> = (0..servers).map(|j| (j % 37) as f64 + 0.5).collect();
    let trust: Vec<f64> = (0..servers).map(|j| (j % 11 + 1) as f64 / 12.0).collect();
    let work = || best_response(black_box(&others), &trust).expect("valid");
    serve(result, 0.0, work, |best| best.strategy);
}

fn majority(result: &str, members: usize) {
    let honesty: Vec<f64> = (0..members).map(|j| (j % 11 + 1) as f64 / 12.0).collect();
    let work = || honest_majority(black_box(&honesty)).expect("valid");
    serve(result, 0.0, work, |odds| vec![odds.probability]);
}

fn market(result: &str, rule: &str, weights: &Weights, stake: &[f64]) {
    if rule == "rival" {
        let rows = rival::rows(weights);
        let none = rows.iter().map(|_| Vec::new()).collect();
        let bonds = rival::epoch(&rows, stake, &none).bonds;
        let normalised = |outcome: rival::Outcome| {
            assert!(outcome.trust.iter().chain(&outcome.dividends).all(|x| x.is_finite()));
            assert!(outcome.consensus.iter().all(|q| (0.0..=1.0).contains(q)));
            outcome.incentive
        };
        return serve(result, 0.0, || rival::epoch(&rows, stake, &bonds), normalised);
    }
    let (rule, walk) = match rule {
        "paper" => (Rule::Paper, false),
        "median" => (Rule::Median, false),
        "connected-median" => (Rule::Paper, true),
        _ => panic!("{rule} is no rule"),
    };
    // A million peers walk with restarts, which is what such a network would choose: its walks are
    // long where depth-limited ones would reach few.
    let large = weights.peers() > 100_000;
    let rule = match (walk, large) {
        (false, _) => rule,
        (true, false) => {
            Rule::ConnectedMedian { walk: Walk::Depth(5), opinions: None, truncation: 1e-4 }
        }
        (true, true) => {
            Rule::ConnectedMedian { walk: Walk::Restart(0.3), opinions: None, truncation: 1e-3 }
        }
    };
    let truncation = if large { 1.0 / 32.0 } else { 0.0 };
    let connectivity = Connectivity { truncation, ..Connectivity::default() };
    let config = Config { rule, connectivity, ..Config::default() };
    let normalised = |incentive: Vec<f64>| {
        let all: f64 = incentive.iter().sum();
        incentive.iter().map(|i| if all > 0.0 { i / all } else { 0.0 }).collect()
    };
    let run = || epoch(weights, stake, None, &config).expect("valid");
    serve(result, 0.0, run, |e| normalised(e.incentive));
}

fn cabal(result: &str) {
    let market = simulation::market();
    serve(result, 0.0, || market.clone().run(2_000, 0.01, 0.05), |shares| shares);
}

fn gradient(result: &str) {
    let mut market = simulation::market();
    serve(result, 0.0, || market.gradient(), |gradient| gradient);
}

fn design(result: &str, flags: usize) {
    let model = ProtocolModel { verifiers: 4, replay_cost: 1.0, opening_cost: 0.0, mistaken: 0.5 };
    let game = model.game(0.5, flags, 0.5).expect("valid");
    let bound = |matrix: muster_mechanism::verification::Design| vec![matrix.matrix.bound()];
    serve(result, 0.0, || game.design(black_box(0.2)).expect("feasible"), bound);
}

fn presence(result: &str, what: &str, half: usize) {
    let start = ProcessTime::now();
    let game = bell::game(half);
    let built = start.elapsed().as_secs_f64();
    match what {
        "deadline" => {
            let deadline = Seconds::new(1.0).expect("positive");
            serve(result, built, || game.payoff_at(black_box(deadline)), |payoff| vec![payoff]);
        }
        "maximum" => {
            serve(result, built, || game.deadline_max().expect("exists"), |t| vec![t.get()]);
        }
        "best" => {
            serve(result, built, || game.deadline_best().expect("exists"), |t| vec![t.get()]);
        }
        "curve" => {
            let deadline = |d: i32| Seconds::new(10f64.powf(-3.0 + 0.006 * f64::from(d)));
            let deadlines: Vec<Seconds> =
                (0..1000).map(|d| deadline(d).expect("positive")).collect();
            serve(result, built, || game.curve(&deadlines), |curve| curve);
        }
        _ => panic!("{what} is nothing that presence is asked"),
    }
}
