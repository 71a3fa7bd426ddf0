//! The reference of all commands, made from the program itself; a test compares it with
//! `docs/commands.md`.

use std::fmt::Write;

use anyhow::Result;
use clap::{Arg, Command};

use crate::output;

/// Prints the reference.
pub fn print(command: &Command) -> Result<()> {
    output::print(render(command)?.trim_end())
}

/// The reference as Markdown.
pub fn render(command: &Command) -> Result<String> {
    let mut text = String::from(
        "# Commands of `muster`\n\nMade by `muster reference`; `cargo xtask test` fails when it is \
         out of date.\n\nstdout carries the result, stderr everything else. `--json` prints one \
         JSON document. Exit codes: 0 done; 1 refused or failed, with one line on stderr; 2 wrong \
         usage; 3 from `muster launch` alone, when the network does not begin.\n",
    );
    for child in visible(command) {
        section(&mut text, &format!("muster {}", child.get_name()), child)?;
    }
    Ok(text)
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help")
}

fn section(text: &mut String, name: &str, command: &Command) -> Result<()> {
    let level = if name.matches(' ').count() > 1 { "###" } else { "##" };
    writeln!(text, "\n{level} `{name}`\n")?;
    if let Some(about) = command.get_about() {
        let about = about.to_string();
        let end = if about.ends_with(['.', '?', '!']) { "" } else { "." };
        writeln!(text, "{about}{end}\n")?;
    }
    for alias in command.get_visible_aliases() {
        writeln!(text, "Also under the name `{alias}`.\n")?;
    }
    let arguments = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .collect::<Vec<_>>();
    for argument in arguments {
        writeln!(text, "- {}", line(argument))?;
    }
    for child in visible(command) {
        section(text, &format!("{name} {}", child.get_name()), child)?;
    }
    Ok(())
}

fn line(argument: &Arg) -> String {
    let values = argument
        .get_value_names()
        .map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .unwrap_or_default();
    let takes_value = argument.get_action().takes_values();
    let form = match argument.get_long() {
        Some(long) if takes_value => format!("--{long} {values}"),
        Some(long) => format!("--{long}"),
        None if argument.is_required_set() => values,
        None => format!("[{values}]"),
    };
    let about = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults = argument.get_default_values();
    let default = if defaults.is_empty() || !takes_value {
        String::new()
    } else {
        let words = defaults.iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>();
        format!(" (default `{}`)", words.join(" "))
    };
    format!("`{form}`: {about}{default}")
}
