//! Actions that a presence round is to unlock: written by whichever command would do them, read by
//! `muster presence open`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use muster_api::HexBytes;
use muster_api::presence as api;
use muster_ledger::encoding::{decode, encode};
use muster_ledger::transaction::presence::Unlocks;
use muster_ledger::transaction::{Action, TRANSACTION_BYTES_MAX};
use serde::{Deserialize, Serialize};

use crate::wallet::write_whole;

/// An action in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    /// What it does, for people.
    action: api::Unlocks,
    /// The same as the ledger has it, with signatures.
    encoded: HexBytes,
}

/// Writes an action for a round.
pub fn write(file: &Path, action: Action) -> Result<()> {
    let unlocks = match action {
        Action::Account(action) => Unlocks::Account(action),
        Action::Stake(action) => Unlocks::Stake(action),
        Action::Market(action) => Unlocks::Market(action),
        Action::Governance(action) => Unlocks::Governance(action),
        Action::Presence(_) => bail!("a round unlocks nothing that is done about rounds"),
    };
    let held = Held { action: (&unlocks).into(), encoded: HexBytes(encode(&unlocks)) };
    write_whole(file, serde_json::to_string_pretty(&held)?.as_bytes())
}

/// Reads what was written.
pub fn read(file: &Path) -> Result<Unlocks> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {shown}"))?;
    let no_action = || format!("{shown} is no action for a round (--for-round writes one)");
    let held: Held = serde_json::from_str(&text).with_context(no_action)?;
    let unlocks: Unlocks =
        decode("action", &held.encoded.0, TRANSACTION_BYTES_MAX).with_context(no_action)?;
    ensure!(
        api::Unlocks::from(&unlocks) == held.action,
        "{shown} says one thing and means another: write it anew with --for-round"
    );
    Ok(unlocks)
}

/// What an action does, in words.
pub fn words(action: &api::Unlocks) -> Result<String> {
    let json = serde_json::to_value(action)?;
    let fields = json.as_object().context("an action is an object")?;
    let mut text = String::new();
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match name.as_str() {
            "kind" => text.insert_str(0, &value.replace('_', " ")),
            name => text.push_str(&format!(", {} {value}", name.replace('_', " "))),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use muster_ledger::crypto::SecretKey;
    use muster_ledger::money::Grains;
    use muster_ledger::transaction::{account, governance, presence};
    use muster_ledger::types::RoundId;

    use super::*;

    #[test]
    fn an_action_is_read_as_it_was_written_and_not_otherwise() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("action.json");
        let vote = governance::Action::Vote { proposal: 3, approve: true };
        write(&file, vote.clone().into()).expect("written");
        let read_back = read(&file).expect("read");
        assert_eq!(read_back, Unlocks::Governance(vote));
        assert_eq!(words(&(&read_back).into()).expect("told"), "vote, approve true, proposal 3");

        let text = std::fs::read_to_string(&file).expect("there");
        std::fs::write(&file, text.replace("true", "false")).expect("written");
        let error = read(&file).expect_err("two things").to_string();
        assert!(error.contains("says one thing and means another"), "{error}");
        std::fs::write(&file, "{}").expect("written");
        let error = read(&file).expect_err("nothing").to_string();
        assert!(error.contains("is no action for a round"), "{error}");

        let to = SecretKey::from_seed([1; 32]).public();
        let claim = presence::Action::Claim { round: RoundId(0), to };
        assert!(write(&file, claim.into()).is_err());
        let transfer = account::Action::Transfer { to, amount: Grains(5) };
        write(&file, transfer.clone().into()).expect("written");
        assert_eq!(read(&file).expect("read"), Unlocks::Account(transfer));
    }
}
