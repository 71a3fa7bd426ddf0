//! Writes the map of cabals as comma-separated values: one line for each rule, graph, leak, size
//! and stake, with the mean and the largest share of the cabal over the seeds.

use std::io::Write;

use clap::Parser;
use muster_lab::cabal::{Graph, Leak, Ring, Scenario, run_all};
use muster_mechanism::market::{Rule, Walk};

/// How a cabal's share of all stake develops, by rule, graph, leak and stake.
#[derive(Parser)]
struct Options {
    /// Epochs of each run; at the default inflation, stake grows fifty-fold
    #[arg(long, default_value_t = 80)]
    epochs: usize,
    /// Seeds of each cell, from 0
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// The share of all stake that an epoch mints
    #[arg(long, default_value_t = 0.05)]
    inflation: f64,
}

const HONEST_STAKES: [f64; 6] = [0.5, 0.55, 0.6, 0.7, 0.8, 0.9];
const LEAKS: [f64; 4] = [0.0, 0.02, 0.05, 0.1];

/// Where the leak goes, and whom the cabal ranks.
const CABALS: [(&str, Leak, Ring); 3] = [
    ("one member and all rank it", Leak::Concentrated, Ring::Star),
    ("one member and all rank all", Leak::Concentrated, Ring::Dense),
    ("all members and all rank all", Leak::Spread, Ring::Dense),
];

/// Name, graph, honest peers, members of the cabal.
const MARKETS: [(&str, Graph, usize, usize); 5] = [
    ("dense 20 + 10", Graph::Dense, 20, 10),
    ("dense 20 + 1", Graph::Dense, 20, 1),
    ("knows 5 20 + 10", Graph::Knows(5), 20, 10),
    ("knows 5 20 + 1", Graph::Knows(5), 20, 1),
    ("knows 3 60 + 20", Graph::Knows(3), 60, 20),
];

fn rules() -> Vec<(String, Rule)> {
    let mut rules = vec![("paper".to_owned(), Rule::Paper), ("median".to_owned(), Rule::Median)];
    let walks = [
        ("depth 3", Walk::Depth(3)),
        ("depth 5", Walk::Depth(5)),
        ("restart 0.5", Walk::Restart(0.5)),
        ("restart 0.3", Walk::Restart(0.3)),
    ];
    for (name, walk) in walks {
        let rule = Rule::ConnectedMedian { walk, opinions: None, truncation: 1e-4 };
        rules.push((format!("connected-median {name}"), rule));
    }
    rules
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let rules = rules();
    let (mut names, mut scenarios) = (Vec::new(), Vec::new());
    for (rule_name, rule) in &rules {
        for (market, graph, honest, cabal) in MARKETS {
            for (leak_name, leak_to, ring) in CABALS {
                if cabal == 1 && ring == Ring::Dense {
                    // One member is the same cabal either way.
                    continue;
                }
                for leak in LEAKS {
                    for honest_stake in HONEST_STAKES {
                        let place = format!("{rule_name},{market},{leak_name}");
                        names.push(format!("{place},{leak},{honest_stake}"));
                        scenarios.extend((0..options.seeds).map(|seed| Scenario {
                            rule: *rule,
                            graph,
                            leak_to,
                            leak,
                            honest,
                            cabal,
                            ring,
                            honest_stake,
                            epochs: options.epochs,
                            inflation: options.inflation,
                            seed,
                        }));
                    }
                }
            }
        }
    }
    let shares = run_all(&scenarios)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "rule,market,leak_to,leak,honest_stake,cabal_mean,cabal_max")?;
    let seeds = usize::try_from(options.seeds)?.max(1);
    for (name, shares) in names.iter().zip(shares.chunks(seeds)) {
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let max = shares.iter().fold(0.0, |a: f64, &b| a.max(b));
        writeln!(out, "{name},{mean:.4},{max:.4}")?;
    }
    out.flush()?;
    Ok(())
}
