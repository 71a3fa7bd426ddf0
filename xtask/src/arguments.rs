//! What can be said on the command line of `cargo xtask`.
//!
//! Read by hand: whoever runs this for the first time waits until it is compiled, and a library
//! for command lines takes longer than all the rest of it.

/// What `--help` prints.
pub const HELP: &str = "\
Developer commands of Muster

Usage: cargo xtask <COMMAND>

Commands:
  up [ARGUMENTS]...  Build the dashboard and the release binary, then run `muster up` with these
                     arguments (see `cargo xtask up --help`)
  test [TEXT]        Run all tests of every kind, from nothing; with a text, only the Rust tests
                     whose names contain it
      --without-browser  Leave out the tests that need Chromium
      --without-deny     Leave out the check of the dependencies' licences and sources
      --without-fuzz     Leave out the minute that a fuzzer looks at each decoder
      --only <TEXT>      The same as the text alone
      --repeat <N>       Run these tests so many times, whatever comes of each, and count
  tidy               Run only our own checks of the sources (sizes, words, links, circles, and
                     which way dependencies point)
  bench              Measure the mechanisms beside their rivals and write docs/benchmarks.md
                     (needs Python 3)
      --only <WORD>      Only the contests with this word in their title, printed instead
      --rounds <N>       How many turns every contestant has
  simulate [ARGUMENTS]...  Run validators in virtual time with everything that goes wrong, by seeds
                     (see `cargo xtask simulate --help`)
  siege [ARGUMENTS]...  Attack a market of real processes in all known ways at once, and say whether
                     it works (see `cargo xtask siege --help`)
  soak [ARGUMENTS]...  Let such a market run for long, with attackers, load and faults, and see
                     whether anything grows (see `cargo xtask soak --help`)
  fuzz [TARGET]      Feed decoders what a fuzzer finds, all of them or one; what it finds is gone
                     on from the next time
      --for <DURATION>   How long each, such as 2h, 30m or 90s; a minute unless said
      --seed <N>         Begin from this seed
      --replay <FILE>    Run one input alone
      --keep             Put the smallest inputs that reach all that was reached into the sources
  help               Print this";

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Build and start a market; the arguments are those of `muster up`.
    Up(Vec<String>),
    /// Run tests.
    Test(Tests),
    /// Run our own checks.
    Tidy,
    /// Measure.
    Bench(Contests),
    /// Simulate validators; the arguments are those of `simulate`.
    Simulate(Vec<String>),
    /// Attack a market; the arguments are those of `siege siege`.
    Siege(Vec<String>),
    /// Let a market run for long; the arguments are those of `siege soak`.
    Soak(Vec<String>),
    /// Fuzz decoders.
    Fuzz(Fuzzing),
    /// Say what there is.
    Help,
}

/// Which tests to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// Leave out the tests that need Chromium.
    pub without_browser: bool,
    /// Leave out the check of the dependencies' licences and sources.
    pub without_deny: bool,
    /// Leave out the fuzzer.
    pub without_fuzz: bool,
    /// Only the Rust tests whose names contain this text.
    pub only: Option<String>,
    /// How many times to run them.
    pub repeat: Option<u32>,
}

/// What to measure.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contests {
    /// Only the contests with this word in their title.
    pub only: Option<String>,
    /// How many turns every contestant has.
    pub rounds: Option<u32>,
}

/// What to fuzz.
#[derive(Debug, PartialEq, Eq)]
pub struct Fuzzing {
    /// Only this target.
    pub target: Option<String>,
    /// How long each is fuzzed, seconds.
    pub seconds: u64,
    /// What everything random begins from; the clock unless said.
    pub seed: Option<u32>,
    /// An input to run alone.
    pub replay: Option<String>,
    /// Keep what was found.
    pub keep: bool,
}

impl Default for Fuzzing {
    fn default() -> Self {
        Self { target: None, seconds: 60, seed: None, replay: None, keep: false }
    }
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// One sentence that says which argument is wrong.
pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let Some(command) = arguments.next() else {
        return Ok(Command::Help);
    };
    match command.as_str() {
        "up" => Ok(Command::Up(arguments.collect())),
        "test" => tests(&mut arguments),
        "bench" => contests(&mut arguments),
        "simulate" => Ok(Command::Simulate(arguments.collect())),
        "siege" => Ok(Command::Siege(arguments.collect())),
        "soak" => Ok(Command::Soak(arguments.collect())),
        "fuzz" => fuzzing(&mut arguments),
        "tidy" => match arguments.next() {
            None => Ok(Command::Tidy),
            Some(argument) => Err(unknown(&argument)),
        },
        "help" | "--help" | "-h" => Ok(Command::Help),
        other => Err(format!("there is no command `{other}`")),
    }
}

fn tests(arguments: &mut impl Iterator<Item = String>) -> Result<Command, String> {
    let mut tests = Tests::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--without-browser" => tests.without_browser = true,
            "--without-deny" => tests.without_deny = true,
            "--without-fuzz" => tests.without_fuzz = true,
            "--only" => tests.only = Some(value(&argument, arguments)?),
            "--repeat" => tests.repeat = Some(number(&argument, arguments)?),
            text if !text.starts_with('-') && tests.only.is_none() => {
                tests.only = Some(text.to_owned());
            }
            other => return Err(unknown(other)),
        }
    }
    if tests.repeat.is_some() && tests.only.is_none() {
        return Err("--repeat needs --only: name the tests to run many times".into());
    }
    Ok(Command::Test(tests))
}

fn contests(arguments: &mut impl Iterator<Item = String>) -> Result<Command, String> {
    let mut contests = Contests::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--only" => contests.only = Some(value(&argument, arguments)?),
            "--rounds" => contests.rounds = Some(number(&argument, arguments)?),
            other => return Err(unknown(other)),
        }
    }
    Ok(Command::Bench(contests))
}

fn fuzzing(arguments: &mut impl Iterator<Item = String>) -> Result<Command, String> {
    let mut fuzzing = Fuzzing::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--for" => fuzzing.seconds = duration(&argument, arguments)?,
            "--seed" => fuzzing.seed = Some(number(&argument, arguments)?),
            "--replay" => fuzzing.replay = Some(value(&argument, arguments)?),
            "--keep" => fuzzing.keep = true,
            text if !text.starts_with('-') && fuzzing.target.is_none() => {
                fuzzing.target = Some(text.to_owned());
            }
            other => return Err(unknown(other)),
        }
    }
    Ok(Command::Fuzz(fuzzing))
}

fn unknown(argument: &str) -> String {
    format!("`{argument}` means nothing here")
}

fn value(option: &str, arguments: &mut impl Iterator<Item = String>) -> Result<String, String> {
    arguments.next().ok_or_else(|| format!("{option} needs a value"))
}

fn number(option: &str, arguments: &mut impl Iterator<Item = String>) -> Result<u32, String> {
    let text = value(option, arguments)?;
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{option} needs a number above 0, not `{text}`"))
}

/// Seconds of a duration such as `2h`.
fn duration(option: &str, arguments: &mut impl Iterator<Item = String>) -> Result<u64, String> {
    let text = value(option, arguments)?;
    let units = [('h', 3_600), ('m', 60), ('s', 1)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds).filter(|seconds| *seconds > 0)
    });
    seconds.ok_or_else(|| format!("{option} needs a duration such as 2h, 30m or 90s, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::{Command, Contests, Fuzzing, Tests, parse};

    #[test]
    fn arguments_are_read() {
        let check = |text: &str, expected: Result<Command, &str>| {
            let found = parse(text.split_whitespace().map(str::to_owned));
            assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
        };
        let up = ["--seed", "7", "--help"].map(str::to_owned).to_vec();
        check("up --seed 7 --help", Ok(Command::Up(up)));
        check("", Ok(Command::Help));
        check("test --help", Ok(Command::Help));
        check("tidy", Ok(Command::Tidy));
        let only = Some("money".to_owned());
        check("test money", Ok(Command::Test(Tests { only: only.clone(), ..Tests::default() })));
        let tests = Tests { only: only.clone(), repeat: Some(50), ..Tests::default() };
        check("test --repeat 50 --only money", Ok(Command::Test(tests)));
        let tests = Tests {
            without_browser: true,
            without_deny: true,
            without_fuzz: true,
            ..Tests::default()
        };
        check("test --without-browser --without-deny --without-fuzz", Ok(Command::Test(tests)));
        check("bench --only a --rounds 3", {
            Ok(Command::Bench(Contests { only: Some("a".into()), rounds: Some(3) }))
        });
        let simulate = ["--seeds", "10"].map(str::to_owned).to_vec();
        check("simulate --seeds 10", Ok(Command::Simulate(simulate)));
        check("siege --help", Ok(Command::Siege(vec!["--help".into()])));
        check("soak", Ok(Command::Soak(Vec::new())));
        check("fuzz", Ok(Command::Fuzz(Fuzzing::default())));
        check("fuzz http --for 2h --seed 7", {
            let target = Some("http".into());
            let fuzzing = Fuzzing { target, seconds: 7_200, seed: Some(7), ..Fuzzing::default() };
            Ok(Command::Fuzz(fuzzing))
        });
        check("fuzz --for 0s", Err("--for needs a duration such as 2h, 30m or 90s, not `0s`"));
        check("tset", Err("there is no command `tset`"));
        check("tidy now", Err("`now` means nothing here"));
        check("test --repeat", Err("--repeat needs a value"));
        check("test a --repeat 0", Err("--repeat needs a number above 0, not `0`"));
        check("test --repeat 5", Err("--repeat needs --only: name the tests to run many times"));
    }
}
