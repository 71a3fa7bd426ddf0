//! Checkpoints: the bytes as they are, one that is damaged here and there, and one whose header is
//! another. Whatever is loaded is saved as the same.

use std::sync::OnceLock;

use muster_learning::{Corpus, Learner, ModelConfig, TrainingConfig};

use super::{choose, chosen};
use crate::Target;

/// Checkpoints of learners.
pub const TARGET: Target = Target {
    name: "checkpoint",
    about: "checkpoints in safetensors: raw, damaged in places, under another header",
    bytes_max: 64 << 10,
    run,
    seeds,
};

const SEED: u64 = 7;
/// Length of a header's length, bytes.
const LENGTH: usize = 8;

fn model() -> ModelConfig {
    ModelConfig { width: 4, layers: 1, heads: 1, context: 4, out_dim: 2, key_width: 2 }
}

fn training() -> TrainingConfig {
    TrainingConfig { batch: 1, evaluation_batches: 1, ..TrainingConfig::default() }
}

fn corpus() -> Corpus {
    let text = b"The quick brown fox jumps over the lazy dog. ".repeat(8);
    Corpus::new(text, model().context).expect("long enough")
}

/// A checkpoint of a small learner.
fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let learner = Learner::new(model(), training(), corpus(), SEED);
        learner.expect("a valid configuration").checkpoint()
    })
}

/// Where the header ends.
fn header_end() -> usize {
    let length: [u8; LENGTH] = whole()[..LENGTH].try_into().expect("so long");
    LENGTH + u64::from_le_bytes(length) as usize
}

fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = chosen(bytes, 3) else { return };
    match kind {
        0 => load(bytes),
        1 => {
            let mut damaged = whole().to_vec();
            for patch in bytes.chunks_exact(4) {
                let place = u32::from_le_bytes([patch[0], patch[1], patch[2], 0]) as usize;
                let place = place % damaged.len();
                damaged[place] = patch[3];
            }
            load(&damaged);
        }
        _ => {
            let length = (bytes.len() as u64).to_le_bytes();
            load(&[&length, bytes, &whole()[header_end()..]].concat());
        }
    }
}

fn load(bytes: &[u8]) {
    let loaded = Learner::from_checkpoint(model(), training(), corpus(), SEED, bytes);
    if let Ok(learner) = loaded {
        let saved = learner.checkpoint();
        let again = Learner::from_checkpoint(model(), training(), corpus(), SEED, &saved);
        let again = again.expect("our own checkpoint").checkpoint();
        assert_eq!(again, saved, "another checkpoint");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    vec![
        choose(0, &whole()[..2_000]),
        choose(1, [0, 0, 0, whole()[0]]),
        choose(1, [(whole().len() - 1) as u8, ((whole().len() - 1) >> 8) as u8, 0, 1]),
        choose(2, &whole()[LENGTH..header_end()]),
    ]
}
