//! Reading scenario files: every complaint names the file, the line and the key.
//!
//! An unknown key is refused with the nearest known one. What belongs to a part that this version
//! does not have is refused as well, in a sentence that says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use muster_api::presence::Design;
use muster_ledger::money::Grains;
use muster_ledger::parameters::Parameters;
use muster_ledger::presence as ledger;
use muster_peer::Behaviour;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::scenario::{
    Fault, FaultAction, PEERS_MAX, POWER_MAX, PeerGroup, PresenceRound, Scenario, VALIDATORS_MAX,
    group,
};
use crate::output::nearest;

/// Behaviours of parts that this version does not have, and those parts.
const BEHAVIOURS_ABSENT: [(&str, &str); 5] = [
    ("lazy-verifier", "verification"),
    ("adversarial-verifier", "verification"),
    ("cheating-prover", "proof-of-learning"),
    ("equivocator", "Byzantine validators"),
    ("forger", "Byzantine validators"),
];
/// Roles of parts that this version does not have.
const ROLES_ABSENT: [&str; 4] = ["verifier", "prover", "server", "endorser"];

/// A scenario file while it is read.
struct Document<'a> {
    text: &'a str,
    name: &'a str,
    folder: &'a Path,
}

/// A value with the name of its key.
type Item<'a> = (&'a str, &'a Spanned<DeValue<'a>>);

/// Reads a scenario file, or standard input for `-`; paths in it are relative to it.
pub fn read(path: &Path) -> Result<Scenario> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("cannot read stdin")?
    } else {
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the scenario {}", path.display()))?
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &path.display().to_string(), folder)
}

/// Reads the text of a scenario; `name` stands in complaints, paths are relative to `folder`.
pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Scenario> {
    let document = Document { text, name, folder };
    match DeTable::parse(text) {
        Ok(table) => document.scenario(table.get_ref()),
        Err(error) => {
            let line = document.line(error.span().map_or(0, |span| span.start));
            bail!("{name}:{line}: not TOML: {}", error.message().replace('\n', "; "));
        }
    }
}

impl Document<'_> {
    fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }

    /// A complaint about the text at an offset.
    fn at(&self, offset: usize, complaint: impl std::fmt::Display) -> anyhow::Error {
        anyhow::anyhow!("{}:{}: {complaint}", self.name, self.line(offset))
    }

    fn wrong(&self, (key, value): Item<'_>, wanted: &str) -> anyhow::Error {
        self.at(value.span().start, format!("`{key}` must be {wanted}"))
    }

    /// The items of a table, refused where a key is not known.
    fn items<'a>(
        &self,
        table: &'a DeTable<'a>,
        place: &str,
        known: &[&str],
    ) -> Result<Vec<Item<'a>>> {
        let mut items = Vec::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let hint = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                let complaint = format!("unknown key `{name}` {place}; {hint}");
                return Err(self.at(key.span().start, complaint));
            }
            items.push((name, value));
        }
        Ok(items)
    }

    fn scenario(&self, table: &DeTable<'_>) -> Result<Scenario> {
        let known = ["seed", "duration", "control", "text", "network", "peer", "fault", "presence"];
        let mut scenario = Scenario::default();
        for item in self.items(table, "at the top", &known)? {
            match item.0 {
                "seed" => scenario.seed = Some(self.integer(item)?.cast_unsigned()),
                "duration" => scenario.duration = Some(self.duration(item)?),
                "control" => scenario.control = self.truth(item)?,
                "text" => scenario.text = self.paths(item)?,
                "network" => self.network(item, &mut scenario)?,
                "peer" => {
                    scenario.groups = self
                        .tables(item)?
                        .into_iter()
                        .map(|table| self.group(table))
                        .collect::<Result<_>>()?;
                    scenario.groups.retain(|group| group.count > 0);
                }
                "fault" => {
                    scenario.faults = self
                        .tables(item)?
                        .into_iter()
                        .map(|(offset, table)| self.fault(offset, table))
                        .collect::<Result<_>>()?;
                }
                _ => {
                    scenario.rounds = self
                        .tables(item)?
                        .into_iter()
                        .map(|(offset, table)| self.round(offset, table))
                        .collect::<Result<_>>()?;
                }
            }
        }
        scenario.validate().with_context(|| self.name.to_owned())?;
        Ok(scenario)
    }

    fn truth(&self, item: Item<'_>) -> Result<bool> {
        item.1.get_ref().as_bool().ok_or_else(|| self.wrong(item, "true or false"))
    }

    /// `[network]`: the number of validators, and any genesis parameter by its name.
    fn network(&self, item: Item<'_>, scenario: &mut Scenario) -> Result<()> {
        let Some(table) = item.1.get_ref().as_table() else {
            return Err(self.wrong(item, "a table: write [network]"));
        };
        let mut parameters = serde_json::to_value(Parameters::default())?;
        let names = match &parameters {
            serde_json::Value::Object(fields) => fields.keys().cloned().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let mut known = vec!["validators", "validators_present", "block_time"];
        known.extend(names.iter().map(String::as_str));
        for item in self.items(table, "in [network]", &known)? {
            let (key, value) = match item.0 {
                "validators" => {
                    scenario.validators = self.count(item, 1, VALIDATORS_MAX)?;
                    continue;
                }
                "validators_present" => {
                    scenario.validators_present = self.truth(item)?;
                    continue;
                }
                "block_time" => {
                    let milliseconds = u64::try_from(self.duration(item)?.as_millis())?;
                    ("block_time_ms", serde_json::Value::from(milliseconds))
                }
                key => (key, self.json(item)?),
            };
            // Money is grains in a string there; here also a number of grains, or "1.5 MST".
            let value = match (&parameters[key], value) {
                (serde_json::Value::String(_), serde_json::Value::Number(number)) => {
                    number.to_string().into()
                }
                (_, serde_json::Value::String(text)) if text.ends_with("MST") => {
                    let amount = text.parse::<Grains>();
                    amount
                        .map_err(|error| self.at(item.1.span().start, error))?
                        .0
                        .to_string()
                        .into()
                }
                (_, value) => value,
            };
            parameters[key] = value;
            let read = serde_json::from_value::<Parameters>(parameters.clone());
            let at = |error: &dyn std::fmt::Display| {
                self.at(item.1.span().start, format!("`{}`: {error}", item.0))
            };
            scenario.parameters = read.map_err(|error| at(&error))?;
            scenario.parameters.validate().map_err(|error| at(&error))?;
        }
        Ok(())
    }

    fn group(&self, (offset, table): (usize, &DeTable<'_>)) -> Result<PeerGroup> {
        let known = ["count", "name", "behaviour", "stake", "power", "roles", "text", "modality"];
        let mut power = false;
        let mut found = group(1, Behaviour::Honest);
        for item in self.items(table, "in [[peer]]", &known)? {
            match item.0 {
                "count" => found.count = self.count(item, 0, PEERS_MAX)?,
                "name" => found.name = Some(self.process_name(item)?),
                "behaviour" => found.behaviour = self.behaviour(item)?,
                "stake" => found.stake = self.amount(item)?,
                "power" => {
                    found.power = u32::try_from(self.count(item, 1, POWER_MAX)?)?;
                    power = true;
                }
                "roles" => self.roles(item)?,
                "text" => found.text = self.paths(item)?,
                _ => {
                    let modality = self.string(item)?;
                    if modality != "text" {
                        let complaint =
                            format!("modality `{modality}`: in a local market peers learn `text`");
                        return Err(self.at(item.1.span().start, complaint));
                    }
                }
            }
        }
        if power && found.behaviour != Behaviour::Farm {
            return Err(self.at(offset, "`power` belongs to `behaviour = \"farm\"`"));
        }
        if found.name.is_some() && found.count == 0 {
            return Err(self.at(offset, "a named peer with a count of 0"));
        }
        Ok(found)
    }

    fn behaviour(&self, item: Item<'_>) -> Result<Behaviour> {
        let word = self.string(item)?;
        if let Some(found) = Behaviour::ALL.into_iter().find(|known| known.name() == word) {
            return Ok(found);
        }
        let complaint = match BEHAVIOURS_ABSENT.iter().find(|(name, _)| *name == word) {
            Some((_, part)) => {
                format!("behaviour `{word}` needs {part}, which this version does not have")
            }
            None => {
                let known = Behaviour::ALL.map(Behaviour::name);
                let hint = nearest(word, known).map_or_else(
                    || format!("known are {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                format!("unknown behaviour `{word}`; {hint}")
            }
        };
        Err(self.at(item.1.span().start, complaint))
    }

    fn roles(&self, item: Item<'_>) -> Result<()> {
        for role in self.strings(item)? {
            let complaint = match role {
                "learner" => continue,
                absent if ROLES_ABSENT.contains(&absent) => {
                    format!("this version has no role `{absent}`: peers are `learner`s")
                }
                other => format!("unknown role `{other}`; known is `learner`"),
            };
            return Err(self.at(item.1.span().start, complaint));
        }
        Ok(())
    }

    fn fault(&self, offset: usize, table: &DeTable<'_>) -> Result<Fault> {
        let known = ["at", "kill", "pause", "restart_after", "for"];
        let (mut at, mut kill, mut pause) = (None, None, None);
        let (mut restart_after, mut duration) = (None, None);
        for item in self.items(table, "in [[fault]]", &known)? {
            match item.0 {
                "at" => at = Some(self.duration(item)?),
                "kill" => kill = Some(self.string(item)?.to_owned()),
                "pause" => pause = Some(self.string(item)?.to_owned()),
                "restart_after" => restart_after = Some(self.duration(item)?),
                _ => duration = Some(self.duration(item)?),
            }
        }
        let complain = |complaint: &str| Err(self.at(offset, complaint));
        let Some(at) = at else {
            return complain("a fault without `at`: say when, such as at = \"60s\"");
        };
        match (kill, pause) {
            (Some(_), Some(_)) => complain("a fault with both `kill` and `pause`: write two"),
            (None, None) => complain("a fault without `kill` or `pause`: name a process"),
            (Some(_), None) if duration.is_some() => {
                complain("`for` belongs to `pause`; after `kill` comes `restart_after`")
            }
            (None, Some(_)) if restart_after.is_some() => {
                complain("`restart_after` belongs to `kill`; after `pause` comes `for`")
            }
            (Some(name), None) => {
                Ok(Fault { at, name, action: FaultAction::Kill { restart_after } })
            }
            (None, Some(name)) => Ok(Fault { at, name, action: FaultAction::Pause { duration } }),
        }
    }

    /// `[[presence]]`: when a round is opened, what for, and its design, key by key as in the
    /// document that `muster presence open` reads.
    fn round(&self, offset: usize, table: &DeTable<'_>) -> Result<PresenceRound> {
        let of_design = [
            "players",
            "malicious",
            "payoff",
            "null_payoff",
            "puzzle",
            "difficulty",
            "tries_per_second",
            "solutions",
        ];
        let mut known = vec!["at", "deadline", "prize", "pay", "pay_to"];
        known.extend(of_design);
        let (mut at, mut prize, mut pay, mut pay_to) = (None, Grains::ZERO, None, None);
        let mut design = serde_json::Map::new();
        for item in self.items(table, "in [[presence]]", &known)? {
            match item.0 {
                "at" => at = Some(self.duration(item)?),
                "deadline" => {
                    let milliseconds = u64::try_from(self.duration(item)?.as_millis())?;
                    design.insert("deadline_ms".into(), milliseconds.into());
                }
                "prize" => prize = self.amount(item)?,
                "pay" => pay = Some(self.amount(item)?),
                "pay_to" => pay_to = Some(self.string(item)?.to_owned()),
                key => {
                    design.insert(key.into(), self.json(item)?);
                }
            }
        }
        let complain = |complaint: String| self.at(offset, complaint);
        let at = at.ok_or_else(|| {
            complain("a presence round without `at`: say when, such as at = \"20s\"".into())
        })?;
        let pay = match (pay, pay_to) {
            (None, None) => None,
            (Some(amount), Some(name)) => Some((name, amount)),
            _ => return Err(complain("`pay` and `pay_to` belong together".into())),
        };
        let refused = |error: &dyn std::fmt::Display| complain(format!("[[presence]]: {error}"));
        let design = serde_json::from_value::<Design>(design.into());
        let design = design.map_err(|error| refused(&error))?;
        let checked = ledger::Design::try_from(&design).map_err(|error| refused(&error))?;
        checked.check_form().map_err(|error| refused(&error))?;
        Ok(PresenceRound { at, design, prize, pay })
    }

    fn tables<'a>(&self, item: Item<'a>) -> Result<Vec<(usize, &'a DeTable<'a>)>> {
        let wanted = format!("a list of tables: write [[{}]]", item.0);
        let values = item.1.get_ref().as_array().ok_or_else(|| self.wrong(item, &wanted))?;
        values
            .iter()
            .map(|value| {
                let table = value.get_ref().as_table();
                table
                    .map(|table| (value.span().start, table))
                    .ok_or_else(|| self.wrong(item, &wanted))
            })
            .collect()
    }

    fn string<'a>(&self, item: Item<'a>) -> Result<&'a str> {
        item.1.get_ref().as_str().ok_or_else(|| self.wrong(item, "a text in quotes"))
    }

    fn strings<'a>(&self, item: Item<'a>) -> Result<Vec<&'a str>> {
        let wanted = "a list of texts, such as [\"one\", \"two\"]";
        let values = item.1.get_ref().as_array().ok_or_else(|| self.wrong(item, wanted))?;
        values
            .iter()
            .map(|value| value.get_ref().as_str().ok_or_else(|| self.wrong(item, wanted)))
            .collect()
    }

    fn paths(&self, item: Item<'_>) -> Result<Vec<PathBuf>> {
        Ok(self.strings(item)?.into_iter().map(|path| self.folder.join(path)).collect())
    }

    fn integer(&self, item: Item<'_>) -> Result<i64> {
        let wanted = "a whole number";
        let number = item.1.get_ref().as_integer().ok_or_else(|| self.wrong(item, wanted))?;
        i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| self.wrong(item, wanted))
    }

    fn count(&self, item: Item<'_>, min: usize, max: usize) -> Result<usize> {
        usize::try_from(self.integer(item)?)
            .ok()
            .filter(|count| (min..=max).contains(count))
            .ok_or_else(|| self.wrong(item, &format!("a whole number from {min} to {max}")))
    }

    fn duration(&self, item: Item<'_>) -> Result<Duration> {
        let text = item.1.get_ref().as_str();
        text.and_then(|text| humantime::parse_duration(text).ok())
            .ok_or_else(|| self.wrong(item, "a duration, such as \"90s\" or \"2m\""))
    }

    fn amount(&self, item: Item<'_>) -> Result<Grains> {
        let text = match item.1.get_ref() {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        text.parse().map_err(|error| self.at(item.1.span().start, format!("`{}`: {error}", item.0)))
    }

    /// A name that may stand in file names and addresses.
    fn process_name(&self, item: Item<'_>) -> Result<String> {
        let name = self.string(item)?;
        let fits = (1..=40).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if fits {
            return Ok(name.to_owned());
        }
        Err(self.wrong(item, "1 to 40 letters, digits, - or _"))
    }

    /// A value of a genesis parameter; those are documented as JSON.
    fn json(&self, item: Item<'_>) -> Result<serde_json::Value> {
        let text = self.text.get(item.1.span()).unwrap_or_default();
        let table: toml::Table = toml::from_str(&format!("value = {text}"))
            .map_err(|error| self.at(item.1.span().start, error.message()))?;
        Ok(serde_json::to_value(&table["value"])?)
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
