//! What a peer is told: `peer.toml`, its hot key, its text.

use crate::behaviour::Behaviour;
use muster_learning::{Corpus, CorpusError, ModelConfig, TrainingConfig};
use muster_ledger::crypto::{Hash, PublicKey};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Largest part of a text that one peer learns from, in bytes.
const TEXT_BYTES_MAX: u64 = 64 << 20;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file is not valid TOML, or a field of it is wrong.
    #[error("{}: {reason}", .path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What and where.
        reason: String,
    },
    /// A setting is out of bounds.
    #[error("{field} is {value}: {reason}")]
    Setting {
        /// Which.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        reason: &'static str,
    },
    /// The text cannot be learned from.
    #[error("the text of {files}: {source}")]
    Text {
        /// Which files.
        files: String,
        /// Why.
        source: CorpusError,
    },
}

/// Sizes of the model; see [`ModelConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Values in the residual stream.
    pub width: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Longest sequence read, in bytes.
    pub context: usize,
    /// Values per position of an answer; the same in the whole network.
    pub out_dim: usize,
    /// Sequences in a batch.
    pub batch: usize,
    /// Step size.
    pub learning_rate: f64,
    /// Peers asked at each step.
    pub peers_asked: usize,
    /// Batches in an evaluation.
    pub evaluation_batches: usize,
}

impl Default for ModelSettings {
    fn default() -> Self {
        let (model, training) = (ModelConfig::default(), TrainingConfig::default());
        Self {
            width: model.width,
            layers: model.layers,
            heads: model.heads,
            context: model.context,
            out_dim: model.out_dim,
            batch: training.batch,
            learning_rate: training.learning_rate,
            peers_asked: training.peers_asked,
            evaluation_batches: training.evaluation_batches,
        }
    }
}

/// The configuration of a peer. Relative paths are relative to the file that it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// A name for people.
    pub name: String,
    /// Where the checkpoint lives.
    pub home: PathBuf,
    /// The hot key: 64 hexadecimal digits, readable by its owner only.
    pub hot_key: PathBuf,
    /// Where other peers are answered.
    pub listen: SocketAddr,
    /// What goes on the ledger: `https://host:port`.
    pub endpoint: String,
    /// HTTP interfaces of nodes, the first asked first.
    pub node_urls: Vec<String>,
    /// The pinned chain: the only one that is signed for; absent: the first that a node names,
    /// written down in the file `chain` in the home.
    #[serde(default)]
    pub chain: Option<Hash>,
    /// Whether peers in private networks, this machine among them, are connected to: for trials.
    #[serde(default)]
    pub private_addresses: bool,
    /// How it behaves; anything but `honest` simulates an attack.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// Hot keys of the members of a cabal, for `behaviour = "cabal"`.
    #[serde(default)]
    pub fellows: Vec<PublicKey>,
    /// As how many machines a farm works in presence rounds, for `behaviour = "farm"`.
    #[serde(default = "power")]
    pub power: u32,
    /// Part of one core that presence rounds may take, in [0, 1]; 0: it takes part in none.
    #[serde(default = "presence_cores")]
    pub presence_cores: f64,
    /// Files to learn from, read as one text.
    pub text: Vec<PathBuf>,
    /// Which contiguous part of the text is this peer's: `[index, of]`.
    #[serde(default = "whole", rename = "share")]
    pub part: [u64; 2],
    /// Seed of everything random in learning; peers of one market may share it.
    #[serde(default)]
    pub seed: i64,
    /// Whether to train a control without the network beside the learner.
    #[serde(default = "yes")]
    pub control: bool,
    /// Price of one byte of a continuation, in grains.
    #[serde(default = "price_per_byte")]
    pub price_per_byte: u64,
    /// Cold key that owns the peer where it registers itself; absent: the hot key.
    #[serde(default)]
    pub owner: Option<PublicKey>,
    /// Key file of an account that burns the price of registering; absent: by proof of work.
    #[serde(default)]
    pub burn_key: Option<PathBuf>,
    /// Most that is burned to register, in grains.
    #[serde(default = "burn_max")]
    pub burn_max: u64,
    /// Whether weights are committed first and revealed in the next epoch, even where the ledger
    /// does not ask for it.
    #[serde(default)]
    pub commit_weights: bool,
    /// Part of its weights that the peer keeps for fees, in [0, 1].
    #[serde(default = "self_loop")]
    pub self_loop: f64,
    /// Sizes of the model.
    #[serde(default)]
    pub model: ModelSettings,
    /// Steps between checkpoints; there is one every fifteen seconds in any case.
    #[serde(default = "checkpoint_steps")]
    pub checkpoint_steps: u64,
    /// Seconds between evaluations on held-out text.
    #[serde(default = "evaluation_seconds")]
    pub evaluation_seconds: u64,
    /// Seconds between reports to the nodes.
    #[serde(default = "report_seconds")]
    pub report_seconds: u64,
}

fn whole() -> [u64; 2] {
    [0, 1]
}

fn yes() -> bool {
    true
}

fn price_per_byte() -> u64 {
    1_000
}

fn burn_max() -> u64 {
    10_000_000_000
}

fn self_loop() -> f64 {
    0.05
}

fn power() -> u32 {
    1
}

fn presence_cores() -> f64 {
    0.25
}

fn checkpoint_steps() -> u64 {
    200
}

fn evaluation_seconds() -> u64 {
    10
}

fn report_seconds() -> u64 {
    3
}

impl PeerConfig {
    /// Reads and checks `path`.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and field.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::File { path: path.into(), source })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
            path: path.into(),
            reason: error.to_string().trim().into(),
        })?;
        config.resolve(path.parent().unwrap_or(Path::new(".")));
        config.validate()?;
        Ok(config)
    }

    /// Makes relative paths relative to `base`.
    pub fn resolve(&mut self, base: &Path) {
        let paths = [&mut self.home, &mut self.hot_key].into_iter();
        for path in paths.chain(&mut self.text).chain(&mut self.burn_key) {
            if path.is_relative() {
                *path = base.join(&*path);
            }
        }
    }

    /// Checks what can be checked without touching anything.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        let setting = |field, value: &dyn ToString, reason| {
            Err(ConfigError::Setting { field, value: value.to_string(), reason })
        };
        let [index, of] = self.part;
        if index >= of {
            let value = format!("[{index}, {of}]");
            return setting("share", &value, "the index must be below the number of parts");
        }
        if !(0.0..=1.0).contains(&self.self_loop) {
            return setting("self_loop", &self.self_loop, "it must be between 0 and 1");
        }
        if !(0.0..=1.0).contains(&self.presence_cores) {
            let reason = "it must be between 0 and 1, a part of one core";
            return setting("presence_cores", &self.presence_cores, reason);
        }
        if self.power == 0 {
            return setting("power", &self.power, "a farm is at least one machine");
        }
        if muster_api::check_name(&self.name).is_err() {
            let reason = "it must have at most 64 bytes of letters, digits, spaces and -_., hold a \
                          letter and be no address";
            return setting("name", &self.name, reason);
        }
        for (field, value) in [
            ("checkpoint_steps", self.checkpoint_steps),
            ("evaluation_seconds", self.evaluation_seconds),
            ("report_seconds", self.report_seconds),
        ] {
            if value == 0 {
                return setting(field, &value, "it must be at least 1");
            }
        }
        Ok(())
    }

    /// Shape of the model.
    #[must_use]
    pub fn model_config(&self) -> ModelConfig {
        let ModelSettings { width, layers, heads, context, out_dim, .. } = self.model;
        ModelConfig { width, layers, heads, context, out_dim, ..ModelConfig::default() }
    }

    /// How it is trained.
    #[must_use]
    pub fn training_config(&self) -> TrainingConfig {
        let ModelSettings { batch, learning_rate, peers_asked, evaluation_batches, .. } =
            self.model;
        TrainingConfig {
            batch,
            learning_rate,
            peers_asked,
            evaluation_batches,
            control: self.control,
            ..TrainingConfig::default()
        }
    }

    /// This peer's part of the text, read without reading the rest.
    ///
    /// # Errors
    /// [`ConfigError::File`] or [`ConfigError::Text`].
    pub fn read_corpus(&self) -> Result<Corpus, ConfigError> {
        let bytes = read_part(&self.text, self.part)?;
        let names: Vec<String> = self.text.iter().map(|path| path.display().to_string()).collect();
        Corpus::new(bytes, self.model.context)
            .map_err(|source| ConfigError::Text { files: names.join(", "), source })
    }
}

/// Part `index` of `of` equal parts of the files, read one after the other as one text.
fn read_part(files: &[PathBuf], [index, of]: [u64; 2]) -> Result<Vec<u8>, ConfigError> {
    let mut lengths = Vec::with_capacity(files.len());
    for path in files {
        let fault = |source| ConfigError::File { path: path.clone(), source };
        lengths.push(std::fs::metadata(path).map_err(fault)?.len());
    }
    let total: u64 = lengths.iter().sum();
    let bound = |part: u64| (u128::from(total) * u128::from(part) / u128::from(of)) as u64;
    let (mut from, until) = (bound(index), bound(index + 1));
    let until = until.min(from.saturating_add(TEXT_BYTES_MAX));
    let mut bytes = Vec::with_capacity(usize::try_from(until - from).unwrap_or(0));
    let mut start = 0;
    for (path, length) in files.iter().zip(lengths) {
        let end = start + length;
        if from < end && from < until {
            let fault = |source| ConfigError::File { path: path.clone(), source };
            let mut file = File::open(path).map_err(fault)?;
            file.seek(SeekFrom::Start(from - start)).map_err(fault)?;
            let wanted = until.min(end) - from;
            file.take(wanted).read_to_end(&mut bytes).map_err(fault)?;
            from += wanted;
        }
        start = end;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PeerConfig, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("peer.toml");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        PeerConfig::read(&path).map_err(|error| error.to_string())
    }

    const GOOD: &str = r#"
name = "peer-0"
home = "."
hot_key = "hot.key"
listen = "127.0.0.1:8700"
endpoint = "https://127.0.0.1:8700"
node_urls = ["http://127.0.0.1:7700"]
text = ["book.txt"]
"#;

    #[test]
    fn a_configuration_is_read_and_faults_are_named() {
        let config = parse(GOOD).expect("it is complete");
        assert_eq!(config.behaviour, Behaviour::Honest);
        assert!(config.control && config.text[0].is_absolute());
        let cases = [
            ("colour = 3", "unknown field `colour`"),
            ("share = [2, 2]", "share is [2, 2]: the index must be below"),
            ("self_loop = 1.5", "self_loop is 1.5"),
            ("presence_cores = 2.0", "presence_cores is 2: it must be between 0 and 1"),
            ("power = 0", "power is 0: a farm is at least one machine"),
            ("behaviour = \"kind\"", "kind"),
            ("report_seconds = 0", "report_seconds is 0"),
            ("chain = \"12\"", "chain = \"12\""),
        ];
        for (line, expected) in cases {
            let message = parse(&format!("{GOOD}{line}\n")).expect_err(line);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn parts_of_several_files_are_the_parts_of_their_concatenation() {
        let folder = tempfile::tempdir().expect("a folder");
        let texts: [&[u8]; 3] = [b"abcde", b"", b"fghijklmnop"];
        let files: Vec<PathBuf> =
            (0..texts.len()).map(|i| folder.path().join(i.to_string())).collect();
        for (file, text) in files.iter().zip(texts) {
            std::fs::write(file, text).expect("written");
        }
        for of in 1..20 {
            let parts: Vec<u8> =
                (0..of).flat_map(|index| read_part(&files, [index, of]).expect("read")).collect();
            assert_eq!(parts, b"abcdefghijklmnop", "{of} parts");
        }
        let missing = folder.path().join("missing");
        let error = read_part(&[missing], [0, 1]).expect_err("not there").to_string();
        assert!(error.contains("missing: cannot be read"), "{error}");
    }

    #[test]
    fn an_empty_text_is_refused_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = parse(GOOD).expect("it is complete");
        config.text = vec![folder.path().join("empty.txt")];
        std::fs::write(&config.text[0], b"").expect("written");
        let error = config.read_corpus().expect_err("nothing to learn").to_string();
        assert!(error.contains("empty.txt") && error.contains("the text is empty"), "{error}");
    }
}
