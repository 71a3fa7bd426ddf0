//! Lemma 3 and Theorem 7.1: everybody shares the same slightly wrong belief.

use muster_mechanism::random::Stream;
use muster_mechanism::reputation::{
    best_response, equilibrium, noisy_decoding_bound, noisy_regret, noisy_regret_bound,
};

use super::shared::{distance, medians, positive_medians, uniform};
use crate::experiment::{
    Experiment, ExperimentError, Finding, Record, Report, Row, Scale, Setting, Table, refused,
};
use crate::figure::{Axis, Figure, Mark, Panel, Stroke};
use crate::grid::Grid;
use crate::statistics::{largest, mean, quantile, smallest};

/// Regret and decoding error under a common error of belief.
pub const EXPERIMENT: Experiment = Experiment {
    part: &super::shared::PART,
    name: "reputation-noisy",
    title: "What a common error of belief costs",
    source: "Game of Trust, Lemma 3 and Theorem 7.1",
    columns: &[
        "part",
        "noise",
        "users",
        "servers",
        "game",
        "noise_max",
        "regret",
        "regret_bound_paper",
        "regret_closed_form",
        "error_relative_mean",
        "error_relative_q99",
        "server_error_relative_max",
        "server_error_excess_sigmas",
        "within_paper_share",
        "within_exact_share",
        "promised_share",
    ],
    data_file: None,
    cells: |setting| grid(setting).cells(),
    cell,
    report,
};

/// How beliefs err: evenly within eps; by exactly eps up or down; normally with eps at three
/// deviations.
const NOISES: [&str; 3] = ["even", "two-point", "normal"];
/// P(|N(0, 1)| > 3): p of the normal noise.
const NORMAL_OUTSIDE: f64 = 0.002_699_796;
/// The chance that the paper's bound allows for a sum of beliefs that is off by more than delta.
const SUM_OUTSIDE: f64 = 0.05;
/// The error of beliefs in the study of decoding.
const DECODING_NOISE: f64 = 0.05;
const REGRET_SERVERS: [usize; 2] = [5, 20];

struct Sizes {
    users: &'static [usize],
    decoding_servers: &'static [usize],
    /// Games per number of users and servers.
    games: usize,
    /// Draws of beliefs per game.
    draws: usize,
}

fn sizes(scale: Scale) -> Sizes {
    scale.pick(
        Sizes {
            users: &[10, 100, 1000, 10_000],
            decoding_servers: &[5, 20, 100],
            games: 8,
            draws: 200,
        },
        Sizes {
            users: &[10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000],
            decoding_servers: &[5, 10, 20, 50, 100, 300, 1000],
            games: 40,
            draws: 1000,
        },
    )
}

/// First the numbers of users, then those of servers.
fn grid(setting: &Setting) -> Grid<2> {
    let sizes = sizes(setting.scale);
    Grid([sizes.users.len() + sizes.decoding_servers.len(), sizes.games])
}

fn cell(setting: &Setting, index: usize) -> Result<Vec<Row>, ExperimentError> {
    let sizes = sizes(setting.scale);
    let [place, game] = grid(setting).at(index);
    let mut stream = Stream::new(setting.seed, index as u64);
    match place.checked_sub(sizes.users.len()) {
        None => regrets(sizes.users[place], game, &mut stream),
        Some(k) => decodings(sizes.decoding_servers[k], game, sizes.draws, &mut stream),
    }
}

fn report(setting: &Setting, table: &Table) -> Result<Report, ExperimentError> {
    let mut findings = lemma_3(table);
    findings.extend(theorem_7_1(setting, table));
    let figures = vec![regret_figure(setting, table), decoding_figure(setting, table)];
    Ok(Report::new(findings, figures))
}

/// Trust, and a belief with an error of at most (normal: three deviations) `noise`, within [0, 1].
fn belief(kind: &str, trust: &[f64], noise: f64, stream: &mut Stream) -> Vec<f64> {
    let mut err = || match kind {
        "even" => 2.0 * stream.uniform() - 1.0,
        "two-point" => f64::from(u8::from(stream.uniform() < 0.5)) * 2.0 - 1.0,
        _ => stream.normal() / 3.0,
    };
    trust.iter().map(|r| (r + noise * err()).clamp(0.0, 1.0)).collect()
}

/// Regret for eps = 1/n, as the lemma assumes, and for eps = 0.1, as it does not: there, the least
/// trusted server is believed to be worth nothing.
fn regrets(users: usize, game: usize, stream: &mut Stream) -> Result<Vec<Row>, ExperimentError> {
    let mut rows = Vec::new();
    for servers in REGRET_SERVERS {
        let noise = 1.0 / users as f64;
        let trust = uniform(stream, servers, noise, 1.0 - noise);
        for kind in NOISES {
            let belief = belief(kind, &trust, noise, stream);
            rows.push(regret_row("regret", kind, users, game, noise, &trust, &belief)?);
        }
        let noise = 0.1;
        let mut trust = uniform(stream, servers, noise, 1.0 - noise);
        trust[0] = noise;
        let mut belief = trust.clone();
        belief[0] = 0.0;
        rows.push(regret_row("overlooked", "one server", users, game, noise, &trust, &belief)?);
    }
    Ok(rows)
}

fn regret_row(
    part: &str,
    kind: &str,
    users: usize,
    game: usize,
    noise: f64,
    trust: &[f64],
    belief: &[f64],
) -> Result<Row, ExperimentError> {
    let played = equilibrium(belief).map_err(refused)?;
    let others: Vec<f64> = played.iter().map(|x| (users - 1) as f64 * x).collect();
    let best = best_response(&others, trust).map_err(refused)?.payoff;
    // Where all play alike, each earns the same share of every server that is endorsed at all.
    let endorsed = trust.iter().zip(&played).filter(|(_, x)| **x > 0.0).map(|(r, _)| r);
    let regret = best - endorsed.sum::<f64>() / users as f64;
    let bound = noisy_regret_bound(users, trust.len(), noise).map_err(refused)?;
    let closed_form = noisy_regret(users, trust, belief).map_err(refused)?;
    Ok(EXPERIMENT.row_of([
        ("part", part.into()),
        ("noise", kind.into()),
        ("users", users.into()),
        ("servers", trust.len().into()),
        ("game", game.into()),
        ("noise_max", noise.into()),
        ("regret", regret.into()),
        ("regret_bound_paper", bound.into()),
        ("regret_closed_form", closed_form.into()),
    ]))
}

/// How far the decoded reputation is off, in units of eps / |R|_1, over many draws of the belief.
fn decodings(
    servers: usize,
    game: usize,
    draws: usize,
    stream: &mut Stream,
) -> Result<Vec<Row>, ExperimentError> {
    let noise = DECODING_NOISE;
    let trust = uniform(stream, servers, 2.0 * noise, 1.0 - 2.0 * noise);
    let truth = equilibrium(&trust).map_err(refused)?;
    let unit = noise / trust.iter().sum::<f64>();
    // q = exp(-delta^2 / (4 eps^2 m)), solved for delta.
    let sum_error = 2.0 * noise * (-(servers as f64) * libm::log(SUM_OUTSIDE)).sqrt();
    let bound = noisy_decoding_bound(&trust, noise, sum_error).map_err(refused)?;
    let mut rows = Vec::new();
    for kind in NOISES {
        let mut errors = Vec::with_capacity(draws);
        // Sums and sums of squares, in units of eps / |R|_1.
        let mut by_server = vec![(0.0, 0.0); servers];
        for _ in 0..draws {
            let belief = belief(kind, &trust, noise, stream);
            // D_PR of everybody playing N(R') is N(R').
            let decoded = equilibrium(&belief).map_err(refused)?;
            errors.push(distance(&decoded, &truth));
            for j in 0..servers {
                let error = (decoded[j] - truth[j]).abs() / unit;
                by_server[j] = (by_server[j].0 + error, by_server[j].1 + error * error);
            }
        }
        let share = |limit: f64| {
            errors.iter().filter(|&&e| e <= limit * (1.0 + 1e-12)).count() as f64 / draws as f64
        };
        let count = draws as f64;
        let excess = by_server.iter().map(|(total, squares)| {
            let mean = total / count;
            let variance = (squares / count - mean * mean).max(f64::MIN_POSITIVE);
            (mean - 1.0) / (variance / count).sqrt()
        });
        let outside = if kind == "normal" { NORMAL_OUTSIDE } else { 0.0 };
        let relative: Vec<f64> = errors.iter().map(|e| e / unit).collect();
        let error_max = largest(by_server.iter().map(|sums| sums.0 / count));
        let promised = (1.0 - servers as f64 * outside - SUM_OUTSIDE).max(0.0);
        rows.push(EXPERIMENT.row_of([
            ("part", "decoding".into()),
            ("noise", kind.into()),
            ("servers", servers.into()),
            ("game", game.into()),
            ("noise_max", noise.into()),
            ("error_relative_mean", mean(&relative).into()),
            ("error_relative_q99", quantile(&relative, 0.99).into()),
            ("server_error_relative_max", error_max.into()),
            ("server_error_excess_sigmas", largest(excess).into()),
            ("within_paper_share", share(unit).into()),
            ("within_exact_share", share(bound).into()),
            ("promised_share", promised.into()),
        ]));
    }
    Ok(rows)
}

fn lemma_3(table: &Table) -> Vec<Finding> {
    let of = |part: &'static str| table.with("part", part);
    let ratio = |r: &Record| r.number("regret") / r.number("regret_bound_paper");
    let worst = largest(of("regret").map(|r| ratio(&r)));
    let typical = quantile(of("regret").map(|r| ratio(&r)), 0.5);
    let gap = |r: &Record| r.number("regret") - r.number("regret_closed_form");
    // Payoffs are of the order of m/n, so their differences carry its rounding.
    let excess = largest(of("regret").chain(of("overlooked")).map(|r| gap(&r)));
    let equal = of("regret").filter(|r| gap(r).abs() <= 1e-13).count();
    let count = of("regret").count();
    let overlooked: Vec<_> = of("overlooked").collect();
    let beyond: Vec<_> = overlooked.iter().filter(|r| ratio(r) > 1.0).collect();
    let example = beyond.iter().map(|r| ratio(r)).fold(0.0, f64::max);
    vec![
        Finding::claim(
            "Lemma 3: for eps = 1/n, nobody gains more than eps' = m^2 (n-1)/n^2 (1+eps)/(1-eps) \
             by leaving N(R') when everybody plays it.",
            format!(
                "Over {count} games the exact gain is at most {worst:.1e} of the bound, half the \
                 time below {typical:.1e} of it.",
            ),
            worst <= 1.0,
        ),
        Finding::answer(
            "Lemma 3 assumes eps = O(1/n). Does the bound hold without?",
            format!(
                "Where all overlook a server of trust 0.1 = eps, whoever notices it takes all of its \
                 reward: more than the bound in {} of {} games, up to {example:.0} times.",
                beyond.len(),
                overlooked.len()
            ),
        ),
        Finding::answer(
            "Section 7 conjectures a tighter eps', dominated by the error of beliefs.",
            format!(
                "eps' <= |R|_1 (n-1)/n (1 - (sum_j sqrt(N(R)_j N(R')_j))^2): second order in the \
                 error, not growing with n. The largest excess of a measured gain over it is \
                 {excess:.0e}, and {equal} of {count} games with eps = 1/n meet it within 1e-13.",
            ),
        ),
    ]
}

fn theorem_7_1(setting: &Setting, table: &Table) -> Vec<Finding> {
    let of = |kind: &'static str| {
        table.with("part", "decoding").filter(move |r| r.text("noise") == kind)
    };
    let all = || NOISES.into_iter().flat_map(of);
    let mean_worst = largest(all().map(|r| r.number("server_error_relative_max")));
    let excess = largest(all().map(|r| r.number("server_error_excess_sigmas")));
    // Sampling: a share of d draws is off by three standard deviations at most.
    let draws = sizes(setting.scale).draws as f64;
    let kept = |r: &Record, column: &str| {
        let promised = r.number("promised_share");
        r.number(column) >= promised - 3.0 * (promised * (1.0 - promised) / draws).sqrt()
    };
    let share = |kind: &'static str| mean(of(kind).map(|r| r.number("within_paper_share")));
    let short = all().filter(|r| !kept(r, "within_paper_share")).count();
    let count = all().count();
    let exact = smallest(all().map(|r| r.number("within_exact_share")));
    let exact_kept = all().all(|r| kept(&r, "within_exact_share"));
    let servers = sizes(setting.scale).decoding_servers;
    let tail = |m: usize| {
        let here = of("two-point").filter(move |r| r.number("servers") == m as f64);
        mean(here.map(|r| r.number("error_relative_q99")))
    };
    let (few, many) = (servers[0], servers[servers.len() - 1]);
    vec![
        Finding::claim(
            "Theorem 7.1 (as proved): the expected error of every server's decoded reputation is \
             at most eps/|R|_1.",
            format!(
                "eps = {DECODING_NOISE}: largest mean error of a server over {count} samples of \
                 {draws} beliefs: {mean_worst:.3} eps/|R|_1; no mean is more than {excess:.1} \
                 standard errors above the claim.",
            ),
            excess < 4.0,
        ),
        Finding::claim(
            "Theorem 7.1, read for each draw: the largest error of the decoded reputation is at \
             most eps/|R|_1 with probability at least 1 - m p - q.",
            format!(
                "Share of draws within eps/|R|_1: {:.3} (even noise), {:.3} (normal), {:.3} \
                 (two-point); fewer than promised in {short} of {count} samples. Its \
                 approximation (5) drops the error of |R'|_1.",
                share("even"),
                share("normal"),
                share("two-point")
            ),
            short == 0,
        ),
        Finding::claim(
            "Theorem 7.1 without approximation (5): (eps + delta max_j N(R)_j)/(|R|_1 - delta), \
             with the same probability.",
            format!("Least share of draws within it over all samples: {exact:.4}."),
            exact_kept,
        ),
        Finding::claim(
            "Section 7: the approximation becomes exact as the number of servers grows.",
            format!(
                "Two-point noise: the 99% quantile of the error falls from {:.3} eps/|R|_1 with \
                 {few} servers to {:.3} with {many}.",
                tail(few),
                tail(many)
            ),
            tail(many) < tail(few) && tail(many) >= 1.0,
        ),
    ]
}

fn regret_figure(setting: &Setting, table: &Table) -> Figure {
    let panel = |servers: usize| {
        let here = |part: &'static str| {
            table.with("part", part).filter(move |r| r.number("servers") == servers as f64)
        };
        let mut marks = Vec::new();
        for kind in NOISES {
            let points = here("regret").filter(|r| r.text("noise") == kind);
            let points = points.map(|r| (r.number("users"), r.number("regret")));
            marks.extend(positive_medians(&format!("{kind} noise, eps = 1/n"), points));
        }
        let overlooked = here("overlooked").map(|r| (r.number("users"), r.number("regret")));
        marks.extend(positive_medians("overlooked server, eps = 0.1", overlooked));
        for (part, label) in [("regret", "bound, eps = 1/n"), ("overlooked", "bound, eps = 0.1")] {
            let mut points: Vec<(f64, f64)> =
                here(part).map(|r| (r.number("users"), r.number("regret_bound_paper"))).collect();
            points.dedup();
            marks.push(Mark::line(label, points, Stroke::Dashed));
        }
        Panel::new(
            format!("{servers} servers"),
            Axis::logarithmic("users"),
            Axis::logarithmic("gain of the best deviation"),
            marks,
        )
    };
    Figure::new(
        "regret",
        format!(
            "What the best deviation gains where all play N(R') for a belief R' within eps of R, \
             and the bound of Lemma 3. Medians and 10% to 90% quantiles over {} games, seed {}.",
            sizes(setting.scale).games,
            setting.seed
        ),
        REGRET_SERVERS.map(panel).to_vec(),
    )
}

fn decoding_figure(setting: &Setting, table: &Table) -> Figure {
    let curves = |column: &'static str| {
        let mut marks = Vec::new();
        for kind in NOISES {
            let points = table
                .with("part", "decoding")
                .filter(|r| r.text("noise") == kind)
                .map(|r| (r.number("servers"), r.number(column)));
            marks.extend(medians(&format!("{kind} noise"), points));
        }
        marks
    };
    let panel = |title: &str, y: &str, marks: Vec<Mark>| {
        Panel::new(title, Axis::logarithmic("servers"), Axis::linear(y), marks)
    };
    let mut tail = curves("error_relative_q99");
    tail.push(Mark::horizontal("Theorem 7.1", 1.0));
    let share = curves("within_paper_share");
    Figure::new(
        "decoding",
        format!(
            "Error of the decoded reputation where all play N(R'), eps = {DECODING_NOISE}, in \
             units of eps/|R|_1: its 99% quantile, and the share of draws with at most one unit. \
             Medians and 10% to 90% quantiles over {} games of {} draws, seed {}.",
            sizes(setting.scale).games,
            sizes(setting.scale).draws,
            setting.seed
        ),
        vec![
            panel("99% quantile", "largest error (eps/|R|_1)", tail),
            panel("within eps/|R|_1", "share of draws", share),
        ],
    )
}
