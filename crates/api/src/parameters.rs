//! The numbers that the chain runs by, with their types on both ends of the wire.

use std::collections::BTreeMap;

use muster_ledger::parameters::{self as ledger, FIELDS};
use muster_ledger::state::State;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use utoipa::ToSchema;

/// `GET /v1/parameters`.
///
/// Every parameter that this program knows must be there: a node that leaves one out runs another
/// version, and a default in its place would be a guess at the rules of the chain. Parameters that
/// this program does not know are passed over and named in `unknown`, so that a person can be
/// told; whatever they rule, nodes check it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Parameters {
    /// Height of the state.
    pub height: u64,
    /// All parameters by name, as genesis spells them.
    #[schema(value_type = Object)]
    pub parameters: ledger::Parameters,
    /// Names of parameters that a newer node told of, in order; it is no part of the JSON.
    #[serde(skip)]
    #[schema(ignore)]
    pub unknown: Vec<String>,
}

impl Parameters {
    /// The parameters of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let parameters = state.parameters().clone();
        Self { height: state.height().0, parameters, unknown: Vec::new() }
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Answer {
            height: u64,
            parameters: BTreeMap<String, Value>,
        }
        let Answer { height, parameters: mut told } = Answer::deserialize(deserializer)?;
        let mut known = serde_json::Map::new();
        for field in FIELDS {
            let value = told.remove(field.name).ok_or_else(|| {
                de::Error::custom(format!(
                    "the node does not tell the parameter `{}`: it runs another version",
                    field.name
                ))
            })?;
            known.insert(field.name.into(), value);
        }
        let parameters = serde_json::from_value(Value::Object(known)).map_err(de::Error::custom)?;
        Ok(Self { height, parameters, unknown: told.into_keys().collect() })
    }
}
