//! Whether a market worked under siege: the numbers beside each other, and what they had to be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::attack::{Attack, Tallies};
use crate::honest::Lives;
use crate::phase::{Phase, Taken};
use crate::siege::Outcome;

/// How much longer than in peace blocks may take under siege, on average.
const INTERVAL_RATIO_MAX: f64 = 1.2;
/// Within how many blocks a transfer is to be decided.
const BLOCKS_MAX: u64 = 3;
/// The most memory of a validator, bytes.
const MEMORY_MAX: u64 = 300_000_000;
/// The most that a validator may log in a phase, bytes.
const LOGGED_MAX: u64 = 1_000_000;
/// What a validator may lose of a core.
const PROCESSOR_MAX: f64 = 0.1;

/// One thing that had to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What.
    pub what: String,
    /// What was found.
    pub found: String,
    /// Whether it held.
    pub held: bool,
}

/// Everything that had to hold.
pub fn verdicts(outcome: &Outcome) -> Vec<Verdict> {
    let [calm, siege, after] = &outcome.phases;
    let ratio = mean(&siege.intervals_ms) / mean(&calm.intervals_ms);
    let lives = &siege.lives;
    let (late, all) = late(lives);
    let memory = [calm, siege, after].into_iter().flat_map(|phase| &phase.validators);
    let memory = memory.map(|taken| taken.memory_max).max().unwrap_or(0);
    let lost = siege.validators.iter().zip(&calm.validators);
    let lost = lost.map(|(now, before)| now.processor - before.processor).fold(f64::MIN, f64::max);
    let logged = siege.validators.iter().map(|taken| taken.logged).max().unwrap_or(0);
    let still = siege.steps.iter().filter(|steps| **steps == 0.0).count();
    let failed = lives.bought.iter().filter(|bought| bought.failure.is_some()).count();
    let verdict = |what: String, found: String, held: bool| Verdict { what, found, held };
    vec![
        verdict(
            format!("blocks take at most {INTERVAL_RATIO_MAX} times as long as in peace"),
            format!("{ratio:.3} times"),
            ratio <= INTERVAL_RATIO_MAX,
        ),
        verdict(
            format!("every transfer is decided within {BLOCKS_MAX} blocks"),
            format!("{} of {all}", all - late),
            late == 0 && all > 0,
        ),
        verdict(
            format!("no validator holds more than {} MB", MEMORY_MAX / 1_000_000),
            format!("{} MB at most", memory / 1_000_000),
            memory <= MEMORY_MAX,
        ),
        verdict(
            format!("no validator loses more than {PROCESSOR_MAX} of a core"),
            format!("{lost:.3} at most"),
            lost <= PROCESSOR_MAX,
        ),
        verdict(
            format!("no validator logs more than {} kB", LOGGED_MAX / 1_000),
            format!("{} kB at most", logged / 1_000),
            logged <= LOGGED_MAX,
        ),
        verdict(
            "every peer goes on learning".into(),
            format!("{} of {}", siege.steps.len() - still, siege.steps.len()),
            still == 0 && !siege.steps.is_empty(),
        ),
        verdict(
            "every continuation that is paid for comes".into(),
            format!("{} of {}", lives.bought.len() - failed, lives.bought.len()),
            failed == 0 && !lives.bought.is_empty(),
        ),
    ]
}

/// Transfers that were decided too late or never, and all.
fn late(lives: &Lives) -> (usize, usize) {
    let within = |transfer: &&crate::honest::Transfer| {
        transfer.decided.is_some_and(|decided| decided <= transfer.height + BLOCKS_MAX)
    };
    let all = lives.transfers.len();
    (all - lives.transfers.iter().filter(within).count(), all)
}

/// The whole report, as Markdown.
pub fn report(outcome: &Outcome) -> String {
    let [calm, siege, after] = &outcome.phases;
    let mut text = String::from("| | in peace | under siege | after it |\n|---|---|---|---|\n");
    let mut row = |name: &str, cell: &dyn Fn(&Phase) -> String| {
        let _ = writeln!(text, "| {name} | {} | {} | {} |", cell(calm), cell(siege), cell(after));
    };
    row("seconds", &|phase| format!("{:.0}", phase.seconds));
    row("blocks: mean, longest interval (ms)", &|phase| {
        let longest = phase.intervals_ms.iter().max().copied().unwrap_or(0);
        format!("{:.0}, {longest}", mean(&phase.intervals_ms))
    });
    row("blocks decided, of which after round 0", &|phase| {
        format!("{}, {}", phase.intervals_ms.len(), phase.late_blocks)
    });
    row("transfers: all, late, refused at first", &|phase| {
        let (late, all) = late(&phase.lives);
        let refused = phase.lives.transfers.iter().filter(|transfer| transfer.refused > 0).count();
        format!("{all}, {late}, {refused}")
    });
    row("blocks until a transfer is decided: median, most", &blocks_taken);
    row("continuations: bought, failed, median seconds", &|phase| {
        let bought = &phase.lives.bought;
        let failed = bought.iter().filter(|bought| bought.failure.is_some()).count();
        let seconds = bought.iter().map(|bought| bought.seconds).collect();
        format!("{}, {failed}, {:.1}", bought.len() - failed, quantile(seconds, 0.5))
    });
    row("peers: steps a second, least and most", &|phase| {
        let most = phase.steps.iter().copied().fold(0.0, f64::max);
        format!("{:.1}, {most:.1}", phase.steps.iter().copied().fold(f64::MAX, f64::min))
    });
    row("peers: most memory (MB), most descriptors", &|phase| most(&phase.peers));
    for index in 0..calm.validators.len() {
        row(&format!("validator-{index}: core, memory (MB), descriptors, log (kB)"), &|phase| {
            let taken = &phase.validators[index];
            let (megabytes, logged) = (taken.memory_max / 1_000_000, taken.logged / 1_000);
            format!("{:.3}, {megabytes}, {}, {logged}", taken.processor, taken.descriptors_max)
        });
        row(&format!("validator-{index}: status, median and 99% (ms), unanswered"), &|phase| {
            answers(&phase.answers[index])
        });
    }
    row("the attackers: cores, memory (MB)", &|phase| match &phase.attackers {
        Some(taken) => format!("{:.2}, {}", taken.processor, taken.memory_max / 1_000_000),
        None => "".into(),
    });
    text.push('\n');
    text.push_str(&attacks(outcome));
    text.push_str("\n| had to hold | found | |\n|---|---|---|\n");
    for Verdict { what, found, held } in verdicts(outcome) {
        let word = if held { "held" } else { "**missed**" };
        let _ = writeln!(text, "| {what} | {found} | {word} |");
    }
    text
}

/// What each attack did and what came of it.
pub fn attack_table(tallies: &Tallies, rates: &BTreeMap<Attack, f64>) -> String {
    let mut text = String::from(
        "| attack | rate | done | taken | refused | cut off |\n|---|---|---|---|---|---|\n",
    );
    for (attack, tally) in tallies.all() {
        let rate = rates.get(&attack).copied().unwrap_or(0.0);
        let counts = [&tally.done, &tally.taken, &tally.refused, &tally.cut];
        let counts = counts.map(|count| count.load(Ordering::Relaxed).to_string());
        let (name, unit) = (attack.name(), attack.unit());
        let _ = writeln!(text, "| {name} | {rate} {unit} | {} |", counts.join(" | "));
    }
    text
}

/// What people came to, in words.
pub fn people_words(lives: &Lives) -> String {
    let (late, all) = late(lives);
    let never = lives.transfers.iter().filter(|transfer| transfer.decided.is_none()).count();
    let failed = lives.bought.iter().filter(|bought| bought.failure.is_some()).count();
    format!(
        "{all} transfers, {} within {BLOCKS_MAX} blocks, {} later, {never} given up; {} \
         continuations, {failed} failed",
        all - late,
        late - never,
        lives.bought.len()
    )
}

/// What the attackers and the attacked counted.
fn attacks(outcome: &Outcome) -> String {
    let mut text = attack_table(&outcome.tallies, &outcome.rates);
    let siege = &outcome.phases[1];
    text.push_str("\nWhat the validators counted meanwhile:\n");
    for (index, counters) in siege.counters.iter().enumerate() {
        let words = counters.iter().map(|(name, value)| format!("{name} {value}"));
        let _ = writeln!(text, "- validator-{index}: {}", words.collect::<Vec<_>>().join(", "));
    }
    let mut failures = BTreeMap::<&str, usize>::new();
    for failure in siege.answers.iter().flatten().filter_map(|answer| answer.as_ref().err()) {
        *failures.entry(failure).or_default() += 1;
    }
    for (failure, count) in failures {
        let _ = writeln!(text, "- {count} statuses did not come: {failure}");
    }
    for bought in siege.lives.bought.iter().filter_map(|bought| bought.failure.as_ref()) {
        let _ = writeln!(text, "- a continuation failed: {bought}");
    }
    text
}

fn blocks_taken(phase: &Phase) -> String {
    let taken = phase
        .lives
        .transfers
        .iter()
        .filter_map(|transfer| Some(transfer.decided?.saturating_sub(transfer.height) as f64));
    let taken: Vec<f64> = taken.collect();
    format!("{:.0}, {:.0}", quantile(taken.clone(), 0.5), quantile(taken, 1.0))
}

fn answers(seconds: &[Result<f64, String>]) -> String {
    let answered: Vec<f64> = seconds.iter().flatten().map(|seconds| seconds * 1e3).collect();
    let unanswered = seconds.len() - answered.len();
    let (median, slow) = (quantile(answered.clone(), 0.5), quantile(answered, 0.99));
    format!("{median:.0}, {slow:.0}, {unanswered}")
}

fn most(taken: &[Taken]) -> String {
    let memory = taken.iter().map(|taken| taken.memory_max).max().unwrap_or(0);
    let descriptors = taken.iter().map(|taken| taken.descriptors_max).max().unwrap_or(0);
    format!("{}, {descriptors}", memory / 1_000_000)
}

/// The mean; not a number where there is nothing.
pub fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len() as f64
}

/// The value below which so great a part lies; not a number where there is nothing.
fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (part * values.len().saturating_sub(1) as f64).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{late, mean, quantile};
    use crate::honest::{Lives, Transfer};

    #[test]
    fn late_is_what_takes_more_than_three_blocks_or_never_comes() {
        let transfer = |decided| Transfer { height: 10, decided, refused: 0 };
        let transfers = [Some(11), Some(13), Some(14), None].map(transfer).to_vec();
        assert_eq!(late(&Lives { transfers, bought: Vec::new() }), (2, 4));
    }

    #[test]
    fn quantiles_are_of_what_is_there() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 1.0), 3.0);
        assert!(quantile(Vec::new(), 0.5).is_nan() && mean(&[]).is_nan());
    }
}
