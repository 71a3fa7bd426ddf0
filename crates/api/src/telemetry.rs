//! What a peer reports of itself, signed by its hot key. Nobody checks the numbers: they are for
//! people.

use muster_ledger::crypto::{Hash, PublicKey, SecretKey, hash, verify};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scalar::{Address, SignatureHex};

/// Domain of the signature.
const DOMAIN: &str = "telemetry";
/// Longest name, bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Self-reported numbers of a peer. Losses are mean cross-entropies, in nats a byte, on held-out
/// text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The name it gives itself: at most 64 bytes, with a letter in it, and no address.
    pub name: String,
    /// Learning steps so far.
    pub steps: u64,
    /// Loss of a control trained on the same steps and data without the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_alone: Option<f64>,
    /// Loss with the outputs of other peers joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_with_network: Option<f64>,
    /// Loss of the distilled student, without the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_student: Option<f64>,
    /// Standard error of `loss_with_network - loss_alone`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_standard_error: Option<f64>,
    /// Compute of a step relative to the control's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_relative_to_control: Option<f64>,
    /// Duration of a step, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_ms: Option<f64>,
    /// Requests it answered.
    pub answered: u64,
    /// Requests it sent.
    pub asked: u64,
    /// Requests it refused.
    pub refused: u64,
    /// Its clock when it reported, milliseconds since 1970 (UTC); a later report replaces an
    /// earlier one.
    pub at_ms: u64,
}

/// `POST /v1/telemetry`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TelemetryReport {
    /// The numbers.
    pub telemetry: Telemetry,
    /// The hot key that signs.
    pub peer: Address,
    /// Signature over the digest of chain and telemetry.
    pub signature: SignatureHex,
}

/// Why a report is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The name is too long.
    #[error("the name has {0} bytes; at most {NAME_BYTES_MAX} are allowed")]
    NameTooLong(usize),
    /// The name holds something that is no letter, digit, space or `-_.`.
    #[error("the name may hold letters, digits, spaces and -_. only")]
    NameCharacters,
    /// The name could be taken for what only the ledger gives.
    #[error(
        "the name must hold a letter and be no address: numbers and addresses are the ledger's"
    )]
    NameOfAnother,
    /// A number is not finite.
    #[error("{0} is not a finite number")]
    NotFinite(&'static str),
    /// The signature does not fit.
    #[error("the signature is not of the peer's hot key over this telemetry on this chain")]
    Signature,
}

/// Whether a peer may call itself so. Nobody must take a name for what only the ledger gives: the
/// number of a peer, or an address.
///
/// # Errors
/// Says what is wrong.
pub fn check_name(name: &str) -> Result<(), TelemetryError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(TelemetryError::NameTooLong(name.len()));
    }
    if !name.chars().all(|c| c.is_alphanumeric() || " -_.".contains(c)) {
        return Err(TelemetryError::NameCharacters);
    }
    let lettered = name.chars().any(char::is_alphabetic);
    if !lettered || name.trim().parse::<PublicKey>().is_ok() {
        return Err(TelemetryError::NameOfAnother);
    }
    Ok(())
}

impl Telemetry {
    /// Sizes and ranges.
    ///
    /// # Errors
    /// Names the first field that is out of range.
    pub fn validate(&self) -> Result<(), TelemetryError> {
        check_name(&self.name)?;
        let numbers = [
            ("loss_alone", self.loss_alone),
            ("loss_with_network", self.loss_with_network),
            ("loss_student", self.loss_student),
            ("loss_standard_error", self.loss_standard_error),
            ("compute_relative_to_control", self.compute_relative_to_control),
            ("step_ms", self.step_ms),
        ];
        match numbers.iter().find(|(_, number)| number.is_some_and(|x| !x.is_finite())) {
            Some((field, _)) => Err(TelemetryError::NotFinite(field)),
            None => Ok(()),
        }
    }

    /// What is signed: the fields in the order of the declaration, absent ones left out, as JSON.
    /// Numbers survive the round trip exactly, so that the receiver can rebuild these bytes.
    fn digest(&self, chain: &Hash) -> Hash {
        let json = serde_json::to_vec(self).expect("a struct of strings and numbers serialises");
        hash(DOMAIN, &[&chain.0, &json])
    }
}

impl TelemetryReport {
    /// Signs `telemetry` for `chain` with the hot key.
    ///
    /// # Errors
    /// When a field is out of range: nobody would accept it.
    pub fn sign(
        telemetry: Telemetry,
        chain: &Hash,
        hot: &SecretKey,
    ) -> Result<Self, TelemetryError> {
        telemetry.validate()?;
        let signature = hot.sign(DOMAIN, &telemetry.digest(chain).0);
        Ok(Self { telemetry, peer: Address(hot.public()), signature: SignatureHex(signature) })
    }

    /// Checks ranges and the signature.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self, chain: &Hash) -> Result<PublicKey, TelemetryError> {
        self.telemetry.validate()?;
        let digest = self.telemetry.digest(chain);
        if !verify(&self.peer.0, DOMAIN, &digest.0, &self.signature.0) {
            return Err(TelemetryError::Signature);
        }
        Ok(self.peer.0)
    }
}
